import { nullSealer } from '../crypto/packet-null.ts';
import type { PacketSealer } from '../crypto/packet-cipher.ts';
import type { Random } from '../crypto/random.ts';
import type { EventSink } from '../events.ts';
import { concat } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { Compressor } from './compression.ts';
import { PacketWriter, type Usage } from './packet.ts';

/** What is held back during a key exchange may not grow beyond this, in bytes. */
const MOST_HELD = 16 * 1024 * 1024;

/** The sending half of a transport: compresses, seals, collects packets for one write, and holds back what must wait for a key exchange. */
export class Outbound {
  /** Whether the output takes more; set again when it has drained. */
  open = true;
  private readonly writer: PacketWriter;
  private readonly trace: EventSink | undefined;
  private deflate: Compressor | undefined;
  private flushQueued = false;
  private held: Uint8Array[] = [];
  private heldBytes = 0;

  /** `write` owns what it is given and returns false where more waits than is good; `trace` is told of each packet. */
  constructor(random: Random, write: (bytes: Uint8Array) => boolean, trace: EventSink | undefined) {
    this.trace = trace;
    this.writer = new PacketWriter(nullSealer, random, (bytes) => {
      if (!write(bytes)) this.open = false;
    });
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

  /** Seals one message, whose payload is `head` and then `data`; `padTo` hides its length, see {@link PacketWriter.append}. */
  seal(head: Uint8Array, data?: Uint8Array, padTo?: number): void {
    this.trace?.({ type: 'packet', sent: true, number: head[0] as number });
    if (this.deflate === undefined) this.writer.append(head, data, padTo);
    else this.writer.append(this.deflate.turn(data === undefined ? head : concat(head, data)), undefined, padTo);
  }

  /**
   * Keeps a copy of a message until {@link release}.
   *
   * @throws SshError SSH_ERR_NO_BUFFER_SPACE where too much is held already.
   */
  hold(head: Uint8Array, data?: Uint8Array): void {
    const payload = data === undefined ? head.slice() : concat(head, data);
    this.heldBytes += payload.length;
    if (this.heldBytes > MOST_HELD) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'too much to send during a key exchange');
    this.held.push(payload);
  }

  /** Gives back what was held, in order, for sending. */
  release(): readonly Uint8Array[] {
    const { held } = this;
    this.held = [];
    this.heldBytes = 0;
    return held;
  }

  /** Changes the keys for what follows. */
  rekey(sealer: PacketSealer, reset: boolean): void {
    this.writer.rekey(sealer, reset);
  }

  /** Compresses what follows. */
  compress(): void {
    this.deflate ??= new Compressor('deflate');
  }

  /** Hands what is sealed to the output. */
  flush(): void {
    this.writer.flush();
  }

  /** Does so at the end of the present turn, so that one write takes all of it. */
  flushSoon(): void {
    if (this.flushQueued) return;
    this.flushQueued = true;
    queueMicrotask(() => {
      this.flushQueued = false;
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
