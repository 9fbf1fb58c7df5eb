import os from 'node:os';
import type { Clock, Timer } from '../core/util/clock.ts';

/** The longest delay that setTimeout takes, in milliseconds; more makes it fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The system's clock and the event loop's timers; a timer that runs keeps the process alive. */
export const systemClock: Clock = {
  // performance.now() would load a module of Node's at every start
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  seconds: () => Math.floor(Date.now() / 1000),
  after(delayMs: number, fire: () => void): Timer {
    let left = delayMs;
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const step = Math.min(left, longestDelayMs);
      left -= step;
      handle = setTimeout(left > 0 ? arm : fire, step);
    };
    arm();
    return { stop: () => clearTimeout(handle) };
  },
};

/** The same, with a `now` that goes on while the machine sleeps, in steps of 10 ms: for lifetimes of hours. */
export const bootClock: Clock = { ...systemClock, now: () => os.uptime() * 1000 };
