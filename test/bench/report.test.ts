import { describe, expect, test } from 'vitest';
import type { Sample } from './measure.ts';
import { formatTable, summarize } from './report.ts';
import {
  cpuRatio,
  floorsOver,
  memoryMegabytes,
  millisecondsOverFloor,
  ownValue,
  type Round,
  type Row,
  type Target,
  valueRatio,
  wallRatio,
  wallRatioWhereNodeAllows,
} from './row.ts';

describe('what the rounds of a row say', () => {
  test('ratios are taken round by round, and their median is held to the target', () => {
    const rounds = [round({ cpu: 1 }, { cpu: 2 }), round({ cpu: 6 }, { cpu: 2 }), round({ cpu: 3 }, { cpu: 3 })];
    const { cpuRatio: ratio, targets } = summarize(row(cpuRatio(1), cpuRatio(0.9)), rounds);
    expect(ratio).toEqual({ median: 1, min: 0.5, max: 3 });
    expect(targets.map(({ missed }) => missed)).toEqual([false, true]);
  });

  test('the median of an even number is the mean of the middle two', () => {
    const rounds = [1, 9, 2, 4].map((wall) => round({ wall }, { wall: 1 }));
    expect(summarize(row(wallRatio(3)), rounds).targets[0]?.value?.median).toBe(3);
  });

  test('what exceeds the floor is counted in floors and in milliseconds', () => {
    const one: Round = { ...round({ wall: 0.25 }, { wall: 0.125 }), floor: sample({ wall: 0.0625 }) };
    const values = summarize(row(floorsOver(1), millisecondsOverFloor(1000)), [one]).targets.map(({ value }) => value?.median);
    expect(values).toEqual([2, 187.5]);
  });

  test('a target that no round can tell is not missed, and says so', () => {
    const result = summarize(row(memoryMegabytes(1), valueRatio('p50', 1), floorsOver(0)), [round({ wall: 2 }, { wall: 1 })]);
    expect(result.targets.map(({ missed }) => missed)).toEqual([false, false, false]);
    expect(formatTable([result])).toContain('MB not measured <= 1; p50 not measured <= 1; floors over ssh not measured <= 0');
  });

  test('a target counts where a bare start of Node leaves room, and stands beside it in any case', () => {
    const rowWith = (floor: number) =>
      summarize(row(wallRatioWhereNodeAllows(1.5)), [{ ...round({ wall: 8 }, { wall: 4 }), floor: sample({ wall: floor }) }]);
    const [inReach, outOfReach] = [rowWith(6), rowWith(7)];
    expect(inReach.targets).toMatchObject([{ value: { median: 2 }, floor: { median: 1.5 }, outOfReach: false, missed: true }]);
    expect(outOfReach.targets).toMatchObject([{ value: { median: 2 }, floor: { median: 1.75 }, outOfReach: true, missed: false }]);
    expect(formatTable([inReach])).toContain('| MISSED: wall 2.00 > 1.5, node alone 1.50 |');
    expect(formatTable([outOfReach])).toContain('| wall 2.00, node alone 1.75: floor 1.75 > 1.5 |');
    expect(formatTable([summarize(row(wallRatioWhereNodeAllows(2)), [round({ wall: 8 }, { wall: 4 })])])).toContain('| wall 2.00 <= 2 |');
  });

  test('a figure of ours that is held to a bound has OpenSSH`s beside it, where there is one', () => {
    const rounds = [round({ values: { MB: 4, wakes: 1 } }, { values: { MB: 2.5 } })];
    const result = summarize(row(ownValue('MB', 3), ownValue('wakes', 1), ownValue('unknown', 1)), rounds);
    expect(result.targets.map(({ missed }) => missed)).toEqual([true, false, false]);
    expect(formatTable([result])).toContain('| MISSED: MB 4.00 > 3, ssh 2.50; wakes 1.00 <= 1; unknown not measured <= 1 |');
  });

  test('the table marks what is missed, and tells the values that are no target', () => {
    const values = { 'p50 ms': 3, 'signatures per s': 5000 };
    const rounds = [
      { ...round({ values }, { values: { 'p50 ms': 2, 'signatures per s': 4000 } }), others: { asyncssh: sample({ cpu: 4 }) } },
    ];
    const lines = formatTable([summarize(row(valueRatio('p50 ms', 1.1)), rounds)]).split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[2]).toContain('MISSED: p50 ms 1.50 > 1.1; signatures per s 5.00e+3, 4.00e+3');
    expect(lines[3]).toMatch(/^\| some row: asyncssh +\| +\| +\| 4\.00 +\| 0\.25 /);
  });
});

function row(...targets: readonly Target[]): Row {
  return { name: 'some row', targets, measure: () => Promise.reject(new Error('not measured here')) };
}

function round(ours: Partial<Sample>, theirs: Partial<Sample>): Round {
  return { ours: sample(ours), theirs: sample(theirs) };
}

function sample(figures: Partial<Sample>): Sample {
  return { cpu: 1, wall: 1, memory: undefined, ...figures };
}
