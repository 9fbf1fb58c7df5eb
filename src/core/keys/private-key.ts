import type { KeyObject } from 'node:crypto';
import { copyBytes, latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import type { PublicKey, Signer } from './key.ts';
import type { KeyKind, Signing } from './key-kind.ts';
import { keyKinds, kindOf } from './key-types.ts';
import { strictly } from './malformed.ts';
import { parsePlainKey, plainBlob } from './plain-key.ts';

/**
 * A private key: the one owner of its secret, which never shows in text, JSON or a log, and which {@link PrivateKey.wipe} overwrites.
 *
 * When it first signs, the key goes into node:crypto as DER whose bytes are wiped after; OpenSSL's own copy lives until it is collected.
 */
export class PrivateKey implements Signer {
  readonly publicKey: PublicKey;
  private readonly kind: KeyKind;
  /** The fields behind the type name, as key files and agents have them. */
  readonly #fields: Uint8Array;
  #imported: KeyObject | undefined;
  #wiped = false;

  /** Takes over `fields`, which were checked: {@link readPrivateKey} and {@link privateKeyOf} are the ways to make one. */
  constructor(kind: KeyKind, publicKey: PublicKey, fields: Uint8Array) {
    this.kind = kind;
    this.publicKey = publicKey;
    this.#fields = fields;
  }

  /** Whether it can sign here; a security key's file only tells its hardware which key is meant. */
  get canSign(): boolean {
    return this.kind.signing !== undefined;
  }

  /** The private fields behind the type name, in OpenSSH's order, as a view that lives until {@link wipe}. @throws SshError after it */
  get fields(): Uint8Array {
    if (this.#wiped) throw new SshError('SSH_ERR_KEY_NOT_FOUND', 'the private key was wiped');
    return this.#fields;
  }

  sign(data: Uint8Array, algorithm: string): Promise<Uint8Array> {
    return new Promise((resolve) => {
      resolve(this.signNow(data, algorithm));
    });
  }

  private signNow(data: Uint8Array, algorithm: string): Uint8Array {
    const { signing } = this.kind;
    if (signing === undefined) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', 'a security key signs by its provider');
    if (!this.publicKey.signatureAlgorithms.includes(algorithm)) {
      throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `${algorithm} with ${this.publicKey.name}`);
    }
    this.#imported ??= signing.importPrivate(this.fields);
    const signature = signedBy(signing, algorithm, this.#imported, data);
    return new WireWriter(signature.length + 64).string(utf8Bytes(algorithm)).raw(signature).bytes();
  }

  /**
   * Checks that the private part belongs to the public one, by which a damaged or forged file is found before its key is used.
   *
   * @throws SshError where it does not; a security key is not checked.
   */
  async check(): Promise<void> {
    const [algorithm] = this.publicKey.signatureAlgorithms;
    if (!this.canSign || algorithm === undefined) return;
    const probe = new Uint8Array(32);
    this.publicKey.verify(await this.sign(probe, algorithm), probe, algorithm);
  }

  /** Overwrites the secret; the key can't be used afterwards. */
  wipe(): void {
    this.#wiped = true;
    this.#imported = undefined;
    this.#fields.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  /** What console.log and util.inspect show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

function signedBy(signing: Signing, algorithm: string, key: KeyObject, data: Uint8Array): Uint8Array {
  try {
    return signing.sign(algorithm, key, data);
  } catch (error) {
    if (error instanceof SshError) throw error;
    // numbers of a private key that do not belong together show here
    throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', `signing with ${algorithm}`, { cause: error });
  }
}

/**
 * Reads a private key as key files and agent messages have it: the type's name and the kind's fields. They are copied; the caller wipes
 * what it read from.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN, SSH_ERR_INVALID_FORMAT and what a malformed public key throws.
 */
export function readPrivateKey(reader: WireReader): PrivateKey {
  return strictly(() => {
    const kind = kindOf(latin1Text(reader.string()));
    if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN');
    const start = reader.at;
    const publicKey = parsePlainKey(plainBlob(kind, kind.readPrivate(reader)));
    return new PrivateKey(kind, publicKey, copyBytes(reader.bytes.subarray(start, reader.at)));
  });
}

/**
 * A private key from its kind's name and fields, which it takes over: the caller must not keep them.
 *
 * @throws SshError as {@link readPrivateKey}; the fields are wiped then.
 */
export function privateKeyOf(name: string, fields: Uint8Array): PrivateKey {
  try {
    return strictly(() => {
      const kind = kindOf(name);
      if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', name);
      const reader = new WireReader(fields);
      const publicKey = parsePlainKey(plainBlob(kind, kind.readPrivate(reader)));
      reader.finish();
      return new PrivateKey(kind, publicKey, fields);
    });
  } catch (error) {
    fields.fill(0);
    throw error;
  }
}

/**
 * A new key: `type` is a type's name (`ssh-ed25519`, `ecdsa-sha2-nistp384`, `ssh-rsa`), RSA has 1024 to 16384 bits, by default
 * 3072; the others have only one size.
 *
 * @param racers how many RSA keys are looked for at once, of which the first is taken; the others' threads go on until they find theirs.
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN, SSH_ERR_KEY_LENGTH, SSH_ERR_FEATURE_UNSUPPORTED for a security key's type.
 */
export async function generatePrivateKey(type: string, bits?: number, racers = 1): Promise<PrivateKey> {
  const kind = keyKinds.find((one) => one.name === type);
  if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', type);
  if (kind.signing === undefined) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', `${type} needs hardware`);
  return privateKeyOf(type, await kind.signing.generate(bits, racers));
}
