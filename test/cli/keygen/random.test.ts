import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { matchPattern } from '../../../src/core/util/pattern.ts';
import { allowed, comparable } from '../../known-differences.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';
import { numbersFrom, randomCase } from './random-cases.ts';
import { runScript, type ScriptResult } from './scripts.ts';

const { files } = JSON.parse(readFileSync(new URL('../../vectors/keygen-scene.json', import.meta.url), 'utf8')) as {
  readonly files: Readonly<Record<string, string>>;
};

const scene = mkdtempSync(path.join(tmpdir(), 'tsh-scene-'));
for (const [name, content] of Object.entries(files)) writeFileSync(path.join(scene, name), Buffer.from(content, 'base64'), { mode: 0o600 });
afterAll(() => rmSync(scene, { recursive: true }));

/** How many cases are run, and from which on: TSH_RANDOM_CASES=1000 or 5000+1000 for more of them. */
const [, first = '1', count = '48'] = /^(?:(\d+)\+)?(\d+)$/.exec(process.env['TSH_RANDOM_CASES'] ?? '') ?? [];

/** What only we say. */
const refusals = allowed('ssh-keygen').map(({ what }) => what);
const isRefusal = (err = ''): boolean => err.split('\r\n').some((line) => refusals.some((refusal) => matchPattern(line, refusal)));

const AT_ONCE = 4;

describePeer('openssh-10', 'damaged files', () => {
  test('are told of as ssh-keygen does', async () => {
    const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
    const different: string[] = [];
    const worker = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const difference = await compare(number);
        if (difference !== undefined) different.push(difference);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(different).toEqual([]);
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
