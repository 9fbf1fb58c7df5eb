import { SshError } from '../util/errors.ts';

/** The longest string that OpenSSH takes in: 128 MiB with its length. */
const LONGEST_STRING = 0x8000000 - 4;

/** A bounds-checked cursor on the bytes of one message; what it returns are views, not copies. */
export class WireReader {
  readonly bytes: Uint8Array;
  /** Where the next read begins. */
  at: number;
  /** The first byte that is not to be read. */
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.end - this.at;
  }

  /**
   * The next `length` bytes as a view.
   *
   * @throws SshError SSH_ERR_MESSAGE_INCOMPLETE where fewer are left.
   */
  take(length: number): Uint8Array {
    this.need(length);
    const start = this.at;
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  /** The next byte. */
  byte(): number {
    this.need(1);
    return this.bytes[this.at++] as number;
  }

  /** A uint32, big-endian (RFC 4251 section 5). */
  uint32(): number {
    this.need(4);
    const { bytes, at } = this;
    this.at = at + 4;
    return (
      (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>>
      0
    );
  }

  /** A uint64, big-endian. */
  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /**
   * A string's bytes (RFC 4251 section 5) as a view.
   *
   * @throws SshError SSH_ERR_STRING_TOO_LARGE for a length that no buffer of OpenSSH's can have; SSH_ERR_MESSAGE_INCOMPLETE
   */
  string(): Uint8Array {
    const length = this.uint32();
    if (length > LONGEST_STRING) throw new SshError('SSH_ERR_STRING_TOO_LARGE');
    if (length > this.remaining) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE');
    return this.take(length);
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /**
   * Demands that everything was read.
   *
   * @throws SshError SSH_ERR_UNEXPECTED_TRAILING_DATA
   */
  finish(): void {
    if (this.at !== this.end) throw new SshError('SSH_ERR_UNEXPECTED_TRAILING_DATA');
  }

  private need(length: number): void {
    if (length > this.end - this.at) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE');
  }
}
