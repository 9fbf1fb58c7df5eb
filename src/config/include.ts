/** Include: which files it names (ssh_config(5)). */
import type { ConfigEnvironment } from './environment.ts';
import { LineError } from './kind.ts';

/** How deep includes may nest. */
export const deepestInclude = 16;

/**
 * The files that one argument of Include names: relative to ~/.ssh in a user's file, to /etc/ssh in the system's, where `~` means nothing.
 *
 * @throws LineError where the argument is wrong or can't be told.
 */
export function includedFiles(pattern: string, ofUser: boolean, environment: ConfigEnvironment, at: string): readonly string[] {
  if (pattern.startsWith('~') && !ofUser) throw new LineError(`bad include path ${pattern}.`);
  const anchored = pattern.startsWith('/') || pattern.startsWith('~') ? pattern : `${ofUser ? '~/.ssh' : '/etc/ssh'}/${pattern}`;
  const files = environment.glob(anchored);
  if (files === undefined) throw new LineError(`glob failed for ${anchored}.`);
  if (files.length === 0) environment.log('DEBUG', `${at}: include ${anchored} matched no files`);
  return files;
}
