import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKeyLine } from '../../src/core/keys/public-key.ts';
import { describePeer, peerProgram, testPeer } from '../peers.ts';
import type { Given } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { bytes, type Hostility, HostileServer, text, uint32 } from './hostile-server.ts';
import { diagnosed } from './why-run.ts';
import { listen, relay } from './wire-peers.ts';

/** A name space without any network. */
const alone = ['unshare', '--user', '--map-root-user', '--net'];

/** Causes whose servers, or surroundings, are of a special kind. */
export function causesOfServers(): void {
  testPeer(['openssh', 'user namespaces'], 'an address to which there is no way', async () => {
    expect((await diagnosed(['-F', 'none', '192.0.2.1', 'true'], {}, alone)).cause).toBe('tcp.unreachable');
  });

  testPeer(['openssh-10', 'user namespaces'], 'a way that this machine forbids', async () => {
    const forbidden = ['sh', '-c', 'ip link set lo up && ip route add prohibit 192.0.2.1 && exec "$0" "$@"'];
    expect((await diagnosed(['-F', 'none', '192.0.2.1', 'true'], {}, [...alone, ...forbidden])).cause).toBe('tcp.failed');
  });

  testPeer('openssh', 'no name server within reach', async () => {
    expect((await diagnosed(['-F', 'none', 'host.example', 'true'], {}, alone)).cause).toBe('name.no-answer');
  });

  test('a machine that drops packets', async () => {
    // a listener that is stopped, and whose queue is full: the next connection gets no answer
    const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port); })`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const sockets: net.Socket[] = [];
    try {
      const [bytes] = (await once(child.stdout, 'data')) as [Buffer];
      const port = Number(bytes.toString());
      child.kill('SIGSTOP');
      for (let i = 0; i < 4; i++) sockets.push(net.connect(port, '127.0.0.1').on('error', () => {}));
      await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')));
      expect((await diagnosed(['-F', 'none', '-o', 'ConnectTimeout=1', '-p', `${port}`, '127.0.0.1', 'true'])).cause).toBe('tcp.timeout');
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
    }
  });

  test('a server that breaks the protocol', async () => {
    // a packet of USERAUTH_SUCCESS where KEXINIT is awaited
    const packet = Buffer.concat([Buffer.from([0, 0, 0, 12, 10, 52]), Buffer.alloc(10)]);
    const listener = await listen((socket) => {
      socket.resume();
      socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), packet]));
    });
    expect((await diagnosed(['-F', 'none', '-p', `${listener.port}`, '127.0.0.1', 'true'])).cause).toBe('protocol.broken');
    await listener.close();
  });

  describe('a hostile server', () => {
    let hostile: HostileServer;
    let known: string;
    beforeAll(async () => {
      hostile = await HostileServer.start();
      known = path.join(mkdtempSync(path.join(tmpdir(), 'tsh-why-')), 'known');
      writeFileSync(known, `* ${formatPublicKeyLine(hostile.hostKey.publicKey, '')}\n`);
    });
    afterAll(() => {
      hostile.close();
      rmSync(path.dirname(known), { recursive: true });
    });

    test.each<[string, string, string, Hostility]>([
      [
        'that closes the session without a word',
        'session.no-status',
        'did not say how the command ended',
        { at: 'exec', act: ({ say }) => say(bytes(96, uint32(0)), bytes(97, uint32(0))) },
      ],
      [
        'that asks again and again and reads no answer',
        'unknown',
        'does not read the answers that it asks for',
        {
          at: 'exec',
          act: ({ socket, flood }) => {
            socket.pause();
            flood(bytes(192, text(Buffer.alloc(30_000))), 400 * 1024 * 1024);
          },
        },
      ],
    ])('%s', async (_, cause, words, hostility) => {
      hostile.hostility = hostility;
      const options = ['-o', `UserKnownHostsFile=${known}`, '-o', 'BatchMode=yes', '-p', String(hostile.port)];
      const diagnosis = await diagnosed(['-F', 'none', ...options, '127.0.0.1', 'command']);
      expect(diagnosis.cause).toBe(cause);
      expect(diagnosis.sentence).toContain(words);
      hostile.drop();
    });
  });

  describePeer('openssh-10', 'with servers of several kinds', () => {
    const servers: Sshd[] = [];
    const server = async (...lines: readonly string[]): Promise<Sshd> => {
      const started = await startSshd({ peer: 'openssh-10', lines });
      servers.push(started);
      return started;
    };
    let plain: Sshd;
    beforeAll(async () => {
      plain = await server();
    });
    afterAll(async () => {
      for (const one of servers) await one.stop();
    });
    const at = ({ config }: Sshd, ...args: readonly string[]): readonly string[] => ['-F', config, ...args, 'server', 'true'];
    const askpass = (one: Sshd, script: string): Given => {
      const file = path.join(one.folder, 'askpass');
      writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return { env: { SSH_ASKPASS: file, SSH_ASKPASS_REQUIRE: 'force' } };
    };
    const password = ['-o', 'BatchMode=no', '-o', 'PreferredAuthentications=password', '-o', 'PubkeyAuthentication=no'];

    test.each([['algorithm.compression', 'none,zlib@openssh.com', 'lzma,zzip@example.com']])('%s', async (cause, from, to) => {
      const relayed = await relay(plain.port, {
        fromServer: (bytes) => Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1'),
      });
      expect((await diagnosed(at(plain, '-p', `${relayed.port}`))).cause).toBe(cause);
      await relayed.close();
    });

    test('a signature that is not right', async () => {
      const mark = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x40', 'latin1');
      const relayed = await relay(plain.port, {
        fromServer: (bytes) => {
          const found = bytes.indexOf(mark);
          const changed = Buffer.from(bytes);
          if (found >= 0) changed[found + mark.length] = (changed[found + mark.length] as number) ^ 1;
          return changed;
        },
      });
      expect((await diagnosed(at(plain, '-p', `${relayed.port}`))).cause).toBe('host-key.signature');
      await relayed.close();
    });

    test('a host key that a file revokes', async () => {
      const file = path.join(plain.folder, 'revoked');
      writeFileSync(file, `${plain.hostKeys[0] ?? ''}\n`);
      expect((await diagnosed(at(plain, '-o', `RevokedHostKeys=${file}`))).cause).toBe('host-key.refused');
    });

    test('a wrong password', async () => {
      const one = await server('PasswordAuthentication yes', 'MaxAuthTries 6');
      const given = askpass(one, 'echo wrong');
      expect((await diagnosed(at(one, ...password, '-o', 'NumberOfPasswordPrompts=1'), given)).cause).toBe('auth.password-refused');
    });

    test('too many wrong passwords', async () => {
      const one = await server('PasswordAuthentication yes', 'MaxAuthTries 1');
      expect((await diagnosed(at(one, ...password), askpass(one, 'echo wrong'))).cause).toBe('auth.too-many-failures');
    });

    test('a login that takes too long', async () => {
      const one = await server('PasswordAuthentication yes', 'LoginGraceTime 1');
      expect((await diagnosed(at(one, ...password), askpass(one, 'sleep 3; echo late'))).cause).toBe('auth.closed');
    });

    test('a server that wants two proofs', async () => {
      const one = await server('PasswordAuthentication yes', 'AuthenticationMethods publickey,password');
      expect((await diagnosed(at(one))).cause).toBe('auth.partial');
    });

    test('a server that takes passwords only, in a script', async () => {
      const one = await server('PasswordAuthentication yes', 'PubkeyAuthentication no');
      const { cause, wayOut } = await diagnosed(at(one));
      expect(cause).toBe('auth.no-method');
      expect(wayOut[0]).toContain('BatchMode');
    });

    test('an agent that does not sign', async () => {
      const socket = path.join(plain.folder, 'agent');
      const started = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-a', socket, '-s']).toString();
      const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' };
      try {
        execFileSync(peerProgram('openssh-10', 'ssh-add'), ['-q', '-c', plain.identity], { env, stdio: 'ignore' });
        expect((await diagnosed(at(plain), { env: { SSH_AUTH_SOCK: socket } })).cause).toBe('auth.agent-refused');
      } finally {
        process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1]));
      }
    });

    test('a server that falls silent', async () => {
      const relayed = await relay(plain.port, { fromServer: (bytes, { fromServer }) => (fromServer > 60_000 ? Buffer.alloc(0) : bytes) });
      const options = [
        '-p',
        `${relayed.port}`,
        '-o',
        `HostKeyAlias=[127.0.0.1]:${plain.port}`,
        '-o',
        'ServerAliveInterval=1',
        '-o',
        'ServerAliveCountMax=1',
      ];
      expect((await diagnosed(['-F', plain.config, ...options, 'server', 'head -c 300000 /dev/zero; sleep 20'])).cause).toBe(
        'session.timeout',
      );
      await relayed.close();
    });

    test('a server that hangs up', async () => {
      const relayed = await relay(plain.port, {
        fromServer: (chunk, { client, server: behind, fromServer }) => {
          if (fromServer < 60_000) return chunk;
          behind.pause();
          client.end();
          return Buffer.alloc(0);
        },
      });
      const through = ['-p', `${relayed.port}`, '-o', `HostKeyAlias=[127.0.0.1]:${plain.port}`];
      expect((await diagnosed(['-F', plain.config, ...through, 'server', 'head -c 300000 /dev/zero; sleep 20'])).cause).toBe(
        'session.closed',
      );
      await relayed.close();
    });
  });
}
