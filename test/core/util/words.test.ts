import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutWord, splitWords } from '../../../src/core/util/words.ts';

describe('words', () => {
  test.each([
    ['', []],
    ['  a  b\t c ', ['a', 'b', 'c']],
    ['"a b" c', ['a b', 'c']],
    ["'a b'c", ['a bc']],
    ['a\\ b', ['a b']],
    ['"a\\ b"', ['a\\ b']],
    ['a\\"b \\\\ \\x', ['a"b', '\\', '\\x']],
    ['""', ['']],
    ['a "" b', ['a', '', 'b']],
    ['"open', undefined],
    ["it's", undefined],
    ['a #b', ['a', '#b']],
    ['trailing\\', ['trailing\\']],
  ])('%s', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test('a comment ends the line where asked, but not inside a word', () => {
    expect(splitWords('a b#c # d e', true)).toEqual(['a', 'b#c']);
    expect(splitWords('# "open', true)).toEqual([]);
  });

  test('words that are quoted come back', () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((word) => !/[\\]/.test(word))), (words) => {
        const line = words.map((word) => `"${word.replaceAll('"', '\\"')}"`).join(' ');
        expect(splitWords(line)).toEqual(words);
      }),
    );
  });

  test.each([
    ['Port 22', 'Port', '22'],
    ['Port=22', 'Port', '22'],
    ['Port = 22', 'Port', '22'],
    ['Port == 22', 'Port', '= 22'],
    ['Port', 'Port', undefined],
    ['"User" x', 'User', 'x'],
    [' x', '', 'x'],
    ['a"b c" d', 'ab c', 'd'],
  ])('the first word of %s', (line, word, rest) => {
    expect(cutWord(line)).toEqual({ word, rest });
  });

  test('an open quote in the first word', () => {
    expect(cutWord('"Port 22')).toBeUndefined();
  });
});
