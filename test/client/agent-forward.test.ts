import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptAgent } from '../../src/client/agent-forward.ts';
import type { IncomingOpen } from '../../src/core/connection/connection.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { tsh } from './common.ts';

describe('a server that asks for an agent', () => {
  const asked = (type: string, refused: unknown[]): IncomingOpen => ({
    type,
    body: new Uint8Array(0),
    accept: () => {
      throw new Error('accepted');
    },
    refuse: (refusal) => void refused.push(refusal),
  });

  test.each(['auth-agent@openssh.com', 'agent-connect'])('gets none by %s where none was promised, and the user is told', (type) => {
    const said: string[] = [];
    const refused: unknown[] = [];
    const rows = acceptAgent({
      socket: () => undefined,
      binding: () => undefined,
      log: (level, text) => void said.push(`${level} ${text}`),
    });
    rows[type]?.(asked(type, refused));
    expect(refused).toEqual([{ reason: 1, description: 'open failed' }]);
    expect(said).toEqual([
      'ERROR Warning: ssh server tried agent forwarding.',
      'ERROR Warning: this is probably a break-in attempt by a malicious server.',
    ]);
  });

  test('gets none where the agent has gone', async () => {
    const refused: unknown[] = [];
    await new Promise<void>((done) => {
      const open = asked('auth-agent@openssh.com', refused);
      const rows = acceptAgent({ socket: () => '/nowhere/agent', binding: () => undefined, log: () => undefined });
      rows['auth-agent@openssh.com']?.({
        ...open,
        refuse: (refusal) => {
          open.refuse(refusal);
          done();
        },
      });
    });
    expect(refused).toHaveLength(1);
  });
});

describePeer('openssh-10', 'forwarding an agent', () => {
  let near: Sshd;
  let far: Sshd;
  let folder: string;
  let agent: ChildProcess;
  let socket: string;
  const add = peerProgram('openssh-10', 'ssh-add');
  const ssh = peerProgram('openssh-10', 'ssh');

  beforeAll(async () => {
    near = await startSshd({ peer: 'openssh-10' });
    far = await startSshd({ peer: 'openssh-10', hostKeys: ['ecdsa-256'] });
    folder = mkdtempSync(path.join(tmpdir(), 'tsh-forward-'));
    socket = path.join(folder, 'agent');
    agent = spawn(peerProgram('openssh-10', 'ssh-agent'), ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    if (agent.stdout !== null) await once(agent.stdout, 'data');
    addKey([]);
    const hosts = [`near ${near.hostKeys[0] ?? ''}`, `far ${far.hostKeys[0] ?? ''}`, ''].join('\n');
    writeFileSync(path.join(folder, 'known_hosts'), hosts);
    writeFileSync(path.join(folder, 'config'), [...block('near', near), ...block('far', far), ''].join('\n'));
  }, 60_000);

  afterAll(async () => {
    agent.kill();
    await Promise.all([near.stop(), far.stop()]);
    rmSync(folder, { recursive: true });
  });

  function block(name: string, server: Sshd): string[] {
    return [
      `Host ${name}`,
      '  Hostname 127.0.0.1',
      `  Port ${String(server.port)}`,
      `  User ${server.user}`,
      '  IdentityFile none',
      `  HostKeyAlias ${name}`,
      '  BatchMode yes',
      `  UserKnownHostsFile ${path.join(folder, 'known_hosts')}`,
      '  GlobalKnownHostsFile /dev/null',
    ];
  }

  function addKey(args: readonly string[]): void {
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    execFileSync(add, ['-q', '-D'], { env, stdio: 'ignore' });
    execFileSync(add, ['-q', ...args, near.identity], { env, stdio: 'ignore' });
  }

  const list = `${add} -l`;
  const held = /ED25519/;

  test('-A lets programs on the server use it, and nothing else does', async () => {
    const given = { env: { SSH_AUTH_SOCK: socket } };
    const forwarded = await tsh(['-A', '-F', path.join(folder, 'config'), 'near', list], given);
    expect(forwarded).toMatchObject({ code: 0, out: expect.stringMatching(held) as string });
    expect(await tsh(['-F', path.join(folder, 'config'), 'near', list], given)).toMatchObject({ code: 2, out: '' });
    expect(await tsh(['-A', '-a', '-F', path.join(folder, 'config'), 'near', list], given)).toMatchObject({ code: 2, out: '' });
  });

  test('logs in from there to the next host', async () => {
    const config = path.join(folder, 'config');
    const hop = await tsh(['-A', '-F', config, 'near', `${ssh} -F ${config} far echo arrived`], { env: { SSH_AUTH_SOCK: socket } });
    expect(hop).toMatchObject({ code: 0, out: 'arrived\n' });
  });

  test('several programs use it at one time', async () => {
    const many = `for i in 1 2 3 4 5; do ${list} & done; wait`;
    const { out } = await tsh(['-A', '-F', path.join(folder, 'config'), 'near', many], { env: { SSH_AUTH_SOCK: socket } });
    expect(out.trim().split('\n')).toHaveLength(5);
  });

  test('ForwardAgent names another agent by its path or a variable', async () => {
    const args = ['-F', near.config, 'server', list];
    expect(await tsh(['-o', `ForwardAgent=${socket}`, ...args])).toMatchObject({ code: 0, out: expect.stringMatching(held) as string });
    const given = { env: { OTHER: socket } };
    expect(await tsh(['-o', 'ForwardAgent=$OTHER', ...args], given)).toMatchObject({ code: 0, out: expect.stringMatching(held) as string });
    expect(await tsh(['-o', 'ForwardAgent=$UNSET', ...args], given)).toMatchObject({ code: 2, out: '' });
  });

  test('a path that leads nowhere is told, and is the end where forwardings must not fail', async () => {
    const args = ['-o', 'ForwardAgent=/nowhere', '-F', near.config, 'server', 'echo in'];
    const told = 'Cannot forward agent socket path "/nowhere": No such file or directory\r\n';
    expect(await tsh(args)).toMatchObject({ code: 0, out: 'in\n', err: told });
    expect(await tsh(['-o', 'ExitOnForwardFailure=yes', ...args])).toMatchObject({ code: 255, out: '', err: told });
  });

  test('an agent that is not there is not promised to the server', async () => {
    const { out, code } = await tsh(['-A', '-F', near.config, 'server', 'echo "<$SSH_AUTH_SOCK>"'], { env: { SSH_AUTH_SOCK: '/nowhere' } });
    expect({ out, code }).toEqual({ out: '<>\n', code: 0 });
  });

  test('a key for some destinations is of use for these alone', async () => {
    const config = path.join(folder, 'config');
    const given = { env: { SSH_AUTH_SOCK: socket } };
    const onward = ['-A', '-F', config, 'near', `${ssh} -F ${config} far echo arrived`];
    addKey(['-H', path.join(folder, 'known_hosts'), '-h', 'near']);
    expect(await tsh(onward, given)).toMatchObject({ code: 255, out: '', err: expect.stringContaining('Permission denied') as string });
    expect(await tsh(['-A', '-F', config, 'near', list], given)).toMatchObject({ code: 1, out: 'The agent has no identities.\n' });
    addKey(['-H', path.join(folder, 'known_hosts'), '-h', 'near', '-h', 'near>far']);
    expect(await tsh(onward, given)).toMatchObject({ code: 0, out: 'arrived\n' });
    addKey([]);
  });

  test('a host whose key has changed does not get it', async () => {
    const wrong = path.join(folder, 'wrong');
    writeFileSync(
      wrong,
      `[127.0.0.1]:${String(near.port)} ${far.hostKeys[0] ?? ''}\n[127.0.0.1]:${String(near.port)} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n`,
    );
    const options = ['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${wrong}`, '-o', 'HostKeyAlgorithms=ssh-ed25519'];
    const { code, out, err } = await tsh(['-A', ...options, '-F', near.config, 'server', 'echo "<$SSH_AUTH_SOCK>"'], {
      env: { SSH_AUTH_SOCK: socket },
    });
    expect({ code, out }).toEqual({ code: 0, out: '<>\n' });
    expect(err).toContain('Agent forwarding is disabled to avoid man-in-the-middle attacks.\r\n');
  });
});
