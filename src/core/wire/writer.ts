/** Collects the bytes of one message in a buffer that grows. */
export class WireWriter {
  private buffer: Uint8Array;
  private length = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  /** Appends bytes as they are. */
  raw(bytes: Uint8Array): this {
    const at = this.grow(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** Appends one byte. */
  byte(value: number): this {
    const at = this.grow(1);
    this.buffer[at] = value;
    return this;
  }

  /** Appends a uint32, big-endian. */
  uint32(value: number): this {
    const at = this.grow(4);
    const { buffer } = this;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    return this;
  }

  /** Appends a uint64, big-endian. */
  uint64(value: bigint): this {
    return this.uint32(Number(value >> 32n)).uint32(Number(value & 0xffffffffn));
  }

  /** Appends a string: its length and its bytes. */
  string(bytes: Uint8Array): this {
    return this.uint32(bytes.length).raw(bytes);
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  /** What was written, moved out: the writer starts anew and keeps no copy. For secrets; the caller owns the array and wipes it. */
  take(): Uint8Array {
    const bytes = this.bytes();
    this.wipe();
    return bytes;
  }

  /** Overwrites what was written with zeros; for messages that held a secret. */
  wipe(): void {
    this.buffer.fill(0);
    this.length = 0;
  }

  private grow(by: number): number {
    const at = this.length;
    const needed = at + by;
    if (needed > this.buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.buffer.length * 2));
      larger.set(this.buffer.subarray(0, at));
      // what was written may be a secret: no copy of it stays behind
      this.buffer.fill(0);
      this.buffer = larger;
    }
    this.length = needed;
    return at;
  }
}
