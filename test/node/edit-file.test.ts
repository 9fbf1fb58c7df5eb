import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { editFile } from '../../src/node/files.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-edit-'));
  file = path.join(folder, 'file');
  writeFileSync(file, 'one\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

const add = (text: string) => (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from(text)]);

test('the content is changed through a link, with its mode, and the old one kept', () => {
  chmodSync(file, 0o640);
  const link = path.join(folder, 'link');
  symlinkSync('file', link);
  editFile(link, add('two\n'), 100);
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
  expect(readFileSync(`${file}.old`, 'utf8')).toBe('one\n');
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['file', 'file.old', 'link']);
});

test('what others append while it is edited is not lost', () => {
  let rounds = 0;
  editFile(
    file,
    (bytes) => {
      if (rounds++ === 0) appendFileSync(file, 'theirs\n');
      return add('ours\n')(bytes);
    },
    100,
  );
  expect(readFileSync(file, 'utf8')).toBe('one\ntheirs\nours\n');
  expect(rounds).toBe(2);
});

test('nothing is done where nothing is to be changed', () => {
  editFile(file, () => undefined, 100);
  expect(readdirSync(folder)).toEqual(['file']);
});

test('an edit that fails leaves no lock behind', () => {
  const fail = (): never => {
    throw new Error('no');
  };
  expect(() => editFile(file, fail, 100)).toThrow('no');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a lock that a dead program left is taken away', () => {
  writeFileSync(`${file}.lock`, '');
  utimesSync(`${file}.lock`, 1, 1);
  editFile(file, add('two\n'), 100);
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
});
