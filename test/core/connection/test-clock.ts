import type { Clock } from '../../../src/core/util/clock.ts';

/** A clock that the test moves. */
export class TestClock implements Clock {
  private time = 0;
  private readonly timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  now(): number {
    return this.time;
  }

  seconds(): number {
    return this.time / 1000;
  }

  after(delayMs: number, fire: () => void): { stop(): void } {
    const timer = { at: this.time + delayMs, fire };
    this.timers.add(timer);
    return { stop: () => this.timers.delete(timer) };
  }

  get running(): number {
    return this.timers.size;
  }

  pass(ms: number): void {
    for (const end = this.time + ms; ; ) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      this.time = next?.at ?? end;
      if (next === undefined) return;
      this.timers.delete(next);
      next.fire();
    }
  }
}
