import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKeyLine } from '../../src/core/keys/public-key.ts';
import { bytes, HostileServer, text } from '../client/hostile-server.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

/**
 * One server's user, to whose authorized_keys keys go: the file is named by -t, as the server takes it from the test's folder. The user logs
 * in with the server's own identity, which stands in for a password.
 */
class Site {
  readonly server: Sshd;
  readonly home: string;
  readonly key: string;

  constructor(server: Sshd) {
    this.server = server;
    this.home = mkdtempSync(path.join(tmpdir(), 'tsh-copy-'));
    this.key = path.join(this.home, 'new');
    const keygen = peerProgram('openssh-10', 'ssh-keygen');
    execFileSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', 'new key', '-f', this.key]);
  }

  get line(): string {
    return readFileSync(`${this.key}.pub`, 'utf8');
  }

  get file(): string {
    return this.server.authorizedKeys;
  }

  get text(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** The file as it was at first: the key that logs in. */
  reset(text = readFileSync(`${this.server.identity}.pub`, 'utf8')): void {
    chmodSync(path.dirname(this.file), 0o700);
    rmSync(this.file, { force: true });
    writeFileSync(this.file, text, { mode: 0o600 });
  }

  copy(args: readonly string[] = [], program = own('tsh-copy-id'), file = this.file): Promise<Ended> {
    const options = ['-F', this.server.config, '-t', file, ...args];
    return run(program, [...options, '-i', this.key, 'server'], { env: { HOME: this.home } });
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

const added = (count: number): unknown => expect.stringContaining(`\nNumber of key(s) added: ${String(count)}\n`) as unknown;

interface Kind {
  readonly name: string;
  readonly peer: 'openssh-10' | 'openssh' | 'dropbear';
  readonly lines?: readonly string[];
  readonly args: readonly string[];
}

const kinds: readonly Kind[] = [
  { name: 'sshd 10.0', peer: 'openssh-10', args: [] },
  { name: 'the system’s sshd', peer: 'openssh', args: [] },
  { name: 'dropbear', peer: 'dropbear', args: [] },
  { name: 'an sshd that does SFTP alone', peer: 'openssh-10', lines: ['ForceCommand internal-sftp'], args: ['-s'] },
];

for (const { name, peer, lines = [], args } of kinds) {
  describePeer([peer, 'openssh-10'], `tsh-copy-id to ${name}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = new Site(await startSshd({ peer, lines }));
    });
    afterAll(async () => {
      site.remove();
      await site.server.stop();
    });
    const target = (): string => (peer === 'dropbear' ? '.ssh/authorized_keys' : site.file);
    const copy = (more: readonly string[] = []): Promise<Ended> => site.copy([...args, ...more], undefined, target());

    test('adds a key once, however often it is told to', async () => {
      site.reset();
      const before = site.text;
      expect(await copy()).toMatchObject({ code: 0, out: added(1) });
      expect(site.text).toBe(before + site.line);
      expect(await copy()).toMatchObject({ code: 0, out: '', err: expect.stringContaining('All keys were skipped') as unknown });
      expect(site.text).toBe(before + site.line);
    });

    test('mends a last line that has no end', async () => {
      site.reset();
      const before = site.text.trimEnd();
      writeFileSync(site.file, before);
      expect(await copy()).toMatchObject({ code: 0, out: added(1) });
      expect(site.text).toBe(`${before}\n${site.line}`);
    });

    test('-f adds without asking, -n adds nothing', async () => {
      site.reset();
      const before = site.text;
      const dry = await copy(['-n']);
      expect(dry).toMatchObject({
        code: 0,
        out: `=-=-=-=-=-=-=-=\nWould have added the following key(s):\n\n${site.line}=-=-=-=-=-=-=-=\n`,
      });
      expect(site.text).toBe(before);
      expect(await copy(['-f'])).toMatchObject({ code: 0, out: added(1) });
      expect(await copy(['-f'])).toMatchObject({ code: 0, out: added(1) });
      expect(site.text).toBe(before + site.line + site.line);
    });
  });
}

describePeer(['dropbear', 'openssh-10'], 'tsh-copy-id to OpenWrt', () => {
  test('adds to the file that dropbear has there for root', async () => {
    const etc = mkdtempSync(path.join(tmpdir(), 'tsh-openwrt-'));
    const scene = `cp -a /etc/. ${etc} && mkdir -p ${etc}/dropbear && : >${etc}/openwrt_release && mount --bind ${etc} /etc`;
    const site = new Site(await startSshd({ peer: 'dropbear', scene }));
    try {
      const before = site.text;
      expect(await site.copy([], undefined, '.ssh/nothing')).toMatchObject({ code: 0, out: added(1) });
      expect(readFileSync(path.join(etc, 'dropbear', 'authorized_keys'), 'utf8')).toBe(site.line);
      expect(site.text).toBe(before);
    } finally {
      site.remove();
      await site.server.stop();
      rmSync(etc, { recursive: true });
    }
  });
});

describePeer('openssh-10', 'tsh-copy-id and the files of a user', () => {
  let site: Site;
  let sftp: Site;
  beforeAll(async () => {
    site = new Site(await startSshd({ peer: 'openssh-10' }));
    sftp = new Site(await startSshd({ peer: 'openssh-10', lines: ['ForceCommand internal-sftp'] }));
  });
  afterAll(async () => {
    for (const one of [site, sftp]) {
      one.remove();
      await one.server.stop();
    }
  });

  const ways = [
    ['by the shell', () => site, []],
    ['by SFTP', () => sftp, ['-s']],
  ] as const;

  test.each(ways)('makes folder and file for the user alone, %s', async (_how, of, args) => {
    const file = path.join(of().home, 'a b', '.ssh', "it's $(here)");
    expect(await of().copy([...args], undefined, file)).toMatchObject({ code: 0, out: added(1) });
    expect(readFileSync(file, 'utf8')).toBe(of().line);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  test.each(ways)('mends wrong modes, %s', async (_how, of, args) => {
    const file = path.join(of().home, 'modes', '.ssh', 'authorized_keys');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '# mine\n');
    chmodSync(file, 0o666);
    chmodSync(path.dirname(file), 0o777);
    expect(await of().copy([...args], undefined, file)).toMatchObject({ code: 0, out: added(1) });
    expect(readFileSync(file, 'utf8')).toBe(`# mine\n${of().line}`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  test.each(ways)('adds nothing twice where the server does not look at the file, %s', async (_how, of, args) => {
    const file = path.join(of().home, 'elsewhere', 'keys');
    expect(await of().copy([...args], undefined, file)).toMatchObject({ code: 0, out: added(1) });
    expect(await of().copy([...args], undefined, file)).toMatchObject({ code: 0, out: added(0) });
    expect(readFileSync(file, 'utf8')).toBe(of().line);
  });

  test.each(ways)('keys with options in front are told apart by all of their line, %s', async (_how, of, args) => {
    const file = path.join(of().home, 'options', 'keys');
    const key = `${of().key}.pub`;
    const plain = of().line;
    try {
      for (const text of [`command="a b" ${plain}`, `command="a b" ${readFileSync(`${of().server.identity}.pub`, 'utf8')}`, plain, plain]) {
        writeFileSync(key, text);
        expect(await of().copy([...args, '-o', 'PubkeyAcceptedAlgorithms=ssh-ed25519'], undefined, file)).toMatchObject({ code: 0 });
      }
    } finally {
      writeFileSync(key, plain);
    }
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines).toEqual([`command="a b" ${plain.trim()}`, plain.trim()]);
  });

  test('SELinux has the contexts of folder and file restored', async () => {
    const place = mkdtempSync(path.join(tmpdir(), 'tsh-restorecon-'));
    const labelled = new Site(await startSshd({ peer: 'openssh-10', lines: [`SetEnv SHLVL=1 PATH=${place}:/usr/bin:/bin`] }));
    try {
      writeFileSync(path.join(place, 'restorecon'), `#!/bin/sh\nprintf '%s|' "$@" >'${place}/said'\n`, { mode: 0o755 });
      const file = path.join(labelled.home, '.ssh', 'authorized_keys');
      expect(await labelled.copy([], undefined, file)).toMatchObject({ code: 0, out: added(1) });
      expect(readFileSync(path.join(place, 'said'), 'utf8')).toBe(`-F|${path.dirname(file)}|${file}|`);
    } finally {
      labelled.remove();
      await labelled.server.stop();
      rmSync(place, { recursive: true });
    }
  });

  /** A small file system, full or not to be written to, for the time of a test. */
  async function onSmallDisk(use: (folder: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsh-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder]);
    try {
      await use(folder);
    } finally {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    }
  }

  test.each(ways)('loses and adds nothing on a full disk, %s', async (_how, of, args) => {
    await onSmallDisk(async (folder) => {
      const file = path.join(folder, '.ssh', 'authorized_keys');
      mkdirSync(path.dirname(file));
      // the last page has room for a part of the key
      const before = `${'# a comment of some length\n'.repeat(151)}# no end`;
      writeFileSync(file, before);
      expect(4096 - before.length).toBeGreaterThan(0);
      expect(4096 - before.length).toBeLessThan(of().line.length);
      try {
        execFileSync('sh', ['-c', 'dd if=/dev/zero of="$1" bs=4096 2>/dev/null', 'sh', path.join(folder, 'fill')], { stdio: 'ignore' });
      } catch {
        // it is full now
      }
      const result = await of().copy([...args], undefined, file);
      expect(result).toMatchObject({ code: 1, out: '' });
      expect(readFileSync(file, 'utf8')).toBe(before);
      rmSync(path.join(folder, 'fill'));
      expect(await of().copy([...args], undefined, file)).toMatchObject({ code: 0, out: added(1) });
      expect(readFileSync(file, 'utf8')).toBe(`${before}\n${of().line}`);
    });
  });

  test.each(ways)('tells of a home that can only be read, %s', async (_how, of, args) => {
    await onSmallDisk(async (folder) => {
      const file = path.join(folder, '.ssh', 'authorized_keys');
      mkdirSync(path.dirname(file));
      writeFileSync(file, '# mine\n');
      execFileSync('mount', ['-o', 'remount,ro', folder]);
      const result = await of().copy([...args], undefined, file);
      expect(result).toMatchObject({ code: 1, out: '' });
      expect(result.err).toContain(file);
      expect(readFileSync(file, 'utf8')).toBe('# mine\n');
      const missing = path.join(folder, 'other', 'keys');
      expect(await of().copy([...args], undefined, missing)).toMatchObject({ code: 1, out: '' });
      expect(existsSync(missing)).toBe(false);
    });
  });

  test('many keys of an agent go in but those that are there', async () => {
    site.reset();
    const socket = path.join(site.home, 'agent');
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    const agent = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-s', '-a', socket]).toString();
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent)?.[1]);
    try {
      const add = peerProgram('openssh-10', 'ssh-add');
      for (let number = 0; number < 7; number++) {
        const file = path.join(site.home, `key${String(number)}`);
        execFileSync(peerProgram('openssh-10', 'ssh-keygen'), [
          '-q',
          '-t',
          'ed25519',
          '-N',
          '',
          '-C',
          `number ${String(number)}`,
          '-f',
          file,
        ]);
        execFileSync(add, ['-q', file], { env, stdio: 'ignore' });
        if (number === 3) writeFileSync(site.file, site.text + readFileSync(`${file}.pub`, 'utf8'));
      }
      const result = await run(own('tsh-copy-id'), ['-F', site.server.config, '-t', site.file, 'server'], {
        env: { HOME: site.home, SSH_AUTH_SOCK: socket },
      });
      expect(result).toMatchObject({ code: 0, out: added(6) });
      expect(result.err).toContain('Source of key(s) to be installed: ssh-add -L\n');
      for (let number = 0; number < 7; number++) expect(site.text.match(new RegExp(`number ${String(number)}\n`, 'g'))).toHaveLength(1);
    } finally {
      process.kill(pid);
    }
  });

  test('one connection does for one key', async () => {
    site.reset();
    const before = site.server.log().match(/^Connection from/gm)?.length ?? 0;
    expect(await site.copy()).toMatchObject({ code: 0 });
    expect((site.server.log().match(/^Connection from/gm)?.length ?? 0) - before).toBe(1);
  });
});

describePeer('openssh-10', 'a server whose files of the shell print something', () => {
  test('does not hide that the key was added', async () => {
    const command = `printf '\\033]0;title\\007'; sh -c "$SSH_ORIGINAL_COMMAND"; echo bye`;
    const site = new Site(await startSshd({ peer: 'openssh-10', lines: [`ForceCommand ${command}`] }));
    try {
      const { code, out } = await site.copy();
      expect([code, out.split('Now try')[0]]).toEqual([0, '\x1b]0;title\x07bye\n\nNumber of key(s) added: 1\n\n']);
      expect(site.text).toContain(site.line);
    } finally {
      site.remove();
      await site.server.stop();
    }
  });
});

describe('the words of tsh-copy-id', () => {
  const script = path.join(process.env['OPENSSH10'] ?? '/opt/openssh-10', 'root/usr/bin/ssh-copy-id');

  describePeer('openssh-10', 'are those of ssh-copy-id', () => {
    let site: Site;
    let shown: string;
    let config: string;
    let agent: number;
    let socket: string;
    beforeAll(async () => {
      site = new Site(await startSshd({ peer: 'openssh-10' }));
      mkdirSync(path.join(site.home, '.ssh'), { mode: 0o700 });
      shown = path.join(site.home, 'bin');
      mkdirSync(shown);
      // ssh-copy-id takes any key that the configuration names for the one that it asks about: who logs in is in an agent here
      config = path.join(site.home, 'config');
      const lines = readFileSync(site.server.config, 'utf8').split('\n');
      writeFileSync(config, lines.filter((line) => !/Identit/.test(line)).join('\n'));
      socket = path.join(site.home, 'agent');
      const started = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-s', '-a', socket]).toString();
      agent = Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1]);
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      execFileSync(peerProgram('openssh-10', 'ssh-add'), ['-q', site.server.identity], { env, stdio: 'ignore' });
      for (const name of ['ssh', 'sftp', 'ssh-add']) {
        const file = path.join(shown, name);
        writeFileSync(file, `#!/bin/sh\nexec ${peerProgram('openssh-10', name)} "$@"\n`);
        chmodSync(file, 0o755);
      }
    });
    afterAll(async () => {
      process.kill(agent);
      site.remove();
      await site.server.stop();
    });

    /** What both say to the same, each with its own name taken out. */
    async function both(args: readonly string[]): Promise<[unknown, unknown]> {
      const env = {
        HOME: site.home,
        PATH: `${shown}:${process.env['PATH'] ?? ''}`,
        SSH_AUTH_SOCK: args.includes('-i') ? socket : undefined,
      };
      const seen = async (program: string) => {
        site.reset();
        const { code, out, err } = await run(program, args, { env, cwd: site.home });
        return { code, out, err: err.replaceAll(program, 'PROGRAM'), keys: site.text };
      };
      return [await seen(own('tsh-copy-id')), await seen(script)];
    }

    const cases: Readonly<Record<string, () => readonly string[]>> = {
      'no argument': () => [],
      help: () => ['-h'],
      'two destinations': () => ['one', 'two'],
      'an unknown option': () => ['-z', 'server'],
      'an option without its value': () => ['-p'],
      '-i twice': () => ['-i', site.key, '-i', site.key, 'server'],
      'a key where the host should be': () => ['-i', `${site.key}.pub`],
      'no key at all': () => ['-F', config, 'server'],
      '-i without a key': () => ['-F', config, '-i', '--', 'server'],
      '-i with an empty name': () => ['-F', config, '-i', '', 'server'],
      'a key that is not there': () => ['-F', config, '-i', '/nowhere/key', 'server'],
      'a key': () => ['-F', config, '-t', site.file, '-i', site.key, 'server'],
      'a key and its options': () => [
        '-F',
        config,
        '-p',
        String(site.server.port),
        '-o',
        'User=root',
        '-t',
        site.file,
        '-i',
        site.key,
        'server',
      ],
      'a key that is there': () => ['-F', config, '-t', site.file, '-i', site.server.identity, 'server'],
      'a dry run': () => ['-n', '-F', config, '-t', site.file, '-i', site.key, 'server'],
      force: () => ['-f', '-F', config, '-t', site.file, '-i', site.key, 'server'],
      'a host without a canonical name': () => [
        ...['CanonicalizeHostname=yes', 'CanonicalDomains=invalid', 'CanonicalizeFallbackLocal=no'].flatMap((option) => ['-o', option]),
        ...['-i', site.key, 'no-such-host'],
      ],
      'a configuration that is wrong': () => ['-o', 'Port=none', '-i', site.key, 'server'],
      'a configuration that leads nowhere': () => ['-o', 'ProxyUseFdpass=yes', '-o', 'ProxyCommand=-', '-i', site.key, 'server'],
      'a host that is not there': () => ['-p', '1', '-i', site.key, '127.0.0.1'],
    };
    test.each(['to be asked', 'dry', 'forced'])('NetScreen`s server, %s', async (how) => {
      const firewall = await HostileServer.start('SSH-2.0-NetScreen');
      try {
        firewall.hostility = { at: 'userauth', instead: true, act: ({ say }) => say(bytes(51, text('publickey'), 0)) };
        const known = path.join(site.home, 'known-firewall');
        writeFileSync(known, `* ${formatPublicKeyLine(firewall.hostKey.publicKey, '')}\n`);
        const flags = { 'to be asked': [], dry: ['-n'], forced: ['-f'] }[how] ?? [];
        const options = ['-o', `UserKnownHostsFile=${known}`, '-p', String(firewall.port)];
        const [ours, theirs] = await both([...flags, '-F', 'none', ...options, '-i', site.key, 'u@127.0.0.1']);
        expect(ours).toEqual(theirs);
        expect(ours).toHaveProperty('code', 1);
        expect(JSON.stringify(ours)).toContain('(#1) skipped (NetScreen only supports DSA keys)');
      } finally {
        firewall.close();
      }
    });

    test.each(Object.keys(cases))('%s', async (name) => {
      const [ours, theirs] = await both(cases[name]?.() ?? []);
      expect(ours).toEqual(theirs);
    });
  });
});
