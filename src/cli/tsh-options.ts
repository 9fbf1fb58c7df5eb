/** The options of `tsh`, a row per flag: what it takes and what it does. */
import { parseEscapeChar, parseTunnel } from '../config/client-kinds.ts';
import type { ClientOption, ValueOf } from '../config/client-keywords.ts';
import { parseJump } from '../config/destination.ts';
import { ConfigError, fatal } from '../config/environment.ts';
import { parseForward, parsePort, parseStdioForward, type Forward, type StdioForward } from '../config/forward-spec.ts';
import { LineError, Arguments, type Lookups, type ServicePort } from '../config/kind.ts';
import { parseCommandLineOption } from '../config/parse.ts';
import { commandLineFile, rowOf, type Settings } from '../config/settings.ts';
import { logLevels, type Log } from '../core/util/log.ts';
import type { Shell } from './completion-shells.ts';

/** What reading a command line asks of the world. */
export interface CommandLineEnvironment {
  /** The log as it is before any option is read: level INFO, on stderr. */
  readonly log: Log;
  /** Writes to stderr as it is. */
  readonly writeError: (text: string) => void;
  readonly servicePort: ServicePort;
  readonly variable: (name: string) => string | undefined;
  /** Replaces `~` in front of a file name. */
  readonly expandTilde: (path: string) => string;
  /** Why a file is not accessible, as strerror(3) says it; undefined where it is. */
  readonly inaccessible: (path: string) => string | undefined;
}

/** What the options read so far amount to, beside the settings. */
export interface CommandLineState {
  readonly settings: Settings;
  readonly environment: CommandLineEnvironment;
  configFile: string | undefined;
  logFile: string | undefined;
  useSyslog: boolean;
  dump: boolean;
  muxCommand: string | undefined;
  stdioForward: StdioForward | undefined;
  /** How often -v was given. */
  verbosity: number;
  hasJump: boolean;
  explain: 'text' | 'json' | undefined;
  why: boolean;
  doctor: boolean;
  fix: boolean;
  json: boolean;
  showKeys: boolean;
  /** What ends the reading at once. */
  stop:
    | { readonly action: 'version' | 'help' }
    | { readonly action: 'query'; readonly list: string }
    | { readonly action: 'completion'; readonly shell: Shell }
    | undefined;
}

/** What a flag does. */
export interface FlagRow {
  /** Whether it takes a value. */
  readonly value?: true;
  /** @throws ConfigError where the value is wrong; the user has been told. */
  apply(state: CommandLineState, value: string): void;
}

const origin = { file: commandLineFile, line: 0, block: undefined };

/** A flag that sets an option whatever was set before. */
function sets<K extends ClientOption>(option: K, value: ValueOf<K>): FlagRow {
  return { apply: (state) => state.settings.replace(option, value, origin) };
}

/** A flag whose value is an option's, where nothing has set it before. */
function suggests(option: 'user' | 'tag'): FlagRow {
  return {
    value: true,
    apply: ({ settings }, value) => {
      if (settings.get(option) === undefined) settings.add(option, value, { ...origin, literal: true });
    },
  };
}

/** A flag whose value becomes an option's whatever was set before. */
function takes(option: 'bindAddress' | 'bindInterface' | 'controlPath'): FlagRow {
  return { value: true, apply: ({ settings }, value) => settings.replace(option, value, origin) };
}

/** A flag for a list of algorithms, with ssh's complaint about a wrong one. */
function names(option: 'ciphers' | 'macs', what: string, refusedPrefix: RegExp): FlagRow {
  return {
    value: true,
    apply: (state, value) => {
      try {
        if (refusedPrefix.test(value)) throw new LineError(what);
        const line = { keyword: option, raw: value, words: [value], isCommandLine: true, log: () => undefined, lookups: state.environment };
        state.settings.replace(option, rowOf(option).kind.read(new Arguments(line)) ?? value, origin);
      } catch (error) {
        if (!(error instanceof LineError)) throw error;
        throw refuse(state, `Unknown ${what} type '${value}'`);
      }
    },
  };
}

/** A flag for a forwarding. */
function forwards(option: 'localForward' | 'remoteForward' | 'dynamicForward', name: string): FlagRow {
  return {
    value: true,
    apply: (state, value) => {
      const forward = parseFlagForward(option, value, state.environment);
      if (forward === undefined) throw refuse(state, `Bad ${name} forwarding specification '${value}'`);
      state.settings.add(option, [forward], origin);
    },
  };
}

function parseFlagForward(
  option: 'localForward' | 'remoteForward' | 'dynamicForward',
  value: string,
  lookups: Lookups,
): Forward | undefined {
  if (option === 'localForward') return parseForward(value, 'local', lookups);
  if (option === 'dynamicForward') return parseForward(value, 'dynamic', lookups);
  return parseForward(value, 'remote', lookups) ?? parseForward(value, 'remoteDynamic', lookups);
}

/** A flag that prints a completion script. */
function completes(shell: Shell): FlagRow {
  return { apply: (state) => void (state.stop = { action: 'completion', shell }) };
}

const nothing: FlagRow = { apply: () => undefined };

/** What -O takes. */
export const muxCommands: readonly string[] = ['check', 'forward', 'exit', 'stop', 'cancel', 'proxy', 'conninfo', 'channels'];

/** Every flag of ssh(1), in the order of its usage text, and our own. */
export const tshFlags: Readonly<Record<string, FlagRow>> = {
  '1': {
    apply: ({ environment }) => {
      throw fatal(environment.log, 'SSH protocol v.1 is no longer supported');
    },
  },
  '2': nothing,
  '4': sets('addressFamily', 'inet'),
  '6': sets('addressFamily', 'inet6'),
  A: sets('forwardAgent', true),
  a: sets('forwardAgent', false),
  C: sets('compression', true),
  f: {
    apply: ({ settings }) => {
      settings.replace('forkAfterAuthentication', true, origin);
      settings.replace('stdinNull', true, origin);
    },
  },
  G: {
    apply: (state) => {
      state.dump = true;
    },
  },
  g: sets('gatewayPorts', true),
  // GSSAPI is not built here: both are taken and mean nothing.
  K: nothing,
  k: nothing,
  M: { apply: ({ settings }) => settings.replace('controlMaster', settings.get('controlMaster') === 'true' ? 'ask' : 'true', origin) },
  N: {
    apply: ({ settings, environment }) => {
      if ((settings.get('sessionType') ?? 'none') !== 'none') throw fatal(environment.log, 'Cannot specify -N with -s/SessionType');
      settings.replace('sessionType', 'none', origin);
      settings.replace('requestTTY', 'false', origin);
    },
  },
  n: sets('stdinNull', true),
  q: sets('logLevel', 'QUIET'),
  s: {
    apply: ({ settings, environment }) => {
      if ((settings.get('sessionType') ?? 'subsystem') !== 'subsystem')
        throw fatal(environment.log, 'Cannot specify -s with -N/SessionType');
      settings.replace('sessionType', 'subsystem', origin);
    },
  },
  T: sets('requestTTY', 'false'),
  t: { apply: ({ settings }) => settings.replace('requestTTY', settings.get('requestTTY') === 'true' ? 'force' : 'true', origin) },
  V: {
    apply: (state) => {
      state.stop = { action: 'version' };
    },
  },
  v: {
    apply: (state) => {
      const level = logLevels.indexOf(state.settings.get('logLevel') ?? 'INFO');
      const next = state.verbosity === 0 ? 'DEBUG' : (logLevels[level + 1] ?? 'DEBUG3');
      state.verbosity++;
      state.settings.replace('logLevel', next, origin);
    },
  },
  X: sets('forwardX11', true),
  x: sets('forwardX11', false),
  Y: {
    apply: ({ settings }) => {
      settings.replace('forwardX11', true, origin);
      settings.replace('forwardX11Trusted', true, origin);
    },
  },
  y: {
    apply: (state) => {
      state.useSyslog = true;
    },
  },
  Z: {
    apply: (state) => {
      state.showKeys = true;
    },
  },
  B: takes('bindInterface'),
  b: takes('bindAddress'),
  c: names('ciphers', 'cipher', /^-/),
  D: forwards('dynamicForward', 'dynamic'),
  E: {
    value: true,
    apply: (state, value) => {
      state.logFile = value;
    },
  },
  e: {
    value: true,
    apply: (state, value) => {
      const escape = parseEscapeChar(value);
      if (escape === undefined) throw refuse(state, `Bad escape character '${value}'.`);
      state.settings.replace('escapeChar', escape, origin);
    },
  },
  F: {
    value: true,
    apply: (state, value) => {
      state.configFile = value;
    },
  },
  // as of an ssh that is built without smart cards
  I: { value: true, apply: ({ environment }) => environment.writeError('no support for PKCS#11.\n') },
  i: {
    value: true,
    apply: ({ settings, environment }, value) => {
      const path = environment.expandTilde(value);
      const reason = environment.inaccessible(path);
      if (reason === undefined) settings.add('identityFile', [path], origin);
      else environment.writeError(`Warning: Identity file ${path} not accessible: ${reason}.\n`);
    },
  },
  J: {
    value: true,
    apply: (state, value) => {
      const { settings, environment } = state;
      if (state.hasJump || settings.get('proxyJump') !== undefined) {
        throw fatal(environment.log, 'Only a single -J option is permitted (use commas to separate multiple jump hops)');
      }
      if (settings.get('proxyCommand') !== undefined) throw fatal(environment.log, 'Cannot specify -J with ProxyCommand');
      state.hasJump = true;
      try {
        const text = value.replace(/#.*/, '').replace(/[ \t\r\n].*/, '');
        settings.add(
          'proxyJump',
          parseJump(text, { servicePort: environment.servicePort, report: (complaint) => environment.log('ERROR', complaint) }) ?? 'none',
          origin,
        );
      } catch (error) {
        if (!(error instanceof LineError)) throw error;
        throw fatal(environment.log, 'Invalid -J argument');
      }
    },
  },
  L: forwards('localForward', 'local'),
  l: suggests('user'),
  // ssh takes no `+` and `^` here, unlike with -c.
  m: names('macs', 'mac', /^[-+^]/),
  O: {
    value: true,
    apply: (state, value) => {
      const { log } = state.environment;
      if (state.stdioForward !== undefined) throw fatal(log, 'Cannot specify multiplexing command with -W');
      if (state.muxCommand !== undefined) throw fatal(log, 'Multiplexing command already specified');
      if (!muxCommands.includes(value)) throw fatal(log, 'Invalid multiplex command.');
      state.muxCommand = value;
    },
  },
  o: { value: true, apply: ({ settings, environment }, value) => parseCommandLineOption(value, settings, environment) },
  P: suggests('tag'),
  p: {
    value: true,
    apply: (state, value) => {
      if (state.settings.get('port') !== undefined) return;
      const port = parsePort(value, state.environment.servicePort);
      if (port === undefined || port === 0) throw refuse(state, `Bad port '${value}'`);
      state.settings.add('port', port, origin);
    },
  },
  Q: {
    value: true,
    apply: (state, value) => {
      state.stop = { action: 'query', list: value };
    },
  },
  R: forwards('remoteForward', 'remote'),
  S: takes('controlPath'),
  W: {
    value: true,
    apply: (state, value) => {
      const { settings, environment } = state;
      if (state.stdioForward !== undefined) throw fatal(environment.log, 'stdio forward already specified');
      if (state.muxCommand !== undefined) throw fatal(environment.log, 'Cannot specify stdio forward with -O');
      const forward = parseStdioForward(value, environment);
      if (forward === undefined) throw refuse(state, `Bad stdio forwarding specification '${value}'`);
      if (forward !== 'nothing') state.stdioForward = forward;
      settings.replace('requestTTY', 'false', origin);
      settings.replace('sessionType', 'none', origin);
    },
  },
  w: {
    value: true,
    apply: (state, value) => {
      const units = parseTunnel(value);
      if (units === undefined) throw refuse(state, `Bad tun device '${value}'`);
      if (state.settings.get('tunnel') === undefined) state.settings.add('tunnel', 'point-to-point', origin);
      state.settings.replace('tunnelDevice', units, origin);
    },
  },
  '--explain': {
    apply: (state) => {
      state.explain = 'text';
    },
  },
  '--explain=json': {
    apply: (state) => {
      state.explain = 'json';
    },
  },
  '--why': {
    apply: (state) => {
      state.why = true;
    },
  },
  '--doctor': {
    apply: (state) => {
      state.doctor = true;
    },
  },
  '--fix': {
    apply: (state) => {
      state.fix = true;
    },
  },
  '--json': {
    apply: (state) => {
      state.json = true;
    },
  },
  '--completion=bash': completes('bash'),
  '--completion=zsh': completes('zsh'),
  '--completion=fish': completes('fish'),
  '--help': {
    apply: (state) => {
      state.stop = { action: 'help' };
    },
  },
};

/** The same for {@link getopt}. */
export const tshSpec = {
  letters: Object.entries(tshFlags)
    .filter(([flag]) => flag.length === 1)
    .map(([flag, row]) => `${flag}${row.value === true ? ':' : ''}`)
    .join(''),
  words: Object.keys(tshFlags)
    .filter((flag) => flag.startsWith('--'))
    .map((flag) => flag.slice(2)),
};

/** Tells the user on stderr, without the log's line end, as ssh does for these. */
function refuse(state: CommandLineState, text: string): ConfigError {
  state.environment.writeError(`${text}\n`);
  return new ConfigError(text);
}
