import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endProxyCommand, startProxyCommand } from '../../src/node/proxy-command.ts';
import { spawnPiped } from '../../src/node/spawn.ts';
import { Collector } from './collector.ts';

describe.each([
  ['sockets', false],
  ['pipes', true],
])('a child on %s', (kind, pipes) => {
  test('gets its input up to the end, and gives its output and errors apart', async () => {
    const child = await spawnPiped('/bin/sh', ['-c', 'cat; echo oops >&2; exit 7'], { stderr: 'pipe', pipes });
    const output = new Collector(child.stream);
    const errors = child.stderr === undefined ? undefined : new Collector(child.stderr);
    const data = randomBytes(700_000);
    child.stream.write(data);
    child.stream.end();
    expect(await output.done).toBeUndefined();
    expect(await errors?.done).toBeUndefined();
    expect(Buffer.concat(output.parts).equals(data)).toBe(true);
    expect(errors?.text).toBe('oops\n');
    expect(await child.ended).toEqual({ status: 7, signal: null });
  });

  test('that stops reading still gives all its output', async () => {
    const child = await spawnPiped('/bin/sh', ['-c', 'head -c 1 >/dev/null; exec <&-; sleep 0.1; echo last'], { pipes });
    const output = new Collector(child.stream);
    child.stream.write(new Uint8Array(300_000));
    expect(await output.done).toBeUndefined();
    expect(output.text).toBe('last\n');
    expect(output.writeErrors[0]).toMatchObject({ code: 'EPIPE' });
    expect(child.stream.write(new Uint8Array(1))).toBe(true);
  });

  test(`sees ${kind} as its stdin and stdout, its name, folder and environment`, async () => {
    const child = await spawnPiped('/bin/sh', ['-c', 'stat -Lc %F /dev/stdin /dev/stdout; echo "$0 $X"; pwd'], {
      pipes,
      name: '-sh',
      env: { X: 'y', PATH: process.env['PATH'] },
      folder: '/',
    });
    const output = new Collector(child.stream);
    await output.done;
    expect(output.text).toBe(`${(pipes ? 'fifo\n' : 'socket\n').repeat(2)}-sh y\n/\n`);
  });

  test('that is killed tells the signal', async () => {
    const child = await spawnPiped('/bin/sleep', ['60'], { pipes });
    child.kill('SIGUSR1');
    expect(await child.ended).toEqual({ status: null, signal: 'SIGUSR1' });
  });

  test('that does not exist is an error', async () => {
    const error = await spawnPiped('/no/such/program', [], { pipes }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ENOENT', message: 'No such file or directory' });
  });
});

test('a session of its own', async () => {
  const child = await spawnPiped('/bin/sh', ['-c', 'ps -o sid= -p $$'], { ownSession: true });
  const output = new Collector(child.stream);
  await output.done;
  expect(Number(output.text)).toBe(child.pid);
});

describe('a ProxyCommand', () => {
  const before = process.env['SHELL'];
  beforeEach(() => {
    process.env['SHELL'] = '/bin/sh';
  });
  afterEach(() => {
    process.env['SHELL'] = before;
  });

  test('runs without the shell between, and hangs up at the end', async () => {
    const child = await startProxyCommand("cat '-' 2>&1");
    const output = new Collector(child.stream);
    child.stream.write(Buffer.from('through'));
    while (output.text !== 'through') await new Promise((resolve) => setTimeout(resolve, 2));
    endProxyCommand(child);
    expect(await child.ended).toEqual({ status: null, signal: 'SIGHUP' });
  });

  test('that fails ends the stream', async () => {
    const child = await startProxyCommand('false');
    expect(await new Collector(child.stream).done).toBeUndefined();
    expect(await child.ended).toEqual({ status: 1, signal: null });
  });

  test('an empty $SHELL means sh, a missing one is told', async () => {
    process.env['SHELL'] = '';
    const child = await startProxyCommand('echo fine');
    const output = new Collector(child.stream);
    await output.done;
    expect(output.text).toBe('fine\n');
    process.env['SHELL'] = '/no/such/shell';
    await expect(startProxyCommand('true')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
