import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Sample } from './measure.ts';
import { memoryMegabytes, type Row, type Target, valueRatio } from './row.ts';
import { type Bench, root } from './workbench.ts';

/** Types into a program's terminal and times what comes back: the finest timer at hand, and no part of what is measured. */
const driver = path.join(root, 'test/bench/keystrokes.py');
const python = '/usr/bin/python3';
/** Neither side may hide the typing: that is a clock of 20 ms. */
const options = ['-tt', '-o', 'ObscureKeystrokeTiming=no'];

/** Sessions with a terminal: the echo of keystrokes over loopback, and one in which nothing happens. */
export function terminalRows(): readonly Row[] {
  return [
    terminal('keystrokes', 500, [valueRatio('p50 ms', 1.1), valueRatio('p99 ms', 1.1)]),
    terminal('idle session', 0, [memoryMegabytes(65)]),
  ];
}

function terminal(name: string, count: number, targets: readonly Target[]): Row {
  const once = async (bench: Bench, program: string): Promise<Sample> => {
    const result = path.join(bench.folder, 'keystrokes');
    const client = [program, ...(await bench.way()), ...options, 'server', 'echo ready; exec cat'];
    const sample = await bench.run([python, driver, String(count), result, ...client]);
    const { MB: memory, ...values } = JSON.parse(readFileSync(result, 'utf8')) as Record<string, number>;
    return { ...sample, memory, values };
  };
  return {
    name,
    targets,
    measure: async (bench) => ({ ours: await once(bench, bench.ours('tsh')), theirs: await once(bench, bench.theirs('ssh')) }),
  };
}
