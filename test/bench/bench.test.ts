import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const bench = fileURLToPath(new URL('../../dist/bench.js', import.meta.url));

describe("the benchmark's command line", () => {
  test('--help tells all options on stdout, whatever else is asked for', () => {
    const { status, stdout, stderr } = run('--help', 'path');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const told = [...stdout.matchAll(/^ {2}(--\w+)/gm)].map(([, option]) => option);
    const options = ['--form', '--binary', '--node', '--pairs', '--minutes', '--bulk', '--far', '--others', '--json', '--help'];
    expect(told).toEqual(options);
  });

  test.each([
    ['--nonsense', /^bench: .*--nonsense.*\n$/],
    ['--pairs', /^bench: .*--pairs.*\n$/],
    ['--pairs x', /^bench: --pairs takes a whole number from 1 on, not x\n$/],
    ['--pairs 0', /^bench: --pairs .*\n$/],
    ['--minutes soon', /^bench: --minutes .*\n$/],
    ['--bulk 1e99', /^bench: --bulk .*\n$/],
    ['--far=-1', /^bench: --far .*\n$/],
    ['path nowhere', /^bench: no such row: nowhere; there are: start true, .*\n$/],
    ['path --json /nonexistent/samples', /^bench: .*\/nonexistent\/samples.*\n$/],
  ])('%s is refused in a line, without a stack', (line, message) => {
    const { status, stdout, stderr } = run(...line.split(' '));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

function run(...args: readonly string[]) {
  return spawnSync(process.execPath, [bench, ...args], { encoding: 'utf8' });
}
