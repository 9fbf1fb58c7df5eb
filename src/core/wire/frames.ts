import { SshError } from '../util/errors.ts';
import { string } from './codec.ts';
import { encode } from './message.ts';
import { WireReader } from './reader.ts';

/** A message with its length before it, as agents and SFTP send them. */
export function frame(message: Uint8Array): Uint8Array {
  return encode(string, message);
}

/** Cuts a stream of bytes into messages, each of them a copy; it never holds more than one unfinished message. */
export class FrameReader {
  private readonly longest: number;
  private readonly what: string;
  private readonly head = new Uint8Array(4);
  private headed = 0;
  private body: Uint8Array | undefined;
  private filled = 0;

  /** `longest` is the most bytes that a message may have, `what` names it in errors. */
  constructor(longest: number, what: string) {
    this.longest = longest;
    this.what = what;
  }

  /**
   * The messages that these bytes complete.
   *
   * @throws SshError SSH_ERR_INVALID_FORMAT for a length of 0 or above the longest; nothing can be read after it.
   */
  *read(bytes: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    while (at < bytes.length) {
      if (this.body === undefined) {
        const part = bytes.subarray(at, at + 4 - this.headed);
        this.head.set(part, this.headed);
        this.headed += part.length;
        at += part.length;
        if (this.headed < 4) return;
        this.headed = 0;
        this.body = new Uint8Array(this.checked(new WireReader(this.head).uint32()));
        this.filled = 0;
      }
      const part = bytes.subarray(at, at + this.body.length - this.filled);
      this.body.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled < this.body.length) return;
      const { body } = this;
      this.body = undefined;
      yield body;
    }
  }

  private checked(length: number): number {
    if (length === 0 || length > this.longest) throw new SshError('SSH_ERR_INVALID_FORMAT', `${this.what} message of ${length} bytes`);
    return length;
  }
}
