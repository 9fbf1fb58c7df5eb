import { readFileSync } from 'node:fs';
import { matchPattern } from '../src/core/util/pattern.ts';

interface Difference {
  readonly output: string;
  readonly rule: string;
  readonly what: string;
}

const differences = readTable();

/** The lines of an output as they are to be compared: without what test/known-differences lets differ. */
export function comparable(output: '-G' | '-Q' | 'stderr', text: string): string[] {
  const rules = differences.filter((difference) => difference.output === output);
  const of = (rule: string): string[] => rules.filter((difference) => difference.rule === rule).map(({ what }) => what);
  const left = of('without');
  const ordered = of('order');
  const equal = new Map(of('equal').map((pair) => pair.split(' => ') as [string, string]));
  return text
    .split('\n')
    .filter((line) => !left.some((pattern) => matchPattern(line, pattern)))
    .map((line) => equal.get(line) ?? line)
    .map((line) => {
      const space = line.indexOf(' ');
      const keyword = line.slice(0, space);
      if (!ordered.includes(keyword)) return line;
      return `${keyword} ${line
        .slice(space + 1)
        .split(',')
        .sort()
        .join(',')}`;
    });
}

/** What is allowed to differ of something that is no output. */
export function allowed(output: 'host-certificate' | 'ssh-keygen'): readonly { readonly rule: string; readonly what: string }[] {
  return differences.filter((difference) => difference.output === output);
}

function readTable(): Difference[] {
  const text = readFileSync(new URL('known-differences', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [output = '', rule = '', what = '', why = ''] = line.split(' | ');
      if (why === '') throw new Error(`test/known-differences: a row without its reason: ${line}`);
      return { output, rule, what };
    });
}
