import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { own, run } from '../../run.ts';

let folder = '';

/** Runs before the program: tells of the keys that it looks for, the first of which it never finds where that is asked for. */
const preload = `
  const crypto = require('node:crypto');
  const { appendFileSync } = require('node:fs');
  require('node:os').availableParallelism = () => Number(process.env.PROCESSORS);
  const tell = (text) => appendFileSync(process.env.TOLD, text + ' ');
  const generate = crypto.generateKeyPair;
  let begun = 0;
  crypto.generateKeyPair = (type, options, done) => {
    tell('begun');
    // as many rounds as take an hour
    if (begun++ === 0 && process.env.ENDLESS) crypto.pbkdf2('', '', 2 ** 31 - 1, 1024, 'sha512', () => tell('lost'));
    else generate(type, options, done);
  };
  process.on('exit', () => tell('exit'));
`;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
  writeFileSync(path.join(folder, 'preload.cjs'), preload);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What the program told, and the files of its key. */
async function generate(args: readonly string[], env: Readonly<Record<string, string>>) {
  const at = mkdtempSync(path.join(folder, 'run-'));
  const told = path.join(folder, `${path.basename(at)}.told`);
  const given = { NODE_OPTIONS: `--require=${path.join(folder, 'preload.cjs')}`, TOLD: told, PROCESSORS: '2', ...env };
  const ended = await run(own('tsh-keygen'), ['-t', 'rsa', '-N', '', '-f', path.join(at, 'key'), ...args], {
    env: given,
    timeoutMs: 240_000,
  });
  const { out: published } = await run(own('tsh-keygen'), ['-y', '-f', path.join(at, 'key')]);
  return { ...ended, told: readFileSync(told, 'utf8').trim(), files: readdirSync(at).toSorted(), at, published };
}

// the packaged binary reads no NODE_OPTIONS
describe.skipIf(process.env['TSH_BIN'] !== undefined)('a large RSA key', () => {
  test.skipIf(process.platform !== 'linux')(
    'is the first of two that are looked for, and the other one is not waited for',
    { timeout: 300_000 },
    async () => {
      const { code, err, out, told, files, at, published } = await generate(['-C', 'me'], { ENDLESS: '1' });
      expect({ code, err, told, files }).toEqual({ code: 0, err: '', told: 'begun begun exit', files: ['key', 'key.pub'] });
      expect(out).toMatch(/RSA 3072[^]*\n\+----\[SHA256\]-----\+\n$/);
      expect(readFileSync(path.join(at, 'key.pub'), 'utf8')).toBe(published);
    },
  );

  test.each([
    ['native calls are off', [], { TSH_NO_NATIVE: '1' }],
    ['there is one processor', [], { PROCESSORS: '1' }],
    ['it is not large', ['-b', '2048'], {}],
  ] as const)('is looked for once where %s', { timeout: 300_000 }, async (_why, args, env) => {
    const { code, err, told, files } = await generate(args, env);
    expect({ code, err, told, files }).toEqual({ code: 0, err: '', told: 'begun exit', files: ['key', 'key.pub'] });
  });
});
