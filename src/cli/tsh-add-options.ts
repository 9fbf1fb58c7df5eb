/** The command line of `tsh-add`, which is ssh-add's. */
import { type FingerprintHash, fingerprintHashes } from '../core/keys/fingerprint.ts';
import { parseSeconds } from '../core/util/time.ts';
import { getopt } from './getopt.ts';
import { sshAddUsage } from './usage.ts';

/** What a command line asks for. */
export interface AddOptions {
  /** What is done instead of adding or deleting files; undefined where it is that. */
  readonly action: 'list' | 'print' | 'lock' | 'unlock' | 'delete-all' | undefined;
  readonly deleting: boolean;
  readonly testing: boolean;
  /** Loads the keys that live in a security key. */
  readonly resident: boolean;
  /** Keys and certificates, or only one of them. */
  readonly kinds: 'both' | 'keys' | 'certificates';
  readonly confirm: boolean;
  /** Seconds; 0 for ever. */
  readonly lifetime: number;
  /** Takes certificates that have expired, and keeps them beyond their end. */
  readonly keepExpired: boolean;
  readonly hash: FingerprintHash;
  /** Destinations as they were written. */
  readonly destinations: readonly string[];
  /** Files of host keys; none for the usual ones. */
  readonly hostKeyFiles: readonly string[];
  /** The library that drives security keys, or `internal`. */
  readonly provider: string;
  /** The library that drives a token, whose keys are added, or with `deleting` removed. */
  readonly token: string | undefined;
  readonly quiet: boolean;
  /** How often -v was given. */
  readonly verbosity: number;
  readonly files: readonly string[];
}

/** A command line that can't be obeyed: what to say and how to exit. */
export interface RefusedAdd {
  readonly message: string;
  readonly status: number;
}

/** What ssh-add exits with where options contradict each other. */
const contradiction = 255;

type State = { -readonly [K in keyof AddOptions]: AddOptions[K] } & { listFlag: string; lockFlag: string; deletingAll: boolean };
type Row = {
  readonly flag: string;
  readonly hasValue?: true;
  readonly apply: (state: State, value: string) => RefusedAdd | undefined;
};

/** Every option. */
export const addOptionRows: readonly Row[] = [
  { flag: 'C', apply: set((state) => (state.kinds = 'certificates')) },
  { flag: 'c', apply: set((state) => (state.confirm = true)) },
  { flag: 'D', apply: set((state) => (state.deletingAll = true)) },
  { flag: 'd', apply: set((state) => (state.deleting = true)) },
  { flag: 'E', hasValue: true, apply: setHash },
  {
    flag: 'e',
    hasValue: true,
    apply: set((state, value) => {
      state.deleting = true;
      state.token = value;
    }),
  },
  { flag: 'H', hasValue: true, apply: set((state, value) => (state.hostKeyFiles = [...state.hostKeyFiles, value])) },
  { flag: 'h', hasValue: true, apply: set((state, value) => (state.destinations = [...state.destinations, value])) },
  { flag: 'K', apply: set((state) => (state.resident = true)) },
  { flag: 'k', apply: set((state) => (state.kinds = 'keys')) },
  { flag: 'L', apply: (state) => setOnce(state, 'listFlag', 'L') },
  { flag: 'l', apply: (state) => setOnce(state, 'listFlag', 'l') },
  { flag: 'N', apply: set((state) => (state.keepExpired = true)) },
  { flag: 'q', apply: set((state) => (state.quiet = true)) },
  { flag: 'S', hasValue: true, apply: set((state, value) => (state.provider = value)) },
  { flag: 's', hasValue: true, apply: set((state, value) => (state.token = value)) },
  { flag: 'T', apply: set((state) => (state.testing = true)) },
  { flag: 't', hasValue: true, apply: setLifetime },
  { flag: 'v', apply: set((state) => (state.verbosity += 1)) },
  { flag: 'X', apply: (state) => setOnce(state, 'lockFlag', 'X') },
  { flag: 'x', apply: (state) => setOnce(state, 'lockFlag', 'x') },
];

/** Reads a command line (without the program's name). */
export function parseAddOptions(argv: readonly string[]): AddOptions | RefusedAdd {
  const state: State = {
    ...{ action: undefined, deleting: false, testing: false, resident: false, kinds: 'both', confirm: false, lifetime: 0 },
    ...{ keepExpired: false, hash: 'sha256', destinations: [], hostKeyFiles: [], token: undefined, quiet: false, verbosity: 0, files: [] },
    provider: process.env['SSH_SK_PROVIDER'] ?? 'internal',
    ...{ listFlag: '', lockFlag: '', deletingAll: false },
  };
  const { options, taken } = getopt(argv, { letters: addOptionRows.map(({ flag, hasValue }) => (hasValue ? `${flag}:` : flag)).join('') });
  for (const option of options) {
    if ('problem' in option) return { message: `${option.problem} -- ${option.flag}\r\n${sshAddUsage}`, status: 1 };
    const refused = addOptionRows.find(({ flag }) => flag === option.flag)?.apply(state, option.value ?? '');
    if (refused !== undefined) return refused;
  }
  const { listFlag, lockFlag, deletingAll } = state;
  if ([listFlag !== '', lockFlag !== '', deletingAll].filter(Boolean).length > 1) {
    return { message: 'Invalid combination of actions\r\n', status: contradiction };
  }
  if (listFlag !== '') state.action = listFlag === 'l' ? 'list' : 'print';
  else if (lockFlag !== '') state.action = lockFlag === 'x' ? 'lock' : 'unlock';
  else if (deletingAll) state.action = 'delete-all';
  state.files = argv.slice(taken);
  return state;
}

function set(change: (state: State, value: string) => unknown): Row['apply'] {
  return (state, value) => {
    change(state, value);
    return undefined;
  };
}

function setOnce(state: State, name: 'listFlag' | 'lockFlag', letter: string): RefusedAdd | undefined {
  if (state[name] !== '') return { message: `-${state[name]} flag already specified\r\n`, status: contradiction };
  state[name] = letter;
  return undefined;
}

function setHash(state: State, value: string): RefusedAdd | undefined {
  const hash = fingerprintHashes.find((name) => name === value.toLowerCase());
  if (hash === undefined) return { message: `Invalid hash algorithm "${value}"\r\n`, status: contradiction };
  state.hash = hash;
  return undefined;
}

function setLifetime(state: State, value: string): RefusedAdd | undefined {
  const seconds = parseSeconds(value);
  if (seconds === undefined) return { message: 'Invalid lifetime\n', status: 1 };
  state.lifetime = seconds;
  return undefined;
}
