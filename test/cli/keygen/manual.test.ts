import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { keygenHelp } from '../../../src/cli/keygen/help.ts';
import { keygenFlags } from '../../../src/cli/keygen/options.ts';
import { keygenUsage } from '../../../src/cli/keygen/usage.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own, run } from '../../run.ts';

const manual = fileURLToPath(new URL('../../../man/tsh-keygen.1', import.meta.url));

/** The flags that the manual describes, with whether it gives them a value; the list of options is the first. */
function described(): Map<string, boolean> {
  const [list = ''] = /^\.Bl -tag[^]*?^\.El$/m.exec(readFileSync(manual, 'utf8')) ?? [];
  return new Map(
    [...list.matchAll(/^\.It Fl (-?[A-Za-z]+)( Ar .*)?$/gm)].map(([, flag = '', value]) => [
      flag.startsWith('-') ? `-${flag}` : flag,
      value !== undefined,
    ]),
  );
}

test('the manual describes every flag, each with a value where it has one', () => {
  const flags = new Map(Object.entries(keygenFlags).map(([flag, row]) => [flag, row.value !== undefined]));
  expect(new Map([...described()].sort())).toEqual(new Map([...flags].sort()));
});

test('the usage text and the help between them name every flag but those that do nothing', () => {
  const silent = ['o', 'X'];
  for (const flag of Object.keys(keygenFlags)) {
    if (flag.startsWith('--')) expect(keygenHelp).toContain(flag);
    else if (!silent.includes(flag)) expect(keygenUsage).toMatch(new RegExp(`-[A-Za-z]*${flag}`));
  }
});

describePeer('mandoc', 'mandoc', () => {
  test('finds no fault with the manual', async () => {
    const { out, err } = await run(peerProgram('mandoc', 'mandoc'), ['-T', 'lint', manual]);
    // which manuals are installed beside it is not its fault
    const faults = `${out}${err}`.split('\n').filter((line) => line !== '' && !/mandoc\.db|referenced manual not found/.test(line));
    expect(faults).toEqual([]);
  });
});

test('--help tells what is our own, above the usage text', async () => {
  const { code, out, err } = await run(own('tsh-keygen'), ['--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toBe(keygenHelp);
});
