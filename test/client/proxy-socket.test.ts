import { rmSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../node/bundle.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { both, held, tsh } from './common.ts';

describePeer('openssh-10', 'a ProxyCommand that passes a socket back', () => {
  let server: Sshd;
  let dialer: string;
  beforeAll(async () => {
    dialer = bundle('pass-socket');
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(async () => {
    rmSync(dialer);
    await server.stop();
  });
  const by = (command: string): string[] => ['-F', server.config, '-o', 'ProxyUseFdpass=yes', '-o', `ProxyCommand=${command}`];

  test('is where the session goes on', async () => {
    const { ours, theirs } = await both([...by(`${process.execPath} ${dialer} %h %p`), 'server', 'cat; echo err >&2; exit 3'], {
      stdin: 'x'.repeat(200_000),
    });
    expect(held(ours)).toEqual(held(theirs));
    expect(ours).toMatchObject({ code: 3, out: 'x'.repeat(200_000) });
  });

  test('has told an address by which messages name the server', async () => {
    const { err } = await tsh([...by(`${process.execPath} ${dialer} %h %p`), '-o', 'LogLevel=VERBOSE', 'server', 'true']);
    expect(err).toContain(`Authenticated to 127.0.0.1 ([127.0.0.1]:${server.port}) using "publickey".`);
  });

  test.each([
    ['ends without one', 'true'],
    ['writes something else', 'echo hello'],
    ['complains', 'sh -c "echo no way >&2; exit 3"'],
    ['is not there', '/nonexistent/dialer'],
  ])('that %s', async (_, command) => {
    const { ours, theirs } = await both([...by(command), 'server', 'true']);
    expect(held(ours)).toEqual(held(theirs));
    expect(ours.err).toContain('proxy dialer did not pass back a connection');
  });

  test('needs native calls, and says so without them', async () => {
    const { code, err } = await tsh([...by('true'), 'server', 'true'], { env: { TSH_NO_NATIVE: '1' } });
    expect(code).toBe(255);
    expect(err).toContain('ProxyUseFdpass needs native calls, which are off: TSH_NO_NATIVE is set');
  });

  describe('or stdin and stdout in its place', () => {
    /** Runs a program whose stdin and stdout are one end of a connection to the server. */
    async function over(program: string): Promise<{ readonly code: unknown; readonly err: string }> {
      const socket = net.connect({ port: server.port, host: '127.0.0.1' });
      await once(socket, 'connect');
      const child = spawn(program, ['-F', server.config, '-o', 'ProxyCommand=-', '-n', 'server', 'echo there >&2; exit 4'], {
        stdio: [socket, socket, 'pipe'],
      });
      let err = '';
      child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
      const [code] = (await once(child, 'close')) as unknown[];
      socket.destroy();
      return { code, err };
    }

    test('as the connection', async () => {
      const ours = await over(own('tsh'));
      expect(ours).toEqual(await over(peerProgram('openssh-10', 'ssh')));
      expect(ours).toEqual({ code: 4, err: 'there\n' });
    });

    test('but not both', async () => {
      const { ours, theirs } = await both([...by('-'), 'server', 'true']);
      expect(held(ours)).toEqual(held(theirs));
      expect(ours.err).toContain('incompatible');
    });
  });
});

describePeer('openssh-10', 'a ProxyCommand that reads no more, and stays', () => {
  test('ends the connection', async () => {
    const command = `sh -c 'read line; exec 0<&-; printf "SSH-2.0-x\\r\\n"; exec sleep 60'`;
    const { ours, theirs } = await both(['-F', 'none', '-o', `ProxyCommand=${command}`, 'server.example', 'true']);
    expect(held(ours)).toEqual(held(theirs));
    expect(ours).toMatchObject({ code: 255, err: 'ssh_dispatch_run_fatal: Connection to UNKNOWN port 65535: Broken pipe\r\n' });
  });
});
