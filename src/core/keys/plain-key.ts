import { copyBytes, latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError, type SshErrorCode } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import type { PublicKey, SignatureDetails } from './key.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';
import { kindOf } from './key-types.ts';

/** A plain public key of one of the kinds. */
class PlainKey implements PublicKey {
  readonly name: string;
  readonly shortName: string;
  readonly blob: Uint8Array;
  readonly bits: number;
  readonly application?: string;
  readonly signatureAlgorithms: readonly string[];
  private readonly part: PublicPart;

  constructor(kind: KeyKind, blob: Uint8Array, part: PublicPart) {
    this.name = kind.name;
    this.shortName = kind.shortName;
    this.blob = blob;
    this.bits = part.bits;
    if (part.application !== undefined) this.application = part.application;
    this.signatureAlgorithms = kind.signatures.map((one) => one.name);
    this.part = part;
  }

  get plain(): PublicKey {
    return this;
  }

  verify(signature: Uint8Array, data: Uint8Array, algorithm: string): SignatureDetails {
    return strictly(() => {
      const reader = new WireReader(signature);
      const name = latin1Text(reader.string());
      if (name !== algorithm || !this.signatureAlgorithms.includes(algorithm)) {
        throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `${name} where ${algorithm} is due`);
      }
      return this.part.verify(algorithm, reader, data);
    });
  }
}

/**
 * The plain public key in a blob (RFC 4253 section 6.6), of which a copy is kept.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a type that is not known or a certificate's; SSH_ERR_INVALID_FORMAT,
 *   SSH_ERR_UNEXPECTED_TRAILING_DATA, SSH_ERR_KEY_LENGTH and others for a malformed key.
 */
export function parsePlainKey(blob: Uint8Array): PublicKey {
  return strictly(() => {
    const reader = new WireReader(copyBytes(blob));
    const kind = kindOf(latin1Text(reader.string()));
    if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN');
    const part = kind.readPublic(reader);
    reader.finish();
    return new PlainKey(kind, reader.bytes, part);
  });
}

/**
 * Reads a kind's public fields where they stand without their type name, as in a certificate.
 *
 * @throws SshError as {@link parsePlainKey}
 */
export function readPlainKey(kind: KeyKind, reader: WireReader): PublicKey {
  return strictly(() => {
    const start = reader.at;
    const part = kind.readPublic(reader);
    return new PlainKey(kind, plainBlob(kind, reader.bytes.subarray(start, reader.at)), part);
  });
}

/** A public key's blob from its kind and its fields. */
export function plainBlob(kind: KeyKind, fields: Uint8Array): Uint8Array {
  return new WireWriter(fields.length + 64).string(utf8Bytes(kind.name)).raw(fields).bytes();
}

/** Errors of the wire's types that are a malformed key or signature here. */
const malformed: ReadonlySet<SshErrorCode> = new Set([
  'SSH_ERR_MESSAGE_INCOMPLETE',
  'SSH_ERR_BIGNUM_IS_NEGATIVE',
  'SSH_ERR_BIGNUM_TOO_LARGE',
]);

/** What `read` returns; where it finds the bytes cut short or a number out of range, that is SSH_ERR_INVALID_FORMAT. */
export function strictly<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SshError) || !malformed.has(error.code)) throw error;
    throw new SshError('SSH_ERR_INVALID_FORMAT', error.detail ?? error.message, { cause: error });
  }
}
