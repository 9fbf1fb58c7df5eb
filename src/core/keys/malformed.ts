import { latin1Text } from '../util/bytes.ts';
import { SshError, type SshErrorCode } from '../util/errors.ts';
import type { WireReader } from '../wire/reader.ts';

/** Errors of the wire's types that are a malformed key or signature here. */
const malformed: ReadonlySet<SshErrorCode> = new Set([
  'SSH_ERR_MESSAGE_INCOMPLETE',
  'SSH_ERR_STRING_TOO_LARGE',
  'SSH_ERR_BIGNUM_IS_NEGATIVE',
  'SSH_ERR_BIGNUM_TOO_LARGE',
]);

/** The error of the wire's types that made something malformed, or else the error itself. */
export function wireError(error: unknown): unknown {
  const isMalformed = error instanceof SshError && error.code === 'SSH_ERR_INVALID_FORMAT';
  return isMalformed && error.cause instanceof SshError && malformed.has(error.cause.code) ? error.cause : error;
}

/** What `read` returns; where it finds the bytes cut short or a number out of range, that is SSH_ERR_INVALID_FORMAT. */
export function strictly<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SshError) || !malformed.has(error.code)) throw error;
    throw new SshError('SSH_ERR_INVALID_FORMAT', error.detail ?? error.message, { cause: error });
  }
}

/** A name, in which C would see its end where there is a NUL. @throws SshError SSH_ERR_INVALID_FORMAT, and what the reader throws */
export function readName(reader: WireReader): string {
  const name = latin1Text(reader.string());
  if (name.includes('\0')) throw new SshError('SSH_ERR_INVALID_FORMAT', 'NUL in a name');
  return name;
}
