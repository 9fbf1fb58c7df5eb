import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { appendLines, expandTilde, makeFolder, readTextIfAny, readWholeFile, replaceFile } from '../../src/node/files.ts';
import { configFileIsSafe, keyFileIsPrivate } from '../../src/node/permissions.ts';
import { findUser, ownUser, userName } from '../../src/node/users.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-files-'));
let folder = root;
let count = 0;
beforeEach(() => {
  folder = path.join(root, String(count++));
  fs.mkdirSync(folder);
});
afterAll(() => fs.rmSync(root, { recursive: true }));

const at = (name: string): string => path.join(folder, name);
const mode = (file: string): number => fs.statSync(file).mode & 0o7777;
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('reading', () => {
  test('a file of any length up to the limit is read whole', () => {
    for (const length of [0, 1, 4095, 4096, 4097, 100_000]) {
      fs.writeFileSync(at('f'), Buffer.alloc(length, 7));
      expect(readWholeFile(at('f'), 100_000).bytes).toEqual(new Uint8Array(Buffer.alloc(length, 7)));
    }
    fs.writeFileSync(at('f'), Buffer.alloc(100_001));
    expect(() => readWholeFile(at('f'), 100_000)).toThrow(expect.objectContaining({ code: 'EFBIG' }));
  });

  test('an endless device ends at the limit', () => {
    expect(() => readWholeFile('/dev/zero', 50_000)).toThrow(expect.objectContaining({ code: 'EFBIG' }));
    expect(readWholeFile('/dev/null').bytes).toHaveLength(0);
  });

  test('what cannot be read says why, and a missing text is undefined', () => {
    expect(() => readWholeFile(at('none'))).toThrow(expect.objectContaining({ code: 'ENOENT', message: 'No such file or directory' }));
    expect(() => readWholeFile(folder)).toThrow(expect.objectContaining({ code: 'EISDIR', message: 'Is a directory' }));
    expect(readTextIfAny(at('none'))).toBeUndefined();
  });

  test('the check sees the open file and can refuse it', () => {
    fs.writeFileSync(at('f'), 'x');
    fs.chmodSync(at('f'), 0o640);
    const refuse = (stat: fs.Stats): void => {
      throw new Error((stat.mode & 0o777).toString(8));
    };
    expect(() => readWholeFile(at('f'), 10, refuse)).toThrow('640');
  });
});

describe('replacing', () => {
  test('a new file has the mode asked for; an existing one keeps its own', () => {
    replaceFile(at('f'), bytes('one'), { mode: 0o600 });
    expect(mode(at('f'))).toBe(0o600);
    fs.chmodSync(at('f'), 0o640);
    replaceFile(at('f'), bytes('two'), { mode: 0o600 });
    expect(mode(at('f'))).toBe(0o640);
    replaceFile(at('f'), bytes('three'), { mode: 0o600, forceMode: true });
    expect(mode(at('f'))).toBe(0o600);
    expect(readTextIfAny(at('f'))).toBe('three');
    expect(fs.readdirSync(folder)).toEqual(['f']);
  });

  test('a symbolic link is replaced, or its target where that is asked for', () => {
    fs.writeFileSync(at('target'), 'old');
    fs.symlinkSync('target', at('link'));
    replaceFile(at('link'), bytes('new'), { mode: 0o600, throughLink: true });
    expect(readTextIfAny(at('target'))).toBe('new');
    expect(fs.lstatSync(at('link')).isSymbolicLink()).toBe(true);
    replaceFile(at('link'), bytes('own'), { mode: 0o600 });
    expect(readTextIfAny(at('target'))).toBe('new');
    expect(fs.lstatSync(at('link')).isFile()).toBe(true);
  });

  test('what fails leaves nothing behind', () => {
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d/inside'), '');
    expect(() => replaceFile(at('d'), bytes('x'), { mode: 0o600 })).toThrow(expect.objectContaining({ code: 'EISDIR' }));
    expect(fs.readdirSync(folder)).toEqual(['d']);
  });
});

describe('appending', () => {
  test('a torn last line is ended first', () => {
    appendLines(at('f'), 'one\n', 0o600);
    expect(mode(at('f'))).toBe(0o600);
    appendLines(at('f'), 'two\n', 0o600);
    fs.appendFileSync(at('f'), 'torn');
    appendLines(at('f'), 'three\n', 0o600);
    expect(readTextIfAny(at('f'))).toBe('one\ntwo\ntorn\nthree\n');
  });

  test('a folder is made once', () => {
    expect(makeFolder(at('d'), 0o700)).toBe(true);
    expect(mode(at('d'))).toBe(0o700);
    expect(makeFolder(at('d'), 0o700)).toBe(false);
    expect(() => makeFolder(at('none/d'), 0o700)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('users', () => {
  test('this user is found by name and by number', () => {
    const user = ownUser();
    expect(user?.uid).toBe(process.getuid?.());
    expect(findUser(user?.name ?? '')).toMatchObject({ uid: user?.uid, home: user?.home });
    expect(userName(user?.uid ?? -1)).toBe(user?.name);
  });

  test('unknown users have no entry, and no name reaches past its field', () => {
    expect(findUser('no-such-user-here')).toBeUndefined();
    expect(findUser('root:x')).toBeUndefined();
    expect(findUser('')).toBeUndefined();
    expect(userName(3_999_999_999)).toBe('3999999999');
  });

  test('~ is the home that the user database has, whatever $HOME says', () => {
    const before = process.env.HOME;
    process.env.HOME = '/elsewhere';
    try {
      expect(expandTilde('~/.ssh/id')).toBe(`${ownUser()?.home}/.ssh/id`);
    } finally {
      process.env.HOME = before;
    }
    expect(expandTilde('~root/x')).toBe(`${findUser('root')?.home}/x`);
    expect(expandTilde('~root')).toBe(`${findUser('root')?.home}/`);
    expect(expandTilde('/a/~b')).toBe('/a/~b');
    expect(() => expandTilde('~no-such-user-here/x')).toThrow('No such user no-such-user-here');
  });
});

describe('permissions', () => {
  const stat = (uid: number, bits: number): fs.Stats => Object.assign(Object.create(null) as fs.Stats, { uid, mode: 0o100000 | bits });

  test.each([
    [1000, 0o600, true],
    [1000, 0o400, true],
    [1000, 0o700, true],
    [1000, 0o640, false],
    [1000, 0o604, false],
    [1000, 0o610, false],
    // A key that another user owns is that user's worry, as with OpenSSH.
    [0, 0o644, true],
  ])('a key file of user %i with mode %o', (uid, bits, expected) => {
    expect(keyFileIsPrivate(stat(uid, bits), 1000)).toBe(expected);
  });

  test.each([
    [1000, 0o644, true],
    [0, 0o644, true],
    [1000, 0o664, false],
    [1000, 0o646, false],
    [0, 0o666, false],
    [1001, 0o644, false],
  ])('a configuration file of user %i with mode %o', (uid, bits, expected) => {
    expect(configFileIsSafe(stat(uid, bits), 1000)).toBe(expected);
  });
});
