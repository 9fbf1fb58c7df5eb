/**
 * Reading of a busy TCP socket past libuv, which wakes for every few packets that come: that is a third of the work of moving much data.
 * Here the process sleeps in poll(2) until half a MiB is there, or a moment is over, and reads it by one call.
 */
import { systemClock } from './clock.ts';
import { SystemError } from './errno.ts';
import { errnoName, libc } from './native/libc.ts';

/** After so many bytes it is tried whether a socket is busy: what that can cost, a nap at the end of the data, is then little. */
const MUCH = 1024 * 1024;
/** How much is waited for, in bytes, */
const WORTH_WAKING = 512 * 1024;
/** and how long, in milliseconds. */
const LONGEST_NAP_MS = 2;
/** A nap that brings less than this, in bytes, says that the socket is not busy. */
const LULL = 32 * 1024;
/** After so many bytes, or milliseconds, the rest of the process has its turn. */
const TURN_BYTES = 4 * 1024 * 1024;
const TURN_MS = 5;

// Linux' numbers, as those of libc() are
const SOL_SOCKET = 1;
const SO_RCVLOWAT = 18;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** Who takes what is read. */
export interface BusyReceiver {
  /** Where the next bytes belong. */
  space(): Uint8Array;
  /** So many bytes are there; whether more may be read. */
  filled(length: number): boolean;
}

/** Reads a TCP socket in turns of its own while much comes. */
export class BusyReader {
  private readonly descriptor: number;
  private readonly pollfd = new Uint8Array(8);
  private readonly lowWater = new Uint8Array(4);
  private untried = MUCH;

  /** Of a TCP socket's descriptor, which must not block. */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
    new DataView(this.pollfd.buffer).setInt32(0, descriptor, true);
    this.pollfd[4] = POLLIN;
  }

  /**
   * Says that libuv has read `length` bytes; where the socket may be busy by now, reads on for a turn. Whether more may be read.
   *
   * @throws SystemError where the connection broke.
   */
  after(length: number, receiver: BusyReceiver): boolean {
    this.untried -= length;
    return this.untried > 0 || this.turn(receiver);
  }

  private turn(receiver: BusyReceiver): boolean {
    const [recv, poll, setsockopt] = [libc('recv'), libc('poll'), libc('setsockopt')];
    if (recv === undefined || poll === undefined || setsockopt === undefined) {
      this.untried = Infinity;
      return true;
    }
    const wakeAt = (bytes: number): void => {
      new DataView(this.lowWater.buffer).setInt32(0, bytes, true);
      setsockopt(this.descriptor, SOL_SOCKET, SO_RCVLOWAT, this.lowWater, 4);
    };
    const end = systemClock.now() + TURN_MS;
    wakeAt(WORTH_WAKING);
    try {
      for (let read = 0; read < TURN_BYTES && systemClock.now() < end; ) {
        poll(this.pollfd, 1, LONGEST_NAP_MS);
        const space = receiver.space();
        const got = recv(this.descriptor, space, space.length, MSG_DONTWAIT);
        if (got < 0) throwUnlessEmpty();
        if (got < LULL) this.untried = MUCH;
        // an end of the data is libuv's to find
        if (got > 0 && !receiver.filled(got)) return false;
        if (got < LULL) return true;
        read += got;
      }
      return true;
    } finally {
      wakeAt(1);
    }
  }
}

function throwUnlessEmpty(): void {
  const name = errnoName();
  if (name !== 'EAGAIN' && name !== 'EINTR') throw new SystemError(name);
}
