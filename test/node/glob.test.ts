import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globFiles } from '../../src/node/glob.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-glob-'));
  mkdirSync(path.join(folder, 'sub'));
  for (const name of ['b.conf', 'a.conf', '.hidden.conf', 'other', 'sub/c.conf', '[x].conf']) writeFileSync(path.join(folder, name), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('glob', () => {
  test.each([
    ['*.conf', ['[x].conf', 'a.conf', 'b.conf']],
    ['?.conf', ['a.conf', 'b.conf']],
    ['.*.conf', ['.hidden.conf']],
    ['[a-a].conf', ['a.conf']],
    ['[!a].conf', ['b.conf']],
    ['*/*.conf', ['sub/c.conf']],
    ['a.conf', ['a.conf']],
    ['no-such', []],
    ['no-such/*', []],
    ['other/*', []],
    ['\\[x\\].conf', ['[x].conf']],
    [`${'*a'.repeat(30)}*b`, []],
  ])('%s', (pattern, names) => {
    expect(globFiles(path.join(folder, pattern))).toEqual(names.map((name) => path.join(folder, name)));
  });

  test('a tilde is the home folder', () => {
    expect(globFiles('~')).toEqual([userInfo().homedir]);
    expect(globFiles('~no-such-user-here/x')).toEqual([]);
  });
});
