import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tshFlags } from '../../src/cli/tsh-options.ts';
import { clientKeywords, clientOptions, type Row } from '../../src/config/client-keywords.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../man/${name}`, import.meta.url));
const page = (name: string): string => readFileSync(path(name), 'utf8');

/** The items of a page's list: what stands behind `.It`, and the text up to the next one, in one line. */
function items(text: string, macro: string): ReadonlyMap<string, string> {
  const parts = text.split(/^\.It /m).slice(1);
  const found = parts.flatMap((part) => {
    const [head = '', ...body] = part.split('\n');
    const name = new RegExp(`^${macro} (\\S+)`).exec(head)?.[1];
    return name === undefined ? [] : [[name, `${head}\n${body.join(' ')}`] as const];
  });
  return new Map(found);
}

describe('tsh_config(5)', () => {
  const text = page('tsh_config.5');
  const described = items(text.slice(text.indexOf('.Sh KEYWORDS'), text.indexOf('.Sh PATTERNS')), 'Cm');
  // blocks and files, and what is only taken
  const others = ['Host', 'Match', 'Include', 'GSSAPIAuthentication', 'GSSAPIDelegateCredentials'];

  test('describes the keywords that there are, and no others', () => {
    const names = clientOptions.map((option) => clientKeywords[option].name);
    expect([...described.keys()].sort()).toEqual([...names, ...others].sort());
  });

  test.each(clientOptions)('states the default of %s', (option) => {
    const row = clientKeywords[option];
    const stated = / The default is (\S+?)(?: seconds| milliseconds)?\.(?: |$)/
      .exec(described.get(row.name) ?? '')?.[1]
      ?.replaceAll('\\(ti', '~');
    if (stated === undefined) return;
    // a choice's value is named as the program knows it, `true` for yes
    const value: unknown = row.default;
    const shown = value === undefined ? [] : row.kind.format(value as never);
    const words: Readonly<Record<string, string>> = { true: 'yes', false: 'no' };
    expect(shown.map((word) => words[word] ?? word).join(' ')).toBe(stated);
  });
});

describe("tsh_config(5)'s tokens", () => {
  const section =
    page('tsh_config.5')
      .split(/^\.Sh TOKENS\n/m)[1]
      ?.split(/^\.Sh /m)[0] ?? '';
  const [most = '', table = '', others = ''] = section.split(/^\.Bl .*$/m);
  const letters = (text: string): string => [...text.matchAll(/%([A-Za-z])/g)].map(([, letter]) => letter).join('');
  const sorted = (text: string): string => Array.from(text).sort().join('');
  const all = letters([...table.matchAll(/^\.It Cm \\&(%\w)$/gm)].map(([, token]) => token).join(''));

  /** What the page says of a keyword: a list of letters, or `all` with some more or less. */
  function stated(name: string): string {
    if (new RegExp(`^\\.Ic ${name}( ,)?$`, 'm').test(most)) return all;
    const text = new RegExp(`^\\.It Ic (?:\\w+ , )?${name}\\b.*\\n((?:[^.].*\\n)+)`, 'm').exec(others)?.[1] ?? '';
    if (/^all but /.test(text))
      return Array.from(all)
        .filter((letter) => !letters(text).includes(letter))
        .join('');
    return `${/^all of them/.test(text) ? all : ''}${letters(text)}`;
  }

  test.each(clientOptions)('are told of %s', (option) => {
    const row: Row<unknown> = clientKeywords[option];
    expect(sorted(stated(row.name))).toBe(sorted(row.tokens ?? ''));
  });
});

describe('tsh(1)', () => {
  const described = items(page('tsh.1'), 'Fl');
  test('describes the flags that there are, and no others', () => {
    const flags = Object.keys(tshFlags).map((flag) => (flag.startsWith('--') ? flag.slice(1) : flag));
    expect([...described.keys()].sort()).toEqual(flags.sort());
  });

  test.each(Object.entries(tshFlags))('says whether -%s takes a value', (flag, row) => {
    const [head = ''] = (described.get(flag.startsWith('--') ? flag.slice(1) : flag) ?? '').split('\n');
    expect(/ Ar /.test(head)).toBe(row.value === true);
  });
});

const mandoc = spawnSync('mandoc', ['-T', 'lint', path('tsh.1'), path('tsh_config.5')], { encoding: 'utf8' });

test.skipIf(mandoc.error !== undefined)('mandoc has nothing against the pages', () => {
  // whether other pages are installed is no matter of these
  const complaints = mandoc.stdout
    .split('\n')
    .filter((line) => line !== '' && !/referenced manual not found|outdated mandoc\.db/.test(line));
  expect(complaints).toEqual([]);
});
