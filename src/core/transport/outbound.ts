import { nullSealer } from '../crypto/packet-null.ts';
import type { PacketSealer } from '../crypto/packet-cipher.ts';
import type { Random } from '../crypto/random.ts';
import type { EventSink } from '../events.ts';
import { concat } from '../util/bytes.ts';
import { Compressor } from './compression.ts';
import { PacketWriter, type Usage } from './packet.ts';
import type { TransportSurroundings } from './transport-config.ts';

/** What is held back during a key exchange may not grow beyond this, in bytes. */
const MOST_HELD = 16 * 1024 * 1024;
/** What a held message costs beside its bytes: else a peer that makes us answer with tiny ones would fill memory unseen. */
const HELD_COST = 128;
/**
 * What may be written after the output said that more waits than is good, in bytes. Data stops then; what goes on are answers to a peer
 * that asks and does not read.
 */
const MOST_UNREAD = 16 * 1024 * 1024;

/** The sending half of a transport: compresses, seals, collects packets for one write, and holds back what must wait for a key exchange. */
export class Outbound {
  private readonly writer: PacketWriter;
  private readonly trace: EventSink | undefined;
  private deflate: Compressor | undefined;
  private flushQueued = false;
  private isOpen = true;
  private unread = 0;
  private held: { readonly payload: Uint8Array; readonly padTo: number }[] = [];
  private heldBytes = 0;

  /** Writes to `output`; `trace` is told of each packet. */
  constructor(random: Random, output: Pick<TransportSurroundings, 'write' | 'unsent'>, trace: EventSink | undefined) {
    this.trace = trace;
    const write = (bytes: Uint8Array): void => {
      if (!this.isOpen) this.unread += bytes.length;
      if (!output.write(bytes)) this.isOpen = false;
    };
    this.writer = new PacketWriter(nullSealer, random, write, output.unsent);
  }

  /** Whether the output takes more. */
  get open(): boolean {
    return this.isOpen;
  }

  /** Says that what waited in the output is sent. */
  drained(): void {
    this.isOpen = true;
    this.unread = 0;
  }

  /** Bytes that were sealed in all. */
  get total(): number {
    return this.writer.total;
  }

  /** What the present keys have sealed. */
  get usage(): Readonly<Usage> {
    return this.writer.usage;
  }

  /** The sequence number of the next packet. */
  get sequence(): number {
    return this.writer.sequence;
  }

  /** Sends bytes that are no packet. */
  raw(bytes: Uint8Array): void {
    this.writer.raw(bytes);
  }

  /** Whether so much waits in the output that the connection is to be ended. */
  get overrun(): boolean {
    return this.unread > MOST_UNREAD;
  }

  /**
   * Seals one message, whose payload is `head` and then `data`; for `padTo` see {@link PacketWriter.append}. Returns what prevented it:
   * nothing of the message is sent then, and no other one may follow.
   */
  seal(head: Uint8Array, data?: Uint8Array, padTo = 0): unknown {
    this.trace?.({ type: 'packet', sent: true, number: head[0] as number });
    try {
      if (this.deflate === undefined) this.writer.append(head, data, padTo);
      else this.writer.append(this.deflate.turn(data === undefined ? head : concat(head, data)), undefined, padTo);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Keeps a copy of a message until {@link release}; false where too much is held already. */
  hold(head: Uint8Array, data: Uint8Array | undefined, padTo: number): boolean {
    const payload = data === undefined ? head.slice() : concat(head, data);
    this.heldBytes += payload.length + HELD_COST;
    if (this.heldBytes > MOST_HELD) return false;
    this.held.push({ payload, padTo });
    return true;
  }

  /** Gives back what was held, in order, for sending. */
  release(): readonly { readonly payload: Uint8Array; readonly padTo: number }[] {
    const { held } = this;
    this.held = [];
    this.heldBytes = 0;
    return held;
  }

  /** Changes the keys for what follows. */
  rekey(sealer: PacketSealer, reset: boolean): void {
    this.writer.rekey(sealer, reset);
  }

  /** From here on packets are compressed, beginning anew; or they are not. */
  compress(compressed: boolean): void {
    this.deflate?.close();
    this.deflate = compressed ? new Compressor('deflate') : undefined;
  }

  /** Hands what is sealed to the output. */
  flush(): void {
    this.flushQueued = false;
    this.writer.flush();
  }

  /** Says that {@link flush} will be called in the present turn. */
  cork(): void {
    this.flushQueued = true;
  }

  /** Does so at the end of the present turn, so that one write takes all of it. */
  flushSoon(): void {
    if (this.flushQueued) return;
    this.flushQueued = true;
    queueMicrotask(() => {
      this.flush();
    });
  }

  /** Forgets keys and what waits. */
  wipe(): void {
    this.writer.wipe();
    this.deflate?.close();
    this.held = [];
  }
}
