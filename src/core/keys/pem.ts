import { createCipheriv, createDecipheriv, createHash, getCipherInfo } from 'node:crypto';
import { type Random, randomBytes, systemRandom } from '../crypto/random.ts';
import { concat, fromHex, hex, latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { decodePem, findPem, formatPem, type PemBlock } from './armor.ts';
import { curves, ecdsaFields, ecdsaSec1 } from './ecdsa.ts';
import { checkEncryptedPkcs8, decryptPkcs8, encryptPkcs8, formatPkcs8, parsePkcs8 } from './pkcs8.ts';
import { type PrivateKey, privateKeyOf } from './private-key.ts';
import { rsaFields, rsaPkcs1 } from './rsa.ts';

/** The private keys that PEM blocks hold, by their labels. */
const labels: ReadonlyMap<string, (der: Uint8Array) => PrivateKey> = new Map([
  ['RSA PRIVATE KEY', (der: Uint8Array) => privateKeyOf('ssh-rsa', rsaFields(der))],
  [
    'EC PRIVATE KEY',
    (der: Uint8Array) => {
      const { curve, fields } = ecdsaFields(der);
      return privateKeyOf(`ecdsa-sha2-${curve.name}`, fields);
    },
  ],
  ['PRIVATE KEY', parsePkcs8],
  [
    'DSA PRIVATE KEY',
    () => {
      throw new SshError('SSH_ERR_INVALID_FORMAT', 'PEM: a DSA key');
    },
  ],
]);

const ENCRYPTED_PKCS8 = 'ENCRYPTED PRIVATE KEY';

/** What the header of an encrypted block says (RFC 1421 section 4.6): the cipher by OpenSSL's name, and its IV, part of which is the salt. */
interface Encryption {
  readonly cipher: string;
  readonly keyLength: number;
  readonly iv: Uint8Array;
}

/** The longest key that {@link dekKey} derives. */
const LONGEST_KEY = 32;

/** Whether the PEM text's key needs a passphrase. */
export function isPemEncrypted(text: Uint8Array): boolean {
  const block = privateBlock(text);
  return block !== undefined && (block.label === ENCRYPTED_PKCS8 || block.header.length > 0);
}

/**
 * The private key in PEM text: PKCS#1, SEC1 (both also encrypted, by DEK-Info) or PKCS#8 (also by PBES2).
 *
 * @throws SshError SSH_ERR_LIBCRYPTO_ERROR where the text holds no such block, as OpenSSH says it; SSH_ERR_INVALID_FORMAT where the block
 *   holds no key that is known; SSH_ERR_KEY_UNKNOWN_CIPHER; and SSH_ERR_KEY_WRONG_PASSPHRASE where the passphrase is missing or wrong (or
 *   the file is damaged, which looks the same).
 */
export async function parsePem(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKey> {
  const block = privateBlock(text);
  if (block === undefined) throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'PEM: no block');
  const parse = labels.get(block.label) ?? parsePkcs8;
  const content = block.isWhole ? decodePem(block.body) : undefined;
  if (content === undefined || content.length === 0) throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'PEM: not base64');
  const isPkcs8 = block.label === ENCRYPTED_PKCS8;
  let encryption: Encryption | undefined;
  let der: Uint8Array | undefined;
  let encrypted = true;
  try {
    // what is wrong here is told whatever the passphrase is
    encryption = readEncryption(block.header);
    if (isPkcs8) checkEncryptedPkcs8(content);
    encrypted = isPkcs8 || encryption !== undefined;
    if (encrypted && (passphrase === undefined || passphrase.length === 0)) {
      throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'no passphrase');
    }
    const inner = encryption === undefined ? content : decrypt(encryption, content, passphrase as Uint8Array);
    der = isPkcs8 ? await decryptPkcs8(inner, passphrase as Uint8Array) : inner;
    return parse(der);
  } catch (error) {
    // one wrong passphrase in 256 leaves the padding right
    if (der === undefined || !encrypted || !(error instanceof SshError)) throw error;
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', error.detail, { cause: error });
  } finally {
    content.fill(0);
    der?.fill(0);
  }
}

/** How a private key is to be written as PEM. */
export interface PemOptions {
  /** Encrypts the key; empty or absent leaves it in the clear. The caller wipes it. */
  readonly passphrase?: Uint8Array;
  readonly random?: Random;
}

/**
 * A private key as PEM of its own form: PKCS#1 for RSA, SEC1 for ECDSA. The caller wipes it where it is not encrypted.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for others
 */
export function formatPemTraditional(key: PrivateKey, options: PemOptions = {}): Uint8Array {
  const { name } = key.publicKey;
  const curve = curves.find((one) => name === `ecdsa-sha2-${one.name}`);
  if (curve === undefined && name !== 'ssh-rsa') throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', `${name} in PEM`);
  const label = curve === undefined ? 'RSA PRIVATE KEY' : 'EC PRIVATE KEY';
  const der = curve === undefined ? rsaPkcs1(key.fields) : ecdsaSec1(curve, key.fields);
  try {
    const { passphrase, random = systemRandom } = options;
    if (passphrase === undefined || passphrase.length === 0) return formatPem(label, der);
    const iv = randomBytes(random, 16);
    const secret = dekKey(passphrase, iv, 16);
    const cipher = createCipheriv('aes-128-cbc', secret, iv);
    const encrypted = concat(cipher.update(der), cipher.final());
    secret.fill(0);
    return formatPem(label, encrypted, ['Proc-Type: 4,ENCRYPTED', `DEK-Info: AES-128-CBC,${hex(iv).toUpperCase()}`]);
  } finally {
    der.fill(0);
  }
}

/**
 * A private key as PEM of PKCS#8. The caller wipes it where it is not encrypted.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a kind that PKCS#8 does not have
 */
export async function formatPemPkcs8(key: PrivateKey, options: PemOptions = {}): Promise<Uint8Array> {
  const der = formatPkcs8(key);
  try {
    const { passphrase, random = systemRandom } = options;
    if (passphrase === undefined || passphrase.length === 0) return formatPem('PRIVATE KEY', der);
    return formatPem(ENCRYPTED_PKCS8, await encryptPkcs8(der, passphrase, random));
  } finally {
    der.fill(0);
  }
}

/** The first block of a private key; others, such as openssl's EC PARAMETERS, may stand before it. */
function privateBlock(text: Uint8Array): PemBlock | undefined {
  return findPem(text, (label) => labels.has(label) || label === ENCRYPTED_PKCS8);
}

/**
 * What a block's header says of its encryption, by the rules of OpenSSL; undefined where there is no header.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT, or SSH_ERR_LIBCRYPTO_ERROR where OpenSSL gives no reason, as OpenSSH tells of it
 */
function readEncryption(header: Uint8Array): Encryption | undefined {
  if (header.length === 0) return undefined;
  const begin = 'Proc-Type:';
  if (latin1Text(header.subarray(0, begin.length)) !== begin) throw invalid('Proc-Type');
  const text = latin1Text(header.subarray(begin.length));
  if (!/^[ \t]*4,/.test(text)) throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'PEM: version of Proc-Type');
  const [, name = '', rest = ''] = /^[ \t]*4,[ \t]*ENCRYPTED[ \t\r]*\nDEK-Info:[ \t]*([^ \t,]*)[ \t]*([^]*)$/.exec(text) ?? [];
  const info = name === '' ? undefined : getCipherInfo(name);
  if (info === undefined) throw invalid('DEK-Info');
  const { ivLength = 0, keyLength } = info;
  const iv = fromHex(/^,([0-9A-Fa-f]*)/.exec(rest)?.[1]?.slice(0, 2 * ivLength) ?? '');
  if (iv.length !== ivLength || rest.startsWith(',') !== ivLength > 0) throw invalid('IV of DEK-Info');
  return { cipher: name, keyLength, iv };
}

function decrypt({ cipher, keyLength, iv }: Encryption, content: Uint8Array, passphrase: Uint8Array): Uint8Array {
  if (keyLength > LONGEST_KEY) throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `PEM: ${cipher}`);
  const secret = dekKey(passphrase, iv, keyLength);
  try {
    const decipher = createDecipheriv(cipher, secret, iv);
    const first = decipher.update(content);
    try {
      return concat(first, decipher.final());
    } finally {
      first.fill(0);
    }
  } catch (error) {
    throw new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'PEM: padding', { cause: error });
  } finally {
    secret.fill(0);
  }
}

function invalid(what: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', `PEM: ${what}`);
}

/** OpenSSL's EVP_BytesToKey with MD5 and one round: the only derivation that DEK-Info has. */
function dekKey(passphrase: Uint8Array, iv: Uint8Array, length: number): Uint8Array {
  const salt = iv.subarray(0, 8);
  const first = createHash('md5').update(passphrase).update(salt).digest();
  const second = createHash('md5').update(first).update(passphrase).update(salt).digest();
  const both = Buffer.concat([first, second]);
  const secret = both.subarray(0, length);
  first.fill(0);
  second.fill(0);
  return secret;
}
