import { copyBytes, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import type { PublicKey, SignatureDetails } from './key.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';
import { kindOf } from './key-types.ts';
import { readName, strictly } from './malformed.ts';

/** A plain public key of one of the kinds. */
class PlainKey implements PublicKey {
  readonly name: string;
  readonly shortName: string;
  readonly blob: Uint8Array;
  readonly bits: number;
  readonly application?: string;
  readonly signatureAlgorithms: readonly string[];
  private readonly part: PublicPart;
  private readonly tellsWireErrors: boolean;

  constructor(kind: KeyKind, blob: Uint8Array, part: PublicPart) {
    this.name = kind.name;
    this.shortName = kind.shortName;
    this.blob = blob;
    this.bits = part.bits;
    if (part.application !== undefined) this.application = part.application;
    this.signatureAlgorithms = kind.signatures.map((one) => one.name);
    this.part = part;
    this.tellsWireErrors = kind.tellsWireErrors ?? false;
  }

  get plain(): PublicKey {
    return this;
  }

  verify(signature: Uint8Array, data: Uint8Array, algorithm?: string): SignatureDetails {
    if (signature.length === 0) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'an empty signature');
    const read = (): SignatureDetails => {
      const reader = new WireReader(signature);
      const name = readName(reader);
      if (algorithm !== undefined && (name !== algorithm || !this.signatureAlgorithms.includes(algorithm))) {
        throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `${name} where ${algorithm} is due`);
      }
      if (!this.signatureAlgorithms.includes(name)) {
        // that it is malformed is told first
        reader.string();
        throw new SshError('SSH_ERR_KEY_TYPE_MISMATCH', `a signature of ${name} and a key of ${this.name}`);
      }
      return this.part.verify(name, reader, data);
    };
    return this.tellsWireErrors ? read() : strictly(read);
  }
}

/**
 * The plain public key in a blob (RFC 4253 section 6.6), of which a copy is kept.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a type that is not known or a certificate's; SSH_ERR_INVALID_FORMAT,
 *   SSH_ERR_KEY_LENGTH, the errors of the wire's types and others for a malformed key, as OpenSSH tells them apart.
 */
export function parsePlainKey(blob: Uint8Array): PublicKey {
  const reader = new WireReader(copyBytes(blob));
  const kind = kindOf(strictly(() => readName(reader)));
  if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN');
  const part = kind.readPublic(reader);
  if (reader.remaining > 0) throw new SshError('SSH_ERR_INVALID_FORMAT', `${kind.name} key: more behind its end`);
  return new PlainKey(kind, reader.bytes, part);
}

/**
 * Reads a kind's public fields where they stand without their type name, as in a certificate.
 *
 * @throws SshError as {@link parsePlainKey}
 */
export function readPlainKey(kind: KeyKind, reader: WireReader): PublicKey {
  const start = reader.at;
  const part = kind.readPublic(reader);
  return new PlainKey(kind, plainBlob(kind, reader.bytes.subarray(start, reader.at)), part);
}

/** A public key's blob from its kind and its fields. */
export function plainBlob(kind: KeyKind, fields: Uint8Array): Uint8Array {
  return new WireWriter(fields.length + 64).string(utf8Bytes(kind.name)).raw(fields).bytes();
}
