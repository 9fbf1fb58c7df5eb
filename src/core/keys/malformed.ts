import { copyBytes, latin1Text, utf8Text } from '../util/bytes.ts';
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

/**
 * A string as C would have it: one NUL at its end is left out, as OpenSSH does; a copy.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT for a NUL anywhere else, and what the reader throws
 */
function readCString(reader: WireReader): Uint8Array {
  const bytes = reader.string();
  const end = bytes.indexOf(0);
  if (end >= 0 && end < bytes.length - 1) throw new SshError('SSH_ERR_INVALID_FORMAT', 'NUL in a text');
  return copyBytes(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A name in ASCII, one character for each byte. @throws SshError SSH_ERR_INVALID_FORMAT for a NUL in it, and what the reader throws */
export function readName(reader: WireReader): string {
  return latin1Text(readCString(reader));
}

/** A text in UTF-8. @throws SshError SSH_ERR_INVALID_FORMAT for a NUL in it, and what the reader throws */
export function readText(reader: WireReader): string {
  return utf8Text(readCString(reader));
}
