import { libc } from './native/libc.ts';
import type { SocketStream } from './socket.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;
/** sizeof(struct rlimit): two numbers of 64 bits, the limit and how far it could be raised. */
const RLIMIT_LENGTH = 16;

/** The user at the other end of a unix socket (SO_PEERCRED), or undefined where native calls are off or the system can't tell. */
export function peerUser(stream: SocketStream): number | undefined {
  const getsockopt = libc('getsockopt');
  if (getsockopt === undefined) return undefined;
  // pid, uid, gid
  const credentials = new Int32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const failed = getsockopt(stream.descriptor, SOL_SOCKET, SO_PEERCRED, new Uint8Array(credentials.buffer), new Uint8Array(length.buffer));
  return failed === 0 ? (credentials[1] as number) >>> 0 : undefined;
}

/**
 * Keeps other processes of this user from reading this one's memory, and the system from dumping it, this process' and its children's;
 * false where that can't be had.
 */
export function forbidTracing(): boolean {
  const noCore = libc('setrlimit')?.(RLIMIT_CORE, new Uint8Array(RLIMIT_LENGTH)) === 0;
  return libc('prctl')?.(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0 && noCore;
}
