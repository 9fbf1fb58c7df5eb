/** Adding public keys to a user's authorized_keys over SFTP, for servers that run no commands. */
import { SftpError, type SftpClient } from '../core/sftp/client.ts';
import { concat, utf8Bytes, utf8Text } from '../core/util/bytes.ts';
import { sftpStatusCodes } from '../core/wire/sftp-messages.ts';
import type { KeyLine, KeysToInstall } from './install-keys.ts';

/** The largest file that is added to: 16 MiB. */
const LARGEST_FILE = 16 * 1024 * 1024;

/** A file could not be read or written; `message` says which, and why. */
export class InstallError extends Error {
  constructor(what: string, file: string, why: string, options?: ErrorOptions) {
    super(`${what} "${file}": ${why}`, options);
    this.name = 'InstallError';
  }
}

/**
 * Adds the keys; settles with how many were added. What is there is never rewritten: keys go behind it, and what was written is taken back
 * where not all of it could be.
 *
 * @throws InstallError where the server refuses; SshError where the conversation ends.
 */
export async function installKeysBySftp(client: SftpClient, keys: KeysToInstall): Promise<number> {
  const { file } = keys;
  const slash = file.lastIndexOf('/');
  const folder = slash < 0 ? '.' : file.slice(0, slash) || '/';
  await makeFolders(client, folder);
  const ours = folder === '.ssh' || folder.endsWith('/.ssh');
  if (ours) {
    await allowed(client.setstat(folder, { permissions: 0o700 }));
    await allowed(client.setstat(file, { permissions: 0o600 }));
  }
  const present = await readFile(client, file);
  const lines = keys.lines.filter((one) => keys.again || !stands(one, utf8Text(present)));
  if (lines.length === 0) return 0;
  const mended = present.length > 0 && present.at(-1) !== 0x0a ? '\n' : '';
  await append(client, file, utf8Bytes(`${mended}${lines.map(({ line }) => line).join('\n')}\n`));
  if (ours) await allowed(client.setstat(file, { permissions: 0o600 }));
  return lines.length;
}

/** Whether a line stands there that makes this one needless. */
function stands({ match }: KeyLine, text: string): boolean {
  return text.split('\n').some((line) => line === match || line.startsWith(`${match} `));
}

async function makeFolders(client: SftpClient, folder: string): Promise<void> {
  if (await exists(client, folder)) return;
  const slash = folder.lastIndexOf('/');
  if (slash > 0) await makeFolders(client, folder.slice(0, slash));
  try {
    await client.mkdir(folder, { permissions: 0o700 });
  } catch (error) {
    throw failure('create directory', folder, error);
  }
}

async function exists(client: SftpClient, path: string): Promise<boolean> {
  try {
    await client.stat(path);
    return true;
  } catch (error) {
    if (error instanceof SftpError) return false;
    throw error;
  }
}

/** The file's bytes; none where there is no such file. */
async function readFile(client: SftpClient, file: string): Promise<Uint8Array> {
  let handle: Uint8Array;
  try {
    handle = await client.open(file, ['read']);
  } catch (error) {
    if (error instanceof SftpError && error.status === sftpStatusCodes.noSuchFile) return new Uint8Array(0);
    throw failure('open', file, error);
  }
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const part = await client.read(handle, BigInt(length), client.limits.read);
      if (part === undefined) return concat(...parts);
      parts.push(part);
      length += part.length;
      if (length > LARGEST_FILE) throw new InstallError('read', file, 'File too large');
    }
  } catch (error) {
    throw failure('read', file, error);
  } finally {
    await allowed(client.close(handle));
  }
}

async function append(client: SftpClient, file: string, bytes: Uint8Array): Promise<void> {
  let handle: Uint8Array;
  try {
    handle = await client.open(file, ['write', 'append', 'create'], { permissions: 0o600 });
  } catch (error) {
    throw failure('open', file, error);
  }
  try {
    const { size = 0n } = await client.fstat(handle);
    try {
      for (let at = 0; at < bytes.length; at += client.limits.write) {
        // servers that know nothing of appending go by the offset
        await client.writeAt(handle, size + BigInt(at), bytes.subarray(at, at + client.limits.write));
      }
      await client.fsync(handle);
    } catch (error) {
      if (error instanceof SftpError) await allowed(client.fsetstat(handle, { size }));
      throw error;
    }
  } catch (error) {
    throw failure('write', file, error);
  } finally {
    await allowed(client.close(handle));
  }
}

/** Waits for what may be refused without harm. */
async function allowed(request: Promise<void>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof SftpError)) throw error;
  }
}

function failure(what: string, file: string, error: unknown): unknown {
  return error instanceof SftpError ? new InstallError(what, file, error.message, { cause: error }) : error;
}
