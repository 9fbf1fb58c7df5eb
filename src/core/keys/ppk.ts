import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { randomBytes, type Random, systemRandom } from '../crypto/random.ts';
import { concat, copyBytes, equalBytes, fromHex, hex, latin1Bytes, latin1Text, utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeBase64, encodeBase64 } from './armor.ts';
import { ed25519Fields, ed25519Seed } from './ed25519.ts';
import type { PrivateKeyFile } from './openssh-private.ts';
import { strictly } from './malformed.ts';
import { type PrivateKey, privateKeyOf } from './private-key.ts';
import { parsePublicKey } from './public-key.ts';

/*
 * PuTTY's private key files, versions 2 and 3 (PuTTY manual, appendix C).
 *
 * A MAC covers type, cipher, comment, public and private part, so that no part can be exchanged.
 */

const START = 'PuTTY-User-Key-File-';
const CIPHER = 'aes256-cbc';
const LINE = 64;

/** The most lines of one part: several times what a key of 16384 bits takes. */
const MOST_LINES = 1024;

/** What a file may ask of Argon2: KiB of memory, and KiB times passes, which is what takes the time. */
const MOST_MEMORY = 1 << 20;
const MOST_WORK = 1 << 22;

/** Argon2's variants by their names in a file. */
const argon2Names = ['Argon2id', 'Argon2i', 'Argon2d'] as const;

/** How a passphrase becomes keys in version 3. */
interface Argon2 {
  readonly name: (typeof argon2Names)[number];
  /** In KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
}

/** PuTTYgen's own parameters. */
const defaultArgon2 = { name: 'Argon2id', memory: 8192, passes: 8, parallelism: 1 } as const;

interface Ppk {
  readonly version: 2 | 3;
  readonly algorithm: string;
  readonly encrypted: boolean;
  readonly comment: Uint8Array;
  readonly publicBlob: Uint8Array;
  readonly argon2?: Argon2;
  /** The private part, encrypted or not; its reader wipes it. */
  readonly privateBlob: Uint8Array;
  readonly mac: Uint8Array;
}

/** Whether the text begins as PuTTY's private key files do. */
export function isPpk(text: Uint8Array): boolean {
  return latin1Text(text.subarray(0, START.length)) === START;
}

/** Whether the file's key needs a passphrase. @throws SshError SSH_ERR_INVALID_FORMAT */
export function isPpkEncrypted(text: Uint8Array): boolean {
  const ppk = readPpk(text);
  ppk.privateBlob.fill(0);
  return ppk.encrypted;
}

/**
 * The private key in PuTTY's file of version 2 or 3. Of a certificate in it only the key is taken.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT; SSH_ERR_KEY_TYPE_UNKNOWN; SSH_ERR_KEY_UNKNOWN_CIPHER; SSH_ERR_KEY_WRONG_PASSPHRASE where the
 *   passphrase is missing or wrong (or the file is damaged, which looks the same).
 */
export async function parsePpk(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKeyFile> {
  const ppk = readPpk(text);
  const { encrypted, privateBlob } = ppk;
  let secrets: Uint8Array | undefined;
  let plain: Uint8Array | undefined;
  try {
    if (encrypted && (passphrase === undefined || passphrase.length === 0)) {
      throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'no passphrase');
    }
    secrets = await derive(ppk.version, encrypted ? passphrase : undefined, ppk.argon2);
    plain = encrypted ? decrypt(secrets, privateBlob) : copyBytes(privateBlob);
    if (!equalBytes(macOf(ppk, secrets, plain), ppk.mac)) {
      throw new SshError(encrypted ? 'SSH_ERR_KEY_WRONG_PASSPHRASE' : 'SSH_ERR_INVALID_FORMAT', 'PPK: MAC');
    }
    return { key: keyOf(ppk.publicBlob, plain), comment: utf8Text(ppk.comment) };
  } finally {
    privateBlob.fill(0);
    secrets?.fill(0);
    plain?.fill(0);
  }
}

/** How a private key is to be written. */
export interface PpkOptions {
  readonly comment?: string;
  readonly version?: 2 | 3;
  /** Encrypts the key; empty or absent leaves it in the clear. The caller wipes it. */
  readonly passphrase?: Uint8Array;
  readonly random?: Random;
}

/**
 * A private key as PuTTY's file, each line ended by LF; the caller wipes it where it is not encrypted.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a security key
 */
export async function formatPpk(key: PrivateKey, options: PpkOptions = {}): Promise<Uint8Array> {
  const { version = 3, passphrase, random = systemRandom } = options;
  const encrypted = passphrase !== undefined && passphrase.length > 0;
  const comment = utf8Bytes((options.comment ?? '').replaceAll(/[\r\n]/g, ' '));
  const argon2 = encrypted && version === 3 ? { ...defaultArgon2, salt: randomBytes(random, 16) } : undefined;
  const secrets = await derive(version, encrypted ? passphrase : undefined, argon2);
  const plain = pad(privatePart(key), encrypted ? 16 : 1);
  const { name: algorithm, blob: publicBlob } = key.publicKey;
  const privateBlob = encrypted ? encrypt(secrets, plain) : plain;
  const ppk: Ppk = { version, algorithm, encrypted, comment, publicBlob, privateBlob, mac: new Uint8Array(0) };
  const mac = macOf(ppk, secrets, plain);
  const publicLines = encodeBase64(publicBlob, LINE);
  const privateLines = encodeBase64(privateBlob, LINE);
  const head = [`${START}${version}: ${algorithm}`, `Encryption: ${encrypted ? CIPHER : 'none'}`, 'Comment: '].join('\n');
  const text = concat(
    utf8Bytes(head),
    comment,
    utf8Bytes(`\nPublic-Lines: ${lineCount(publicLines)}\n`),
    publicLines,
    utf8Bytes(argon2 === undefined ? '' : argon2Lines(argon2)),
    utf8Bytes(`Private-Lines: ${lineCount(privateLines)}\n`),
    privateLines,
    utf8Bytes(`Private-MAC: ${hex(mac)}\n`),
  );
  for (const secret of [secrets, plain, privateLines]) secret.fill(0);
  return text;
}

/** Goes through the file's lines in their order. */
function readPpk(text: Uint8Array): Ppk {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  let at = 0;
  const line = (): Uint8Array => {
    const newline = buffer.indexOf('\n', at);
    const end = newline < 0 ? buffer.length : newline;
    const bytes = buffer.subarray(at, end > at && buffer[end - 1] === 0x0d ? end - 1 : end);
    at = newline < 0 ? end : newline + 1;
    return bytes;
  };
  const header = (name: string): Uint8Array => {
    const bytes = line();
    if (latin1Text(bytes.subarray(0, name.length + 2)) !== `${name}: `) throw invalid(`${name} expected`);
    return bytes.subarray(name.length + 2);
  };
  const textOf = (name: string): string => latin1Text(header(name));
  const number = (name: string, most: number): number => {
    const digits = textOf(name);
    if (!/^\d{1,9}$/.test(digits) || Number(digits) < 1 || Number(digits) > most) throw invalid(name);
    return Number(digits);
  };
  const block = (name: string): Uint8Array => {
    const count = number(name, MOST_LINES);
    const start = at;
    for (let i = 0; i < count; i++) line();
    const bytes = decodeBase64(buffer.subarray(start, at));
    if (bytes === undefined) throw invalid(`${name}: not base64`);
    return bytes;
  };
  const [, versionText, algorithm] = /^PuTTY-User-Key-File-([0-9]): ([!-~]+)$/.exec(latin1Text(line())) ?? [];
  const version = versionText === '2' ? 2 : versionText === '3' ? 3 : undefined;
  if (version === undefined || algorithm === undefined) throw invalid('version');
  const cipher = textOf('Encryption');
  if (cipher !== 'none' && cipher !== CIPHER) throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `PPK: ${cipher}`);
  const encrypted = cipher !== 'none';
  const comment = header('Comment');
  const publicBlob = block('Public-Lines');
  let argon2: Argon2 | undefined;
  if (encrypted && version === 3) {
    const named = textOf('Key-Derivation');
    const name = argon2Names.find((one) => one === named);
    if (name === undefined) throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `PPK: ${named}`);
    const memory = number('Argon2-Memory', MOST_MEMORY);
    const passes = number('Argon2-Passes', Math.floor(MOST_WORK / memory));
    const parallelism = number('Argon2-Parallelism', Math.min(64, memory >> 3));
    argon2 = { name, memory, passes, parallelism, salt: fromHex(textOf('Argon2-Salt')) };
    if (argon2.salt.length < 8 || argon2.salt.length > 1024) throw invalid('Argon2-Salt');
  }
  const privateBlob = block('Private-Lines');
  const mac = fromHex(textOf('Private-MAC'));
  return { version, algorithm, encrypted, comment, publicBlob, privateBlob, mac, ...(argon2 && { argon2 }) };
}

/** Cipher key (32 bytes), IV (16 bytes) and MAC key, one after another; without a passphrase the first two are not used. */
async function derive(version: 2 | 3, passphrase: Uint8Array | undefined, argon2: Argon2 | undefined): Promise<Uint8Array> {
  if (version === 3) {
    if (passphrase === undefined || argon2 === undefined) return new Uint8Array(48);
    const { argon2id, argon2i, argon2d } = await import('@noble/hashes/argon2.js');
    const hash = { Argon2id: argon2id, Argon2i: argon2i, Argon2d: argon2d }[argon2.name];
    const { memory: m, passes: t, parallelism: p, salt } = argon2;
    return hash(passphrase, salt, { m, t, p, dkLen: 80, version: 0x13, maxmem: 2 * MOST_MEMORY * 1024 });
  }
  const secret = passphrase ?? new Uint8Array(0);
  const sha1 = (...parts: readonly Uint8Array[]): Uint8Array => {
    const hash = createHash('sha1');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const first = sha1(Uint8Array.of(0, 0, 0, 0), secret);
  const second = sha1(Uint8Array.of(0, 0, 0, 1), secret);
  const macKey = sha1(utf8Bytes('putty-private-key-file-mac-key'), secret);
  const secrets = concat(first, second.subarray(0, 12), new Uint8Array(16), macKey);
  for (const part of [first, second, macKey]) part.fill(0);
  return secrets;
}

function macOf(ppk: Ppk, secrets: Uint8Array, plain: Uint8Array): Uint8Array {
  const { version, algorithm, encrypted, comment, publicBlob } = ppk;
  const writer = new WireWriter(plain.length + publicBlob.length + 256);
  writer
    .string(latin1Bytes(algorithm))
    .string(utf8Bytes(encrypted ? CIPHER : 'none'))
    .string(comment)
    .string(publicBlob)
    .string(plain);
  const data = writer.take();
  const mac = createHmac(version === 3 ? 'sha256' : 'sha1', secrets.subarray(48))
    .update(data)
    .digest();
  data.fill(0);
  return mac;
}

function decrypt(secrets: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (bytes.length % 16 !== 0) throw invalid('length of the private part');
  const decipher = createDecipheriv('aes-256-cbc', secrets.subarray(0, 32), secrets.subarray(32, 48));
  decipher.setAutoPadding(false);
  return decipher.update(bytes);
}

function encrypt(secrets: Uint8Array, bytes: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-cbc', secrets.subarray(0, 32), secrets.subarray(32, 48));
  cipher.setAutoPadding(false);
  return cipher.update(bytes);
}

/** The key of a public and a private part. */
function keyOf(publicBlob: Uint8Array, plain: Uint8Array): PrivateKey {
  return strictly(() => {
    const publicKey = parsePublicKey(publicBlob).plain;
    const reader = new WireReader(publicKey.blob);
    const secret = new WireReader(plain);
    reader.string();
    const writer = new WireWriter(plain.length + publicBlob.length + 64);
    if (publicKey.name === 'ssh-rsa') {
      const e = mpint.read(reader);
      const n = mpint.read(reader);
      const [d, p, q, iqmp] = Array.from({ length: 4 }, () => mpint.read(secret));
      for (const value of [n, e, d, iqmp, p, q]) mpint.write(writer, value as Uint8Array);
    } else if (publicKey.name === 'ssh-ed25519') {
      const seed = secret.string();
      if (seed.length !== 32) throw invalid('length of the private key');
      const fields = ed25519Fields(seed);
      if (!equalBytes(fields.subarray(0, 36), reader.rest())) throw invalid('public and private part are of two keys');
      return privateKeyOf(publicKey.name, fields);
    } else if (publicKey.name.startsWith('ecdsa-')) {
      writer.raw(reader.rest());
      mpint.write(writer, mpint.read(secret));
    } else {
      throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', publicKey.name);
    }
    return privateKeyOf(publicKey.name, writer.take());
  });
}

/** The private part in an array that the caller wipes. */
function privatePart(key: PrivateKey): Uint8Array {
  const { name } = key.publicKey;
  const reader = new WireReader(key.fields);
  const writer = new WireWriter(key.fields.length + 16);
  if (name === 'ssh-rsa') {
    const [, , d, iqmp, p, q] = Array.from({ length: 6 }, () => mpint.read(reader));
    for (const value of [d, p, q, iqmp]) mpint.write(writer, value as Uint8Array);
  } else if (name === 'ssh-ed25519') {
    writer.string(ed25519Seed(key.fields));
  } else if (name.startsWith('ecdsa-')) {
    reader.string();
    reader.string();
    mpint.write(writer, mpint.read(reader));
  } else {
    throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', `${name} in PPK`);
  }
  return writer.take();
}

/** The bytes made up to whole blocks, as PuTTY does it: with the beginning of their SHA-1. Takes over the bytes. */
function pad(bytes: Uint8Array, block: number): Uint8Array {
  const missing = (block - (bytes.length % block)) % block;
  const padded = concat(bytes, createHash('sha1').update(bytes).digest().subarray(0, missing));
  bytes.fill(0);
  return padded;
}

function argon2Lines({ name, memory, passes, parallelism, salt }: Argon2): string {
  const lines = [`Key-Derivation: ${name}`, `Argon2-Memory: ${memory}`, `Argon2-Passes: ${passes}`];
  return [...lines, `Argon2-Parallelism: ${parallelism}`, `Argon2-Salt: ${hex(salt)}`, ''].join('\n');
}

function lineCount(lines: Uint8Array): number {
  return lines.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
}

function invalid(what: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', `PPK: ${what}`);
}
