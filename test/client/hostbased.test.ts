import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparable } from '../known-differences.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type KeyType, keyPair, type Sshd, startSshd } from '../sshd.ts';

/** ssh's place for the program, which it knows by heart. */
const installed = '/usr/lib/openssh/ssh-keysign';

describePeer(['openssh-10', 'openssh', 'root'], 'hostbased authentication', () => {
  const user = `tsh${randomBytes(4).toString('hex')}`;
  const types: readonly KeyType[] = ['ed25519', 'ecdsa-256', 'rsa'];
  let server: Sshd;
  let etc: string;

  beforeAll(async () => {
    execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', '--password', '*', user]);
    const home = os.userInfo().homedir === '/root' ? `/home/${user}` : path.join(path.dirname(os.userInfo().homedir), user);
    const { hostname } = await dns.promises.lookupService('127.0.0.1', 22).catch(() => ({ hostname: 'localhost' }));
    writeFileSync(`${home}/.shosts`, [hostname, os.hostname()].map((name) => `${name} root\n`).join(''));
    mkdirSync(`${home}/.ssh`);
    writeFileSync(`${home}/.ssh/known_hosts`, types.map((type) => `* ${keyPair(type).publicKey}`).join(''));
    server = await startSshd({
      peer: 'openssh-10',
      lines: [
        'HostbasedAuthentication yes',
        'HostbasedUsesNameFromPacketOnly yes',
        'IgnoreRhosts no',
        'PubkeyAuthentication no',
        'MaxAuthTries 20',
      ],
    });
    etc = path.join(server.folder, 'etc');
    mkdirSync(etc);
    for (const type of types) {
      const file = path.join(etc, `ssh_host_${type.replace(/-.*/, '')}_key`);
      writeFileSync(file, keyPair(type).privateKey, { mode: 0o600 });
      writeFileSync(`${file}.pub`, keyPair(type).publicKey);
    }
    writeFileSync(path.join(server.folder, 'no-program'), '');
  });
  afterAll(async () => {
    await server.stop();
    execFileSync('userdel', ['--remove', '--force', user], { stdio: 'ignore' });
  });

  /** Runs a client where the test's host keys and system-wide configuration are this machine's. */
  async function client(program: string, args: readonly string[], keysign = peerProgram('openssh-10', 'ssh-keysign')): Promise<Ended> {
    const mount = `mount --bind "$1" /etc/ssh && mount --bind "$2" ${installed} && shift 2 && exec "$@"`;
    // what a test asks for stands in front, as the first value counts
    const options = [
      ...args.slice(0, -2),
      '-F',
      server.config,
      '-l',
      user,
      '-o',
      'HostbasedAuthentication=yes',
      '-o',
      'PreferredAuthentications=hostbased',
    ];
    return await run('unshare', ['--mount', 'sh', '-c', mount, 'sh', etc, keysign, program, ...options, ...args.slice(-2)]);
  }

  /** Both programs' runs, which must be alike. */
  async function same(args: readonly string[], keysign?: string): Promise<Ended> {
    const theirs = await client(peerProgram('openssh-10', 'ssh'), args, keysign);
    const ours = await client(own('tsh'), args, keysign);
    const seen = ({ out, err, code }: Ended): object => ({ out, code, err: comparable('stderr', err) });
    expect(seen(ours)).toEqual(seen(theirs));
    return ours;
  }

  const allow = (word: 'yes' | 'no'): void => writeFileSync(path.join(etc, 'ssh_config'), `EnableSSHKeysign ${word}\n`);

  test.each([
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ecdsa-sha2-nistp384,rsa*',
  ])('signs by %s', async (algorithms) => {
    allow('yes');
    const { out, code } = await same(['-o', `HostbasedAcceptedAlgorithms=${algorithms}`, 'server', 'id -un']);
    expect({ out, code }).toEqual({ out: `${user}\n`, code: 0 });
  });

  test('tries every key that the server may know', async () => {
    allow('yes');
    const { err, code } = await client(own('tsh'), ['-v', '-l', 'nobody', 'server', 'true']);
    expect(code).toBe(255);
    const tried = [...err.matchAll(/trying hostkey (\S+) \S+ using sigalg (\S+)/g)].map(([, key, algorithm]) => `${key} ${algorithm}`);
    expect(tried).toEqual(['ssh-ed25519 ssh-ed25519', 'ecdsa-sha2-nistp256 ecdsa-sha2-nistp256', 'ssh-rsa rsa-sha2-512']);
    await same(['-l', 'nobody', 'server', 'true']);
  });

  test('through a command, by the name of this machine', async () => {
    allow('yes');
    const relay = `${process.execPath} -e "const s = net.connect(process.argv[1]); process.stdin.pipe(s); s.pipe(process.stdout)" %p`;
    expect((await same(['-o', `ProxyCommand=${relay}`, 'server', 'true'])).code).toBe(0);
  });

  test('that ssh-keysign is not allowed', async () => {
    allow('no');
    expect((await same(['server', 'true'])).err).toContain('ssh-keysign not enabled in /etc/ssh/ssh_config');
    const { err } = await client(own('tsh'), ['--why', 'server', 'true']);
    expect(err).toContain('[auth.keysign; phase: authentication]');
    expect(err).toContain('EnableSSHKeysign yes');
  });

  test('that ssh-keysign can not be run', async () => {
    allow('yes');
    expect((await same(['server', 'true'], path.join(server.folder, 'no-program'))).err).toContain('Permission denied');
  });

  test('that there are no keys', async () => {
    allow('yes');
    const empty = path.join(server.folder, 'empty');
    mkdirSync(empty);
    const kept = etc;
    etc = empty;
    try {
      expect((await same(['server', 'true'])).code).toBe(255);
    } finally {
      etc = kept;
      rmSync(empty, { recursive: true });
    }
  });
});
