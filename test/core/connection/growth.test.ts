import { describe, expect, test } from 'vitest';
import { Path, WindowGrowth } from '../../../src/core/connection/growth.ts';
import { PACKET_SIZE, ReceiveWindow, WINDOW_SIZE } from '../../../src/core/connection/window.ts';
import type { Clock } from '../../../src/core/util/clock.ts';

const MiB = 1024 * 1024;

/** Time that passes from one thing that happens to the next. */
class Timeline implements Clock {
  private time = 0;
  private readonly coming: { readonly at: number; readonly happen: () => void }[] = [];

  now(): number {
    return this.time;
  }

  seconds(): number {
    return this.time / 1000;
  }

  after(delayMs: number, happen: () => void): { stop(): void } {
    const at = this.time + delayMs;
    const before = this.coming.findIndex((one) => one.at > at);
    this.coming.splice(before === -1 ? this.coming.length : before, 0, { at, happen });
    return { stop: () => undefined };
  }

  run(untilMs: number): void {
    for (let next = this.coming[0]; next !== undefined && next.at <= untilMs; next = this.coming[0]) {
      this.coming.shift();
      this.time = next.at;
      next.happen();
    }
    this.time = untilMs;
  }
}

/** A peer that sends all that its window allows over a path of this round trip and so many bytes per millisecond. */
class Sender {
  readonly window: ReceiveWindow;
  received = 0;
  /** What the last adjust allowed, in bytes. */
  told = 0;
  /** Whether what comes is consumed. */
  reads = true;
  private readonly clock: Timeline;
  private readonly delayMs: number;
  private readonly perMs: number;
  private credit: number;
  private freeAtMs = 0;

  constructor(clock: Timeline, path: Path | undefined, { roundTripMs, perMs }: { readonly roundTripMs: number; readonly perMs: number }) {
    this.window = new ReceiveWindow(WINDOW_SIZE, PACKET_SIZE, path === undefined ? undefined : new WindowGrowth(path));
    this.clock = clock;
    this.delayMs = roundTripMs / 2;
    this.perMs = perMs;
    this.credit = this.window.size;
    const asked = clock.now();
    clock.after(roundTripMs, () => path?.answered(asked));
    clock.after(roundTripMs, () => this.send());
  }

  private send(): void {
    while (this.credit > 0) {
      const length = Math.min(PACKET_SIZE, this.credit);
      this.credit -= length;
      this.freeAtMs = Math.max(this.freeAtMs, this.clock.now()) + length / this.perMs;
      this.clock.after(this.freeAtMs - this.clock.now() + this.delayMs, () => this.arrive(length));
    }
  }

  private arrive(length: number): void {
    this.window.debit(length);
    this.received += length;
    if (!this.reads) return;
    this.window.credit(length);
    if (!this.window.due) return;
    const adjust = this.window.takeAdjust();
    this.told = adjust;
    this.clock.after(this.delayMs, () => {
      this.credit += adjust;
      this.send();
    });
  }
}

function transfer(roundTripMs: number, perMs: number, seconds: number): { readonly grown: Sender; readonly fixed: Sender } {
  const [clock, other] = [new Timeline(), new Timeline()];
  const grown = new Sender(clock, new Path(clock), { roundTripMs, perMs });
  const fixed = new Sender(other, undefined, { roundTripMs, perMs });
  clock.run(seconds * 1000);
  other.run(seconds * 1000);
  return { grown, fixed };
}

describe('a window on a long path', () => {
  test('of 200 ms and a GiB a second grows to 64 MiB, and brings ten times as much', () => {
    const { grown, fixed } = transfer(200, 1024 * 1024, 6);
    expect(grown.window.size).toBe(64 * MiB);
    expect(fixed.window.size).toBe(WINDOW_SIZE);
    expect(grown.received).toBeGreaterThan(10 * fixed.received);
  });

  test('of 200 ms and 8 GiB a second gets 256 MiB in seven round trips after the first: 2, 8 and 32 MiB, then four of 64', () => {
    const { grown } = transfer(200, 8 * 1024 * 1024, 0.2 + 7 * 0.25);
    expect(grown.received).toBeGreaterThanOrEqual(256 * MiB);
  });

  test.each([
    [200, 10_000],
    [20, 100_000],
    [100, 1000],
  ])('of %d ms and %d bytes a millisecond fills the path, and does not grow far beyond', (roundTripMs, perMs) => {
    const seconds = 40;
    const { grown } = transfer(roundTripMs, perMs, seconds);
    expect(grown.received).toBeGreaterThan(0.85 * perMs * seconds * 1000);
    expect(grown.window.size).toBeLessThanOrEqual(Math.max(WINDOW_SIZE, 5 * perMs * roundTripMs));
  });

  test('that is short stays as it is, and the peer is told of halves of it', () => {
    const { grown, fixed } = transfer(1, 500_000, 2);
    expect(grown.window.size).toBe(WINDOW_SIZE);
    expect(grown.told).toBe(WINDOW_SIZE / 2);
    expect(fixed.told).toBe(WINDOW_SIZE / 4);
    expect(grown.received).toBeGreaterThan(0.95 * 500_000 * 2000);
  });

  test('is told of in quarters where even the largest holds too little', () => {
    const { grown } = transfer(200, 1024 * 1024, 6);
    expect(grown.told).toBe(grown.window.size / 4);
  });
});

describe('growth', () => {
  const long = { roundTripMs: 200, perMs: MiB };

  test('ends while nobody reads: a stopped reader costs the window that is', () => {
    const clock = new Timeline();
    const sender = new Sender(clock, new Path(clock), long);
    clock.run(1000);
    const { size } = sender.window;
    expect(size).toBeGreaterThan(WINDOW_SIZE);
    sender.reads = false;
    clock.run(10_000);
    expect(sender.window.waiting).toBeLessThanOrEqual(sender.window.size);
    expect(sender.window.size).toBe(size);
  });

  test('of all windows of a connection is bounded, and a window that ends gives its part back', () => {
    const clock = new Timeline();
    const path = new Path(clock);
    const senders = [1, 2, 3, 4].map(() => new Sender(clock, path, long));
    clock.run(4000);
    const sizes = senders.map(({ window }) => window.size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(64 * MiB + 3 * WINDOW_SIZE);
    for (const sender of senders) {
      sender.reads = false;
      sender.window.end();
    }
    const later = new Sender(clock, path, long);
    clock.run(8000);
    expect(later.window.size).toBe(64 * MiB);
  });

  function windowOn(path: Path): { readonly window: ReceiveWindow; readonly receive: (length: number) => void } {
    const window = new ReceiveWindow(WINDOW_SIZE, PACKET_SIZE, new WindowGrowth(path));
    const receive = (length: number): void => {
      for (let left = length; left > 0; left -= PACKET_SIZE) {
        window.debit(PACKET_SIZE);
        window.credit(PACKET_SIZE);
        if (window.due) window.takeAdjust();
      }
    };
    return { window, receive };
  }

  test('needs a round trip that takes time by the clock', () => {
    const clock = new Timeline();
    const path = new Path(clock);
    path.answered(0);
    const { window, receive } = windowOn(path);
    receive(4 * WINDOW_SIZE);
    expect(window.size).toBe(WINDOW_SIZE);
  });

  test('of a window whose data comes after a pause waits for the next', () => {
    const clock = new Timeline();
    const path = new Path(clock);
    path.answered(-100);
    const { window, receive } = windowOn(path);
    receive(WINDOW_SIZE / 4);
    clock.run(5000);
    receive(WINDOW_SIZE);
    expect(window.size).toBe(WINDOW_SIZE);
    receive(WINDOW_SIZE);
    expect(window.size).toBe(4 * WINDOW_SIZE);
  });
});
