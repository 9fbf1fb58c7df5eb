import type { Log } from '../core/util/log.ts';
import { ignoredSignals } from '../node/ignored-signals.ts';

/** What a run does on the signals that end a process. */
export interface EndSignalsPlan {
  readonly log: Log;
  /** What is said first, where something is. */
  readonly farewell: string | undefined;
  /** Whether SIGTERM is the usual end of the run: where nothing runs on the server (-N, -W). */
  readonly endsWell: boolean;
  /** Ends the connection, in good order or not. */
  readonly end: (well: boolean) => void;
}

const numbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/**
 * Ends a connected run on the signals that end a process, with ssh's words and exit codes: 255, or 0 for SIGTERM where that is the usual end.
 * Before the session begins such a signal ends the process at once, as ever.
 */
export class EndSignals {
  private rows: readonly (readonly [signal: keyof typeof numbers, handler: () => void])[] = [];

  /** Listens for the signals from now on. */
  start({ log, farewell, endsWell, end }: EndSignalsPlan): void {
    const ignored = ignoredSignals();
    const heeded = Object.entries(numbers).map(([signal, number]) => [signal as keyof typeof numbers, number] as const);
    this.rows = heeded
      .filter(([signal]) => !ignored.includes(signal))
      .map(([signal, number]) => {
        const handler = (): void => {
          if (farewell !== undefined) log('INFO', farewell);
          const well = endsWell && number === numbers.SIGTERM;
          end(well);
          if (!well) log('VERBOSE', `Killed by signal ${number}.`);
          process.exit(well ? 0 : 255);
        };
        process.on(signal, handler);
        return [signal, handler] as const;
      });
  }

  /** Does something that ^C may end, and nothing else with it. */
  async withoutInterrupt<T>(work: () => Promise<T>): Promise<T> {
    const held = this.rows.filter(([signal]) => signal === 'SIGINT');
    process.on('SIGINT', ignore);
    for (const [signal, handler] of held) process.removeListener(signal, handler);
    try {
      return await work();
    } finally {
      for (const [signal, handler] of held) process.on(signal, handler);
      process.removeListener('SIGINT', ignore);
    }
  }

  /** Listens for them no longer. */
  stop(): void {
    for (const [signal, handler] of this.rows) process.removeListener(signal, handler);
    this.rows = [];
  }
}

function ignore(): void {
  // the signal is another's business for a while
}
