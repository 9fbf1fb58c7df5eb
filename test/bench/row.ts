import type { Sample } from './measure.ts';
import type { Bench } from './workbench.ts';

/** One line of the table. Its kind is its {@link measure}: who adds a kind needs a file of rows and a line in rows.ts. */
export interface Row {
  readonly name: string;
  /** How often a round measures it (once where nothing is said): short runs are cheap, and say little one by one. */
  readonly times?: number;
  /** What it is held to. */
  readonly targets: readonly Target[];
  /** Runs everything once, ours and theirs in turn. */
  measure(bench: Bench): Promise<Round>;
}

/** What a row gives once. */
export interface Round {
  readonly ours: Sample;
  /** OpenSSH's. */
  readonly theirs: Sample;
  /** A bare `node -e 0`: what no program on Node comes below. */
  readonly floor?: Sample;
  /** Other clients by their names. */
  readonly others?: Readonly<Record<string, Sample>>;
}

/** A figure of a round whose median must not exceed {@link most}; a row that exceeds it is marked. */
export interface Target {
  readonly title: string;
  readonly most: number;
  /** Undefined where this round can't tell. */
  value(round: Round): number | undefined;
  /** The same figure of OpenSSH's, which stands beside it. */
  theirs?(round: Round): number | undefined;
  /** The same figure of a bare start of Node: where its median exceeds {@link most}, the target is out of reach, and neither met nor missed. */
  floor?(round: Round): number | undefined;
}

/** CPU time, ours over theirs. */
export function cpuRatio(most: number): Target {
  return { title: 'CPU', most, value: ({ ours, theirs }) => ours.cpu / theirs.cpu };
}

/** Wall time, ours over theirs. */
export function wallRatio(most: number): Target {
  return { title: 'wall', most, value: ({ ours, theirs }) => ours.wall / theirs.wall };
}

/** The same, where a bare start of Node leaves room for it. */
export function wallRatioWhereNodeAllows(most: number): Target {
  return { ...wallRatio(most), floor: ({ floor, theirs }) => floor && floor.wall / theirs.wall };
}

/** Our peak of resident memory, in MB. */
export function memoryMegabytes(most: number): Target {
  return { title: 'MB', most, value: ({ ours }) => ours.memory };
}

/** By how many floors our wall time exceeds theirs. */
export function floorsOver(most: number): Target {
  return { title: 'floors over ssh', most, value: ({ ours, theirs, floor }) => floor && (ours.wall - theirs.wall) / floor.wall };
}

/** By how many milliseconds our wall time exceeds the floor. */
export function millisecondsOverFloor(most: number): Target {
  return { title: 'ms over node', most, value: ({ ours, floor }) => floor && (ours.wall - floor.wall) * 1000 };
}

/** One of the {@link Sample.values}, ours over theirs. */
export function valueRatio(name: string, most: number): Target {
  return {
    title: name,
    most,
    value: ({ ours, theirs }) => {
      const [own, other] = [ours.values?.[name], theirs.values?.[name]];
      return own === undefined || other === undefined ? undefined : own / other;
    },
  };
}

/** One of our {@link Sample.values}. */
export function ownValue(name: string, most: number): Target {
  return { title: name, most, value: ({ ours }) => ours.values?.[name], theirs: ({ theirs }) => theirs.values?.[name] };
}
