import { base64, fromBase64 } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { parseCertificate } from './certificate.ts';
import type { PublicKey } from './key.ts';
import { certifiedKindOf, keyType } from './key-types.ts';
import { readName, strictly } from './malformed.ts';
import { parsePlainKey } from './plain-key.ts';

/** The longest public key that is read as text, in characters. */
const LONGEST_TEXT = 64 * 1024;

/**
 * The public key in a blob, plain or certified (RFC 4253 section 6.6, PROTOCOL.certkeys); a copy of it is kept.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN, SSH_ERR_INVALID_FORMAT and others that name what is wrong.
 */
export function parsePublicKey(blob: Uint8Array): PublicKey {
  const name = publicKeyName(blob);
  return certifiedKindOf(name) === undefined ? parsePlainKey(blob) : parseCertificate(blob);
}

/** The type's name that a public key's blob begins with, known or not. @throws SshError SSH_ERR_INVALID_FORMAT */
function publicKeyName(blob: Uint8Array): string {
  return strictly(() => readName(new WireReader(blob)));
}

/** A public key and the comment behind it. */
export interface PublicKeyLine {
  readonly key: PublicKey;
  readonly comment: string;
}

/**
 * The key in the one line of a .pub file: type, base64, comment, with spaces or tabs between them. A NUL ends it, as in C.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT; SSH_ERR_KEY_TYPE_UNKNOWN; SSH_ERR_KEY_TYPE_MISMATCH where the type is not the one of the
 *   blob; and what a malformed key throws.
 */
export function parsePublicKeyLine(line: string): PublicKeyLine {
  const fields = /^[ \t]*([^ \t]+)[ \t]+([^ \t\r\n]+)[ \t]*([^\r\n]*?)[\r\n]*$/.exec(line.slice(0, LONGEST_TEXT).replace(/\0[^]*$/, ''));
  if (fields === null) throw new SshError('SSH_ERR_INVALID_FORMAT', 'public key: no type and base64');
  const [, name = '', encoded = '', comment = ''] = fields;
  const type = keyType(name);
  // a first word that names no type is no key at all
  if (type === undefined || type.signatureOnly) throw new SshError('SSH_ERR_INVALID_FORMAT', `public key: type ${JSON.stringify(name)}`);
  return { key: decodePublicKey(name, encoded), comment };
}

/**
 * The key that base64 text holds, which must be of the type that was declared beside it.
 *
 * @throws SshError as {@link parsePublicKeyLine}
 */
export function decodePublicKey(name: string, encoded: string): PublicKey {
  const blob = fromBase64(encoded);
  if (blob === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'public key: not base64');
  const key = parsePublicKey(blob);
  if (key.name !== name) throw new SshError('SSH_ERR_KEY_TYPE_MISMATCH', name);
  return key;
}

/** A key's line: type, base64 and, where there is one, the comment; no line break. */
export function formatPublicKeyLine(key: PublicKey, comment = ''): string {
  return `${key.name} ${base64(key.blob)}${comment === '' ? '' : ` ${comment}`}`;
}
