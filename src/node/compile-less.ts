import v8 from 'node:v8';

/** The first version of Node whose V8 has three compilers: of two, none can be left out. */
const firstWithMaglev = 24;

let changed: readonly string[] = [];

/**
 * Has V8 leave out compilers from here on, for a process whose work is libcrypto's and the system's: what is still JavaScript is then never
 * worth what it takes to compile it best. Nothing happens where V8 has no other good compiler.
 */
export function compileLess(...compilers: readonly ('turbofan' | 'maglev')[]): void {
  if (Number.parseInt(process.versions.node, 10) < firstWithMaglev) return;
  for (const name of compilers) v8.setFlagsFromString(`--no-${name}`);
  changed = [...changed, ...compilers];
}

/** Ends that: code that is kept is refused by a process with other flags. */
export function compileAsEver(): void {
  for (const name of changed) v8.setFlagsFromString(`--${name}`);
  changed = [];
}
