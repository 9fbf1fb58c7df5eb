import type { KeyObject } from 'node:crypto';
import type { WireReader } from '../wire/reader.ts';
import type { SignatureDetails } from './key.ts';

/** What a kind of key knows of one public key. */
export interface PublicPart {
  readonly bits: number;
  /** A security key's application. */
  readonly application?: string;
  /**
   * Verifies a signature; `signature` stands behind the algorithm's name and is read to its end.
   *
   * @throws SshError where it is malformed or not this key's.
   */
  verify(algorithm: string, signature: WireReader, data: Uint8Array): SignatureDetails;
}

/** How a kind of key signs. */
export interface Signing {
  /**
   * Hands private fields to the system's cryptography, checked to belong together. Nothing secret stays behind but the object.
   *
   * @throws SshError where they are no usable key.
   */
  importPrivate(fields: Uint8Array): KeyObject;
  /**
   * A new key's private fields, in an array that the caller owns and wipes; of the kind's usual size where none is asked for.
   *
   * @param racers where finding a key is luck, so many are looked for at once on threads of their own: the first is taken, what the others
   * find is dropped without a look at it.
   * @throws SshError SSH_ERR_KEY_LENGTH where there is no such key of so many bits.
   */
  generate(bits?: number, racers?: number): Promise<Uint8Array>;
  /** The signature's part behind the algorithm's name. */
  sign(algorithm: string, key: KeyObject, data: Uint8Array): Uint8Array;
}

/** One kind of plain key: its names and its functions. */
export interface KeyKind {
  /** The type's name on the wire. */
  readonly name: string;
  /** The name of its certificates' type. */
  readonly certificateName: string;
  /** The type as people read it, without the -CERT of its certificates. */
  readonly shortName: string;
  /** Whether a malformed signature's error is the wire's type's, as in OpenSSH, and not SSH_ERR_INVALID_FORMAT. */
  readonly tellsWireErrors?: true;
  /** The signatures that it makes or verifies, best first, each with its name under a certificate where it has one. */
  readonly signatures: readonly { readonly name: string; readonly certificateName?: string }[];
  /**
   * Reads a public key's fields behind the type name (RFC 4253 section 6.6); what is kept of them is a copy.
   *
   * @throws SshError where they are malformed.
   */
  readPublic(reader: WireReader): PublicPart;
  /**
   * Reads a private key's fields behind the type name, as key files and agent messages have them, and returns those of its public
   * key, as a copy.
   *
   * @throws SshError where they are malformed.
   */
  readPrivate(reader: WireReader): Uint8Array;
  /** How it signs; absent where only hardware can. */
  readonly signing?: Signing;
}
