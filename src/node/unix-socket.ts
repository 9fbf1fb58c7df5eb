import fs from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, SystemError, systemCall } from './errno.ts';
import { type Listener, listen } from './listen.ts';
import { connectWith, type SocketStream } from './socket.ts';

/** The longest path that a unix socket's address holds with its final NUL, on Linux. */
const longestPath = 107;

/**
 * Connects to a unix socket.
 *
 * @throws SystemError ENOENT, ECONNREFUSED, EACCES and the like; ENAMETOOLONG.
 */
export function connectUnix(
  path: string,
  limits: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<SocketStream> {
  if (Buffer.byteLength(path) > longestPath) return Promise.reject(new SystemError('ENAMETOOLONG', path));
  return connectWith({ path }, limits);
}

/** How a unix socket is made. */
export interface UnixListenOptions {
  /** The umask while it is made (StreamLocalBindMask); by default nobody but the owner may connect. */
  readonly mask?: number;
  /** Removes what is there first (StreamLocalBindUnlink). */
  readonly unlink?: boolean;
  /** How many connections may wait to be accepted, where not as many as OpenSSH allows. */
  readonly backlog?: number;
}

/** The umask that leaves a socket to its owner. */
const ownerOnly = 0o177;

/**
 * Listens on a unix socket, whose file is removed when the listener closes.
 *
 * @throws SystemError EADDRINUSE where something is there already, whether someone listens or not; ENAMETOOLONG; EINVAL where the path is
 *   empty; EACCES and the like.
 */
export function listenUnix(path: string, accepted: (stream: SocketStream) => void, options: UnixListenOptions = {}): Promise<Listener> {
  if (Buffer.byteLength(path) > longestPath) return Promise.reject(new SystemError('ENAMETOOLONG', path));
  if (path === '') return Promise.reject(new SystemError('EINVAL', path));
  if (options.unlink === true) removeSocket(path);
  const before = process.umask(options.mask ?? ownerOnly);
  try {
    // The file is made before listen() returns its promise: the mask holds for nothing else.
    return listen(options.backlog === undefined ? { path } : { path, backlog: options.backlog }, accepted).catch((error: unknown) => {
      // The runtime's library calls a missing folder EACCES.
      throw errnoOf(error) === 'EACCES' && !fs.existsSync(dirname(path)) ? new SystemError('ENOENT', path) : error;
    });
  } finally {
    process.umask(before);
  }
}

/** Why a unix socket could not be made, in OpenSSH's words. */
export function listenFault(path: string, error: unknown): string {
  if (errnoOf(error) === 'ENAMETOOLONG') return `unix_listener: path "${path}" too long for Unix domain socket`;
  return `unix_listener: cannot bind to path ${path}: ${error instanceof Error ? error.message : String(error)}`;
}

function removeSocket(path: string): void {
  systemCall(() => {
    try {
      fs.unlinkSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  });
}
