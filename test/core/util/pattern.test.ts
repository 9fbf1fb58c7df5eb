import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assembleNames, matchHostname, matchPattern, matchPatternList } from '../../../src/core/util/pattern.ts';

/** The same question asked of the definition, without a thought for time. */
function matchesSlowly(text: string, pattern: string): boolean {
  const first = pattern[0];
  if (first === undefined) return text === '';
  const tail = pattern.slice(1);
  if (first === '*') return matchesSlowly(text, tail) || (text !== '' && matchesSlowly(text.slice(1), pattern));
  return text !== '' && (first === '?' || first === text[0]) && matchesSlowly(text.slice(1), tail);
}

const few = (letters: string, most: number) =>
  fc.array(fc.constantFrom(...letters.split('')), { maxLength: most }).map((characters) => characters.join(''));

describe('patterns', () => {
  test('the matcher agrees with the definition', () => {
    fc.assert(
      fc.property(few('ab.', 8), few('ab.*?', 8), (text, pattern) => {
        expect(matchPattern(text, pattern)).toBe(matchesSlowly(text, pattern));
      }),
      { numRuns: 2000 },
    );
  });

  test('a pattern made to be slow is answered in few steps', () => {
    expect(matchPattern('a'.repeat(2000), `${'*a'.repeat(200)}*b`)).toBe(false);
  });

  test.each([
    ['host.example', 'host.example', 'match'],
    ['host.example', '*.example,!host.*', 'negated'],
    ['host.example', '!host.*,*.example', 'negated'],
    ['other.example', '*.example,!host.*', 'match'],
    ['host', '', 'none'],
    ['', '*', 'match'],
    ['host', '!other', 'none'],
    ['a', `${'x'.repeat(1023)},a`, 'none'],
  ] as const)('%s in %s: %s', (text, list, expected) => {
    expect(matchPatternList(text, list)).toBe(expected);
  });

  test('host names are compared without regard to case', () => {
    expect(matchHostname('Host.Example', 'host.EXAMPLE')).toBe('match');
  });
});

describe('algorithm lists', () => {
  const all = 'a1,a2,b1,b2,c1';
  test.each([
    [undefined, 'a1,b1'],
    ['', 'a1,b1'],
    ['c1', 'c1'],
    ['+c1', 'a1,b1,c1'],
    ['+a1,c1', 'a1,b1,c1'],
    ['-a*', 'b1'],
    ['-nothing', 'a1,b1'],
    ['-*', ''],
    ['^b1', 'b1,a1'],
    ['^c*', 'c1,a1,b1'],
    ['b*,a1', 'b1,b2,a1'],
    ['a1,a1', 'a1'],
    ['unknown,a2', 'a2'],
    ['!a1', undefined],
  ])('%s gives %s', (list, expected) => {
    expect(assembleNames(list, 'a1,b1', all)).toBe(expected);
  });
});
