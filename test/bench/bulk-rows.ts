import { runOthers } from './other-clients.ts';
import { cpuRatio, type Round, type Row, type Target, valueRatio, wallRatio } from './row.ts';
import type { RowOptions } from './rows.ts';
import type { Bench } from './workbench.ts';
import type { Sample } from './measure.ts';

const MiB = 1024 * 1024;

/** Ciphers and MACs by the rows' names, with the most CPU that a transfer may take of ssh's. */
const ciphers: readonly { readonly name: string; readonly options: readonly string[]; readonly cpu: number }[] = [
  { name: 'default', options: [], cpu: 0.35 },
  { name: 'aes128-gcm', options: ['-c', 'aes128-gcm@openssh.com'], cpu: 0.7 },
  { name: 'aes256-gcm', options: ['-c', 'aes256-gcm@openssh.com'], cpu: 0.7 },
  { name: 'chacha20-poly1305', options: ['-c', 'chacha20-poly1305@openssh.com'], cpu: 0.5 },
  { name: 'aes128-ctr+umac-64-etm', options: ['-c', 'aes128-ctr', '-m', 'umac-64-etm@openssh.com'], cpu: 1 },
  { name: 'aes128-ctr+hmac-sha2-256-etm', options: ['-c', 'aes128-ctr', '-m', 'hmac-sha2-256-etm@openssh.com'], cpu: 1 },
];

/** The seconds that a transfer adds to a connection over the same path which moves nothing. */
const TRANSFER = 'transfer s';

interface Transfer {
  readonly options: readonly string[];
  readonly size: number;
  /** What the round trip is longer than loopback's. */
  readonly delayMs: number;
  /** Whether other clients do it too. */
  readonly others?: boolean;
  /** More variables of our environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is left where koffi can't be loaded. */
const bare: readonly string[] = ['aes128-gcm', 'chacha20-poly1305'];
const MOST_CPU_OF_BARE = 2;

/** Downloads and uploads: from a file and to /dev/null with each cipher, some without koffi, and over long paths. */
export function bulkRows({ bulkMiB, farMiB, others }: RowOptions): readonly Row[] {
  const bulk = ciphers.flatMap(({ name, options, cpu }) => {
    const targets = [cpuRatio(cpu), wallRatio(1)];
    const transfer = { options, size: bulkMiB * MiB, delayMs: 0, others: others && options.length === 0 };
    return [down(name, transfer, targets), up(name, transfer, targets)];
  });
  const withoutKoffi = ciphers
    .filter(({ name }) => bare.includes(name))
    .flatMap(({ name, options }) => {
      const transfer = { options, size: bulkMiB * MiB, delayMs: 0, env: { TSH_NO_NATIVE: '1' } };
      const targets = [cpuRatio(MOST_CPU_OF_BARE)];
      return [down(`${name} without koffi`, transfer, targets), up(`${name} without koffi`, transfer, targets)];
    });
  const path = (delayMs: number, size = farMiB * MiB): Transfer => ({ options: [], size, delayMs });
  const long = [
    down('path of 20 ms', path(20), [wallRatio(1)]),
    down('path of 200 ms', path(200), [valueRatio(TRANSFER, 0.1)]),
    // a window of the server's after the other: a quarter says as much
    up('path of 200 ms', path(200, (farMiB / 4) * MiB), [wallRatio(1.1)]),
  ];
  return [...bulk, ...withoutKoffi, ...long];
}

function down(name: string, transfer: Transfer, targets: readonly Target[]): Row {
  const command = `head -c ${transfer.size} /dev/zero`;
  return { name: `${name} down`, targets, measure: (bench) => all(bench, transfer, command, '/dev/null') };
}

function up(name: string, transfer: Transfer, targets: readonly Target[]): Row {
  return { name: `${name} up`, targets, measure: (bench) => all(bench, transfer, 'cat >/dev/null', bench.zeros(transfer.size)) };
}

async function all(bench: Bench, transfer: Transfer, command: string, input: string): Promise<Round> {
  return {
    ours: await run(bench, 'tsh', transfer, command, input),
    theirs: await run(bench, 'ssh', transfer, command, input),
    ...(transfer.others === true && { others: await runOthers(bench, command, input) }),
  };
}

async function run(bench: Bench, program: 'tsh' | 'ssh', transfer: Transfer, command: string, input: string): Promise<Sample> {
  const file = program === 'tsh' ? bench.ours('tsh') : bench.theirs('ssh');
  const args = [...(await bench.way(transfer.delayMs)), ...transfer.options, 'server'];
  const env = program === 'tsh' ? transfer.env : undefined;
  const whole = await bench.run([file, ...args, command], { input, ...(env !== undefined && { env }) });
  if (transfer.delayMs === 0) return whole;
  const nothing = await bench.run([file, ...args, 'true']);
  return { ...whole, values: { [TRANSFER]: whole.wall - nothing.wall } };
}
