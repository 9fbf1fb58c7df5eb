import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rules = path.join(root, 'test/lint/dependencies.config.mjs');

/** A source, what it imports, and the rules that this breaks, if any. A cycle is reported at one of its sources. */
const cases: readonly (readonly [file: string, text: string, rules?: string])[] = [
  ['src/core/util/a.ts', `import { b } from '../wire/b.ts';`, 'floor src/core/util/'],
  ['src/core/util/types.ts', `import type { b } from '../wire/b.ts';`, 'floor src/core/util/'],
  ['src/core/util/node.ts', `import { posix } from 'node:path';`, 'node modules in core'],
  ['src/core/util/noble.ts', `import { sha256 } from '@noble/hashes/sha2.js';`, 'package @noble'],
  ['src/core/wire/b.ts', `import { word } from '../util/word.ts'; import type { Event } from '../events.ts';`],
  ['src/core/wire/crypto.ts', `import { createHash } from 'node:crypto';`, 'node modules in core'],
  ['src/core/crypto/hash.ts', `import { createHash } from 'node:crypto'; import { sha256 } from '@noble/hashes/sha2.js';`],
  ['src/core/crypto/file.ts', `import { open } from 'node:fs/promises';`, 'node:crypto alone, outside of the process'],
  ['src/core/crypto/up.ts', `import { compress } from '../transport/compression.ts';`, 'floor src/core/crypto/'],
  ['src/core/keys/koffi.ts', `import koffi from 'koffi';`, 'package koffi'],
  ['src/core/wire/hash.ts', `import { hash } from '../crypto/hash.ts';`, 'floor src/core/wire/'],
  ['src/core/keys/compression.ts', `import { compress } from '../transport/compression.ts';`, 'floor src/core/keys/'],
  [
    'src/core/events.ts',
    `import type { b } from './wire/b.ts'; import { hash } from './crypto/hash.ts'; import type { fs } from '../node/fs.ts';`,
    'floor src/core/events.ts, types only src/core/events.ts',
  ],
  [
    'src/core/transport/compression.ts',
    `import { deflateSync } from 'node:zlib'; import 'node:net';`,
    'node:zlib alone, outside of the process',
  ],
  ['src/core/transport/zlib.ts', `import { deflateSync } from 'node:zlib';`, 'node modules in core'],
  ['src/core/transport/auth.ts', `import { methods } from '../auth/methods.ts';`, 'floor src/core/transport/'],
  ['src/core/auth/methods.ts', `import { word } from '../util/word.ts';`],
  ['src/core/auth/channel.ts', `import { channel } from '../connection/types.ts';`, 'floor src/core/auth/'],
  ['src/core/connection/types.ts', `import type { hash } from '../crypto/hash.ts'; export const channel = 1;`],
  ['src/core/connection/values.ts', `import { hash } from '../crypto/hash.ts';`, 'types only src/core/connection/'],
  ['src/core/connection/keys.ts', `import type { koffi } from '../keys/koffi.ts';`, 'floor src/core/connection/'],
  ['src/core/agent/sftp.ts', `import { glob } from '../sftp/glob.ts';`, 'floor src/core/agent/'],
  ['src/core/sftp/glob.ts', `import { fs } from '../../node/fs.ts';`, 'floor src/core/sftp/'],
  ['src/core/mux/agent.ts', `import { sftp } from '../agent/sftp.ts';`, 'floor src/core/mux/'],
  ['src/core/scp/glob.ts', `import { glob } from '../sftp/glob.ts';`],
  ['src/core/scp/mux.ts', `import { agent } from '../mux/agent.ts';`, 'floor src/core/scp/'],
  ['src/core/stray.ts', `import { word } from './util/word.ts';`],
  ['src/core/wire/stray.ts', `import { stray } from '../stray.ts';`, 'file on a floor, floor src/core/wire/'],
  ['src/config/names.ts', `import { names } from '../core/crypto/names.ts'; import { methods } from '../core/auth/methods.ts';`],
  ['src/config/hash.ts', `import { hash } from '../core/crypto/hash.ts';`, 'floor src/config/'],
  ['src/config/read.ts', `import { readFileSync } from 'fs';`, 'outside of the process'],
  [
    'src/node/fs.ts',
    `import { open } from 'node:fs'; import { connect } from 'node:net'; import type { hash } from '../core/crypto/hash.ts';`,
  ],
  ['src/node/hash.ts', `import { hash } from '../core/crypto/hash.ts';`, 'types only src/node/'],
  ['src/node/names.ts', `import { names } from '../config/names.ts';`, 'floor src/node/'],
  ['src/node/koffi.ts', `import koffi from 'koffi';`, 'package koffi'],
  ['src/node/native/load.ts', `import koffi from 'koffi'; export const load = () => import('koffi');`],
  ['src/files/core.ts', `import { hash } from '../core/crypto/hash.ts';`, 'floor src/files/'],
  ['src/client/server.ts', `import { serve } from '../server/serve.ts';`, 'floor src/client/'],
  ['src/client/later.ts', `export const later = () => import('node:child_process');`, 'outside of the process'],
  ['src/client/tests.ts', `import { peer } from '../../test/peer.ts';`, 'tests stay outside'],
  ['src/client/package.ts', `import x from 'left-pad';`, 'named packages'],
  ['src/server/client.ts', `import { later } from '../client/later.ts';`, 'floor src/server/'],
  ['src/server/serve.ts', `import { fs } from '../node/fs.ts'; export const serve = 1;`],
  ['src/server/chalk.ts', `import chalk from 'chalk';`, 'package chalk'],
  ['src/server/commander.ts', `import { Command } from 'commander';`, 'package commander'],
  ['src/server/missing.ts', `import { x } from './nothing.ts';`, 'can be resolved'],
  ['src/cli/all.ts', `import { Command } from 'commander'; import { later } from '../client/later.ts';`],
  ['src/cli/one.ts', `import { two } from './two.ts'; export const one = 1;`, 'no cycle'],
  ['src/cli/two.ts', `export const two = () => import('./one.ts');`],
  ['src/cli/left.ts', `import type { right } from './right.ts'; export const left = 1;`],
  ['src/cli/right.ts', `import { left } from './left.ts'; export const right = left;`],
  ['src/cli/index.ts', `import { hash } from '../index.ts';`, 'floor src/cli/'],
  ['src/index.ts', `export { hash } from './core/crypto/hash.ts'; export { fs } from './node/fs.ts';`, 'floor src/index.ts'],
  ['test/peer.ts', `export const peer = 1;`],
];

/** Packages and sources that the cases import. */
const rest = {
  'src/core/util/word.ts': `export const word = 1;`,
  'src/core/crypto/names.ts': `export const names = [];`,
  ...Object.fromEntries(
    ['koffi', 'commander', 'chalk', 'left-pad', '@noble/hashes'].map((name) => [`node_modules/${name}/package.json`, `{"name":"${name}"}`]),
  ),
  ...Object.fromEntries(['koffi', 'commander', 'chalk', 'left-pad'].map((name) => [`node_modules/${name}/index.js`, 'export default 1;'])),
  'node_modules/@noble/hashes/sha2.js': 'export const sha256 = 1;',
  'package.json': '{"type":"module","dependencies":{"koffi":"1","commander":"1","chalk":"1","left-pad":"1","@noble/hashes":"1"}}',
};

describe('the rules of who imports whom', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'floors-'));
  const broken = new Map<string, string[]>();
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeAll(async () => {
    for (const [file, text] of [...cases, ...Object.entries(rest)]) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), `${text}\n`);
    }
    const program = path.join(root, 'node_modules/.bin/depcruise');
    const result = await promisify(execFile)(program, ['--config', rules, '--output-type', 'json', 'src'], {
      cwd: folder,
      maxBuffer: 1 << 26,
    });
    const { summary } = JSON.parse(result.stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
    for (const { from, rule } of summary.violations) broken.set(from, [...(broken.get(from) ?? []), rule.name]);
  });

  test.each(cases.map(([file, text, expected = '']) => ({ file, text, expected })))('$file: $text', ({ file, expected }) => {
    expect([...new Set(broken.get(file))].sort().join(', ')).toBe(expected);
  });

  test('no rule is without a case that breaks it', async () => {
    const { default: config } = (await import(rules)) as { default: { forbidden: { name: string }[] } };
    const fired = new Set(cases.flatMap(([, , expected = '']) => expected.split(', ')));
    expect(config.forbidden.map(({ name }) => name).filter((name) => !fired.has(name))).toEqual([]);
  });
});
