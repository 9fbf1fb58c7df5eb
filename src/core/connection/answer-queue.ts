import { SshError } from '../util/errors.ts';

/** A channel request that the peer made. */
export interface IncomingRequest {
  readonly name: string;
  readonly wantReply: boolean;
  /** What follows the name; it may be kept. */
  readonly body: Uint8Array;
}

/** The most of the peer's requests that may wait for the answer to an earlier one. */
const MOST_WAITING = 128;

/** The most bytes that those may hold together. */
const MOST_WAITING_BYTES = 256 * 1024;

interface Waiting<T> {
  readonly size: number;
  readonly decide: () => T | Promise<T>;
  readonly answer: (decision: T) => void;
}

/**
 * Answers the peer's requests one after the other, in their order (RFC 4254 sections 4 and 5.4), though a decision may take its time:
 * meanwhile other channels and data go on.
 */
export class AnswerQueue<T> {
  private readonly name: string;
  private readonly failed: (error: unknown) => void;
  private readonly waiting: Waiting<T>[] = [];
  private waitingBytes = 0;
  private deciding = false;
  private stopped = false;

  /** `failed` is told of what a decision that took its time threw. */
  constructor(name: string, failed: (error: unknown) => void) {
    this.name = name;
    this.failed = failed;
  }

  /**
   * Decides on a request of so many bytes, and answers it, now or after those before it.
   *
   * @throws SshError SSH_ERR_NO_BUFFER_SPACE where too many wait; whatever a decision throws at once.
   */
  add(size: number, decide: () => T | Promise<T>, answer: (decision: T) => void): void {
    if (this.waiting.length >= MOST_WAITING || this.waitingBytes + size > MOST_WAITING_BYTES + (this.deciding ? 0 : size)) {
      throw new SshError('SSH_ERR_NO_BUFFER_SPACE', `${this.name}: too many requests wait for an answer`);
    }
    this.waiting.push({ size, decide, answer });
    this.waitingBytes += size;
    this.work();
  }

  /** Decides and answers nothing more. */
  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
  }

  private work(): void {
    while (!this.deciding && !this.stopped) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.waitingBytes -= next.size;
      const decision = next.decide();
      if (!(decision instanceof Promise)) {
        if (!this.isStopped()) next.answer(decision);
        continue;
      }
      this.deciding = true;
      decision
        .then((decided) => {
          this.deciding = false;
          if (this.stopped) return;
          next.answer(decided);
          this.work();
        })
        .catch((error: unknown) => {
          if (!this.stopped) this.failed(error);
        });
    }
  }

  private isStopped(): boolean {
    return this.stopped;
  }
}
