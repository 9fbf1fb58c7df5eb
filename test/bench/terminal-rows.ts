import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Sample } from './measure.ts';
import { startPortProcess } from './port-process.ts';
import { memoryMegabytes, type Row, type Target, valueRatio } from './row.ts';
import { type Bench, python, root } from './workbench.ts';

/** Types into a program's terminal and times what comes back: the finest timer at hand, and no part of what is measured. */
const driver = path.join(root, 'test/bench/keystrokes.py');
const relays = path.join(root, 'test/bench/bare-relay');
/** Neither side may hide the typing: that is a clock of 20 ms. */
const options = ['-tt', '-o', 'ObscureKeystrokeTiming=no'];

const keys = 500;

/** Sessions with a terminal: the echo of keystrokes over loopback, and one in which nothing happens. */
export function terminalRows(): readonly Row[] {
  return [
    terminal('keystrokes', keys, [valueRatio('p50 ms', 1.1), valueRatio('p99 ms', 1.1)]),
    terminal('idle session', 0, [memoryMegabytes(65)]),
    relay,
  ];
}

/**
 * What keystrokes take at least: in our place a bare relay on Node between a terminal and a socket, in theirs the same in Python, to a server
 * that sends back what it gets. By how much the first takes longer no program on Node can be quicker than one that isn't.
 */
const relay: Row = {
  name: 'floor of keystrokes',
  targets: [],
  measure: async (bench) => {
    const { port, stop } = await startPortProcess(python, [`${relays}.py`, 'peer']);
    try {
      return {
        ours: await typed(bench, keys, [bench.subject.node, `${relays}.cjs`, String(port)]),
        theirs: await typed(bench, keys, [python, `${relays}.py`, 'relay', String(port)]),
      };
    } finally {
      await stop();
    }
  },
};

function terminal(name: string, count: number, targets: readonly Target[]): Row {
  const once = async (bench: Bench, program: string): Promise<Sample> =>
    typed(bench, count, [program, ...(await bench.way()), ...options, 'server', 'echo ready; exec cat']);
  return {
    name,
    targets,
    measure: async (bench) => ({ ours: await once(bench, bench.ours('tsh')), theirs: await once(bench, bench.theirs('ssh')) }),
  };
}

/** Types into a client so many keys; with none it is only held for a while. */
async function typed(bench: Bench, count: number, client: readonly string[]): Promise<Sample> {
  const result = path.join(bench.folder, 'keystrokes');
  const sample = await bench.run([python, driver, String(count), result, ...client]);
  const { MB: memory, ...values } = JSON.parse(readFileSync(result, 'utf8')) as Record<string, number>;
  return { ...sample, memory, values };
}
