import { libc, throwErrno } from './native/libc.ts';
import type { SocketStream } from './socket.ts';

/** Levels and names of Linux' socket options for the traffic class. */
const trafficClass = { 4: { level: 0, name: 1 }, 6: { level: 41, name: 67 } } as const;

/**
 * Marks what a TCP socket sends with a traffic class: the whole byte of IP_TOS, DSCP and all (IPQoS).
 *
 * @returns false where native calls are off, or the stream is no TCP socket: nothing is marked then.
 * @throws SystemError where the system refuses it.
 */
export function setTrafficClass(stream: SocketStream, value: number): boolean {
  const { remoteAddress, descriptor } = stream;
  if (remoteAddress === undefined || descriptor === -1) return false;
  const setsockopt = libc('setsockopt');
  if (setsockopt === undefined) return false;
  const { level, name } = trafficClass[remoteAddress.includes(':') ? 6 : 4];
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  if (setsockopt(descriptor, level, name, bytes, bytes.length) !== 0) throwErrno();
  return true;
}
