/** The command line of `tsh`: options before and after the destination, then the command. */
import { isValidHostname, isValidUser, parseDestination } from '../config/destination.ts';
import { ConfigError, fatal } from '../config/environment.ts';
import type { StdioForward } from '../config/forward-spec.ts';
import { commandLineFile, Settings } from '../config/settings.ts';
import type { Shell } from './completion-shells.ts';
import { getopt } from './getopt.ts';
import { tshFlags, tshSpec, type CommandLineEnvironment, type CommandLineState } from './tsh-options.ts';
import { sshUsage } from './usage.ts';

/** A command line that names a host, or, for the doctor, may. */
export interface HostCommandLine {
  readonly action: 'connect' | 'dump' | 'doctor';
  /** What the options set; files add to it. */
  readonly settings: Settings;
  readonly host: string;
  /** The remote command or subsystem, its words joined; undefined for a shell. */
  readonly command: string | undefined;
  readonly configFile: string | undefined;
  readonly logFile: string | undefined;
  readonly useSyslog: boolean;
  readonly muxCommand: string | undefined;
  readonly stdioForward: StdioForward | undefined;
  /** How often -v was given. */
  readonly verbosity: number;
  readonly explain: 'text' | 'json' | undefined;
  readonly why: boolean;
  readonly fix: boolean;
  readonly json: boolean;
  /** -Z. */
  readonly showKeys: boolean;
}

/** What a command line asks for. `exit` means that the user has been told all there is to tell. */
export type CommandLine =
  | { readonly action: 'exit'; readonly status: number }
  | { readonly action: 'version' }
  | { readonly action: 'help' }
  | { readonly action: 'query'; readonly list: string }
  | { readonly action: 'completion'; readonly shell: Shell }
  | HostCommandLine;

/** Reads a command line (without the program's name). Nothing is thrown: what is wrong has been told on stderr. */
export function parseCommandLine(argv: readonly string[], environment: CommandLineEnvironment): CommandLine {
  try {
    return readCommandLine(argv, environment);
  } catch (error) {
    if (error instanceof ConfigError) return { action: 'exit', status: 255 };
    throw error;
  }
}

function readCommandLine(argv: readonly string[], environment: CommandLineEnvironment): CommandLine {
  const state = newState(environment);
  const { settings } = state;
  const origin = { file: commandLineFile, line: 0, block: undefined };
  let rest = argv;
  let host: string | undefined;
  for (;;) {
    const { options, taken } = getopt(rest, tshSpec);
    for (const option of options) {
      if ('problem' in option) {
        environment.log('ERROR', `${option.problem} -- ${option.flag}`);
        throw usage(environment);
      }
      tshFlags[option.flag]?.apply(state, option.value ?? '');
      if (state.stop !== undefined) return state.stop;
    }
    const terminated = taken > 0 && rest[taken - 1] === '--';
    rest = rest.slice(taken);
    const [first] = rest;
    if (first === undefined || host !== undefined) break;
    const destination = parseDestination(first, environment.servicePort);
    if (destination === undefined) throw usage(environment);
    host = destination.host;
    if (destination.user !== undefined && settings.get('user') === undefined)
      settings.add('user', destination.user, { ...origin, literal: true });
    if (destination.port !== undefined && settings.get('port') === undefined) settings.add('port', destination.port, origin);
    rest = rest.slice(1);
    if (rest.length === 0 || terminated) break;
  }
  if (host === undefined) {
    if (!state.doctor) throw usage(environment);
    host = '';
  }
  const user = settings.get('user');
  if (user !== undefined && !isValidUser(user)) throw fatal(environment.log, 'remote username contains invalid characters');
  if (!isValidHostname(host)) throw fatal(environment.log, 'hostname contains invalid characters');
  if (rest.length === 0 && settings.get('sessionType') === 'subsystem') {
    environment.writeError('You must specify a subsystem to invoke.\n');
    throw usage(environment);
  }
  const { configFile, logFile, useSyslog, muxCommand, stdioForward, verbosity, explain, why, fix, json, showKeys } = state;
  const action = state.doctor ? 'doctor' : state.dump ? 'dump' : 'connect';
  const command = rest.length === 0 ? undefined : rest.join(' ');
  return {
    action,
    settings,
    host,
    command,
    configFile,
    logFile,
    useSyslog,
    muxCommand,
    stdioForward,
    verbosity,
    explain,
    why,
    fix,
    json,
    showKeys,
  };
}

function newState(environment: CommandLineEnvironment): CommandLineState {
  return {
    settings: new Settings(),
    environment,
    configFile: undefined,
    logFile: undefined,
    useSyslog: false,
    dump: false,
    muxCommand: undefined,
    stdioForward: undefined,
    verbosity: 0,
    hasJump: false,
    explain: undefined,
    why: false,
    doctor: false,
    fix: false,
    json: false,
    showKeys: false,
    stop: undefined,
  };
}

function usage(environment: CommandLineEnvironment): ConfigError {
  environment.writeError(sshUsage);
  return new ConfigError('usage');
}
