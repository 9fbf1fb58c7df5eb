import { once } from 'node:events';
import net from 'node:net';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer } from '../peers.ts';
import { own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { both, held, tsh } from './common.ts';
import { listen } from './wire-peers.ts';

describePeer('openssh-10', 'ChannelTimeout', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(() => server.stop());
  const limited = (timeouts: string): string[] => ['-F', server.config, '-o', `ChannelTimeout=${timeouts}`];

  test.each(['session:command=1', 's*=1', 'global=1', '*=1 session:command=0'])('%s ends a command that is silent', async (timeouts) => {
    const { ours, theirs } = await both([...limited(timeouts), 'server', 'sleep 60; echo done']);
    expect(held(ours)).toEqual(held(theirs));
    expect(ours).toMatchObject({ code: 255, out: '' });
  });

  test.each(['session=1', 'session:shell=1', 'session:*=0 *=1', 'direct-tcpip=1'])('%s does not', async (timeouts) => {
    const { ours, theirs } = await both([...limited(timeouts), 'server', 'sleep 3; echo done']);
    expect(held(ours)).toEqual(held(theirs));
    expect(ours).toMatchObject({ code: 0, out: 'done\n' });
  });

  test('tells at VERBOSE what it did', async () => {
    const { err } = await tsh([...limited('session:subsystem:sftp=1'), '-o', 'LogLevel=VERBOSE', '-s', 'server', 'sftp']);
    expect(err).not.toContain('closing');
    const shell = await tsh([...limited('session:command=1'), '-o', 'LogLevel=VERBOSE', 'server', 'sleep 60']);
    expect(shell.err).toContain('channel 0: closing after 1 seconds of inactivity');
  });

  test('closes a forwarded connection, and the session goes on', async () => {
    const target = await listen((socket) => void socket.write('hello'));
    const port = await freePort();
    const child = spawn(own('tsh'), [...limited('direct-tcpip=1'), '-L', `${port}:127.0.0.1:${target.port}`, 'server', 'echo up; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const socket = net.connect(port, '127.0.0.1');
      const [greeting] = (await once(socket, 'data')) as [Buffer];
      expect(greeting.toString()).toBe('hello');
      await once(socket, 'close');
      child.stdin.end('still here');
      const [rest] = (await once(child.stdout, 'data')) as [Buffer];
      expect(rest.toString()).toBe('still here');
      expect((await once(child, 'exit'))[0]).toBe(0);
    } finally {
      child.kill();
      await target.close();
    }
  });
});

async function freePort(): Promise<number> {
  const listener = await listen(() => undefined);
  await listener.close();
  return listener.port;
}
