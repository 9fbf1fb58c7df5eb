import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { matchPattern } from '../../../src/core/util/pattern.ts';
import { allowed, comparable } from '../../known-differences.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';
import { numbersFrom, randomCase } from './random-cases.ts';
import { differences, makeScene } from './scene.ts';
import { runScript, type ScriptResult } from './scripts.ts';

const scene = makeScene();
afterAll(() => rmSync(scene, { recursive: true }));

/** What only we say. */
const refusals = allowed('ssh-keygen').flatMap(({ rule, what }) => (rule === 'refusal' ? [what] : []));
const isRefusal = (err = ''): boolean => err.split('\r\n').some((line) => refusals.some((refusal) => matchPattern(line, refusal)));

describePeer('openssh-10', 'damaged files', () => {
  test('are told of as ssh-keygen does', async () => {
    expect(await differences('TSH_RANDOM_CASES', 48, compare)).toEqual([]);
  }, 3_600_000);
});

/** What a run did, without what may differ. */
function steady({ lines, files: left }: ScriptResult): unknown {
  return { lines: lines.map((line) => ({ ...line, err: comparable('stderr', line.err) })), left };
}

/** What the programs did differently in a case; undefined where that is nothing. */
async function compare(number: number): Promise<string | undefined> {
  const { command, file, content, damage } = randomCase(number, (name) => readFileSync(path.join(scene, name)));
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-random-'));
  try {
    cpSync(scene, folder, { recursive: true, preserveTimestamps: true });
    writeFileSync(path.join(folder, file), content);
    const theirs = await runScript([command], folder, peerProgram('openssh-10', 'ssh-keygen'));
    const ours = await runScript([command], folder, own('tsh-keygen'));
    if (JSON.stringify(steady(theirs)) === JSON.stringify(steady(ours)) || isRefusal(ours.lines[0]?.err)) return undefined;
    return `case ${number} (${damage}): ${JSON.stringify(theirs.lines)} but ${JSON.stringify(ours.lines)}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a case is the same whenever it is asked for', () => {
  const read = (name: string): Uint8Array => readFileSync(path.join(scene, name));
  for (const seed of [1, 2, 3, 1000]) expect(randomCase(seed, read)).toEqual(randomCase(seed, read));
  const below = numbersFrom(1);
  expect(new Set(Array.from({ length: 100 }, () => below(10))).size).toBe(10);
});
