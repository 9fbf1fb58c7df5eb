import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { getopt, type Lexed, type Option } from '../../src/cli/getopt.ts';

/** getopt(3) as the manual describes it, with BSD's rule for a dash at the end of a cluster. */
function reference(argv: readonly string[], letters: string): Lexed {
  const options: Option[] = [];
  let index = 0;
  for (; index < argv.length; index++) {
    const argument = argv[index] as string;
    if (argument === '--') return { options, taken: index + 1 };
    if (!argument.startsWith('-') || argument === '-') break;
    for (let at = 1; at < argument.length; at++) {
      const flag = argument.charAt(at);
      const known = letters.indexOf(flag);
      if (flag === '-' && at > 1 && at === argument.length - 1) return { options, taken: index };
      if (known < 0) return { options: [...options, { problem: 'unknown option', flag }], taken: index };
      if (letters[known + 1] !== ':') {
        options.push({ flag, value: undefined });
        continue;
      }
      const value = at + 1 < argument.length ? argument.slice(at + 1) : argv[++index];
      if (value === undefined) return { options: [...options, { problem: 'option requires an argument', flag }], taken: index };
      options.push({ flag, value });
      break;
    }
  }
  return { options, taken: index };
}

const letters = 'ab:c46d:e';
const word = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', '4', '5', '-', '=', 'x', ' '), { maxLength: 4 })
  .map((characters) => characters.join(''));
const argument = fc.oneof(
  word,
  word.map((text) => `-${text}`),
  fc.constantFrom('--', '-', '', '-a', '-b', 'host', '-4a'),
);

describe('getopt', () => {
  test('agrees with getopt(3)', () => {
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 6 }), (argv) => {
        const expected = reference(argv, letters);
        const lexed = getopt(argv, { letters });
        expect(lexed.options).toEqual(expected.options);
        const failed = expected.options.some((option) => 'problem' in option);
        if (!failed) expect(lexed.taken).toBe(expected.taken);
      }),
      { numRuns: 3000 },
    );
  });

  test('digits are options where none is one, too', () => {
    expect(getopt(['-5', 'x'], { letters: 'a' }).options).toEqual([{ problem: 'unknown option', flag: '5' }]);
    expect(getopt(['-0'], { letters: 'a' }).options).toEqual([{ problem: 'unknown option', flag: '0' }]);
  });

  test('long options of our own stand among the others', () => {
    const spec = { letters: 'o:v', words: ['explain', 'explain=json'] };
    expect(getopt(['-v', '--explain=json', '-o', '--explain=json', '--explain', 'host', '--explain'], spec)).toEqual({
      options: [
        { flag: 'v', value: undefined },
        { flag: '--explain=json', value: undefined },
        { flag: 'o', value: '--explain=json' },
        { flag: '--explain', value: undefined },
      ],
      taken: 5,
    });
    expect(getopt(['--explain=xml'], spec).options).toEqual([{ problem: 'unknown option', flag: '-' }]);
  });
});
