import { nullOpener } from '../crypto/packet-null.ts';
import type { PacketOpener } from '../crypto/packet-cipher.ts';
import type { EventSink } from '../events.ts';
import { latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { Compressor } from './compression.ts';
import { type Ident, IdentReader } from './ident.ts';
import { PacketReader, type PacketTaker, type Usage } from './packet.ts';

/** How much of what is no identification is told of. */
const MOST_TOLD = 1024;

/** The receiving half of a transport: finds the peer's identification, then opens and decompresses packets. */
export class Inbound {
  private readonly reader = new PacketReader(nullOpener);
  private readonly identReader: IdentReader;
  private readonly events: EventSink;
  private readonly take: PacketTaker;
  private inflate: Compressor | undefined;

  /** `take` is given the payloads, of which each has at least a byte. */
  constructor(role: 'client' | 'server', events: EventSink, take: PacketTaker) {
    this.events = events;
    this.take = take;
    this.identReader = new IdentReader(role, events);
  }

  /** Bytes that were received in all. */
  get total(): number {
    return this.reader.total;
  }

  /** What the present keys have opened. */
  get usage(): Readonly<Usage> {
    return this.reader.usage;
  }

  /** The sequence number of the next packet. */
  get sequence(): number {
    return this.reader.sequence;
  }

  /** Whether the next payload is written where the last one was: it is a decompressor's output. */
  get reuses(): boolean {
    return this.inflate !== undefined;
  }

  /** Where the next bytes belong; empty where as much waits as may. */
  space(): Uint8Array {
    return this.reader.space();
  }

  /** Says that `count` bytes are in {@link space}. */
  filled(count: number): void {
    this.reader.filled(count);
  }

  /** The peer's identification, or undefined where it is not all there. @throws IdentError where it can't be used. */
  ident(): Ident | undefined {
    const { used, ident } = this.identReader.read(this.reader.bytes());
    this.reader.skip(used);
    return ident;
  }

  /** Tells what arrived in the place of an identification, where nothing more will come. */
  tellUnidentified(): void {
    const text = latin1Text(this.reader.bytes().subarray(0, MOST_TOLD));
    if (text !== '') this.events({ type: 'before-ident', text });
  }

  /** Hands on the payloads that are there, until one's taker returns false. @throws SshError */
  each(): void {
    this.reader.each(this.opened);
  }

  /** Changes the keys for what follows. */
  rekey(opener: PacketOpener, reset: boolean): void {
    this.reader.rekey(opener, reset);
  }

  /** From here on packets are compressed, beginning anew; or they are not. */
  decompress(compressed: boolean): void {
    this.inflate?.close();
    this.inflate = compressed ? new Compressor('inflate') : undefined;
  }

  /** Forgets keys and what waits. */
  wipe(): void {
    this.reader.wipe();
    this.inflate?.close();
  }

  private readonly opened: PacketTaker = (bytes, start, end, sequence) => {
    const { inflate } = this;
    if (inflate !== undefined) {
      const payload = inflate.turn(bytes.subarray(start, end));
      return this.taken(payload, 0, payload.length, sequence);
    }
    return this.taken(bytes, start, end, sequence);
  };

  private taken(bytes: Uint8Array, start: number, end: number, sequence: number): boolean {
    if (start === end) throw new SshError('SSH_ERR_INVALID_FORMAT', 'a packet without a message');
    return this.take(bytes, start, end, sequence);
  }
}
