import v8 from 'node:v8';

/**
 * What keeps a process small that lives all day and computes little: nothing is compiled twice (of V8's compilers each has megabytes of
 * code of its own), and what is thrown away is collected early. `--optimize-for-size` lets it sleep, too: some seconds after there was
 * something to do the runtime gives back what memory it can, and is done; without it, it looks again every few seconds, for ever.
 */
const smallFlags = ['--no-opt', '--no-maglev', '--no-sparkplug', '--optimize-for-size'];

/** For a process that is started small. */
export const flagsFromStart: readonly string[] = [...smallFlags, '--max-semi-space-size=1'];

/** For one that runs already, which can be asked for less. */
const flagsLater = [...smallFlags, '--semi-space-growth-factor=1'];

let small = false;

/**
 * Has this process take up as little memory as it can, and sleep while there is nothing to do. It has to be called before most modules
 * are loaded: with other flags than the runtime was built with, these are compiled function by function as they are used, and not taken
 * whole from its cache.
 */
export function staySmall(): void {
  for (const flag of flagsLater) v8.setFlagsFromString(flag);
  small = true;
}

/** Whether this process has other flags than it was started with: what it compiles is of no use to the next. */
export function changedFlags(): boolean {
  return small;
}
