import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import type { KnownHostsFile } from '../core/keys/known-hosts.ts';
import { base64 } from '../core/util/bytes.ts';
import type { Log } from '../core/util/log.ts';
import type { Tokens } from '../core/util/percent.ts';
import { splitWords } from '../core/util/words.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { expandConfigured, tokensOf } from '../config/tokens.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { isFile } from '../node/files.ts';
import { captureOutput } from '../node/spawn.ts';

/** Why a KnownHostsCommand is run: to order the algorithms, or for the host's name or its address. */
export type KnownHostsReason = 'ORDER' | 'HOSTNAME' | 'ADDRESS';

/** A KnownHostsCommand (ssh_config(5)). */
export interface KnownHostsCommand {
  readonly command: string;
  /** What the connection's tokens stand for. */
  readonly tokens: Tokens;
  readonly fingerprintHash: FingerprintHash;
  readonly environment: Pick<ConfigEnvironment, 'log' | 'variable' | 'homeOf' | 'user'> & ConfigEnvironment;
}

/** The program failed, so that what it said may be less than there is; the log has its status. */
export class KnownHostsCommandError extends Error {
  constructor() {
    super('KnownHostsCommand failed');
    this.name = 'KnownHostsCommandError';
  }
}

/**
 * Runs the command, with no shell between, for one name of the host; undefined where it can't be started, which the log tells.
 *
 * @param key the key that is to be judged; undefined before there is one.
 * @throws KnownHostsCommandError where it ends with another status than 0; ConfigError where its tokens can't be replaced.
 */
export async function runKnownHostsCommand(
  { command, tokens, fingerprintHash, environment }: KnownHostsCommand,
  reason: KnownHostsReason,
  name: string,
  key: PublicKey | undefined,
): Promise<KnownHostsFile | undefined> {
  const { log } = environment;
  const tag = `KnownHostsCommand-${reason}`;
  const words = splitWords(command);
  if (words === undefined || words.length === 0) {
    log('ERROR', `${tag} "${command}" contains invalid quotes`);
    return undefined;
  }
  const all: Tokens = {
    ...tokens,
    H: name,
    I: reason,
    t: key?.name ?? 'NONE',
    f: key === undefined ? 'NONE' : fingerprint(key, fingerprintHash),
    K: key === undefined ? 'NONE' : base64(key.blob),
  };
  const [program = '', ...args] = words.map((word) => expandConfigured(word, tokensOf('knownHostsCommand', all), environment));
  if (!mayRun(tag, program, log)) return undefined;
  const shown = [program, ...args].map(quoted).join(' ');
  log('DEBUG3', `subprocess: ${tag} command "${shown}"`);
  const { output, status, signal } = await captureOutput(program, args, mostOutput);
  if (status === 0) return { file: tag, text: output };
  if (signal === null) log('INFO', `${tag} ${shown} failed, status ${status ?? -1}`);
  else log('ERROR', `${tag} ${shown} exited on signal ${signal}`);
  throw new KnownHostsCommandError();
}

/** A word as it would be quoted in the configuration. */
function quoted(word: string): string {
  const escaped = word.replace(/[\\'"]/g, '\\$&');
  return word === '' || /[ \t]/.test(word) ? `"${escaped}"` : escaped;
}

/** More than any host has keys. */
const mostOutput = 16 * 1024 * 1024;

function mayRun(tag: string, program: string, log: Log): boolean {
  if (!program.startsWith('/')) {
    log('ERROR', `${tag} path is not absolute`);
    return false;
  }
  try {
    if (isFile(program)) return true;
    log('ERROR', `${tag} ${program} is not a regular file`);
  } catch (error) {
    log('ERROR', `Could not stat ${tag} "${program}": ${errnoText(errnoOf(error) ?? 'EIO')}`);
  }
  return false;
}
