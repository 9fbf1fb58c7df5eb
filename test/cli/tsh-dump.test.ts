import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ours } from '../config/run.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-dump-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('-G --why', () => {
  test('says where each value comes from, what came too late, and which blocks apply', async () => {
    const file = path.join(folder, 'config');
    writeFileSync(
      file,
      [
        'Host foo',
        '  Port 1',
        '  IdentityFile a',
        'Match user bob',
        '  User x',
        'Host *',
        '  Port 2',
        '  IdentityFile b',
        'Match final',
        '  Tag t',
      ].join('\n'),
    );
    const { stdout, status } = await ours(['-G', '--why', '-F', file, '-l', 'me', 'foo']);
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toContain('user me  # command line');
    expect(lines).toContain(`port 1  # ${file} line 2, in Host foo`);
    expect(lines).toContain(`identityfile a  # ${file} line 3, in Host foo`);
    expect(lines).toContain(`identityfile b  # ${file} line 8, in Host *`);
    expect(lines).toContain(`tag t  # ${file} line 10, in Match final`);
    expect(lines).toContain('batchmode no  # default');
    expect(stdout).toContain(`\nSet too late to count (the first value wins):\nport 2  # ${file} line 7, in Host *; first came line 2\n\n`);
    expect(stdout).toContain(`\nBlocks that do not apply:\nMatch user bob  # ${file} line 4: not user bob: it is me\n`);
    expect(lines.indexOf('Values that were set:')).toBeGreaterThan(lines.indexOf('batchmode no  # default'));
  });

  test('says why a block does not apply', async () => {
    const file = path.join(folder, 'blocks');
    const inner = path.join(folder, 'inner');
    writeFileSync(inner, 'Host foo\n  Port 5\n');
    const blocks = ['Host bar', `  Include ${inner}`, 'Host f* !foo', 'Match host *.org tagged x', 'Match exec "exit 3"', 'Match tagged x'];
    writeFileSync(file, blocks.join('\n'));
    const { stdout } = await ours(['-G', '--why', '-F', file, 'foo']);
    expect(stdout).toContain('\nNothing was set, neither by a file nor on the command line.\n');
    expect(stdout.slice(stdout.indexOf('Blocks that do not apply')).split('\n')).toEqual([
      'Blocks that do not apply:',
      `Host bar  # ${file} line 1: no pattern matches foo`,
      `Host foo  # ${inner} line 1: ${file} line 2 includes it, within Host bar, which does not apply`,
      `Host f* !foo  # ${file} line 3: !foo keeps it out`,
      `Match host *.org tagged x  # ${file} line 4: not host *.org: it is foo`,
      `Match exec "exit 3"  # ${file} line 5: not exec "exit 3": it failed`,
      `Match tagged x  # ${file} line 6: not tagged x: it is not set`,
      '',
    ]);
  });

  test('no escape sequence of a file reaches the terminal', async () => {
    const file = path.join(folder, 'hostile');
    writeFileSync(file, 'Host foo\x1b[2J *\n  Tag \x1b[31m\n');
    const { stdout } = await ours(['-G', '--why', '-F', file, 'foo']);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toContain('tag \\033[31m');
  });
});
