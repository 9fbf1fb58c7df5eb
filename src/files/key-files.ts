import type { PublicKey } from '../core/keys/key.ts';
import { parsePrivateKeyFile } from '../core/keys/formats.ts';
import { isOpensshPrivate, type PrivateKeyFile, readOpensshEnvelope } from '../core/keys/openssh-private.ts';
import { formatPublicKeyLine, type PublicKeyLine, parsePublicKeyLine } from '../core/keys/public-key.ts';
import { utf8Bytes, utf8Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { errnoOf, SystemError } from '../node/errno.ts';
import { fileExists, fileState, isLink } from '../node/file-entries.ts';
import { overwriteFile, readWholeFile, replaceFile } from '../node/files.ts';
import { keyFileIsPrivate, unprotectedKeyBanner } from '../node/permissions.ts';

/** The suffixes of the files that belong to a private key's. */
const publicSuffix = '.pub';
const certificateSuffix = '-cert.pub';

/** The largest file that is taken for a private key's, as in OpenSSH: 128 MiB. */
const largestFile = 128 * 1024 * 1024;

const privateMode = 0o600;
const publicMode = 0o644;

/**
 * Loads a private key. What was read is wiped; the key is the caller's to wipe, and so is the passphrase.
 *
 * @param warn gets the lines of OpenSSH's banner where others may read the file.
 * @throws SystemError where the file can't be read; SshError SSH_ERR_KEY_BAD_PERMISSIONS where others may read it,
 *   SSH_ERR_KEY_WRONG_PASSPHRASE where it needs another passphrase or one at all, SSH_ERR_LIBCRYPTO_ERROR where it is no private
 *   key's file, SSH_ERR_INVALID_FORMAT and what a bad key throws.
 */
export async function loadPrivateKey(
  path: string,
  passphrase: Uint8Array | undefined,
  warn: (line: string) => void,
): Promise<PrivateKeyFile> {
  const bytes = readKeyFile(path, warn);
  try {
    return await parsePrivateKeyFile(bytes, passphrase);
  } finally {
    bytes.fill(0);
  }
}

/**
 * What stands in a private key's file, for the caller to wipe.
 *
 * @param warn gets the lines of OpenSSH's banner where others may read the file.
 * @throws SystemError; SshError SSH_ERR_KEY_BAD_PERMISSIONS where others may read it.
 */
export function readKeyFile(path: string, warn: (line: string) => void): Uint8Array {
  const { bytes } = readWholeFile(path, largestFile, (stat) => {
    if (keyFileIsPrivate(stat)) return;
    for (const line of unprotectedKeyBanner(path, stat.mode)) warn(line);
    throw new SshError('SSH_ERR_KEY_BAD_PERMISSIONS', path);
  });
  return bytes;
}

/**
 * The public key that belongs to an identity file: the file's own where it holds a public key, the one in the file with .pub behind its
 * name, or else the public half that a private key's file tells without its passphrase, with no comment. The comment of the others is the
 * file's name where there is none.
 *
 * @throws SystemError ENOENT where there is none in any of them, whatever stands there, as in OpenSSH.
 */
export function loadPublicKey(path: string): PublicKeyLine {
  const attempts = [() => readPublicFile(path), () => readPublicFile(`${path}${publicSuffix}`), () => publicHalf(path)];
  for (const attempt of attempts) {
    const found = ifAny(attempt);
    if (found !== undefined) return found;
  }
  throw new SystemError('ENOENT', path);
}

function ifAny(read: () => PublicKeyLine): PublicKeyLine | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError || error instanceof SystemError) return undefined;
    throw error;
  }
}

/**
 * The certificate beside a private key: in the file with -cert.pub behind its name.
 *
 * @throws SystemError ENOENT where that file holds no key, SshError SSH_ERR_EXPECTED_CERT where it holds a plain one.
 */
export function loadCertificateBeside(path: string): PublicKeyLine {
  const line = ifAny(() => readPublicFile(`${path}${certificateSuffix}`));
  if (line === undefined) throw new SystemError('ENOENT', path);
  if (line.key.certificate === undefined) throw new SshError('SSH_ERR_EXPECTED_CERT', path);
  return line;
}

/**
 * Saves a private key's file, readable by its owner alone from the first moment on. A link stands for what it leads to.
 *
 * @throws SystemError
 */
export function savePrivateKey(path: string, text: Uint8Array): void {
  save(path, text, privateMode, true);
}

/** Saves a public key's file: one line, in which a space stands even before an empty comment. @throws SystemError */
export function savePublicKey(path: string, key: PublicKey, comment: string): void {
  const line = utf8Bytes(`${formatPublicKeyLine(key)} ${comment}\n`);
  save(path, line, publicMode, false);
}

/** What keeps a file from being replaced that may well be written to: a folder that is not ours, a file that is mounted by itself. */
const irreplaceable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EBUSY', 'EROFS']);

/** Names of what is open already, such as /dev/stdout and /dev/fd/3, even where that is a file. */
const ofSystem = /^\/(?:dev|proc)\//;

/**
 * Puts a key into a file, at once where that can be. What has other names, is no file (a pipe or /dev/stdout takes a key as well), or can't
 * be replaced is written where it stands.
 *
 * @param secret makes the mode of a file that others may read `mode`; else each file that is there keeps its own.
 */
function save(path: string, bytes: Uint8Array, mode: number, secret: boolean): void {
  const before = fileExists(path) ? fileState(path) : undefined;
  const stays = before === undefined ? isLink(path) : !before.isFile() || before.nlink > 1 || ofSystem.test(path);
  if (stays) return overwriteFile(path, bytes, mode);
  const forceMode = secret && (before === undefined || (before.mode & 0o077) !== 0);
  try {
    replaceFile(path, bytes, { mode, forceMode, throughLink: true });
  } catch (error) {
    if (!irreplaceable.has(errnoOf(error) ?? '')) throw error;
    overwriteFile(path, bytes, mode);
  }
}

/** The first line that is a key; comments and what is no key are passed over, a private key's file is none. */
function readPublicFile(path: string): PublicKeyLine {
  const { bytes } = readWholeFile(path);
  for (const line of utf8Text(bytes).split('\n')) {
    if (line.startsWith('-----BEGIN')) break;
    const text = line.replace(/^[ \t]+/, '');
    if (text === '' || text.startsWith('#')) continue;
    try {
      const { key, comment } = parsePublicKeyLine(text);
      return { key, comment: comment === '' ? path : comment };
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
    }
  }
  throw new SshError('SSH_ERR_INVALID_FORMAT', path);
}

/** The public half of a private key's file, which only some forms tell without the passphrase. */
function publicHalf(path: string): PublicKeyLine {
  const { bytes } = readWholeFile(path);
  try {
    if (!isOpensshPrivate(bytes)) throw new SshError('SSH_ERR_INVALID_FORMAT', path);
    return { key: readOpensshEnvelope(bytes).publicKey, comment: '' };
  } finally {
    bytes.fill(0);
  }
}
