/** What sftp(1) puts in front of all other arguments, in every version of OpenSSH. */
const sftpArguments = ['-oForwardX11 no', '-oPermitLocalCommand no', '-oClearAllForwardings yes'];

/**
 * The signals that whoever started this process had it ignore, as far as can be known: the runtime takes back what it inherits about signals
 * before a program can look. What is left of nohup is `_`, which bash, zsh and their like set to the path of what they start; and sftp, whose
 * ^C ends a transfer and not its connection, gives arguments of its own.
 */
export function ignoredSignals(): readonly NodeJS.Signals[] {
  const ignored: NodeJS.Signals[] = [];
  if (/(^|\/)nohup$/.test(process.env['_'] ?? '')) ignored.push('SIGHUP');
  if (sftpArguments.every((argument, at) => process.argv[2 + at] === argument)) ignored.push('SIGINT');
  return ignored;
}

/** Has those signals pass this process by. */
export function heedIgnored(): void {
  for (const signal of ignoredSignals()) process.on(signal, () => {});
}
