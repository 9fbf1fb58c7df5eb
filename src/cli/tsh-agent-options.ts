/** The command line of `tsh-agent`, which is ssh-agent's. */
import { type FingerprintHash, fingerprintHashes } from '../core/keys/fingerprint.ts';
import { parseSeconds } from '../core/util/time.ts';
import { getopt } from './getopt.ts';
import { sshAgentUsage } from './usage.ts';

/** What a command line asks for. */
export interface AgentOptions {
  readonly action: 'serve' | 'kill' | 'clean' | 'version';
  /** The syntax of what is printed; undefined where $SHELL decides. */
  readonly syntax: 'csh' | 'sh' | undefined;
  /** Stays in the foreground: -D, or -d, which tells what happens. */
  readonly foreground: 'quiet' | 'debug' | undefined;
  /** Where to listen; undefined for a new place. */
  readonly socket: string | undefined;
  /** Seconds that keys live; 0 for ever. */
  readonly lifetime: number;
  readonly hash: FingerprintHash;
  /** Pattern list of the libraries that may drive security keys. */
  readonly providers: string;
  /** Whether they may be named from other machines too. */
  readonly remoteProviders: boolean;
  /** Applications whose security keys may sign anything, as a pattern list; undefined where all may. */
  readonly freeApplications: string | undefined;
  /** A new folder under TMPDIR, not the user's own. */
  readonly temporary: boolean;
  /** Leaves the sockets of agents that are gone. */
  readonly keepStale: boolean;
  /** Cleans up what agents on other hosts left, too. */
  readonly everyHost: boolean;
  /** The command to run under the agent and its arguments. */
  readonly command: readonly string[];
}

/** A command line that can't be obeyed: what to say and how to exit. */
export interface RefusedOptions {
  readonly message: string;
  readonly status: number;
}

const defaultProviders = '/usr/lib*/*,/usr/local/lib*/*';
/** The applications of keys that are made for SSH. */
const sshApplications = 'ssh:*';
const fatal = 255;

type State = { -readonly [K in keyof AgentOptions]: AgentOptions[K] } & { providersGiven: boolean; applicationsGiven: boolean };
type Row = {
  readonly flag: string;
  readonly hasValue?: true;
  /** A refusal, or nothing. */
  readonly apply: (state: State, value: string) => RefusedOptions | undefined | void;
};

const usage: RefusedOptions = { message: sshAgentUsage, status: 1 };

/** Every option. */
export const agentOptionRows: readonly Row[] = [
  { flag: 'a', hasValue: true, apply: (state, value) => void (state.socket = value) },
  { flag: 'c', apply: (state) => (state.syntax === 'sh' ? usage : void (state.syntax = 'csh')) },
  { flag: 'D', apply: (state) => (state.foreground !== undefined ? usage : void (state.foreground = 'quiet')) },
  { flag: 'd', apply: (state) => (state.foreground !== undefined ? usage : void (state.foreground = 'debug')) },
  { flag: 'E', hasValue: true, apply: setHash },
  { flag: 'k', apply: (state) => void (state.action = 'kill') },
  { flag: 'O', hasValue: true, apply: setExtra },
  {
    flag: 'P',
    hasValue: true,
    apply: (state, value) => {
      if (state.providersGiven) return { message: '-P option already specified\r\n', status: fatal };
      state.providers = value;
      state.providersGiven = true;
      return undefined;
    },
  },
  { flag: 's', apply: (state) => (state.syntax === 'csh' ? usage : void (state.syntax = 'sh')) },
  { flag: 'T', apply: (state) => void (state.temporary = true) },
  { flag: 't', hasValue: true, apply: setLifetime },
  { flag: 'U', apply: (state) => void (state.keepStale = true) },
  {
    flag: 'u',
    apply: (state) => {
      state.everyHost = state.action === 'clean';
      state.action = 'clean';
    },
  },
  { flag: 'V', apply: (state) => void (state.action = 'version') },
];

/** What -O takes. */
export const extras: readonly { readonly name: string; readonly apply: (state: State, value: string) => RefusedOptions | undefined }[] = [
  {
    name: 'allow-remote-pkcs11',
    apply: (state) => {
      state.remoteProviders = true;
      return undefined;
    },
  },
  {
    name: 'no-restrict-websafe',
    apply: (state) => {
      state.freeApplications = undefined;
      return undefined;
    },
  },
  {
    name: 'websafe-allow=',
    apply: (state, patterns) => {
      if (state.applicationsGiven) return { message: 'websafe-allow already set\r\n', status: fatal };
      state.applicationsGiven = true;
      if (state.freeApplications !== undefined) state.freeApplications = patterns;
      return undefined;
    },
  },
];

/** Reads a command line (without the program's name). */
export function parseAgentOptions(argv: readonly string[]): AgentOptions | RefusedOptions {
  const state: State = {
    action: 'serve',
    syntax: undefined,
    foreground: undefined,
    socket: undefined,
    lifetime: 0,
    hash: 'sha256',
    providers: defaultProviders,
    providersGiven: false,
    remoteProviders: false,
    freeApplications: sshApplications,
    applicationsGiven: false,
    temporary: false,
    keepStale: false,
    everyHost: false,
    command: [],
  };
  const { options, taken } = getopt(argv, {
    letters: agentOptionRows.map(({ flag, hasValue }) => (hasValue ? `${flag}:` : flag)).join(''),
  });
  for (const option of options) {
    if ('problem' in option) return { message: `${option.problem} -- ${option.flag}\r\n${sshAgentUsage}`, status: 1 };
    const refused = agentOptionRows.find(({ flag }) => flag === option.flag)?.apply(state, option.value ?? '');
    if (refused !== undefined) return refused;
  }
  state.command = argv.slice(taken);
  const isPrinting = state.syntax !== undefined || state.foreground !== undefined || state.action === 'kill';
  return state.command.length > 0 && isPrinting ? usage : state;
}

function setHash(state: State, value: string): RefusedOptions | undefined {
  const hash = fingerprintHashes.find((name) => name === value.toLowerCase());
  if (hash === undefined) return { message: `Invalid hash algorithm "${value}"\r\n`, status: fatal };
  state.hash = hash;
  return undefined;
}

function setLifetime(state: State, value: string): RefusedOptions | undefined {
  const seconds = parseSeconds(value);
  if (seconds === undefined) return { message: `Invalid lifetime\n${sshAgentUsage}`, status: 1 };
  state.lifetime = seconds;
  return undefined;
}

function setExtra(state: State, value: string): RefusedOptions | undefined {
  const row = extras.find(({ name }) => (name.endsWith('=') ? value.startsWith(name) : value === name));
  if (row === undefined) return { message: 'Unknown -O option\r\n', status: fatal };
  return row.apply(state, value.slice(row.name.length));
}
