/** The command line of `tsh-copy-id`, read as ssh-copy-id reads its own. */

/** What was asked for. */
export interface CopyIdOptions {
  /** -i: not at all, without a file, or with one. */
  readonly identity: { readonly file: string | undefined } | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly sftp: boolean;
  readonly trace: boolean;
  readonly port: string | undefined;
  /** -o and -F with their values, in the order of the command line. */
  readonly passed: readonly { readonly flag: 'o' | 'F'; readonly value: string }[];
  /** -t: the file to add to. */
  readonly target: string;
  readonly destination: string;
}

/** What was wrong, as it is said before the usage; nothing where the usage is all. */
export interface CopyIdMistake {
  readonly complaint: string;
}

/** What reading the command line asks of the world. */
export interface CopyIdLookups {
  /** The program's name, as messages have it. */
  readonly program: string;
  /** The text of a file; undefined where it can't be read. */
  readonly fileText: (path: string) => string | undefined;
}

/** The flags. */
export const letters = 'iopFtfnsxh?';
/** Those that take a value; that of -i may be left out. */
export const withValue = 'opFt';

interface Draft {
  identity: CopyIdOptions['identity'];
  force: boolean;
  dryRun: boolean;
  sftp: boolean;
  trace: boolean;
  port: string | undefined;
  passed: { readonly flag: 'o' | 'F'; readonly value: string }[];
  target: string;
}

const flags: Readonly<Record<string, (draft: Draft, value: string) => void>> = {
  f: (draft) => void (draft.force = true),
  n: (draft) => void (draft.dryRun = true),
  s: (draft) => void (draft.sftp = true),
  x: (draft) => void (draft.trace = true),
  p: (draft, value) => void (draft.port = value),
  t: (draft, value) => void (draft.target = value),
  o: (draft, value) => void draft.passed.push({ flag: 'o', value }),
  F: (draft, value) => void draft.passed.push({ flag: 'F', value }),
};

/** Reads a command line (without the program's name). */
export function readCopyIdOptions(argv: readonly string[], lookups: CopyIdLookups): CopyIdOptions | CopyIdMistake {
  const draft: Draft = {
    identity: undefined,
    force: false,
    dryRun: false,
    sftp: false,
    trace: false,
    port: undefined,
    passed: [],
    target: '.ssh/authorized_keys',
  };
  let at = 0;
  while (at < argv.length) {
    const argument = argv[at] ?? '';
    if (argument === '--') {
      at++;
      break;
    }
    if (!argument.startsWith('-') || argument === '-') break;
    at++;
    for (let letter = 1; letter < argument.length; letter++) {
      const flag = argument[letter] ?? '';
      if (flag === 'h' || flag === '?') return { complaint: '' };
      if (!letters.includes(flag)) return { complaint: `Illegal option -${flag}\n` };
      if (flag === 'i') {
        if (draft.identity !== undefined) {
          return { complaint: `\n${lookups.program}: ERROR: -i option must not be specified more than once\n\n` };
        }
        const next = letter === argument.length - 1 ? argv[at] : undefined;
        const named = next === undefined ? undefined : valueOfIdentity(next, at === argv.length - 1, lookups);
        if (typeof named === 'object') return named;
        // an empty name, as a variable that is not set gives, stands for the default
        draft.identity = { file: named === '' ? undefined : named };
        if (named !== undefined) at++;
      } else if (withValue.includes(flag)) {
        const attached = argument.slice(letter + 1);
        const value = attached === '' ? argv[at++] : attached;
        if (value === undefined) return { complaint: `No arg for -${flag} option\n` };
        flags[flag]?.(draft, value);
        break;
      } else {
        flags[flag]?.(draft, '');
      }
    }
  }
  const [destination, ...more] = argv.slice(at);
  if (destination === undefined) return { complaint: '' };
  if (more.length > 0) return { complaint: `${lookups.program}: ERROR: Too many arguments.  Expecting a target hostname, got: \n\n` };
  return { ...draft, destination };
}

/** The optional value of -i: what follows, where that is neither an option nor the destination. */
function valueOfIdentity(next: string, isLast: boolean, { program, fileText }: CopyIdLookups): string | undefined | CopyIdMistake {
  if (isLast) {
    if (!/ssh/i.test(fileText(next) ?? '')) return undefined;
    return {
      complaint: `\n${program}: ERROR: Missing hostname. Use "-i -- ${next}" if you really mean to use this as the hostname\n\n`,
    };
  }
  return next.startsWith('-') && `${letters}-`.includes(next[1] ?? ' ') ? undefined : next;
}

/** The usage, as ssh-copy-id prints it. */
export function copyIdUsage(program: string): string {
  return `Usage: ${program} [-h|-?|-f|-n|-s|-x] [-i [identity_file]] [-t target_path] [-F ssh_config] [[-o ssh_option] ...] [-p port] [user@]hostname
\t-f: force mode -- copy keys without trying to check if they are already installed
\t-n: dry run    -- no keys are actually copied
\t-s: use sftp   -- use sftp instead of executing remote-commands. Can be useful if the remote only allows sftp
\t-x: debug      -- enables -x in this shell, for debugging
\t-h|-?: print this help
`;
}
