import v8 from 'node:v8';

/**
 * What keeps a process small that lives all day and computes little: nothing is compiled twice, and what is thrown away is collected before
 * it fills more than a little space.
 */
const smallFlags = ['--no-opt', '--semi-space-growth-factor=1'];

/**
 * Has this process take up as little memory as it can. It has to be called before most modules are loaded: with other flags than the
 * runtime was built with, these are compiled function by function as they are used, and not taken whole from its cache.
 */
export function staySmall(): void {
  for (const flag of smallFlags) v8.setFlagsFromString(flag);
}
