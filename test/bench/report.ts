import type { Sample } from './measure.ts';
import type { Round, Row } from './row.ts';

/** Median, least and most of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What the rounds of a row say. */
export interface RowResult {
  readonly row: string;
  readonly pairs: number;
  /** Ours over theirs. */
  readonly cpuRatio: Spread;
  readonly wallRatio: Spread;
  readonly ours: Summary;
  readonly theirs: Summary;
  /** Wall seconds of a bare start of Node. */
  readonly floor: Spread | undefined;
  readonly others: Readonly<Record<string, Summary>>;
  readonly targets: readonly TargetResult[];
}

/** What became of a target. */
export interface TargetResult {
  readonly title: string;
  readonly most: number;
  /** Undefined where no round could tell. */
  readonly value: Spread | undefined;
  /** The same figure of OpenSSH's, where the target has one. */
  readonly theirs: Spread | undefined;
  /** The same figure of a bare start of Node, where the target has one. */
  readonly floor: Spread | undefined;
  /** Whether that alone exceeds the bound. */
  readonly outOfReach: boolean;
  readonly missed: boolean;
}

/** One program's figures: seconds, MB, and what a row has of its own. */
export interface Summary {
  readonly cpu: Spread;
  readonly wall: Spread;
  readonly memory: Spread | undefined;
  readonly values: Readonly<Record<string, Spread>>;
}

/** The result of at least one round. */
export function summarize(row: Row, rounds: readonly Round[]): RowResult {
  const floors = rounds.flatMap(({ floor }) => floor?.wall ?? []);
  const names = new Set(rounds.flatMap(({ others = {} }) => Object.keys(others)));
  return {
    row: row.name,
    pairs: rounds.length,
    cpuRatio: spread(rounds.map(({ ours, theirs }) => ours.cpu / theirs.cpu)),
    wallRatio: spread(rounds.map(({ ours, theirs }) => ours.wall / theirs.wall)),
    ours: summary(rounds.map(({ ours }) => ours)),
    theirs: summary(rounds.map(({ theirs }) => theirs)),
    floor: optionalSpread(floors),
    others: Object.fromEntries([...names].map((name) => [name, summary(rounds.flatMap(({ others }) => others?.[name] ?? []))])),
    targets: row.targets.map((target) => {
      const { title, most } = target;
      const value = optionalSpread(rounds.flatMap((round) => target.value(round) ?? []));
      const theirs = optionalSpread(rounds.flatMap((round) => target.theirs?.(round) ?? []));
      const floor = optionalSpread(rounds.flatMap((round) => target.floor?.(round) ?? []));
      const outOfReach = floor !== undefined && floor.median > most;
      const missed = value !== undefined && value.median > most && !outOfReach;
      return { title, most, value, theirs, floor, outOfReach, missed };
    }),
  };
}

const columns = [
  'row',
  'pairs',
  'CPU s: ours',
  'ssh',
  'ratio (min-max)',
  'wall s: ours',
  'ssh',
  'node',
  'ratio (min-max)',
  'MB: ours',
  'ssh',
  'at most',
];

/** The results as a table of Markdown: medians; a bound that is not kept is told by MISSED, one that no program on Node can keep by its floor. */
export function formatTable(results: readonly RowResult[]): string {
  const lines = results.flatMap((result) => [
    formatRow(result),
    ...Object.entries(result.others).map((other) => formatOther(result, other)),
  ]);
  const widths = columns.map((title, at) => Math.max(title.length, ...lines.map((cells) => cells[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`;
  return line(columns) + line(widths.map((width) => '-'.repeat(width))) + lines.map(line).join('');
}

function formatRow({ row, pairs, cpuRatio, wallRatio, ours, theirs, floor, targets }: RowResult): string[] {
  const own = Object.keys(ours.values).filter((name) => !targets.some(({ title }) => title === name));
  return [
    row,
    String(pairs),
    seconds(ours.cpu),
    seconds(theirs.cpu),
    ratio(cpuRatio),
    seconds(ours.wall),
    seconds(theirs.wall),
    floor === undefined ? '' : seconds(floor),
    ratio(wallRatio),
    ours.memory?.median.toFixed(0) ?? '-',
    theirs.memory?.median.toFixed(0) ?? '-',
    [...targets.map(formatTarget), ...own.map((name) => formatValue(name, ours, theirs))].join('; '),
  ];
}

/** Another client than ours and OpenSSH's: its own figures, and ours over them. */
function formatOther({ row, cpuRatio, ours }: RowResult, [name, other]: readonly [string, Summary]): string[] {
  const [cpu, wall] = [ours.cpu.median / other.cpu.median, ours.wall.median / other.wall.median];
  const memory = other.memory?.median.toFixed(0) ?? '-';
  const cells = [
    `${row}: ${name}`,
    '',
    '',
    seconds(other.cpu),
    cpu.toFixed(2),
    '',
    seconds(other.wall),
    '',
    wall.toFixed(2),
    '',
    memory,
    '',
  ];
  return Number.isFinite(cpuRatio.median) ? cells : cells.map((cell) => cell.replace('NaN', '-'));
}

function formatTarget({ title, most, value, theirs, floor, outOfReach, missed }: TargetResult): string {
  const measured = value === undefined ? 'not measured' : value.median.toFixed(2);
  const alone = floor?.median.toFixed(2) ?? '';
  if (outOfReach) return `${title} ${measured}, node alone ${alone}: floor ${alone} > ${most}`;
  return `${missed ? 'MISSED: ' : ''}${title} ${measured} ${missed ? '>' : '<='} ${most}${alone && `, node alone ${alone}`}${theirs === undefined ? '' : `, ssh ${theirs.median.toFixed(2)}`}`;
}

function formatValue(name: string, ours: Summary, theirs: Summary): string {
  return `${name} ${[ours, theirs].map(({ values }) => values[name]?.median.toPrecision(3) ?? '-').join(', ')}`;
}

function seconds({ median }: Spread): string {
  return median.toFixed(median < 1 ? 3 : 2);
}

function ratio({ median, min, max }: Spread): string {
  return Number.isFinite(median) ? `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})` : '-';
}

function summary(samples: readonly Sample[]): Summary {
  const names = new Set(samples.flatMap(({ values = {} }) => Object.keys(values)));
  return {
    cpu: spread(samples.map(({ cpu }) => cpu)),
    wall: spread(samples.map(({ wall }) => wall)),
    memory: optionalSpread(samples.flatMap((sample) => sample.memory ?? [])),
    values: Object.fromEntries([...names].map((name) => [name, spread(samples.flatMap(({ values }) => values?.[name] ?? []))])),
  };
}

function optionalSpread(values: readonly number[]): Spread | undefined {
  return values.length === 0 ? undefined : spread(values);
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
