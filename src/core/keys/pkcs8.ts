import { createCipheriv, createDecipheriv, createPrivateKey, pbkdf2, scrypt } from 'node:crypto';
import { type Random, randomBytes } from '../crypto/random.ts';
import { bigintOf, concat, copyBytes, equalBytes, fromHex } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { DerReader, DerWriter, tags } from './asn1.ts';
import { curveOf, curves, ecdsaFields, ecdsaSec1 } from './ecdsa.ts';
import { ed25519Fields, ed25519Seed } from './ed25519.ts';
import { type PrivateKey, privateKeyOf } from './private-key.ts';
import { rsaFields, rsaPkcs1 } from './rsa.ts';

/*
 * PKCS#8 (RFC 5958) for the kinds that it has, in the clear and encrypted by PBES2 (RFC 8018); also by PKCS#12's triple DES with SHA-1
 * (RFC 7292, appendix C), which older programs write, to be read.
 */

/** The object identifiers of key types, as the content of their DER elements. */
export const keyOids = {
  rsa: fromHex('2a864886f70d010101'),
  ec: fromHex('2a8648ce3d0201'),
  ed25519: fromHex('2b6570'),
} as const;

/** The others' identifiers. */
const oids = {
  pbes2: fromHex('2a864886f70d01050d'),
  pbkdf2: fromHex('2a864886f70d01050c'),
  pkcs12TripleDes: fromHex('2a864886f70d010c0103'),
  scrypt: fromHex('2b06010401da47040b'),
  hmacSha256: fromHex('2a864886f70d0209'),
  aes128: fromHex('608648016503040102'),
} as const;

/** The digests that PBKDF2 may use; SHA-1 is the one that is meant where none is named. */
const prfs: readonly { readonly oid: Uint8Array; readonly digest: string }[] = [
  { oid: fromHex('2a864886f70d0207'), digest: 'sha1' },
  { oid: fromHex('2a864886f70d0208'), digest: 'sha224' },
  { oid: oids.hmacSha256, digest: 'sha256' },
  { oid: fromHex('2a864886f70d020a'), digest: 'sha384' },
  { oid: fromHex('2a864886f70d020b'), digest: 'sha512' },
];

/** The ciphers of encrypted keys. */
const ciphers: readonly { readonly oid: Uint8Array; readonly name: string; readonly keyLength: number }[] = [
  { oid: oids.aes128, name: 'aes-128-cbc', keyLength: 16 },
  { oid: fromHex('608648016503040116'), name: 'aes-192-cbc', keyLength: 24 },
  { oid: fromHex('60864801650304012a'), name: 'aes-256-cbc', keyLength: 32 },
  { oid: fromHex('2a864886f70d0307'), name: 'des-ede3-cbc', keyLength: 24 },
];

/** What a file may ask of us: several seconds of work, and 1 GiB for scrypt, as many as OpenSSL's own limits let pass. */
const MOST_ITERATIONS = 10_000_000;
const MOST_SCRYPT_MEMORY = 1 << 30;

/** The iterations of PBKDF2 for new files: a tenth of a second. */
const ITERATIONS = 100_000;

/**
 * The private key in a PrivateKeyInfo.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT, also for types and curves that are not known, and what a malformed key throws.
 */
export function parsePkcs8(der: Uint8Array): PrivateKey {
  const reader = new DerReader(der).within(tags.sequence);
  reader.integer();
  const algorithm = reader.within(tags.sequence);
  const oid = algorithm.element(tags.oid);
  const octets = reader.element(tags.octetString);
  if (equalBytes(oid, keyOids.rsa)) return privateKeyOf('ssh-rsa', rsaFields(octets));
  if (equalBytes(oid, keyOids.ec)) {
    const { curve, fields } = ecdsaFields(octets, curveOf(algorithm.element(tags.oid)));
    return privateKeyOf(`ecdsa-sha2-${curve.name}`, fields);
  }
  if (equalBytes(oid, keyOids.ed25519)) {
    const seed = new DerReader(octets).element(tags.octetString);
    if (seed.length !== 32) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PKCS#8: length of an Ed25519 key');
    return privateKeyOf('ssh-ed25519', ed25519Fields(seed));
  }
  throw new SshError('SSH_ERR_INVALID_FORMAT', 'PKCS#8: key type');
}

/**
 * A private key as PrivateKeyInfo, in an array that the caller owns and wipes.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a kind that PKCS#8 does not have
 */
export function formatPkcs8(key: PrivateKey): Uint8Array {
  const { name } = key.publicKey;
  const curve = curves.find((one) => name === `ecdsa-sha2-${one.name}`);
  let content: Uint8Array;
  if (curve !== undefined) content = ecdsaSec1(curve, key.fields, false);
  else if (name === 'ssh-rsa') content = rsaPkcs1(key.fields);
  else if (name === 'ssh-ed25519') content = new DerWriter(34).element(tags.octetString, ed25519Seed(key.fields)).bytes();
  else throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', `${name} in PKCS#8`);
  const writer = new DerWriter(content.length + 64);
  writer.element(tags.octetString, content);
  const mark = writer.length;
  if (curve !== undefined) writer.element(tags.oid, curve.oid).element(tags.oid, keyOids.ec);
  else if (name === 'ssh-rsa') writer.element(tags.null).element(tags.oid, keyOids.rsa);
  else writer.element(tags.oid, keyOids.ed25519);
  const der = copyBytes(writer.wrap(tags.sequence, mark).integer(new Uint8Array(0)).wrap(tags.sequence, 0).bytes());
  writer.wipe();
  content.fill(0);
  return der;
}

/** Checks that this looks like an EncryptedPrivateKeyInfo, behind which more may stand. @throws SshError SSH_ERR_INVALID_FORMAT */
export function checkEncryptedPkcs8(der: Uint8Array): void {
  const reader = new DerReader(der).within(tags.sequence);
  reader.within(tags.sequence).element(tags.oid);
  reader.element(tags.octetString);
  reader.finish();
}

/**
 * The PrivateKeyInfo in an EncryptedPrivateKeyInfo, behind which more may stand, in an array that the caller owns and wipes.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT; SSH_ERR_KEY_UNKNOWN_CIPHER for all but PBES2 with a known cipher and derivation, and
 *   PKCS#12's triple DES;
 *   SSH_ERR_KEY_WRONG_PASSPHRASE, which is also what a damaged file looks like.
 */
export async function decryptPkcs8(der: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const reader = new DerReader(der).within(tags.sequence);
  const algorithm = reader.within(tags.sequence);
  const encrypted = reader.element(tags.octetString);
  const scheme = algorithm.element(tags.oid);
  if (equalBytes(scheme, oids.pkcs12TripleDes)) return decryptPkcs12(der, algorithm, passphrase);
  if (!equalBytes(scheme, oids.pbes2)) throw unknownCipher('scheme');
  const parameters = algorithm.within(tags.sequence);
  const derivation = parameters.within(tags.sequence);
  const encryption = parameters.within(tags.sequence);
  const cipherOid = encryption.element(tags.oid);
  const cipher = ciphers.find((one) => equalBytes(one.oid, cipherOid));
  if (cipher === undefined) throw unknownCipher('cipher');
  const iv = encryption.element(tags.octetString);
  const secret = await derive(derivation, passphrase, cipher.keyLength);
  try {
    const decipher = createDecipheriv(cipher.name, secret, iv);
    const first = decipher.update(encrypted);
    try {
      return concat(first, decipher.final());
    } finally {
      first.fill(0);
    }
  } catch (error) {
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'PKCS#8: padding', { cause: error });
  } finally {
    secret.fill(0);
  }
}

/** What PKCS#12's scheme holds, which libcrypto opens: the same key, if not byte for byte. */
function decryptPkcs12(der: Uint8Array, algorithm: DerReader, passphrase: Uint8Array): Uint8Array {
  const parameters = algorithm.within(tags.sequence);
  parameters.element(tags.octetString);
  small(parameters.integer(), MOST_ITERATIONS);
  try {
    const { buffer, byteOffset, byteLength } = passphrase;
    const secret = Buffer.from(buffer, byteOffset, byteLength);
    const opened = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8', passphrase: secret });
    return opened.export({ type: 'pkcs8', format: 'der' });
  } catch (error) {
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'PKCS#8: PKCS#12 encryption', { cause: error });
  }
}

/** A PrivateKeyInfo as an EncryptedPrivateKeyInfo by AES-128 and PBKDF2 with HMAC-SHA-256, the same ciphers as OpenSSL's default. */
export async function encryptPkcs8(der: Uint8Array, passphrase: Uint8Array, random: Random): Promise<Uint8Array> {
  const salt = randomBytes(random, 16);
  const iv = randomBytes(random, 16);
  const secret = await pbkdf2Async(passphrase, salt, ITERATIONS, 16, 'sha256');
  const cipher = createCipheriv('aes-128-cbc', secret, iv);
  const encrypted = concat(cipher.update(der), cipher.final());
  secret.fill(0);
  const writer = new DerWriter(encrypted.length + 200);
  writer.element(tags.octetString, encrypted);
  const algorithm = writer.length;
  writer.element(tags.octetString, iv).element(tags.oid, oids.aes128).wrap(tags.sequence, algorithm);
  const derivation = writer.length;
  writer.element(tags.null).element(tags.oid, oids.hmacSha256).wrap(tags.sequence, derivation);
  writer.integer(Uint8Array.of(ITERATIONS >> 16, ITERATIONS >> 8, ITERATIONS)).element(tags.octetString, salt);
  writer.wrap(tags.sequence, derivation).element(tags.oid, oids.pbkdf2).wrap(tags.sequence, derivation);
  writer.wrap(tags.sequence, algorithm).element(tags.oid, oids.pbes2).wrap(tags.sequence, algorithm);
  return copyBytes(writer.wrap(tags.sequence, 0).bytes());
}

async function derive(derivation: DerReader, passphrase: Uint8Array, length: number): Promise<Uint8Array> {
  const oid = derivation.element(tags.oid);
  const parameters = derivation.within(tags.sequence);
  const salt = parameters.element(tags.octetString);
  if (equalBytes(oid, oids.pbkdf2)) {
    const iterations = small(parameters.integer(), MOST_ITERATIONS);
    if (parameters.next(tags.integer)) parameters.integer();
    let digest: string | undefined = 'sha1';
    if (parameters.next(tags.sequence)) {
      const prf = parameters.within(tags.sequence).element(tags.oid);
      digest = prfs.find((one) => equalBytes(one.oid, prf))?.digest;
    }
    if (digest === undefined) throw unknownCipher('digest');
    return pbkdf2Async(passphrase, salt, iterations, length, digest);
  }
  if (equalBytes(oid, oids.scrypt)) {
    const [N, r, p] = Array.from({ length: 3 }, () => small(parameters.integer(), MOST_SCRYPT_MEMORY)) as [number, number, number];
    if (N * r * p * 128 > MOST_SCRYPT_MEMORY) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PKCS#8: scrypt');
    return new Promise((resolve, reject) => {
      scrypt(passphrase, salt, length, { N, r, p, maxmem: 2 * MOST_SCRYPT_MEMORY }, (error, secret) => {
        if (error) reject(new SshError('SSH_ERR_INVALID_FORMAT', 'PKCS#8: scrypt', { cause: error }));
        else resolve(secret);
      });
    });
  }
  throw unknownCipher('key derivation');
}

function pbkdf2Async(passphrase: Uint8Array, salt: Uint8Array, iterations: number, length: number, digest: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    pbkdf2(passphrase, salt, iterations, length, digest, (error, secret) => {
      if (error) reject(new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'PBKDF2', { cause: error }));
      else resolve(secret);
    });
  });
}

function small(bytes: Uint8Array, most: number): number {
  const value = bytes.length > 8 ? 0 : Number(bigintOf(bytes));
  if (value < 1 || value > most) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PKCS#8: rounds');
  return value;
}

function unknownCipher(what: string): SshError {
  return new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `PKCS#8: ${what}`);
}
