import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { copyIdUsage, readCopyIdOptions } from '../../src/cli/copy-id-options.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { run } from '../run.ts';

const manual = fileURLToPath(new URL('../../man/tsh-copy-id.1', import.meta.url));

test('the manual describes every flag of the usage', () => {
  const described = [...readFileSync(manual, 'utf8').matchAll(/^\.It Fl (\w)/gm)].map(([, flag]) => flag);
  const [line = ''] = copyIdUsage('').split('\n');
  const flags = [...line.matchAll(/-(\w)\b/g)].map(([, flag]) => flag);
  expect(new Set(described)).toEqual(new Set(flags));
  expect(flags.length).toBeGreaterThan(8);
});

describePeer('mandoc', 'mandoc', () => {
  test('finds no fault with the manual', async () => {
    const { out, err } = await run(peerProgram('mandoc', 'mandoc'), ['-T', 'lint', manual]);
    // which manuals are installed beside it is not its fault
    const faults = `${out}${err}`.split('\n').filter((line) => line !== '' && !/mandoc\.db|referenced manual not found/.test(line));
    expect(faults).toEqual([]);
  });
});

test('options stand in clusters and with their values attached, and -i takes a file only where one can be meant', () => {
  const read = (...argv: string[]) => readCopyIdOptions(argv, { program: 'p', fileText: () => undefined });
  expect(read('-fns', '-p22', '-o', 'A=b', '-Fc', 'host')).toMatchObject({
    force: true,
    dryRun: true,
    sftp: true,
    port: '22',
    passed: [
      { flag: 'o', value: 'A=b' },
      { flag: 'F', value: 'c' },
    ],
    identity: undefined,
    destination: 'host',
  });
  expect(read('-i', 'key', 'host')).toMatchObject({ identity: { file: 'key' }, destination: 'host' });
  expect(read('-fi', 'key', 'host')).toMatchObject({ identity: { file: 'key' }, force: true });
  expect(read('-i', 'host')).toMatchObject({ identity: { file: undefined }, destination: 'host' });
  expect(read('-i', '-f', 'host')).toMatchObject({ identity: { file: undefined }, force: true });
  expect(read('-i', '--', 'host')).toMatchObject({ identity: { file: undefined }, destination: 'host' });
});
