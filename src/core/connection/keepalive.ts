import type { Clock, Timer } from '../util/clock.ts';

/** When a silent peer is asked whether it is there, and when it is given up. */
export interface KeepaliveOptions {
  /** After how much silence the peer is asked, in milliseconds; 0 never. */
  readonly intervalMs: number;
  /** How many questions may go unanswered: at the next one the peer is given up. Infinity never gives up. */
  readonly mostUnanswered: number;
}

/**
 * Asks a peer that is silent whether it is there (ServerAliveInterval, ClientAliveInterval): with a request that needs a reply, so that
 * even a refusal shows life. Any message from the peer counts.
 */
export class Keepalive {
  private readonly clock: Clock;
  private readonly options: KeepaliveOptions;
  private readonly ask: () => void;
  private readonly dead: () => void;
  private timer: Timer | undefined;
  private lastHeard: number;
  private unanswered = 0;

  /** `ask` sends the question; `dead` is called once, when the peer is given up. */
  constructor(clock: Clock, options: KeepaliveOptions, ask: () => void, dead: () => void) {
    this.clock = clock;
    this.options = options;
    this.ask = ask;
    this.dead = dead;
    this.lastHeard = clock.now();
    if (options.intervalMs > 0) this.wait(options.intervalMs);
  }

  /** Something came from the peer: it is there. Cheap enough for every packet. */
  heard(): void {
    if (this.timer === undefined) return;
    this.lastHeard = this.clock.now();
    this.unanswered = 0;
  }

  /** Asks no more. */
  stop(): void {
    this.timer?.stop();
    this.timer = undefined;
  }

  private wait(delayMs: number): void {
    this.timer = this.clock.after(delayMs, () => {
      this.due();
    });
  }

  private due(): void {
    const { intervalMs, mostUnanswered } = this.options;
    const silentMs = this.clock.now() - this.lastHeard;
    if (this.unanswered === 0 && silentMs < intervalMs) {
      this.wait(intervalMs - silentMs);
      return;
    }
    this.unanswered++;
    if (this.unanswered > mostUnanswered) {
      this.stop();
      this.dead();
      return;
    }
    this.wait(intervalMs);
    this.ask();
  }
}
