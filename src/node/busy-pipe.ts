import { widenPipe } from './descriptors.ts';
import { libc } from './native/libc.ts';

/** A pipe through which so much has gone, in bytes, is worth some trouble. */
const MUCH = 4 * 1024 * 1024;
/** How long one wait for the reader is, in milliseconds, and how many there are for what one read of the network brought. */
const NAP_MS = 1;
const NAPS = 4;

/**
 * What to do where a pipe is full while much goes through it. Its rest would have to be copied and to wait for the event loop; a pipe that
 * is larger seldom is full, and a reader that is at work soon makes room.
 */
export class BusyPipe {
  private readonly descriptor: number;
  private readonly nothing = new Uint8Array(8);
  private written = 0;
  private enlarged = false;
  private naps = 0;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** So many bytes come to be written, and it is time for so many naps again. */
  begin(length: number): void {
    this.written += length;
    this.naps = NAPS;
  }

  /** The pipe is full: whether to try again now. */
  full(): boolean {
    if (this.written < MUCH) return false;
    if (!this.enlarged) {
      this.enlarged = true;
      return widenPipe(this.descriptor);
    }
    const poll = libc('poll');
    if (poll === undefined || this.naps === 0) return false;
    this.naps--;
    poll(this.nothing, 0, NAP_MS);
    return true;
  }
}
