import { libc, throwErrno } from './libc.ts';
import { loadKoffi } from './load.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

/**
 * Two unix sockets that are connected with each other, closed when another program is executed; undefined where native calls are off.
 *
 * @throws SystemError where the system has none left.
 */
export function socketPair(): readonly [own: number, other: number] | undefined {
  const socketpair = libc('socketpair');
  // the structures below are those of 64-bit machines
  if (socketpair === undefined || loadKoffi()?.sizeof('void *') !== 8) return undefined;
  const ends = new Int32Array(2);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(ends.buffer)) !== 0) throwErrno();
  const [own = -1, other = -1] = ends;
  return [own, other];
}

/** What came where a descriptor was awaited: one, that belongs to the caller now; nothing so far; or why what came is none. */
export type Received = { readonly descriptor: number } | 'nothing yet' | { readonly problem: string };

/**
 * Receives one descriptor that goes along with one byte (unix(7), SCM_RIGHTS), without waiting. The problems are in OpenSSH's words.
 *
 * @throws SystemError where the socket can't be read.
 */
export function receiveDescriptor(socket: number): Received {
  const recvmsg = libc('recvmsg');
  const koffi = loadKoffi();
  if (recvmsg === undefined || koffi === undefined) return { problem: 'no native calls' };
  const { byte, vector, control, header } = message;
  vector.set([koffi.address(byte), BigInt(byte.length)]);
  // name and its length, the vector and its length, the control data and their length, flags
  header.set([0n, 0n, koffi.address(vector), 1n, koffi.address(control), BigInt(control.length), 0n]);
  const length = recvmsg(socket, new Uint8Array(memory), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) {
    try {
      throwErrno();
    } catch (error) {
      if (isEmpty(error)) return 'nothing yet';
      throw error;
    }
  }
  if (length !== 1) return { problem: `recvmsg: expected received 1 got ${length}` };
  if (header[5] === 0n) return { problem: 'no message header' };
  const view = new DataView(memory, control.byteOffset, control.length);
  const [level, type] = [view.getInt32(8, true), view.getInt32(12, true)];
  if (level !== SOL_SOCKET || type !== SCM_RIGHTS) return { problem: `expected type ${SCM_RIGHTS} got ${type}` };
  return { descriptor: view.getInt32(16, true) };
}

function isEmpty(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EINTR');
}

/** Memory outside the heap, whose address stays. */
const memory = new ArrayBuffer(128);

/** What recvmsg works on: struct msghdr, iovec and cmsghdr of 64-bit Linux. It lives as long as the program, for C keeps its addresses. */
const message = {
  header: new BigUint64Array(memory, 0, 7),
  vector: new BigUint64Array(memory, 64, 2),
  // a head of 16 bytes and room for one descriptor: the kernel drops what is more
  control: new Uint8Array(memory, 80, 20),
  byte: new Uint8Array(memory, 100, 1),
} as const;
