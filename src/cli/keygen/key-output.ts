/** Keys as `tsh-keygen` writes them to files. */
import type { PublicKey } from '../../core/keys/key.ts';
import { privateFormat, type PrivateFormatOptions } from '../../core/keys/formats.ts';
import type { PrivateKey } from '../../core/keys/private-key.ts';
import { SshError } from '../../core/util/errors.ts';
import { savePrivateKey, savePublicKey } from '../../files/key-files.ts';
import type { KeyFormat } from './options.ts';
import { because, Exit, reason } from './endings.ts';
import type { Run } from './run.ts';

/** The form of private keys that -m asks for. */
const formatNames: Readonly<Partial<Record<KeyFormat, string>>> = { PEM: 'pem', PKCS8: 'pkcs8', PPK: 'ppk' };

/** OpenSSL refuses shorter ones for the forms that it writes. */
const shortestPemPassphrase = 5;

/**
 * A private key as the bytes of a file, for the caller to wipe. A key that the form does not have is written in OpenSSH's, as are all but
 * RSA and ECDSA keys where PEM is asked for: no other program looks for them there.
 *
 * @throws SshError SSH_ERR_PASSPHRASE_TOO_SHORT and what the form's writer throws
 */
export async function formatPrivate(key: PrivateKey, form: KeyFormat | undefined, options: PrivateFormatOptions): Promise<Uint8Array> {
  const wanted = (form && formatNames[form]) ?? 'openssh';
  const isPem = wanted === 'pem' || wanted === 'pkcs8';
  const name = isPem && !/^(?:ssh-rsa|ecdsa-sha2-)/.test(key.publicKey.name) ? 'openssh' : wanted;
  const { length } = options.passphrase ?? [];
  if (isPem && name === wanted && length > 0 && length < shortestPemPassphrase) throw new SshError('SSH_ERR_PASSPHRASE_TOO_SHORT');
  const format = privateFormat(name);
  if (format?.format === undefined) throw new SshError('SSH_ERR_INVALID_ARGUMENT', name);
  return format.format(key, options);
}

/** Writes a private key's file as the options ask for, readable by its owner alone. @throws SshError or SystemError */
export async function writePrivate(run: Run, path: string, key: PrivateKey, comment: string, passphrase: Uint8Array): Promise<void> {
  const { cipher, rounds, format } = run.options;
  const bytes = await formatPrivate(key, format, {
    comment,
    passphrase,
    ...(cipher !== undefined && { cipher }),
    ...(rounds !== undefined && { rounds }),
  });
  try {
    savePrivateKey(path, bytes);
  } finally {
    bytes.fill(0);
  }
}

/** {@link writePrivate}, of whose failure the user is told. @throws Exit */
export async function savePrivate(run: Run, path: string, key: PrivateKey, comment: string, passphrase: Uint8Array): Promise<void> {
  try {
    await writePrivate(run, path, key, comment, passphrase);
  } catch (error) {
    run.error(`Saving key "${path}" failed: ${reason(error)}`);
    throw new Exit(1);
  }
}

/** Writes a public key's file. @throws Fatal with the reason */
export function savePublic(path: string, key: PublicKey, comment: string, named = path): void {
  try {
    savePublicKey(path, key, comment);
  } catch (error) {
    throw because(`Unable to save public key to ${named}`, error);
  }
}
