/**
 * Windows that grow with the path: a sender that has to wait for a window's adjust sends a window in each round trip, however fast the
 * path is. So a window is to hold several times what comes in a round trip, at the rate at which it comes, as long as it is read: where
 * the window is what limits that, it comes in a rush, and each round trip has a window of four times the size. How long a round trip takes
 * is told by what can't be quicker: the answer to a channel's opening, and the first data that an adjust allowed. The shortest counts, so
 * that what waits in the path's own buffers makes no window grow.
 */
import type { Clock } from '../util/clock.ts';
import { type Growth, WINDOW_SIZE } from './window.ts';

/** By how much the windows of one connection may grow together, in bytes: to 64 MiB where one channel has it all. */
const MOST_GROWTH = 64 * 1024 * 1024 - WINDOW_SIZE;

/** How many round trips' worth of data a window holds at least, and how many times its size it becomes at most at once. */
const ROUND_TRIPS = 4;
const STEP = 4;

/** What is known of the way to one connection's peer. */
export class Path {
  private readonly clock: Clock;
  private shortestMs = Infinity;
  private left = MOST_GROWTH;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Milliseconds of the clock. */
  now(): number {
    return this.clock.now();
  }

  /** The shortest round trip so far, in milliseconds; Infinity before the first. */
  get roundTripMs(): number {
    return this.shortestMs;
  }

  /** What began at this time could not be answered sooner than now. */
  answered(sinceMs: number): void {
    this.shortestMs = Math.min(this.shortestMs, this.clock.now() - sinceMs);
  }

  /** Takes of what windows may still grow; at most `wanted` bytes. */
  take(wanted: number): number {
    const taken = Math.min(wanted, this.left);
    this.left -= taken;
    return taken;
  }

  /** Gives back what was taken, for other windows. */
  giveBack(taken: number): void {
    this.left += taken;
  }
}

/** Lets one receive window grow. */
export class WindowGrowth implements Growth {
  ample = false;
  private readonly path: Path;
  private received = 0;
  /** When, and after how many bytes, the data began whose rate is taken. */
  private sinceMs: number | undefined;
  private sinceBytes = 0;
  /** What was allowed when an adjust was sent, of all bytes ever: one more is the answer to it. */
  private edge = Infinity;
  private edgeMs = 0;
  private taken = 0;

  constructor(path: Path) {
    this.path = path;
  }

  debit(length: number): void {
    this.sinceMs ??= this.path.now();
    this.received += length;
    if (this.received <= this.edge) return;
    this.edge = Infinity;
    this.path.answered(this.edgeMs);
  }

  grow(size: number, available: number, unread: number): number {
    const now = this.path.now();
    if (this.edge === Infinity) {
      this.edge = this.received + available;
      this.edgeMs = now;
    }
    const came = this.received - this.sinceBytes;
    // the last adjust for a window's worth of data goes out somewhere in its last quarter: a whole one would come a round trip later
    if (this.sinceMs === undefined || came < (size * 3) / 4) return 0;
    const inRoundTrip = (came / (now - this.sinceMs)) * this.path.roundTripMs;
    this.sinceMs = now;
    this.sinceBytes = this.received;
    const wanted = Math.floor(Math.min(ROUND_TRIPS * inRoundTrip, STEP * size)) - size;
    this.ample = wanted <= 0;
    const worthwhile = wanted >= size / 4 && this.path.roundTripMs < Infinity;
    if (!worthwhile || unread > size / 4) return 0;
    const more = this.path.take(wanted);
    this.taken += more;
    return more;
  }

  end(): void {
    this.path.giveBack(this.taken);
    this.taken = 0;
  }
}
