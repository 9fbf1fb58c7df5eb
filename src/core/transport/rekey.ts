import type { PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Usage } from './packet.ts';

/**
 * When keys have been used enough (RFC 4253 section 9, RFC 4344 section 3): by packets, by blocks of the cipher or by RekeyLimit's bytes,
 * and by time. Nothing counts before authentication, as in OpenSSH; and one packet may pass between two exchanges, so that a tiny limit
 * still lets the connection get on.
 */
export interface RekeyLimit {
  /** Bytes in either direction; 0 for the cipher's own limit only. */
  readonly bytes: number;
  /** Seconds between two exchanges; 0 for no such limit. */
  readonly seconds: number;
}

/** Packets after which the sequence number might come round; OpenSSH's MAX_PACKETS. */
const MOST_PACKETS = 2 ** 31;

/** Decides when one connection needs new keys. */
export class RekeySchedule {
  private readonly limit: RekeyLimit;
  private readonly clock: Clock;
  private readonly due: () => void;
  private timer: Timer | undefined;
  /** Whether time is up: an exchange that can't begin now begins later. */
  private late = false;
  private sentBlocks = Number.POSITIVE_INFINITY;
  private receivedBlocks = Number.POSITIVE_INFINITY;

  /** `due` is called when time is up. */
  constructor(limit: RekeyLimit, clock: Clock, due: () => void) {
    this.limit = limit;
    this.clock = clock;
    this.due = due;
  }

  /** Starts again with new keys, and says how many blocks they are good for. */
  sealed(sealer: PacketSealer): number {
    this.sentBlocks = this.blocks(sealer);
    this.startTimer();
    return this.sentBlocks;
  }

  /** The same for what is received. */
  opened(opener: PacketOpener): number {
    this.receivedBlocks = this.blocks(opener);
    return this.receivedBlocks;
  }

  /** Whether the keys have been used enough. */
  exceeded(sent: Usage, received: Usage): boolean {
    return this.late || spent(sent, this.sentBlocks) || this.openedEnough(received);
  }

  /** Whether the keys of what is received have. */
  openedEnough(received: Usage): boolean {
    return spent(received, this.receivedBlocks);
  }

  /** Stops the clock. */
  stop(): void {
    this.timer?.stop();
    this.timer = undefined;
    this.late = false;
  }

  private blocks(cipher: { readonly mostBlocks: number; readonly blockBytes: number }): number {
    const own = cipher.mostBlocks;
    return this.limit.bytes === 0 ? own : Math.min(own, Math.floor(this.limit.bytes / cipher.blockBytes));
  }

  private startTimer(): void {
    this.stop();
    if (this.limit.seconds <= 0) return;
    this.timer = this.clock.after(this.limit.seconds * 1000, () => {
      this.late = true;
      this.due();
    });
  }
}

function spent({ blocks, packets }: Usage, most: number): boolean {
  return blocks > most || packets > MOST_PACKETS;
}
