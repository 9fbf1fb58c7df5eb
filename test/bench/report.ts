import type { Sample } from './measure.ts';
import type { Row } from './rows.ts';

/** One run of each program, one after the other. */
export interface Pair {
  readonly tsh: Sample;
  readonly ssh: Sample;
}

/** Median, least and most of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What the pairs of a row say. */
export interface RowResult {
  readonly row: string;
  readonly pairs: number;
  /** tsh over ssh. */
  readonly cpuRatio: Spread;
  readonly wallRatio: Spread;
  readonly tsh: Summary;
  readonly ssh: Summary;
  /** The targets that the medians exceed, in words. */
  readonly missed: readonly string[];
}

/** Medians of one program: seconds and MB. */
interface Summary {
  readonly cpu: number;
  readonly wall: number;
  readonly memory: number | undefined;
}

/** The result of at least one pair. */
export function summarize(row: Row, pairs: readonly Pair[]): RowResult {
  const cpuRatio = spread(pairs.map(({ tsh, ssh }) => tsh.cpu / ssh.cpu));
  const wallRatio = spread(pairs.map(({ tsh, ssh }) => tsh.wall / ssh.wall));
  const tsh = summary(pairs.map((pair) => pair.tsh));
  const ssh = summary(pairs.map((pair) => pair.ssh));
  const { targets } = row;
  const checks: readonly (readonly [string, number, number | undefined, string])[] = [
    ['CPU', cpuRatio.median, targets.cpu, ''],
    ['wall', wallRatio.median, targets.wall, ''],
    ['memory', tsh.memory ?? 0, targets.memory, ' MB'],
  ];
  const missed = checks.flatMap(([what, value, most, unit]) => (most !== undefined && value > most ? [`${what} > ${most}${unit}`] : []));
  return { row: row.name, pairs: pairs.length, cpuRatio, wallRatio, tsh, ssh, missed };
}

const columns = ['row', 'pairs', 'CPU s: tsh', 'ssh', 'tsh/ssh (min-max)', 'wall s: tsh', 'ssh', 'tsh/ssh (min-max)', 'MB: tsh', 'ssh', ''];

/** The results as a table of Markdown. */
export function formatTable(results: readonly RowResult[]): string {
  const lines = results.map(({ row, pairs, cpuRatio, wallRatio, tsh, ssh, missed }) => [
    row,
    String(pairs),
    tsh.cpu.toFixed(2),
    ssh.cpu.toFixed(2),
    formatSpread(cpuRatio),
    tsh.wall.toFixed(2),
    ssh.wall.toFixed(2),
    formatSpread(wallRatio),
    tsh.memory?.toFixed(0) ?? '-',
    ssh.memory?.toFixed(0) ?? '-',
    missed.length === 0 ? '' : `MISSED: ${missed.join(', ')}`,
  ]);
  const widths = columns.map((title, at) => Math.max(title.length, ...lines.map((cells) => cells[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`;
  return line(columns) + line(widths.map((width) => '-'.repeat(width))) + lines.map(line).join('');
}

function formatSpread({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

function summary(samples: readonly Sample[]): Summary {
  const memory = samples.flatMap((sample) => sample.memory ?? []);
  return {
    cpu: spread(samples.map(({ cpu }) => cpu)).median,
    wall: spread(samples.map(({ wall }) => wall)).median,
    memory: memory.length === 0 ? undefined : spread(memory).median,
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return {
    median: middle.reduce((sum, value) => sum + value, 0) / middle.length,
    min: sorted[0] ?? NaN,
    max: sorted.at(-1) ?? NaN,
  };
}
