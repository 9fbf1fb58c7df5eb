import { availableParallelism } from 'node:os';
import { libc } from './libc.ts';

/** What process.exit() calls at its end, when all who wait for the exit have been told. */
interface Process {
  reallyExit: (code?: number) => never;
}

/**
 * How many jobs may run at once on the thread pool of which only the first one's result is wanted: two where there are processors for
 * them and this process can leave the other one behind, which it does from then on. process.exit() would wait for it, perhaps for seconds;
 * now it drops what streams have not written, so this is for programs that write at once.
 */
export function racers(): number {
  if (availableParallelism() < 2) return 1;
  const leave = libc('_exit');
  if (leave === undefined) return 1;
  (process as unknown as Process).reallyExit = (code = 0) => leave(code);
  return 2;
}
