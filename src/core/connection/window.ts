/**
 * Flow control of one channel (RFC 4254 section 5.2): arithmetic only.
 *
 * Each direction has a window, the number of bytes that the sender may still send. The receiver debits it when data arrives and tells the
 * sender of new room when data was consumed, not when it was received: so what waits in a channel is bounded by the window's size.
 */
import { SshError } from '../util/errors.ts';

/** The largest value that a window may reach (RFC 4254 section 5.2). */
export const LARGEST_WINDOW = 0xffffffff;

/** The data of one packet that this side takes, in bytes: OpenSSH's 32 KiB. */
export const PACKET_SIZE = 32 * 1024;

/** The window that this side opens a channel with, in bytes: OpenSSH's 64 packets. */
export const WINDOW_SIZE = 64 * PACKET_SIZE;

/** What lets a receive window grow. */
export interface Growth {
  /** Data has come. */
  debit(length: number): void;
  /** By how many bytes a window of `size` grows, of which the peer may still send `available` and `unread` wait to be consumed. */
  grow(size: number, available: number, unread: number): number;
  /** Whether the peer needs much less than the window in a round trip, as far as is known. */
  readonly ample: boolean;
  /** The window is no longer needed. */
  end(): void;
}

/** The window of what this side receives. */
export class ReceiveWindow {
  /** The most data that one packet may bring. */
  readonly packetSize: number;
  private full: number;
  private left: number;
  private overrun = 0;
  private consumed = 0;
  private unread = 0;
  private readonly growth: Growth | undefined;

  /** With `growth` it is asked before each adjust. */
  constructor(size: number, packetSize: number, growth?: Growth) {
    this.full = size;
    this.left = size;
    this.packetSize = packetSize;
    this.growth = growth;
  }

  /** What the window is when nothing waits to be consumed. */
  get size(): number {
    return this.full;
  }

  /** How many bytes the peer may still send. */
  get available(): number {
    return this.left;
  }

  /** How many received bytes were not consumed yet. */
  get waiting(): number {
    return this.unread;
  }

  /**
   * Data has come.
   *
   * Some peers count wrongly: a tenth of the window may come beyond it in a channel's life, as with OpenSSH.
   *
   * @throws SshError SSH_ERR_PROTOCOL_ERROR where the peer sent more than that, or than one packet may hold.
   */
  debit(length: number): void {
    if (length > this.packetSize) {
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', `received ${length} bytes in one packet, at most ${this.packetSize} are allowed`);
    }
    const beyond = Math.max(0, length - this.left);
    this.overrun += beyond;
    if (this.overrun > this.full / 10) {
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', `received ${length} bytes into a window of ${this.left}: peer ignored channel window`);
    }
    this.left -= length - beyond;
    this.unread += length;
    this.growth?.debit(length);
  }

  /**
   * Data was consumed.
   *
   * @throws SshError SSH_ERR_INTERNAL_ERROR where more is credited than was received.
   */
  credit(length: number): void {
    if (length < 0 || length > this.unread) {
      throw new SshError('SSH_ERR_INTERNAL_ERROR', `${length} bytes consumed, of which ${this.unread} were received`);
    }
    this.unread -= length;
    this.consumed += length;
  }

  /**
   * Whether the peer is to be told of what was consumed: of a quarter of the window, or of half of it where the other half is ample.
   * OpenSSH tells of three packets, which costs a packet and a system call for each read; telling of halves would leave a peer on a long
   * path with half of a window in each round trip.
   */
  get due(): boolean {
    return this.consumed >= this.full / (this.growth?.ample === true ? 2 : 4);
  }

  /** What to add to the peer's window now; it counts as told. */
  takeAdjust(): number {
    if (this.consumed > 0) this.raise(this.full + (this.growth?.grow(this.full, this.left, this.unread) ?? 0));
    const adjust = this.consumed;
    this.consumed = 0;
    this.left += adjust;
    return adjust;
  }

  /** Makes the window larger from the next adjust on, for a long and fast path; it never shrinks and never passes 2^32-1. */
  raise(size: number): void {
    const target = Math.min(size, LARGEST_WINDOW);
    if (target <= this.full) return;
    this.consumed += target - this.full;
    this.full = target;
  }

  /** The window is no longer needed. */
  end(): void {
    this.growth?.end();
  }
}

/** The window of what this side sends. */
export class SendWindow {
  /** The most data that goes into one packet. */
  readonly packetSize: number;
  private left: number;

  /**
   * @throws SshError SSH_ERR_PROTOCOL_ERROR where the peer takes packets of no bytes: nothing could ever be sent.
   */
  constructor(size: number, peerPacketSize: number) {
    if (peerPacketSize === 0) throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'maximum packet size 0 (RFC 4254 section 5.1)');
    this.left = size;
    // larger packets than anyone else sends gain nothing, and not every peer means what it says
    this.packetSize = Math.min(peerPacketSize, PACKET_SIZE);
  }

  /** How many bytes may still be sent. */
  get available(): number {
    return this.left;
  }

  /** How many of `length` bytes the next packet may carry; they count as sent. */
  take(length: number): number {
    const taken = Math.min(length, this.left, this.packetSize);
    this.left -= taken;
    return taken;
  }

  /**
   * The peer has more room.
   *
   * @throws SshError SSH_ERR_PROTOCOL_ERROR where the window passes 2^32-1 (RFC 4254 section 5.2).
   */
  adjust(length: number): void {
    if (this.left + length > LARGEST_WINDOW) {
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', `window adjust of ${length} overflows a window of ${this.left} (RFC 4254 section 5.2)`);
    }
    this.left += length;
  }
}
