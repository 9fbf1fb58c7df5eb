import type { PacketDiscard, PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import type { Random } from '../crypto/random.ts';
import { SshError } from '../util/errors.ts';

/** The largest packet_length that is taken or made, in bytes; OpenSSH's PACKET_MAX_SIZE. */
export const MAX_PACKET = 256 * 1024;
/** The smallest packet_length that can be right: one byte of padding length and four of padding. */
const MIN_PACKET = 1 + 4;

const SMALLEST_RECEIVE_BUFFER = 64 * 1024;
/** One read of a busy connection brings up to this much. */
const LARGEST_RECEIVE_BUFFER = 1024 * 1024;

/** Counts what one set of keys has protected, for the decision to exchange keys again. */
export interface Usage {
  packets: number;
  bytes: number;
  /** Blocks of the cipher, padding and all. */
  blocks: number;
}

/**
 * Takes one payload, `bytes[start, end)`, which holds until it returns, of the packet with that sequence number; whether to go on with
 * the next one.
 */
export type PacketTaker = (bytes: Uint8Array, start: number, end: number, sequence: number) => boolean;

/**
 * The receiving half of the binary packet protocol (RFC 4253 section 6): a buffer that the network fills and in which packets are opened
 * in place. A payload is a view of that buffer: it holds until the next call.
 */
export class PacketReader {
  /** The sequence number of the next packet, a uint32. */
  sequence = 0;
  /** Bytes that were received in all. */
  total = 0;
  readonly usage: Usage = { packets: 0, bytes: 0, blocks: 0 };
  private opener: PacketOpener;
  private buffer = new Uint8Array(SMALLEST_RECEIVE_BUFFER);
  private start = 0;
  private end = 0;
  /** packet_length of the packet at `start` once it is known. */
  private pending = -1;
  /** How many bytes are still to be read before a fault is told. */
  private discard = 0;

  constructor(opener: PacketOpener) {
    this.opener = opener;
  }

  /** Where the next bytes from the network belong: at least half of the smallest buffer. */
  space(): Uint8Array {
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
    }
    if (this.buffer.length - this.end < SMALLEST_RECEIVE_BUFFER / 2) this.makeRoom();
    return this.buffer.subarray(this.end);
  }

  /** Says that the network filled `count` bytes of {@link space}. */
  filled(count: number): void {
    this.end += count;
    this.total += count;
  }

  /** All that waits, as a view: for the identification exchange, which has no packets. */
  bytes(): Uint8Array {
    return this.buffer.subarray(this.start, this.end);
  }

  /** Drops bytes that were read through {@link bytes}. */
  skip(count: number): void {
    this.start += count;
  }

  /** How many bytes wait. */
  get waiting(): number {
    return this.end - this.start;
  }

  /** Changes the keys: what follows is opened with them. `reset` starts the sequence numbers again (strict key exchange). */
  rekey(opener: PacketOpener, reset: boolean): void {
    this.opener.wipe();
    this.opener = opener;
    if (reset) this.sequence = 0;
    this.usage.packets = 0;
    this.usage.bytes = 0;
    this.usage.blocks = 0;
  }

  /** Forgets the keys and the buffer. */
  wipe(): void {
    this.opener.wipe();
    this.buffer.fill(0);
    this.start = 0;
    this.end = 0;
  }

  /** The payload of the next packet, a view of the buffer, or undefined where it is not all there. @throws SshError as {@link each} does */
  next(): Uint8Array | undefined {
    let payload: Uint8Array | undefined;
    this.each((bytes, start, end) => {
      payload = bytes.subarray(start, end);
      return false;
    });
    return payload;
  }

  /**
   * Opens the packets that are there whole, one after another, and hands each to `take` before it looks at the next; until that returns
   * false. This is the inner loop of a download: what it calls for each packet is kept small, so that the compiler makes one function of it.
   *
   * @throws SshError SSH_ERR_MAC_INVALID, or SSH_ERR_CONN_CORRUPT for a length or padding that can't be right; and whatever `take` throws.
   */
  each(take: PacketTaker): void {
    for (;;) {
      const { buffer, start, end, sequence } = this;
      if (this.discard > 0) {
        this.discarding();
        return;
      }
      let length = this.pending;
      if (length < 0) {
        if (end - start < this.opener.headBytes) return;
        this.opener = this.opener.successor?.() ?? this.opener;
        const { opener } = this;
        length = opener.packetLength(buffer, start, sequence);
        const padded = opener.lengthApart ? length : length + 4;
        if (length < MIN_PACKET || length > MAX_PACKET || padded % opener.blockBytes !== 0) {
          this.badLength(length);
          return;
        }
        this.pending = length;
      }
      const { opener, usage } = this;
      const whole = 4 + length + opener.tagBytes;
      if (end - start < whole) return;
      try {
        opener.open(buffer, start, length, sequence);
      } catch (error) {
        if (opener.discard === undefined) throw error;
        this.hide();
        return;
      }
      this.pending = -1;
      this.start = start + whole;
      this.sequence = (sequence + 1) >>> 0;
      usage.packets++;
      usage.bytes += whole;
      usage.blocks += Math.ceil(length / opener.blockBytes);
      const padding = buffer[start + 4] as number;
      if (padding < 4 || padding + 1 > length) throw new SshError('SSH_ERR_CONN_CORRUPT', `Corrupted padlen ${String(padding)} on input.`);
      if (!take(buffer, start + 5, start + 4 + length - padding, sequence)) return;
    }
  }

  private badLength(length: number): undefined {
    if (this.opener.discard !== undefined) {
      this.hide();
      return;
    }
    // where the length is not authenticated before the packet is, OpenSSH gives both faults one name
    const code = this.opener.lengthApart ? 'SSH_ERR_CONN_CORRUPT' : 'SSH_ERR_MAC_INVALID';
    throw new SshError(code, `Bad packet length ${String(length)}.`);
  }

  /** Reads on after a fault that must not show when it was found: see PacketDiscard. */
  private hide(): undefined {
    this.discard = (this.opener.discard as PacketDiscard).bytes;
    this.discarding();
  }

  private discarding(): undefined {
    const taken = Math.min(this.discard, this.end - this.start);
    this.discard -= taken;
    this.start += taken;
    if (this.discard > 0) return undefined;
    throw (this.opener.discard as PacketDiscard).fault();
  }

  /** Moves what waits to the front, into a larger buffer where one packet would not fit or a read had filled this one. */
  private makeRoom(): void {
    const { buffer, start, end } = this;
    const full = end === buffer.length;
    const needs = this.pending < 0 ? 0 : 4 + this.pending + this.opener.tagBytes + SMALLEST_RECEIVE_BUFFER;
    if ((full || needs > buffer.length) && buffer.length < LARGEST_RECEIVE_BUFFER) {
      this.buffer = new Uint8Array(Math.max(Math.min(buffer.length * 4, LARGEST_RECEIVE_BUFFER), needs));
      this.buffer.set(buffer.subarray(start, end));
    } else {
      buffer.copyWithin(0, start, end);
    }
    this.start = 0;
    this.end = end - start;
  }
}

/** What the largest packet that carries a channel's data takes at most, in bytes. */
const DATA_PACKET = 33_024;
/** Sealed packets are collected up to this much before they are handed out, */
const BATCH = 8 * DATA_PACKET;
/**
 * and while the output takes all at once up to this much: fewer and larger writes wake the peer, and this side, less often. Where sealing is
 * slow, the first of a turn is a small one all the same: the peer opens that while the others are sealed.
 */
const LARGE_BATCH = 28 * DATA_PACKET;
/** A smaller batch is copied where the output is behind, so that no large buffer waits for little. */
const WORTH_GIVING = 64 * 1024;
/** What a writer begins with. */
const SMALLEST_SEND_BUFFER = 4096;
/** How many buffers may be lent, or kept for later batches. */
const MOST_LENT = 3;
/** Less data than this is copied into its packet before it is encrypted: two more calls of the cipher cost more. */
const WORTH_TURNING = 4096;
const PADDING_POOL = 1024;

/**
 * The sending half of the binary packet protocol: packets are sealed one behind the other into one buffer, for one write.
 */
export class PacketWriter {
  /** The sequence number of the next packet, a uint32. */
  sequence = 0;
  /** Bytes that were sealed in all. */
  total = 0;
  readonly usage: Usage = { packets: 0, bytes: 0, blocks: 0 };
  private sealer: PacketSealer;
  private readonly output: (bytes: Uint8Array) => void;
  private readonly unsent: (() => number) | undefined;
  private readonly random: Random;
  private buffer: Uint8Array = new Uint8Array(SMALLEST_SEND_BUFFER);
  private end = 0;
  private batch = BATCH;
  /** Whether the output took the last batch at once: what waits in one that is behind delays whatever comes after it. */
  private prompt = false;
  /** Buffers that the output still reads from, and those that it is done with. */
  private readonly lent: Uint8Array[] = [];
  private readonly spares: Uint8Array[] = [];
  private readonly padding = new Uint8Array(PADDING_POOL);
  private paddingAt = PADDING_POOL;

  /**
   * `output` is given each batch, and owns it until `unsent` says that nothing of what it was given waits; without `unsent` for good.
   */
  constructor(sealer: PacketSealer, random: Random, output: (bytes: Uint8Array) => void, unsent?: () => number) {
    this.sealer = sealer;
    this.random = random;
    this.output = output;
    this.unsent = unsent;
  }

  /** Whether something is sealed and not handed out. */
  get waiting(): boolean {
    return this.end > 0;
  }

  /** Changes the keys: what follows is sealed with them. `reset` starts the sequence numbers again (strict key exchange). */
  rekey(sealer: PacketSealer, reset: boolean): void {
    this.sealer.wipe();
    this.sealer = sealer;
    if (reset) this.sequence = 0;
    this.usage.packets = 0;
    this.usage.bytes = 0;
    this.usage.blocks = 0;
  }

  /** Forgets the keys. */
  wipe(): void {
    this.sealer.wipe();
  }

  /** Appends bytes that are no packet: the identification string. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
    this.total += bytes.length;
  }

  /** Seals one packet whose payload is `head` and then `data`; with `padTo` what is padded fills a multiple of so many bytes, at most 128. */
  append(head: Uint8Array, data: Uint8Array | undefined, padTo = 0): void {
    const { sealer } = this;
    const payload = head.length + (data === undefined ? 0 : data.length);
    const block = sealer.blockBytes;
    const unpadded = (sealer.lengthApart ? 1 : 5) + payload;
    let padding = block - (unpadded % block);
    if (padding < 4) padding += block;
    const multiple = Math.ceil(padTo / block) * block;
    if (multiple > 0) padding += (multiple - ((unpadded + padding) % multiple)) % multiple;
    const length = 1 + payload + padding;
    const whole = 4 + length + sealer.tagBytes;
    this.reserve(whole);
    const { buffer, end: at } = this;
    buffer[at] = length >>> 24;
    buffer[at + 1] = length >>> 16;
    buffer[at + 2] = length >>> 8;
    buffer[at + 3] = length;
    buffer[at + 4] = padding;
    const dataAt = at + 5 + head.length;
    buffer.set(head, at + 5);
    this.pad(buffer, at + 5 + payload, padding);
    if (data !== undefined && data.length >= WORTH_TURNING && sealer.sealFrom !== undefined) {
      sealer.sealFrom(data, dataAt, buffer, at, length, this.sequence);
    } else {
      if (data !== undefined) buffer.set(data, dataAt);
      sealer.seal(buffer, at, length, this.sequence);
    }
    this.sequence = (this.sequence + 1) >>> 0;
    this.end = at + whole;
    this.total += whole;
    const { usage } = this;
    usage.packets++;
    usage.bytes += whole;
    usage.blocks += Math.ceil(length / block);
  }

  /** Hands out what is sealed. */
  flush(): void {
    const { end, buffer, unsent, lent } = this;
    if (end === 0) return;
    this.end = 0;
    if (unsent?.() === 0) this.takeBack();
    else if (end < WORTH_GIVING) {
      this.output(buffer.slice(0, end));
      return;
    }
    // whatever the output makes us seal goes into another buffer
    this.buffer = this.spares.pop() ?? new Uint8Array(SMALLEST_SEND_BUFFER);
    this.output(buffer.subarray(0, end));
    if (unsent === undefined) return;
    // an output that is never done gets them for good
    if (lent.length === MOST_LENT) lent.length = 0;
    lent.push(buffer);
    this.prompt = unsent() === 0;
    this.batch = this.prompt && this.sealer.twoPasses !== true ? LARGE_BATCH : BATCH;
    if (this.prompt) this.takeBack();
    if (this.end === 0) this.takeLargest();
  }

  /** The output is done with all that it was lent. */
  private takeBack(): void {
    const { lent, spares } = this;
    for (let buffer = lent.pop(); buffer !== undefined; buffer = lent.pop()) if (spares.length < MOST_LENT) spares.push(buffer);
  }

  /**
   * The next batch goes into the larger of the empty buffer and the last spare one, so that the smaller need not grow; of two alike into the
   * one that was just written, whose place in memory the cipher's source knows.
   */
  private takeLargest(): void {
    const { buffer, spares } = this;
    const spare = spares.at(-1);
    if (spare === undefined || spare.length < buffer.length) return;
    spares[spares.length - 1] = buffer;
    this.buffer = spare;
  }

  private reserve(length: number): void {
    if (this.end + length > this.batch) {
      this.flush();
      if (this.prompt) this.batch = LARGE_BATCH;
    }
    if (this.end + length <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.batch, length));
    larger.set(this.buffer.subarray(0, this.end));
    this.buffer = larger;
  }

  private pad(buffer: Uint8Array, at: number, length: number): void {
    if (this.paddingAt + length > PADDING_POOL) {
      this.random.fill(this.padding);
      this.paddingAt = 0;
    }
    for (let i = 0; i < length; i++) buffer[at + i] = this.padding[this.paddingAt++] as number;
  }
}
