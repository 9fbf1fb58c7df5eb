/**
 * Reading of a busy TCP socket past libuv, which wakes for every few packets that come: that is a third of the work of moving much data.
 * Here the process sleeps until most of a MiB is there, or a moment is over, and reads it by one call. Where much is sent it sleeps
 * until the peer has made room for about as much.
 */
import { busySocket, type BusySocket } from './busy-socket.ts';

/** After so many bytes it is tried whether a socket is busy: what that can cost, a nap at the end of the data, is then little. */
const MUCH = 1024 * 1024;
/** How much is waited for, in bytes, */
const WORTH_WAKING = 768 * 1024;
/**
 * and where much is sent: sshd makes room for 64 KiB in 28 bytes or more, as the cipher has it, and of its two MiB less than one is to run
 * out.
 */
const ANSWERS_WORTH_WAKING = 392;
/** How long is waited, in milliseconds. */
const LONGEST_NAP_MS = 2;
/** What was read let so much be sent at once, in bytes: then the peer's window is what is waited for. */
const MUCH_SENT = 64 * 1024;
/** A nap that brings less than this, in bytes, says that the socket is not busy. */
const LULL = 32 * 1024;
/** After so many bytes, or milliseconds, the rest of the process has its turn. */
const TURN_BYTES = 8 * 1024 * 1024;
const TURN_MS = 10;

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
  private readonly open: (descriptor: number) => BusySocket;
  private socket: BusySocket | undefined;
  private untried = MUCH;
  /** What the system took of us, at once and all of it, since the last read was handed on. */
  private sent = 0;

  /** Of a TCP socket's descriptor, which must not block. */
  constructor(descriptor: number, open = busySocket) {
    this.descriptor = descriptor;
    this.open = open;
  }

  /** Says that what was read is about to be handed on. */
  before(): void {
    this.sent = 0;
  }

  /** Says that the system took `taken` of `length` bytes: what it did not take is libuv's to wait with. */
  wrote(taken: number, length: number): void {
    this.sent = taken === length ? this.sent + taken : 0;
  }

  /**
   * Says that libuv has read `length` bytes, and that they were handed on; where the socket may be busy by now, reads on for a turn. Whether
   * more may be read.
   *
   * @throws SystemError where the connection broke.
   */
  after(length: number, receiver: BusyReceiver): boolean {
    this.untried -= length;
    if (this.untried <= 0) return this.turn(receiver, WORTH_WAKING);
    return this.sent < MUCH_SENT || this.turn(receiver, ANSWERS_WORTH_WAKING);
  }

  private turn(receiver: BusyReceiver, worth: number): boolean {
    const socket = (this.socket ??= this.open(this.descriptor));
    socket.wakeAt(worth);
    try {
      // a clock that jumps makes no more of it than the length of one turn, and this is the one that costs nothing
      for (let read = 0, end = Date.now() + TURN_MS; read < TURN_BYTES && Date.now() < end; ) {
        socket.wait(LONGEST_NAP_MS);
        this.sent = 0;
        const got = socket.read(receiver.space());
        if (got < LULL) this.untried = MUCH;
        // an end of the data is libuv's to find
        if (got > 0 && !receiver.filled(got)) return false;
        if (got < LULL && this.sent < MUCH_SENT) return true;
        read += got;
      }
      return true;
    } finally {
      socket.wakeAt(1);
    }
  }
}
