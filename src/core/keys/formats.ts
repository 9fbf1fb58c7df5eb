import { latin1Text, utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { Random } from '../crypto/random.ts';
import { findPem } from './armor.ts';
import type { PublicKey } from './key.ts';
import type { PrivateKeyFile } from './openssh-private.ts';
import type { PrivateKey } from './private-key.ts';
import { formatPublicKeyLine, parsePublicKeyLine, type PublicKeyLine } from './public-key.ts';

/** How a private key is to be written; a format takes what it has a place for. */
export interface PrivateFormatOptions {
  readonly comment?: string;
  /** Encrypts the key; empty or absent leaves it in the clear. The caller wipes it. */
  readonly passphrase?: Uint8Array;
  /** A cipher of OpenSSH's format. */
  readonly cipher?: string;
  /** Rounds of OpenSSH's key derivation. */
  readonly rounds?: number;
  readonly random?: Random;
}

/** One format of private key files. What it needs is loaded when it is used. */
export interface PrivateFormat {
  readonly name: string;
  /** Whether a file is of this format, by how it begins; nothing is checked. */
  detect(text: Uint8Array): boolean;
  /** Whether the file's key needs a passphrase. @throws SshError where it can't be told */
  encrypted(text: Uint8Array): Promise<boolean>;
  /** The key in a file. @throws SshError SSH_ERR_KEY_WRONG_PASSPHRASE where one is missing or wrong, and what else is wrong */
  parse(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKeyFile>;
  /** The file of a key, which the caller wipes where it is not encrypted; absent where a format is only read. @throws SshError */
  format?(key: PrivateKey, options: PrivateFormatOptions): Promise<Uint8Array>;
}

/** Every format of private key files. */
export const privateFormats: readonly PrivateFormat[] = [
  {
    name: 'openssh',
    detect: startsWith('-----BEGIN OPENSSH PRIVATE KEY-----'),
    encrypted: async (text) => (await import('./openssh-private.ts')).readOpensshEnvelope(text).kdf !== 'none',
    parse: async (text, passphrase) => (await import('./openssh-private.ts')).parseOpensshPrivate(text, passphrase),
    format: async (key, options) => (await import('./openssh-private.ts')).formatOpensshPrivate(key, options),
  },
  {
    name: 'pem',
    detect: hasLabel(['RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY']),
    encrypted: async (text) => (await import('./pem.ts')).isPemEncrypted(text),
    parse: parsePemFile,
    format: async (key, options) => (await import('./pem.ts')).formatPemTraditional(key, options),
  },
  {
    name: 'pkcs8',
    detect: hasLabel(['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']),
    encrypted: async (text) => (await import('./pem.ts')).isPemEncrypted(text),
    parse: parsePemFile,
    format: async (key, options) => (await import('./pem.ts')).formatPemPkcs8(key, options),
  },
  ppk('ppk', 'PuTTY-User-Key-File-3', 3),
  ppk('ppk2', 'PuTTY-User-Key-File-2', 2),
  {
    name: 'ssh.com',
    detect: startsWith('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----'),
    encrypted: () => Promise.resolve(false),
    parse: async (text) => (await import('./ssh-com.ts')).parseSshCom(text),
  },
];

/** The formats that OpenSSH's programs take a key from. */
const opensshFormats: ReadonlySet<string> = new Set(['openssh', 'pem', 'pkcs8']);

/** The format of a private key file by its name. */
export function privateFormat(name: string): PrivateFormat | undefined {
  return privateFormats.find((format) => format.name === name);
}

/** The format that a private key file seems to be of. */
export function detectPrivateFormat(text: Uint8Array): PrivateFormat | undefined {
  return privateFormats.find((format) => format.detect(text));
}

/**
 * The key in a private key file of a format that OpenSSH's programs take (its own, PKCS#1, SEC1, PKCS#8), with their errors: a file of
 * no such format is SSH_ERR_LIBCRYPTO_ERROR, because they leave it to libcrypto in the end.
 *
 * @throws SshError SSH_ERR_KEY_WRONG_PASSPHRASE where it is missing or wrong; SSH_ERR_INVALID_FORMAT and others where the key is malformed
 */
export async function parsePrivateKeyFile(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKeyFile> {
  const format = detectPrivateFormat(text);
  if (format === undefined || !opensshFormats.has(format.name)) {
    if (hasStrangeHeader(text)) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PEM: Proc-Type');
    throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', format === undefined ? 'no private key' : `a private key of the format ${format.name}`);
  }
  try {
    return await format.parse(text, passphrase);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    // OpenSSH gives its own format to libcrypto as well where it can't read it
    const own = format.name === 'openssh';
    const left = own && error.code === 'SSH_ERR_INVALID_FORMAT';
    // and what libcrypto can read but is no key of theirs is malformed to them
    const foreign = !own && (error.code === 'SSH_ERR_KEY_TYPE_UNKNOWN' || error.code === 'SSH_ERR_EC_CURVE_INVALID');
    // what libcrypto can't make sense of with a passphrase is the passphrase's fault to them
    const blamed = (left || !own) && passphrase !== undefined && passphrase.length > 0;
    const code = left ? 'SSH_ERR_LIBCRYPTO_ERROR' : foreign ? 'SSH_ERR_INVALID_FORMAT' : error.code;
    throw new SshError(blamed ? 'SSH_ERR_KEY_WRONG_PASSPHRASE' : code, error.detail, { cause: error });
  }
}

/** Whether the text is PEM, of whatever, with a header that libcrypto stops at. */
function hasStrangeHeader(text: Uint8Array): boolean {
  const block = findPem(text);
  return block?.isWhole === true && block.header.length > 0 && !latin1Text(block.header).startsWith('Proc-Type:');
}

/** One format of public key files. */
export interface PublicFormat {
  readonly name: string;
  detect(text: Uint8Array): boolean;
  /** The key in a file. @throws SshError where it is malformed */
  parse(text: Uint8Array): Promise<PublicKeyLine>;
  /** The text of a key. @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a type that the format does not have */
  format(key: PublicKey, comment: string): Promise<string>;
}

/** Every format of public key files; the last, OpenSSH's own, begins in no way of its own. */
export const publicFormats: readonly PublicFormat[] = [
  {
    name: 'rfc4716',
    detect: startsWith('---- BEGIN SSH2 PUBLIC KEY ----'),
    parse: async (text) => (await import('./rfc4716.ts')).parseRfc4716(utf8Text(text)),
    format: async (key, comment) => (await import('./rfc4716.ts')).formatRfc4716(key, comment),
  },
  {
    name: 'pkcs8',
    detect: hasLabel(['PUBLIC KEY']),
    parse: parsePemPublicFile,
    format: async (key) => (await import('./pem-public.ts')).formatPemSpki(key),
  },
  {
    name: 'pem',
    detect: hasLabel(['RSA PUBLIC KEY']),
    parse: parsePemPublicFile,
    format: async (key) => (await import('./pem-public.ts')).formatPemPublic(key),
  },
  {
    name: 'openssh',
    detect: (text) => /^[ \t]*[a-z0-9@.-]+[ \t]/i.test(latin1Text(text.subarray(0, 128))),
    parse: (text) =>
      new Promise((resolve) => {
        resolve(parsePublicKeyLine(utf8Text(text)));
      }),
    format: (key, comment) => Promise.resolve(`${formatPublicKeyLine(key, comment)}\n`),
  },
];

/** The format of a public key file by its name. */
export function publicFormat(name: string): PublicFormat | undefined {
  return publicFormats.find((format) => format.name === name);
}

/** The format that a public key file seems to be of. */
export function detectPublicFormat(text: Uint8Array): PublicFormat | undefined {
  return publicFormats.find((format) => format.detect(text));
}

function ppk(name: string, begin: string, version: 2 | 3): PrivateFormat {
  return {
    name,
    detect: startsWith(begin),
    encrypted: async (text) => (await import('./ppk.ts')).isPpkEncrypted(text),
    parse: async (text, passphrase) => (await import('./ppk.ts')).parsePpk(text, passphrase),
    format: async (key, options) => (await import('./ppk.ts')).formatPpk(key, { ...options, version }),
  };
}

async function parsePemFile(text: Uint8Array, passphrase?: Uint8Array): Promise<PrivateKeyFile> {
  const { parsePem } = await import('./pem.ts');
  return { key: await parsePem(text, passphrase), comment: '' };
}

async function parsePemPublicFile(text: Uint8Array): Promise<PublicKeyLine> {
  return { key: (await import('./pem-public.ts')).parsePemPublic(text), comment: '' };
}

function startsWith(begin: string): (text: Uint8Array) => boolean {
  const bytes = utf8Bytes(begin);
  return (text) => latin1Text(text.subarray(0, bytes.length)) === begin;
}

function hasLabel(labels: readonly string[]): (text: Uint8Array) => boolean {
  return (text) => findPem(text, (label) => labels.includes(label)) !== undefined;
}
