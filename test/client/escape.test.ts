import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EscapeFilter } from '../../src/client/escape.ts';

const TILDE = 0x7e;

/** What a filter makes of typed pieces: what goes on, and what is done. */
function typed(...pieces: readonly string[]): { readonly text: string; readonly actions: readonly string[] } {
  const filter = new EscapeFilter(TILDE);
  let text = '';
  const actions: string[] = [];
  for (const piece of pieces) {
    const input = new Uint8Array(Buffer.from(piece, 'latin1'));
    if (filter.passes(input)) {
      text += piece;
      continue;
    }
    const escaped = filter.filter(input);
    text += Buffer.concat(escaped.forward).toString('latin1');
    actions.push(...escaped.actions);
  }
  return { text, actions };
}

describe('escapes in what is typed', () => {
  test.each([
    ['at the start', ['~.'], '', ['terminate']],
    ['after a line', ['ls\r~.'], 'ls\r', ['terminate']],
    ['after a newline', ['ls\n~?x'], 'ls\nx', ['help']],
    ['not in a line', ['ls ~.'], 'ls ~.', []],
    ['typed twice it is sent once', ['~~.'], '~.', []],
    ['twice does not begin a line anew', ['\r~~~.'], '\r~~.', []],
    ['an unknown one is sent as it is', ['~x'], '~x', []],
    ['that asks for a command line', ['ls\n~Cx'], 'ls\nx', ['commandLine']],
    ['one behind the other', ['~?~?~.'], '', ['help', 'help', 'terminate']],
    ['in two pieces', ['a\r~', '.'], 'a\r', ['terminate']],
    ['an unknown one in two pieces', ['\r~', '\r~.'], '\r~\r', ['terminate']],
    ['suspend', ['\r~\x1a'], '\r', ['suspend']],
    ['verbosity', ['~v~V'], '', ['louder', 'quieter']],
  ])('%s', (_name, pieces, text, actions) => {
    expect(typed(...pieces)).toEqual({ text, actions });
  });

  test('what has no escape is passed as it is, and only that', () => {
    const filter = new EscapeFilter(TILDE);
    const passes = (text: string): boolean => filter.passes(new Uint8Array(Buffer.from(text, 'latin1')));
    expect(['ls\r', 'ls', '~', 'ls\r~', ''].map(passes)).toEqual([true, true, false, false, false]);
    filter.filter(new Uint8Array([0x0d, TILDE]));
    expect(passes('x')).toBe(false);
  });

  test('cutting the input anywhere changes nothing', () => {
    const input = fc.array(fc.constantFrom('~', '.', '\r', '\n', 'a', '?', 'B'), { maxLength: 30 }).map((all) => all.join(''));
    fc.assert(
      fc.property(input, fc.nat(30), (text, at) => {
        expect(typed(text.slice(0, at), text.slice(at))).toEqual(typed(text));
      }),
    );
  });

  test('~? tells every escape, with the escape character that is set', () => {
    const help = new EscapeFilter(0x1d).help(false);
    expect(help.split('\r\n').slice(0, 3)).toEqual([
      '^]?',
      'Supported escape sequences:',
      ' ^].   - terminate connection (and any multiplexed sessions)',
    ]);
    expect(help).toContain(' ^]V/v - decrease/increase verbosity (LogLevel)\r\n');
    expect(help).toContain(' ^]^]  - send the escape character by typing it twice\r\n');
    expect(help).not.toContain('open a command line');
  });
});
