import type { Random } from '../crypto/random.ts';
import { concat } from '../util/bytes.ts';
import type { Clock, Timer } from '../util/clock.ts';

/** How what a user types is sent. */
export interface KeystrokeOptions {
  /** Milliseconds between packets. */
  readonly intervalMs: number;
  /** Sends what was typed; the bytes are its own. */
  readonly send: (bytes: Uint8Array) => void;
  /** Sends a packet that looks like one with a key in it and is answered as one; undefined where the peer knows none. */
  readonly chaff: (() => void) | undefined;
  /** Told of each beginning and end, in OpenSSH's words. */
  readonly tell: (text: string) => void;
}

/** More at once is no typing: it is sent as it comes. */
const MOST_TYPED = 256;
/** How long chaff is sent after the last key: at least so long, and at random up to so much longer. */
const CHAFF_LEAST_MS = 1024;
const CHAFF_RANGE_MS = 2048;
/** The part of an interval by which it differs from another. */
const FUZZ = 0.01;

/**
 * Hides when keys are pressed from whoever watches the network (ssh_config(5) ObscureKeystrokeTiming): while someone types, packets go out
 * at a fixed rate, with keys in them or without, and for a random time after the last key.
 */
export class KeystrokePacer {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly options: KeystrokeOptions;
  private timer: Timer | undefined;
  private waiting: Uint8Array[] = [];
  private chaffUntilMs = 0;
  private chaffSent = 0;
  /** What this burst's intervals are longer by. */
  private rateFuzz = 0;

  constructor(clock: Clock, random: Random, options: KeystrokeOptions) {
    this.clock = clock;
    this.random = random;
    this.options = options;
  }

  /** Takes what was typed; it is copied where it has to wait. The first key goes at once: when typing begins can't be hidden. */
  typed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const much = bytes.length + this.waitingLength >= MOST_TYPED;
    if (this.timer === undefined || much) {
      this.flush('output buffer filling');
      this.options.send(new Uint8Array(bytes));
      if (!much) this.begin();
      return;
    }
    this.waiting.push(new Uint8Array(bytes));
    this.goOn();
  }

  /** Sends what waits, and ends the burst; the reason is told. */
  flush(reason: string): void {
    this.sendWaiting();
    if (this.timer === undefined) return;
    this.timer.stop();
    this.timer = undefined;
    this.options.tell(`obfuscate_keystroke_timing: stopping: ${reason} (${this.chaffSent} chaff packets sent)`);
  }

  private get waitingLength(): number {
    return this.waiting.reduce((sum, { length }) => sum + length, 0);
  }

  private begin(): void {
    this.options.tell(`obfuscate_keystroke_timing: starting: interval ~${this.options.intervalMs}ms`);
    this.chaffSent = 0;
    this.rateFuzz = FUZZ * this.fraction();
    this.goOn();
    this.wait();
  }

  private goOn(): void {
    this.chaffUntilMs = this.clock.now() + CHAFF_LEAST_MS + CHAFF_RANGE_MS * this.fraction();
  }

  private wait(): void {
    const exact = this.options.intervalMs * (1 - FUZZ + FUZZ * this.fraction() + this.rateFuzz);
    // timers know whole milliseconds only: the rest is left to chance, so that it is right on the whole
    this.timer = this.clock.after(Math.max(1, Math.floor(exact + this.fraction())), () => {
      this.tick();
    });
  }

  private tick(): void {
    if (this.waiting.length > 0) this.sendWaiting();
    else if (this.clock.now() >= this.chaffUntilMs) {
      this.flush('chaff time expired');
      return;
    } else if (this.options.chaff !== undefined) {
      this.options.chaff();
      this.chaffSent++;
    }
    this.wait();
  }

  private sendWaiting(): void {
    if (this.waiting.length === 0) return;
    const bytes = concat(...this.waiting);
    this.waiting = [];
    this.options.send(bytes);
  }

  /** A number from 0 to below 1. */
  private fraction(): number {
    const bytes = new Uint8Array(2);
    this.random.fill(bytes);
    const [high = 0, low = 0] = bytes;
    return (high * 256 + low) / 65_536;
  }
}
