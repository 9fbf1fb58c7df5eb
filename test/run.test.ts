import { expect, test } from 'vitest';
import { run } from './run.ts';

const node = process.execPath;

test('what a program writes, and how it ends', async () => {
  const ended = await run(node, ['-e', 'process.stdin.pipe(process.stdout); console.error(process.env.WORD); process.exitCode = 3'], {
    stdin: 'told',
    env: { WORD: 'said' },
  });
  expect(ended).toMatchObject({ code: 3, signal: null, out: 'told', err: 'said\n' });
});

test('a program without input, agent and terminal', async () => {
  const { code, err } = await run('sh', ['-c', 'test -z "$SSH_AUTH_SOCK" && test -z "$(cat)" && ! (: </dev/tty) 2>/dev/null']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

test('one that takes too long is ended with its children, and what it said is told', async () => {
  await expect(run('sh', ['-c', 'echo begun; sleep 100 & wait'], { timeoutMs: 300 })).rejects.toThrow(/not over after 0.3 s\nbegun/);
});

test('one that does not exist', async () => {
  await expect(run('/nonexistent', [])).rejects.toThrow(/ENOENT/);
});
