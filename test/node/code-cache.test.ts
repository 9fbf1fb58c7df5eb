import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatKept, loadScript } from '../../src/node/code-cache.ts';
import { run } from '../run.ts';

const root = path.join(import.meta.dirname, '../..');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-code-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a script whose code is kept', () => {
  /** V8 knows what this process has compiled before: another comment is another script to it. */
  const script = (comment: string): string => {
    const file = path.join(folder, 'script.cjs');
    writeFileSync(file, `(function (first, second) { /* ${comment} */ return first * second; })`);
    return file;
  };

  test('runs with the code that was kept for its use, and knows what parts it was kept with', () => {
    const first = loadScript(script('kept'), folder, 'one');
    expect(first.keptParts).toEqual([]);
    expect((first.run() as (...factors: number[]) => number)(6, 7)).toBe(42);
    writeFileSync(first.keepFile, formatKept(first.compiled(), ['a part', 'another']));
    const second = loadScript(script('kept'), folder, 'one');
    expect(second.keptParts).toEqual(['a part', 'another']);
    expect((second.run() as (...factors: number[]) => number)(6, 7)).toBe(42);
    expect(loadScript(script('kept'), folder, 'another').keptParts).toEqual([]);
  });

  test.each([
    ['an empty file', new Uint8Array()],
    ['zeros', new Uint8Array(4096)],
    ['a length beyond the file', new Uint8Array(64).fill(0xff)],
    ['no code', formatKept(new Uint8Array(), ['a part'])],
    ['what is no code', formatKept(Buffer.from('no code at all, but long enough to be a header of some'), ['a part'])],
  ])('is compiled where %s is in its place', (what, bytes) => {
    const { keepFile } = loadScript(script(`before ${what}`), folder, 'one');
    writeFileSync(keepFile, bytes);
    const loaded = loadScript(script(what), folder, 'one');
    expect(loaded.keptParts).toEqual([]);
    expect((loaded.run() as (...factors: number[]) => number)(6, 7)).toBe(42);
  });
});

describe('an installed program', () => {
  /** The programs alone, in a folder of their own. */
  const install = (): { program: string; dist: string } => {
    const dist = path.join(folder, 'dist');
    cpSync(path.join(root, 'bin'), path.join(folder, 'bin'), { recursive: true });
    mkdirSync(dist);
    for (const name of readdirSync(path.join(root, 'dist')).filter((entry) => entry.endsWith('.cjs'))) {
      cpSync(path.join(root, 'dist', name), path.join(dist, name));
    }
    return { program: path.join(folder, 'bin/tsh'), dist };
  };
  const kept = (dist: string): string[] => readdirSync(dist).flatMap((name) => (name === 'code' ? readdirSync(path.join(dist, name)) : []));

  test('keeps the code of what it has run, again when it runs more, and no longer when it has all', async () => {
    const { program, dist } = install();
    expect((await run(program, ['-V'])).code).toBe(0);
    const [name = '', ...others] = kept(dist);
    expect(others).toEqual([]);
    expect(name).toContain(`.tsh.${process.version}.${process.arch}`);
    const file = path.join(dist, 'code', name);
    expect(statSync(file).mode & 0o7777).toBe(0o644);
    const { ino, size } = statSync(file);
    expect((await run(program, ['-G', '-F', 'none', 'server'])).code).toBe(0);
    const more = statSync(file);
    expect(more.size).toBeGreaterThan(size);
    expect(more.ino).not.toBe(ino);
    expect((await run(program, ['-V'])).err).toMatch(/^tsh_/);
    expect((await run(program, ['-G', '-F', 'none', 'server'])).out).toMatch(/^host server$/m);
    expect(statSync(file).ino).toBe(more.ino);
    expect(kept(dist)).toEqual([name]);
  });

  test('runs with damaged code as without, and mends it', async () => {
    const { program, dist } = install();
    await run(program, ['-V']);
    const file = path.join(dist, 'code', kept(dist)[0] ?? '');
    const { size } = statSync(file);
    truncateSync(file, 100_000);
    const { code, err } = await run(program, ['-V']);
    expect([code, err.slice(0, 4)]).toEqual([0, 'tsh_']);
    expect(statSync(file).size).toBeGreaterThan(size * 0.9);
    expect(readFileSync(file).length).toBe(statSync(file).size);
  });

  test('leaves alone what it could keep with other flags only', async () => {
    const { program, dist } = install();
    const agent = path.join(path.dirname(program), 'tsh-agent');
    // the process that serves is the one that is made small
    const endWhenReady = '"$0" -D -a "$1" | while read -r word word word pid; do [ -z "$pid" ] || kill "${pid%;}"; done';
    const { code, err } = await run('bash', ['-c', endWhenReady, agent, path.join(folder, 'socket')]);
    expect([code, err]).toEqual([0, 'exiting on signal 15\r\n']);
    expect(kept(dist)).toEqual([]);
    // and what starts it is not
    expect((await run(agent, ['true'])).code).toBe(0);
    expect(kept(dist)).toHaveLength(1);
  });

  test.runIf(process.getuid?.() === 0)("leaves no trace in another user's folder", async () => {
    const { program, dist } = install();
    chownSync(dist, 65534, 65534);
    const { code, err } = await run(program, ['-V']);
    expect([code, err.slice(0, 4)]).toEqual([0, 'tsh_']);
    expect(kept(dist)).toEqual([]);
  });
});
