import { trimZeros } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';

/** The tags of DER elements that keys are made of (X.690). */
export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  explicit0: 0xa0,
  explicit1: 0xa1,
} as const;

/**
 * Writes DER from its end to its start, so that each length is known when it is written and no secret is copied twice: elements are
 * given last first.
 */
export class DerWriter {
  private readonly buffer: Uint8Array;
  private at: number;

  /** `capacity` is the most bytes that are to be written. */
  constructor(capacity: number) {
    this.buffer = new Uint8Array(capacity);
    this.at = capacity;
  }

  /** How many bytes stand now: the mark that {@link wrap} takes. */
  get length(): number {
    return this.buffer.length - this.at;
  }

  /** Puts an element before all that was written. */
  element(tag: number, ...parts: readonly Uint8Array[]): this {
    const mark = this.length;
    for (const part of parts.toReversed()) this.raw(part);
    return this.wrap(tag, mark);
  }

  /** Puts a non-negative INTEGER from its unsigned big-endian bytes. */
  integer(value: Uint8Array): this {
    const bytes = trimZeros(value);
    const sign = bytes.length === 0 || (bytes[0] as number) >= 0x80;
    return sign ? this.element(tags.integer, Uint8Array.of(0), bytes) : this.element(tags.integer, bytes);
  }

  /** Makes one element of all that was written since `mark`. */
  wrap(tag: number, mark: number): this {
    const length = this.length - mark;
    if (length < 0x80) return this.raw(Uint8Array.of(tag, length));
    if (length < 0x100) return this.raw(Uint8Array.of(tag, 0x81, length));
    return this.raw(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff));
  }

  /** Puts bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.at -= bytes.length;
    this.buffer.set(bytes, this.at);
    return this;
  }

  /** All that was written, as a view. */
  bytes(): Uint8Array {
    return this.buffer.subarray(this.at);
  }

  /** Overwrites all that was written. */
  wipe(): void {
    this.buffer.fill(0);
  }
}

/** Reads DER elements one after another; what it returns are views. Everything malformed is SSH_ERR_INVALID_FORMAT. */
export class DerReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.at === this.bytes.length;
  }

  /** Whether the next element has this tag. */
  next(tag: number): boolean {
    return this.bytes[this.at] === tag;
  }

  /** The content of the next element, which must have this tag. */
  element(tag: number): Uint8Array {
    const { bytes, at } = this;
    if (bytes[at] !== tag) throw malformed();
    const first = bytes[at + 1];
    if (first === undefined) throw malformed();
    const long = first < 0x80 ? 0 : first - 0x80;
    // two bytes of length are as many as any key needs; the indefinite form is not DER
    if (first >= 0x80 && (long === 0 || long > 2)) throw malformed();
    let length = long === 0 ? first : 0;
    for (let i = 0; i < long; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
    const start = at + 2 + long;
    if (start + length > bytes.length) throw malformed();
    this.at = start + length;
    return bytes.subarray(start, this.at);
  }

  /** A reader of the next element's content. */
  within(tag: number): DerReader {
    return new DerReader(this.element(tag));
  }

  /** A non-negative INTEGER's unsigned bytes without leading zeros. */
  integer(): Uint8Array {
    const bytes = this.element(tags.integer);
    if (bytes.length === 0 || (bytes[0] as number) >= 0x80) throw malformed();
    return trimZeros(bytes);
  }

  /** Demands that everything was read. */
  finish(): void {
    if (!this.done) throw malformed();
  }
}

function malformed(): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', 'malformed DER');
}
