import type { ByteReceiver } from '../../src/node/inlet.ts';
import type { ByteStream } from '../../src/node/socket.ts';

/** Reads a stream to its end, and keeps what it read. */
export class Collector implements ByteReceiver {
  readonly parts: Buffer[] = [];
  readonly writeErrors: Error[] = [];
  /** Settles at the end; with an error where the stream broke. */
  readonly done: Promise<Error | undefined>;
  private readonly buffer = new Uint8Array(64 * 1024);
  private finish: (error: Error | undefined) => void = () => {};

  constructor(stream: ByteStream) {
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
    stream.start(this);
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }

  space(): Uint8Array {
    return this.buffer;
  }

  filled(length: number): boolean {
    this.parts.push(Buffer.from(this.buffer.subarray(0, length)));
    return true;
  }

  ended(): void {
    this.finish(undefined);
  }

  failed(error: Error): void {
    this.finish(error);
  }

  drained(): void {}

  writeFailed(error: Error): void {
    this.writeErrors.push(error);
  }
}
