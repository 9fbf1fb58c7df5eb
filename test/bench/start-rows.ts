import { floorsOver, memoryMegabytes, millisecondsOverFloor, type Row } from './row.ts';
import type { RowOptions } from './rows.ts';
import type { Subject } from './workbench.ts';

/** Key exchanges by the rows' names; without options each program takes its own choice. */
const exchanges: readonly { readonly name: string; readonly options: readonly string[] }[] = [
  { name: 'start true', options: [] },
  { name: 'start true mlkem768x25519', options: ['-o', 'KexAlgorithms=mlkem768x25519-sha256'] },
  { name: 'start true curve25519', options: ['-o', 'KexAlgorithms=curve25519-sha256'] },
  { name: 'start true sntrup761', options: ['-o', 'KexAlgorithms=sntrup761x25519-sha512'] },
];

/** What ends without a connection. */
const queries: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  { name: 'start -V', args: ['-V'] },
  { name: 'start -G', args: ['-G', '-F', 'none', 'server'] },
  { name: 'start -Q', args: ['-Q', 'cipher'] },
];

/** `tsh host true`, and what needs no host at all, beside the bare start of Node. */
export function startRows({ subject }: RowOptions): readonly Row[] {
  const wall = floorsOver(mostFloors(subject));
  const memory = subject.form === 'node' ? [memoryMegabytes(60)] : [];
  const connections = exchanges.map(({ name, options }): Row => {
    return {
      name,
      times: 4,
      targets: [wall, ...(options.length === 0 ? memory : [])],
      measure: async (bench) => bench.pair('tsh', 'ssh', [...(await bench.way()), ...options, 'server', 'true'], { floor: true }),
    };
  });
  const others = queries.map(({ name, args }): Row => {
    return { name, times: 2, targets: [millisecondsOverFloor(20)], measure: (bench) => bench.pair('tsh', 'ssh', args, { floor: true }) };
  });
  return [...connections, ...others];
}

/** By how many bare starts of Node `true` may exceed ssh: before 24 Node has no ML-KEM of its own. */
function mostFloors({ form, nodeMajor }: Subject): number {
  if (form === 'binary') return 1.5;
  return nodeMajor >= 24 ? 1.8 : 2.5;
}
