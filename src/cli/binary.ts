/** The single binary: every program in one file. It acts by the name that it is called by. */
import v8 from 'node:v8';
import { beBinary } from '../node/own-program.ts';
import { loadProgram } from './program.ts';
import { programs } from './programs.ts';

const names = Object.keys(programs);

if (v8.startupSnapshot.isBuildingSnapshot()) {
  void takeSnapshot();
} else {
  void programs[beBinary(names)]?.();
}

/**
 * Leaves every program loaded, and what a connection loads later, in the snapshot that the binary starts from: each start would do it anew.
 * Nothing is run, so that no start shares with another what must be its own, random numbers before all.
 */
async function takeSnapshot(): Promise<void> {
  const loaded = new Map<string, () => void>();
  for (const [name, load] of Object.entries(programs)) loaded.set(name, await loadProgram(load));
  await Promise.all([import('../client/run.ts'), import('./tsh-dump.ts')]);
  v8.startupSnapshot.setDeserializeMainFunction(() => loaded.get(beBinary(names))?.());
}
