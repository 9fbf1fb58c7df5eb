/** A timer that was started and can be stopped. */
export interface Timer {
  /** Stops the timer; stopping one that has fired does nothing. */
  stop(): void;
}

/** Time as the core sees it: it is given, never asked of the system. */
export interface Clock {
  /** Milliseconds of a monotonic clock with any origin. */
  now(): number;
  /** Seconds since 1970-01-01T00:00:00Z. */
  seconds(): number;
  /** Calls `fire` once after `delayMs` milliseconds. */
  after(delayMs: number, fire: () => void): Timer;
}
