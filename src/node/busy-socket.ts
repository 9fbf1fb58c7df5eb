import fs from 'node:fs';
import { errnoOf, SystemError, systemError } from './errno.ts';
import { errnoName, libc } from './native/libc.ts';

// Linux' numbers, as those of libc() are
const SOL_SOCKET = 1;
const SO_RCVLOWAT = 18;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

const PLAIN_NAP_MS = 1;

/** A socket that is waited for and read past libuv. */
export interface BusySocket {
  /** Says how many bytes are worth waiting for; 1 again when libuv waits. */
  wakeAt(bytes: number): void;
  /** Sleeps until they are there, at most so many milliseconds. */
  wait(napMs: number): void;
  /**
   * Reads what is there; how much that is.
   *
   * @throws SystemError where the connection broke.
   */
  read(space: Uint8Array): number;
}

/** Of a TCP socket's descriptor, which must not block; by native calls where they are on. */
export function busySocket(descriptor: number): BusySocket {
  return nativeSocket(descriptor) ?? plainSocket(descriptor);
}

function nativeSocket(descriptor: number): BusySocket | undefined {
  const [recv, poll, setsockopt] = [libc('recv'), libc('poll'), libc('setsockopt')];
  if (recv === undefined || poll === undefined || setsockopt === undefined) return undefined;
  const pollfd = new Uint8Array(8);
  new DataView(pollfd.buffer).setInt32(0, descriptor, true);
  pollfd[4] = POLLIN;
  const lowWater = new Int32Array(1);
  const lowWaterBytes = new Uint8Array(lowWater.buffer);
  return {
    wakeAt: (bytes) => {
      lowWater[0] = bytes;
      setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, lowWaterBytes, 4);
    },
    wait: (napMs) => {
      poll(pollfd, 1, napMs);
    },
    read: (space) => {
      const got = recv(descriptor, space, space.length, MSG_DONTWAIT);
      if (got >= 0) return got;
      const name = errnoName();
      if (name !== 'EAGAIN' && name !== 'EINTR') throw new SystemError(name);
      return 0;
    },
  };
}

/** The same without native calls: a nap can't end early then, so it is a short one, and none is taken while reads come back full. */
export function plainSocket(descriptor: number): BusySocket {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  let full = false;
  return {
    wakeAt: () => {
      full = false;
    },
    wait: () => {
      if (!full) Atomics.wait(nothing, 0, 0, PLAIN_NAP_MS);
    },
    read: (space) => {
      try {
        const got = fs.readSync(descriptor, space);
        full = got === space.length;
        return got;
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN') throw systemError(error);
        full = false;
        return 0;
      }
    },
  };
}
