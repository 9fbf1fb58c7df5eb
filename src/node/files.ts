import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { errnoOf, errnoText, SystemError, systemCall } from './errno.ts';
import { findUser, ownUser } from './users.ts';

/** A file's bytes with what fstat(2) said about it when it was open. */
export interface ReadFile {
  readonly bytes: Uint8Array;
  readonly stat: fs.Stats;
}

/** The largest file that is read where no other limit is given: 1 MiB. */
const defaultFileLimit = 1024 * 1024;

/**
 * Reads a whole file, pipes and devices too; the bytes are the caller's.
 *
 * @param check sees the open file's state before anything is read, and throws to refuse it.
 * @throws SystemError ENOENT, EACCES, EISDIR and the like; EFBIG where it holds more than `limit` bytes.
 */
export function readWholeFile(path: string, limit = defaultFileLimit, check?: (stat: fs.Stats) => void): ReadFile {
  const fd = openFile(path, 'r');
  try {
    const stat = fs.fstatSync(fd);
    check?.(stat);
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const part = new Uint8Array(partSize(stat, length));
      const read = systemCall(() => fs.readSync(fd, part));
      if (read === 0) break;
      length += read;
      if (length > limit) throw new SystemError('EFBIG', path);
      parts.push(part.subarray(0, read));
    }
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return { bytes: only, stat };
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
      // The file may hold a secret, and only the joined copy has an owner.
      part.fill(0);
    }
    return { bytes, stat };
  } finally {
    fs.closeSync(fd);
  }
}

/** The same as text; undefined where the file does not exist. */
export function readTextIfAny(path: string, limit = defaultFileLimit): string | undefined {
  try {
    return Buffer.from(readWholeFile(path, limit).bytes).toString('utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** How {@link replaceFile} treats what is there. */
export interface ReplaceOptions {
  /** The mode of a file that is new, before the umask; an existing one keeps its own. */
  readonly mode: number;
  /** Gives the file this mode whatever was there: for private keys. */
  readonly forceMode?: boolean;
  /** Where the path is a symbolic link, replaces the file that it points to, not the link. */
  readonly throughLink?: boolean;
  /** Called just before the new file takes the old one's place; what it throws leaves the old one there. */
  readonly beforeRename?: (target: string) => void;
}

/**
 * Puts new content in a file's place at once: readers see the old or the new, whole. Owner (where allowed) and mode are kept.
 *
 * @throws SystemError with the old file untouched and nothing left behind.
 */
export function replaceFile(path: string, bytes: Uint8Array, options: ReplaceOptions): void {
  const target = options.throughLink === true ? realPath(path) : path;
  const before = fs.lstatSync(target, { throwIfNoEntry: false });
  const kept = before?.isFile() === true ? before : undefined;
  const temporary = `${target}.${randomBytes(6).toString('hex')}`;
  const fd = openFile(temporary, 'wx', kept === undefined || options.forceMode === true ? options.mode : 0o600);
  try {
    try {
      writeAll(fd, bytes);
      if (kept !== undefined) keepOwner(fd, kept);
      if (options.forceMode === true) fs.fchmodSync(fd, options.mode);
      else if (kept !== undefined) fs.fchmodSync(fd, kept.mode & 0o7777);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    options.beforeRename?.(target);
    systemCall(() => fs.renameSync(temporary, target));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file where it stands, as fopen(3) would: what is there keeps its name, owner and mode. @throws SystemError */
export function overwriteFile(path: string, bytes: Uint8Array, mode: number): void {
  const fd = openFile(path, 'w', mode);
  try {
    writeAll(fd, bytes);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Appends lines with a single write, so that several programs may do it at once; a missing newline at the file's end is put first.
 *
 * @param lines whole lines, each with its newline.
 */
export function appendLines(path: string, lines: string, mode: number): void {
  const fd = openFile(path, 'a+', mode);
  try {
    const { size } = fs.fstatSync(fd);
    const last = Buffer.alloc(1);
    const torn = size > 0 && fs.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
    writeAll(fd, Buffer.from(torn ? `\n${lines}` : lines));
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes a folder with this mode, of which the umask may take away; false where something of that name is there already. */
export function makeFolder(path: string, mode: number): boolean {
  try {
    fs.mkdirSync(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    return systemCall(() => {
      throw error;
    });
  }
  return true;
}

/**
 * A path whose leading `~` or `~user` is that user's home as the user database has it; $HOME is not asked.
 *
 * @throws Error with OpenSSH's text where the user is unknown.
 */
export function expandTilde(path: string): string {
  if (!path.startsWith('~')) return path;
  const slash = path.indexOf('/');
  const name = slash === -1 ? path.slice(1) : path.slice(1, slash);
  const rest = slash === -1 ? '' : path.slice(slash).replace(/^\/+/, '');
  const user = name === '' ? ownUser() : findUser(name);
  if (user === undefined) throw new Error(name === '' ? `No such uid ${process.getuid?.() ?? -1}` : `No such user ${name}`);
  return user.home.endsWith('/') ? `${user.home}${rest}` : `${user.home}/${rest}`;
}

/** What tells one state of a file from the next. */
interface FileState {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The file changed while it was being rewritten. */
class Overtaken extends Error {}

/** How often a file that others write to is read again. */
const MOST_ROUNDS = 20;

/**
 * Edits a file: reads it, and puts what `edit` makes of it in its place, with its mode; the old content stays beside it with `.old` behind
 * its name. One program of ours edits at a time, by a lock file; what others appended meanwhile is read again.
 *
 * @param edit is given the whole content, perhaps more than once; undefined leaves the file as it is.
 * @param options `replaceLink` puts the new file in the place of a symbolic link, as ssh-keygen does, instead of in that of its target.
 * @throws SystemError where it can't be read or written, or others hold the lock for long.
 */
export function editFile(
  path: string,
  edit: (bytes: Uint8Array) => Uint8Array | undefined,
  limit: number,
  options: { readonly replaceLink?: boolean } = {},
): void {
  const real = realPath(path);
  const target = options.replaceLink === true ? path : real;
  const unlock = lockFile(`${real}.lock`);
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const { bytes, stat } = readWholeFile(target, limit);
      const edited = edit(bytes);
      if (edited === undefined) return;
      try {
        replaceFile(target, edited, { mode: stat.mode & 0o777, beforeRename: () => keepOld(target, stat) });
        return;
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
      }
    }
    throw new SystemError('EBUSY', path);
  } finally {
    unlock();
  }
}

function keepOld(target: string, { ino, size, mtimeMs }: FileState): void {
  const now = fs.statSync(target);
  if (now.ino !== ino || now.size !== size || now.mtimeMs !== mtimeMs) throw new Overtaken(target);
  const old = `${target}.old`;
  fs.rmSync(old, { force: true });
  try {
    fs.linkSync(target, old);
  } catch {
    // a file system without hard links takes a copy
    systemCall(() => fs.copyFileSync(target, old));
  }
}

/** How long a lock is waited for, and after which age it is taken for a dead program's, in milliseconds. */
const lockWaitMs = 3000;
const lockStaleMs = 10_000;
const lockPauseMs = 20;

/** Makes a lock file, waiting while another program has it; the returned function takes it away. @throws SystemError */
function lockFile(path: string): () => void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; ; waited += lockPauseMs) {
    try {
      fs.closeSync(openFile(path, 'wx', 0o600));
      return () => fs.rmSync(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || waited >= lockWaitMs) throw error;
    }
    const held = fs.statSync(path, { throwIfNoEntry: false });
    if (held !== undefined && Date.now() - held.mtimeMs > lockStaleMs) fs.rmSync(path, { force: true });
    else Atomics.wait(pause, 0, 0, lockPauseMs);
  }
}

/** Opens a file with the errors of {@link SystemError}. */
function openFile(path: string, flags: string, mode?: number): number {
  return systemCall(() => fs.openSync(path, flags, mode));
}

/** A file's size is only a hint: it may grow, and what is not a file has none. One byte more than it finds the end. */
function partSize(stat: fs.Stats, read: number): number {
  const rest = stat.isFile() ? stat.size - read + 1 : 0;
  return Math.min(Math.max(rest, 4096), 1024 * 1024);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += systemCall(() => fs.writeSync(fd, bytes, at));
}

function keepOwner(fd: number, before: fs.Stats): void {
  const now = fs.fstatSync(fd);
  if (now.uid === before.uid && now.gid === before.gid) return;
  try {
    fs.fchownSync(fd, before.uid, before.gid);
  } catch {
    // Only root may give a file away; the new one is then ours.
  }
}

function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    return systemCall(() => {
      throw error;
    });
  }
}

/** Writes a text or bytes to a descriptor, all of it; a reader that is gone is no error. */
export function writeTo(fd: number, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') return;
    }
  }
}

/**
 * A function that appends to a file, which is made where it is missing.
 *
 * @throws SystemError where it can't be opened.
 */
export function appendingFile(path: string): (text: string) => void {
  const fd = systemCall(() => fs.openSync(path, 'a', 0o600));
  return (text) => writeTo(fd, text);
}

/** Why a file is not accessible, as strerror(3) says it; undefined where it is. */
export function whyInaccessible(path: string): string | undefined {
  try {
    fs.statSync(path);
    return undefined;
  } catch (error) {
    return errnoText(errnoOf(error) ?? 'EIO');
  }
}

/** Whether there is a regular file of this name. @throws SystemError where nothing is there or it can't be seen */
export function isFile(path: string): boolean {
  return systemCall(() => fs.statSync(path)).isFile();
}

/** A path with every link in it followed; undefined where there is no such file. */
export function resolvedPath(path: string): string | undefined {
  try {
    return fs.realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Makes a new folder for temporary files, which only this user may enter. */
export function temporaryFolder(prefix: string): { readonly path: string; remove(): void } {
  const path = systemCall(() => fs.mkdtempSync(`${os.tmpdir()}/${prefix}`));
  return { path, remove: () => fs.rmSync(path, { recursive: true, force: true }) };
}
