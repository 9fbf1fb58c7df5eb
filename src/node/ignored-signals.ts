/** What sftp(1) puts in front of all other arguments, in every version of OpenSSH. */
const sftpArguments = ['-oForwardX11 no', '-oPermitLocalCommand no', '-oClearAllForwardings yes'];

let ignored: readonly NodeJS.Signals[] | undefined;

/**
 * The signals that whoever started this process had it ignore, as far as can be known: the runtime takes back what it inherits about signals
 * before a program can look. What is left of nohup is `_`, which bash, zsh and their like set to the path of what they start; and sftp, whose
 * ^C ends a transfer and not its connection, gives arguments of its own.
 */
export function ignoredSignals(): readonly NodeJS.Signals[] {
  ignored ??= findIgnored();
  return ignored;
}

function findIgnored(): readonly NodeJS.Signals[] {
  const found: NodeJS.Signals[] = [];
  if (/(^|\/)nohup$/.test(process.env['_'] ?? '')) found.push('SIGHUP');
  if (process.env['TSH_IGNORES_INT'] === '1' || sftpArguments.every((argument, at) => process.argv[2 + at] === argument))
    found.push('SIGINT');
  delete process.env['TSH_IGNORES_INT'];
  return found;
}

/** Has those signals pass this process by. */
export function heedIgnored(): void {
  for (const signal of ignoredSignals()) process.on(signal, () => {});
}

/** The program and the arguments that start a child which ignores SIGINT where this process does: the runtime can't hand that on. */
export function ignoringInterrupts(program: string, args: readonly string[]): readonly [program: string, args: readonly string[]] {
  if (!ignoredSignals().includes('SIGINT')) return [program, args];
  return ['/bin/sh', ['-c', 'trap "" INT; export TSH_IGNORES_INT=1; exec "$0" "$@"', program, ...args]];
}
