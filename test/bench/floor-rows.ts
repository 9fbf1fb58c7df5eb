import path from 'node:path';
import type { Sample } from './measure.ts';
import { startPortProcess } from './port-process.ts';
import type { Row } from './row.ts';
import type { RowOptions } from './rows.ts';
import { type Bench, root } from './workbench.ts';

const script = path.join(root, 'test/bench/bare-gcm.cjs');
const MiB = 1024 * 1024;

/**
 * What aes128-gcm takes at least: in our place a bare loop on Node, from and to a process that does no more than send or take; in theirs ssh,
 * from and to sshd. They are held to nothing, and say what bounds of other rows are worth on this machine.
 */
export function floorRows({ bulkMiB }: RowOptions): readonly Row[] {
  const size = bulkMiB * MiB;
  return [
    row('down', () => '/dev/null', 'source', size, `head -c ${size} /dev/zero`),
    row('up', (bench) => bench.zeros(size), 'sink', size, 'cat >/dev/null'),
  ];
}

function row(direction: string, inputOf: (bench: Bench) => string, peer: string, size: number, command: string): Row {
  return {
    name: `floor of aes128-gcm ${direction}`,
    targets: [],
    measure: async (bench) => {
      const input = inputOf(bench);
      const ssh = [bench.theirs('ssh'), ...(await bench.way()), '-c', 'aes128-gcm@openssh.com', 'server', command] as const;
      return { ours: await bare(bench, direction, input, peer, size), theirs: await bench.run(ssh, { input }) };
    },
  };
}

async function bare(bench: Bench, direction: string, input: string, peer: string, size: number): Promise<Sample> {
  const { port, stop } = await startPortProcess(process.execPath, [script, peer]);
  try {
    return await bench.run([bench.subject.node, script, direction, String(port), String(size)], { input });
  } finally {
    await stop();
  }
}
