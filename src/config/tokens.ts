/** The `%` tokens that keywords take (ssh_config(5), TOKENS). */
import { SshError } from '../core/util/errors.ts';
import { expandBoth, expandTokens, type Tokens } from '../core/util/percent.ts';
import { clientKeywords, type ClientOption, type Row } from './client-keywords.ts';
import { fatal, type ConfigEnvironment } from './environment.ts';

/** What tokens speak of. */
export interface TokenValues {
  /** %h: the host to connect to. */
  readonly host: string;
  /** %n: the host as the command line names it. */
  readonly originalHost: string;
  /** %k: HostKeyAlias, or the host as the command line names it. */
  readonly keyAlias: string;
  /** %r */
  readonly user: string;
  /** %p */
  readonly port: number;
  /** %j: ProxyJump's host, or nothing. */
  readonly jump: string;
  /** %C: the hexadecimal SHA-1 of %l%h%p%r%j; made when it is asked for, which is seldom. */
  readonly connectionHash: string;
}

/** The tokens of file names, Match exec, RemoteCommand and most others. */
export function connectionTokens(values: TokenValues, environment: ConfigEnvironment): Tokens {
  return {
    get C() {
      return values.connectionHash;
    },
    L: environment.hostname.replace(/\..*/, ''),
    i: String(environment.user.uid),
    k: values.keyAlias,
    l: environment.hostname,
    n: values.originalHost,
    p: String(values.port),
    d: environment.user.home,
    h: values.host,
    r: values.user,
    u: environment.user.name,
    j: values.jump,
  };
}

/** Those of the tokens that a keyword takes; each is still made when it is asked for. */
export function tokensOf(option: ClientOption, all: Tokens): Tokens {
  const letters = (clientKeywords[option] as Row<unknown>).tokens ?? '';
  return Object.defineProperties(
    {},
    Object.fromEntries(Object.entries(Object.getOwnPropertyDescriptors(all)).filter(([letter]) => letters.includes(letter))),
  );
}

/** What %C is made from. */
export function connectionHashInput(
  values: Omit<TokenValues, 'connectionHash' | 'keyAlias' | 'originalHost'>,
  environment: ConfigEnvironment,
): string {
  return `${environment.hostname}${values.host}${values.port}${values.user}${values.jump}`;
}

/**
 * Replaces `~`, `%` tokens and `${NAME}` in a file name of the configuration.
 *
 * @throws ConfigError where something in it is not known; the log has said what.
 */
export function expandFileName(name: string, tokens: Tokens, environment: ConfigEnvironment): string {
  return expandConfigured(expandTilde(name, environment), tokens, environment);
}

/**
 * Replaces `%` tokens and `${NAME}`.
 *
 * @throws ConfigError where something in it is not known; the log has said what.
 */
export function expandConfigured(text: string, tokens: Tokens, environment: ConfigEnvironment): string {
  return guarded(environment, 'both', () => expandBoth(text, tokens, environment.variable));
}

/**
 * Replaces `%` tokens alone.
 *
 * @throws ConfigError where something in it is not known; the log has said what.
 */
export function expandConfiguredTokens(text: string, tokens: Tokens, environment: ConfigEnvironment): string {
  return guarded(environment, 'tokens', () => expandTokens(text, tokens));
}

/**
 * Replaces `~` or `~name` in front of a file name by that user's home folder.
 *
 * @throws ConfigError where there is no such user.
 */
function expandTilde(name: string, environment: ConfigEnvironment): string {
  if (!name.startsWith('~')) return name;
  const slash = name.indexOf('/');
  const user = slash < 0 ? name.slice(1) : name.slice(1, slash);
  const home = user === '' ? environment.user.home : environment.homeOf(user);
  if (home === undefined) throw fatal(environment.log, `tilde_expand: No such user ${user}`);
  const rest = slash < 0 ? '' : name.slice(slash).replace(/^\/+/, '');
  return `${home}${home.endsWith('/') ? '' : '/'}${rest}`;
}

function guarded(environment: ConfigEnvironment, what: 'both' | 'tokens', expand: () => string): string {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    const detail = error.detail ?? '';
    environment.log('FATAL', `vdollar_percent_expand: ${detail}`);
    if (detail.startsWith('env var')) throw fatal(environment.log, 'invalid environment variable expansion');
    throw fatal(
      environment.log,
      `${detail.includes('environment variable') ? 'percent_dollar_expand' : what === 'both' ? 'percent_dollar_expand' : 'percent_expand'}: failed`,
    );
  }
}
