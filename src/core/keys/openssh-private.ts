import { equalBytes, latin1Text, utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { type Random, randomBytes, systemRandom } from '../crypto/random.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeBase64, formatPem } from './armor.ts';
import type { PublicKey } from './key.ts';
import { type KeyFileCipher, keyFileCiphers } from './key-file-ciphers.ts';
import { readName, wireError } from './malformed.ts';
import { type PrivateKey, readPrivateKey } from './private-key.ts';
import { parsePublicKey } from './public-key.ts';

/*
 * openssh-key-v1 (OpenSSH's PROTOCOL.key): cipher and key derivation by name, the public key in the clear, and then the private key with
 * two equal random numbers before it, which show whether the passphrase was right, and the padding 1, 2, 3, ... behind it.
 */

const LABEL = 'OPENSSH PRIVATE KEY';
const BEGIN = `-----BEGIN ${LABEL}-----\n`;
const END = `-----END ${LABEL}-----\n`;
const MAGIC = 'openssh-key-v1\0';
const LINE = 70;
const SALT_LENGTH = 16;

/** The most rounds of bcrypt_pbkdf, as OpenSSH has them: 10,000 are minutes of work. */
const MOST_ROUNDS = 0x7fffffff;

/** The rounds of bcrypt_pbkdf for new files, as OpenSSH 10. */
export const DEFAULT_ROUNDS = 24;

/** A private key and the comment in its file. */
export interface PrivateKeyFile {
  readonly key: PrivateKey;
  readonly comment: string;
}

/** What a file tells without its passphrase. */
export interface OpensshEnvelope {
  readonly cipher: string;
  readonly kdf: string;
  /** The rounds of the key derivation; 0 where there is none. */
  readonly rounds: number;
  readonly publicKey: PublicKey;
}

/** Whether the text is, by its first line, of OpenSSH's format. */
export function isOpensshPrivate(text: Uint8Array): boolean {
  return latin1Text(text.subarray(0, BEGIN.length)) === BEGIN;
}

/**
 * What a key file in OpenSSH's format tells without its passphrase.
 *
 * @throws SshError as {@link parseOpensshPrivate}
 */
export function readOpensshEnvelope(text: Uint8Array): OpensshEnvelope {
  const file = dearmor(text);
  try {
    const envelope = readEnvelope(file);
    const { cipher, kdf, publicKey } = envelope;
    return { cipher: cipher.name, kdf, rounds: readKdf(envelope).rounds, publicKey };
  } finally {
    file.fill(0);
  }
}

/**
 * The private key in a key file of OpenSSH's format. No secret stays behind but the key's own.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT where it is malformed, SSH_ERR_MESSAGE_INCOMPLETE and other errors of the wire's types where a
 *   field of it is cut short, SSH_ERR_KEY_UNKNOWN_CIPHER, and SSH_ERR_KEY_WRONG_PASSPHRASE where the passphrase is missing or wrong (or the file is damaged, which looks the same).
 */
export async function parseOpensshPrivate(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKeyFile> {
  const file = dearmor(text);
  let body: Uint8Array | undefined;
  try {
    const envelope = readEnvelope(file);
    body = await decrypt(envelope, passphrase);
    return readBody(body, envelope);
  } finally {
    file.fill(0);
    body?.fill(0);
  }
}

/** How a private key is to be written. */
export interface OpensshPrivateOptions {
  readonly comment?: string;
  /** Encrypts the key; empty or absent leaves it in the clear. The caller wipes it. */
  readonly passphrase?: Uint8Array;
  /** A name of {@link keyFileCiphers}. */
  readonly cipher?: string;
  readonly rounds?: number;
  readonly random?: Random;
}

/**
 * A private key as a file of OpenSSH's format, in an array that the caller owns and, where it is not encrypted, wipes.
 *
 * @throws SshError SSH_ERR_KEY_UNKNOWN_CIPHER, SSH_ERR_INVALID_ARGUMENT for rounds out of range.
 */
export async function formatOpensshPrivate(key: PrivateKey, options: OpensshPrivateOptions = {}): Promise<Uint8Array> {
  const { comment = '', passphrase, rounds = DEFAULT_ROUNDS, random = systemRandom } = options;
  const encrypted = passphrase !== undefined && passphrase.length > 0;
  const cipher = cipherNamed(encrypted ? (options.cipher ?? 'aes256-ctr') : 'none');
  if (!(rounds >= 1 && rounds <= MOST_ROUNDS)) throw new SshError('SSH_ERR_INVALID_ARGUMENT', `${rounds} rounds`);
  const salt = encrypted ? randomBytes(random, SALT_LENGTH) : new Uint8Array(0);
  const body = formatBody(key, comment, cipher, random);
  const secrets = encrypted ? await derive(cipher, passphrase, salt, rounds) : new Uint8Array(0);
  try {
    const sealed = await cipher.seal(secrets, body);
    const bodyLength = sealed.length - cipher.tagLength;
    const kdf = new WireWriter();
    if (encrypted) kdf.string(salt).uint32(rounds);
    const writer = new WireWriter(sealed.length + 1024);
    writer
      .raw(utf8Bytes(MAGIC))
      .string(utf8Bytes(cipher.name))
      .string(utf8Bytes(encrypted ? 'bcrypt' : 'none'));
    writer.string(kdf.bytes()).uint32(1).string(key.publicKey.blob);
    // the tag stands behind the string, not in it
    writer.string(sealed.subarray(0, bodyLength)).raw(sealed.subarray(bodyLength));
    sealed.fill(0);
    const file = writer.take();
    const text = formatPem(LABEL, file, [], LINE);
    file.fill(0);
    return text;
  } finally {
    body.fill(0);
    secrets.fill(0);
  }
}

interface Envelope {
  readonly cipher: KeyFileCipher;
  readonly kdf: string;
  readonly kdfOptions: WireReader;
  readonly publicKey: PublicKey;
  /** The length that the private part says to have. */
  readonly length: number;
  /** The private part and what stands behind it. */
  readonly rest: Uint8Array;
}

/** The bytes inside the armour, which the caller wipes. Only LF ends a line of the armour itself, and the last line has one too. */
function dearmor(text: Uint8Array): Uint8Array {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  const end = isOpensshPrivate(text) ? buffer.indexOf(`\n${END}`, BEGIN.length - 1) : -1;
  if (end < 0) throw invalid('no BEGIN or no END line');
  const file = decodeBase64(buffer.subarray(BEGIN.length, end));
  if (file === undefined) throw invalid('not base64');
  return file;
}

/** Reads what stands before the private part; what is cut short is told as such, as OpenSSH does. */
function readEnvelope(file: Uint8Array): Envelope {
  const reader = new WireReader(file);
  if (reader.remaining < MAGIC.length || latin1Text(reader.take(MAGIC.length)) !== MAGIC) throw invalid('magic');
  const cipherName = readName(reader);
  const kdf = readName(reader);
  const kdfOptions = new WireReader(reader.string());
  if (reader.uint32() !== 1) throw invalid('not just one key');
  const publicKey = parsePublicKey(reader.string());
  const length = reader.uint32();
  const cipher = cipherNamed(cipherName);
  if (kdf !== 'none' && kdf !== 'bcrypt') throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `key derivation ${kdf}`);
  if ((kdf === 'none') !== (cipher.name === 'none')) throw invalid('cipher without key derivation or the reverse');
  return { cipher, kdf, kdfOptions, publicKey, length, rest: reader.rest() };
}

/** The salt and the rounds of the key derivation; nothing and 0 where there is none. */
function readKdf({ kdf, kdfOptions }: Envelope): {
  readonly salt: Uint8Array;
  readonly rounds: number;
} {
  if (kdf === 'none') return { salt: new Uint8Array(0), rounds: 0 };
  const options = new WireReader(kdfOptions.bytes);
  const salt = options.string();
  const rounds = options.uint32();
  if (rounds < 1 || rounds > MOST_ROUNDS || salt.length === 0) throw invalid('bcrypt salt or rounds');
  return { salt, rounds };
}

/** The private part in the clear; that a passphrase is missing is told before what else is wrong. */
async function decrypt(envelope: Envelope, passphrase: Uint8Array | undefined): Promise<Uint8Array> {
  const { cipher, kdf, length, rest } = envelope;
  const isEncrypted = kdf !== 'none';
  if (isEncrypted && (passphrase === undefined || passphrase.length === 0)) {
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'no passphrase');
  }
  if (length < cipher.blockSize || length % cipher.blockSize !== 0) throw invalid('length of the private part');
  const { salt, rounds } = readKdf(envelope);
  if (rest.length !== length + cipher.tagLength) throw invalid('length of the file');
  const body = rest.subarray(0, length);
  if (!isEncrypted) return body;
  const secrets = await derive(cipher, passphrase as Uint8Array, salt, rounds);
  try {
    return await cipher.open(secrets, body, rest.subarray(length));
  } finally {
    secrets.fill(0);
  }
}

async function derive(cipher: KeyFileCipher, passphrase: Uint8Array, salt: Uint8Array, rounds: number): Promise<Uint8Array> {
  const { bcryptPbkdf } = await import('../crypto/bcrypt-pbkdf.ts');
  return bcryptPbkdf(passphrase, salt, rounds, cipher.keyLength + cipher.ivLength);
}

function readBody(body: Uint8Array, envelope: Envelope): PrivateKeyFile {
  const reader = new WireReader(body);
  if (body.length < 8 || reader.uint32() !== reader.uint32()) {
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'check numbers differ');
  }
  const key = privateKeyIn(reader);
  try {
    const comment = utf8Text(reader.string());
    for (let expected = 1; reader.remaining > 0; expected++) {
      if (reader.byte() !== (expected & 0xff)) throw invalid('padding');
    }
    if (!equalBytes(key.publicKey.blob, envelope.publicKey.plain.blob)) throw invalid('public and private part are of two keys');
    return { key, comment };
  } catch (error) {
    key.wipe();
    throw error;
  }
}

function privateKeyIn(reader: WireReader): PrivateKey {
  try {
    return readPrivateKey(reader);
  } catch (error) {
    throw wireError(error);
  }
}

function formatBody(key: PrivateKey, comment: string, cipher: KeyFileCipher, random: Random): Uint8Array {
  const check = randomBytes(random, 4);
  const { fields, publicKey } = key;
  const writer = new WireWriter(fields.length + comment.length * 3 + 128);
  writer.raw(check).raw(check).string(utf8Bytes(publicKey.name)).raw(fields).string(utf8Bytes(comment));
  const written = writer.take();
  const padded = new Uint8Array(Math.ceil(written.length / cipher.blockSize) * cipher.blockSize);
  padded.set(written);
  for (let i = written.length; i < padded.length; i++) padded[i] = i - written.length + 1;
  written.fill(0);
  return padded;
}

function cipherNamed(name: string): KeyFileCipher {
  const cipher = keyFileCiphers.find((one) => one.name === name);
  if (cipher === undefined) throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', name);
  return cipher;
}

function invalid(what: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', `openssh-key-v1: ${what}`);
}
