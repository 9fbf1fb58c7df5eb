import { agentRows } from './agent-rows.ts';
import { bulkRows } from './bulk-rows.ts';
import { floorRows } from './floor-rows.ts';
import { keygenRows } from './keygen-rows.ts';
import { memoryRows } from './memory-rows.ts';
import type { Row } from './row.ts';
import { pipeRows } from './pipe-rows.ts';
import { startRows } from './start-rows.ts';
import { terminalRows } from './terminal-rows.ts';
import type { Subject } from './workbench.ts';

/** What the command line says of the rows. */
export interface RowOptions {
  readonly subject: Subject;
  /** How much a transfer moves, and one over a long path, in MiB. */
  readonly bulkMiB: number;
  readonly farMiB: number;
  /** Whether other clients are measured too. */
  readonly others: boolean;
}

/** The whole table, in its order. */
export function benchRows(options: RowOptions): readonly Row[] {
  return [
    ...startRows(options),
    ...bulkRows(options),
    ...floorRows(options),
    ...pipeRows(options),
    ...terminalRows(),
    ...memoryRows(options),
    ...keygenRows(),
    ...agentRows(),
  ];
}
