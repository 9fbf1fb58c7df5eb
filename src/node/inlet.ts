import type { BusyReader, BusyReceiver } from './busy-read.ts';

/** Who reads a ByteStream. */
export interface ByteReceiver {
  /** The buffer that the next bytes are to be written into, at least one byte long; it stays the receiver's. Asked for only while reading. */
  space(): Uint8Array;
  /** `length` bytes were written at the start of the last {@link space}. False stops the reading until `resume()`. */
  filled(length: number): boolean;
  /** The peer sends no more; what was written here still reaches it. */
  ended(): void;
  /** The stream broke, and is destroyed. */
  failed(error: Error): void;
  /** Writing broke where that is a channel of its own, a child's stdin: what is written is dropped from now on, reading goes on. */
  writeFailed?(error: Error): void;
  /** Everything that was written has gone: writing may go on. */
  drained(): void;
}

/** What is read where the receiver's own buffer can't be asked for: the first bytes, and those after a pause. */
const landingSize = 16 * 1024;

/**
 * Where a socket's bytes come in: straight into the receiver's buffer while it reads; into a small landing buffer before it starts and
 * at the first read after a pause, because net asks for the next buffer at once, when the receiver has just said that it has no room.
 */
export class Inlet {
  receiver: ByteReceiver | undefined;
  /** Reads more where much comes. */
  busy: BusyReader | undefined;
  /** Told where that finds the stream broken. */
  failed: (error: Error) => void = () => undefined;
  readonly onread = {
    buffer: (): Uint8Array => this.target(),
    callback: (length: number): boolean => this.arrived(length),
  };
  private readonly landing = new Uint8Array(landingSize);
  /** Read, but not handed on yet. */
  private held: Uint8Array | undefined;
  private running = false;
  /** Whether the socket's present buffer is the receiver's. */
  private direct = false;
  private inside = false;
  private resumed = false;
  private readonly busily: BusyReceiver = {
    space: () => this.receiver?.space() ?? this.landing,
    filled: (length) => {
      const { receiver } = this;
      return receiver !== undefined && this.tell(receiver, length) && this.receiver === receiver;
    },
  };

  /** Whether reading may go on. */
  resume(): boolean {
    if (this.inside) {
      this.resumed = true;
      return false;
    }
    this.running = true;
    const { held } = this;
    this.held = undefined;
    return held === undefined || this.take(held);
  }

  /** Hands on bytes by copying them; false where the receiver wants a pause: the rest of `bytes` is then held, as a view. */
  take(bytes: Uint8Array): boolean {
    let rest = bytes;
    while (rest.length > 0) {
      const { receiver } = this;
      if (receiver === undefined || !this.running) {
        this.held = rest;
        return false;
      }
      const space = receiver.space();
      const length = Math.min(space.length, rest.length);
      space.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      this.running = this.tell(receiver, length);
    }
    return this.running;
  }

  private target(): Uint8Array {
    const { receiver } = this;
    this.direct = this.running && receiver !== undefined;
    return this.direct && receiver !== undefined ? receiver.space() : this.landing;
  }

  private arrived(length: number): boolean {
    const { receiver } = this;
    if (receiver === undefined) return false;
    if (!this.direct) return this.take(this.landing.subarray(0, length));
    this.busy?.before();
    this.running = this.tell(receiver, length);
    if (!this.running || this.busy === undefined) return this.running;
    try {
      this.running = this.busy.after(length, this.busily);
    } catch (error) {
      this.running = false;
      this.failed(error as Error);
    }
    return this.running;
  }

  /** A receiver that resumes within `filled` goes on, whatever it returns. */
  private tell(receiver: ByteReceiver, length: number): boolean {
    this.inside = true;
    this.resumed = false;
    const more = receiver.filled(length);
    this.inside = false;
    return more || this.resumed;
  }
}
