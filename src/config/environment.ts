/** What configuration asks of the world around it: everything is given, nothing is looked up here. */
import type { Log } from '../core/util/log.ts';
import type { Environment } from '../core/util/percent.ts';
import { SshError } from '../core/util/errors.ts';
import type { ServicePort } from './kind.ts';

/** The user who runs the program. */
export interface LocalUser {
  readonly name: string;
  readonly uid: number;
  /** The home folder of the password file, not of the environment. */
  readonly home: string;
}

/** A configuration file that could be read, or why not. */
export type ConfigFile =
  | { readonly text: string }
  | { readonly problem: 'missing' | 'permissions' }
  | { readonly problem: 'other'; readonly reason: string };

/** What the parser asks of the world. */
export interface ConfigEnvironment {
  readonly user: LocalUser;
  /** The local host's name, with its domain where it has one in it. */
  readonly hostname: string;
  readonly variable: Environment;
  readonly servicePort: ServicePort;
  readonly log: Log;
  /** Reads a file; `strict` asks that nobody but its owner, who is root or the user, may write to it. */
  readFile(path: string, strict: boolean): ConfigFile;
  /** The files that a pattern of glob(7) names, sorted, with `~` replaced; undefined where it can't be told. */
  glob(pattern: string): readonly string[] | undefined;
  /** Runs a command of Match exec by the user's shell and gives its exit status; undefined where it has none, which is told. */
  run(command: string): number | undefined;
  /** The addresses of the interfaces that are up. */
  localAddresses(): readonly string[];
  /** The home folder of another user, for `~name`. */
  homeOf(name: string): string | undefined;
}

/**
 * A configuration or command line that can't be used. What the user should read has gone to the log by then; `detail` repeats its last
 * line. Programs exit with status 255.
 */
export class ConfigError extends SshError {
  constructor(text: string) {
    super('SSH_ERR_INVALID_ARGUMENT', text);
    this.name = 'ConfigError';
  }
}

/** Logs a last line and gives the error to throw. */
export function fatal(log: Log, text: string): ConfigError {
  log('FATAL', text);
  return new ConfigError(text);
}
