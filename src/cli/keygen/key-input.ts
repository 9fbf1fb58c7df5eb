/** Keys as `tsh-keygen` reads them from files. */
import type { PrivateKey } from '../../core/keys/private-key.ts';
import { detectPrivateFormat, parsePrivateKeyFile } from '../../core/keys/formats.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { SshError } from '../../core/util/errors.ts';
import { loadPublicKey, readKeyFile } from '../../files/key-files.ts';
import { fileState } from '../../node/file-entries.ts';
import { askSecret, givenPassphrase } from './prompts.ts';
import { because, Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';

/** A private key and what its file says beside it. */
export interface LoadedKey {
  readonly key: PrivateKey;
  /** Undefined where the file's form has none. */
  readonly comment: string | undefined;
}

/**
 * The private key in a file of any form. The key is the caller's to wipe, and so is the passphrase.
 *
 * @throws SystemError where the file can't be read; SshError SSH_ERR_KEY_BAD_PERMISSIONS where others may read it, of which the user has
 *   been told, and what {@link parsePrivateKeyFile} throws
 */
export async function readPrivateFile(run: Run, path: string, passphrase: Uint8Array | undefined): Promise<LoadedKey> {
  const bytes = readKeyFile(path, run.error);
  try {
    const format = detectPrivateFormat(bytes);
    const own = run.options.format === 'PPK' && isPpk(format?.name) ? format : undefined;
    const { key, comment } = await (own === undefined ? parsePrivateKeyFile(bytes, passphrase) : own.parse(bytes, passphrase));
    return { key, comment: isPem(format?.name) ? undefined : comment };
  } finally {
    bytes.fill(0);
  }
}

/** PuTTY's files are read where -m PPK asks for it: by default they are as foreign as they are to ssh-keygen. */
function isPpk(format: string | undefined): boolean {
  return format === 'ppk' || format === 'ppk2';
}

/** PEM has no place for a comment. */
function isPem(format: string | undefined): boolean {
  return format === 'pem' || format === 'pkcs8';
}

/** A private key that the user may have to give the passphrase for. @throws Fatal with the reason */
export async function loadIdentity(run: Run, path: string): Promise<LoadedKey> {
  const loaded = await loadUnlocked(run, path, (error) => becauseOf(run, `Load key "${path}"`, path, error));
  return loaded ?? loadLocked(run, path);
}

/** The same for a key that is to sign: why its file can't be read is told only to those who debug. @throws Fatal */
export async function loadSigningKey(run: Run, path: string): Promise<LoadedKey> {
  const loaded = await loadUnlocked(run, path, async (error) => {
    run.log('DEBUG', `load_sign_key: load private key "${path}": ${reason(error)}`);
    await explain(run, path, error);
    return new Fatal(`No private key found for "${path}"`, { cause: error });
  });
  return loaded ?? loadLocked(run, path);
}

/** The key in a file; undefined where it takes a passphrase. @throws what a failure of another kind is turned into */
async function loadUnlocked(run: Run, path: string, failed: (error: unknown) => Promise<Fatal>): Promise<LoadedKey | undefined> {
  try {
    return await readPrivateFile(run, path, undefined);
  } catch (error) {
    if (!isWrongPassphrase(error)) throw await failed(error);
    return undefined;
  }
}

async function loadLocked(run: Run, path: string): Promise<LoadedKey> {
  const passphrase = givenPassphrase(run, 'P') ?? (await askSecret(`Enter passphrase for "${path}": `));
  try {
    return await readPrivateFile(run, path, passphrase);
  } catch (error) {
    throw await becauseOf(run, `Load key "${path}"`, path, error);
  } finally {
    passphrase.fill(0);
  }
}

/** Why a key file was not read; with --why also what is wrong in it, in a line of its own. */
export async function becauseOf(run: Run, what: string, path: string, error: unknown): Promise<Fatal> {
  const fatal = because(what, error);
  await explain(run, path, error);
  return fatal;
}

/** Says what is wrong in a key file where --why asks for it. */
async function explain(run: Run, path: string, error: unknown): Promise<void> {
  if (!run.options.why) return;
  const { diagnose } = await import('./why.ts');
  run.complain(`${await diagnose(path, error)}\n`);
}

/** Whether a key needs another passphrase, or one at all. */
export function isWrongPassphrase(error: unknown): boolean {
  return error instanceof SshError && error.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE';
}

/** A file's public key, or that of the private key in it, for which the user may have to give the passphrase. */
export async function loadAnyPublic(run: Run, path: string): Promise<PublicKey> {
  try {
    return loadPublicKey(path).key;
  } catch (error) {
    reason(error);
  }
  const { key } = await loadIdentity(run, path);
  key.wipe();
  return key.publicKey;
}

/** Ends the program where there is no such file. @throws Fatal */
export function mustExist(path: string, prefix = ''): void {
  try {
    fileState(path);
  } catch (error) {
    throw because(`${prefix}${path}`, error);
  }
}
