import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type net from 'node:net';
import { constants } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { type Given, own, run } from '../run.ts';
import { keyPair, type Sshd, startSshd } from '../sshd.ts';
import { both, held, type Seen } from './common.ts';
import { listen, type Listener, relay, type Relayed } from './wire-peers.ts';

describePeer('openssh-10', 'what tsh prints and exits with is what ssh does', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(() => server.stop());

  /** Runs both, and compares all but what test/known-differences lets differ. */
  async function same(args: readonly string[], given?: Given, between?: () => void): Promise<Seen> {
    const { ours, theirs } = await both([...(args[0] === '-F' ? [] : ['-F', server.config]), ...args], given, between);
    expect(held(ours)).toEqual(held(theirs));
    return ours;
  }
  const file = (name: string): string => path.join(server.folder, name);
  const hostLine = (): string => `[127.0.0.1]:${server.port} ${server.hostKeys[0]}\n`;

  describe('a command', () => {
    test.each([
      ['of success', ['true'], 0],
      ['of its own status', ['exit 37'], 37],
      ['with output and errors', ['echo out; echo err >&2; exit 3'], 3],
      ['that a signal ends', ['kill -KILL $$'], 255],
      ['in several words', ['echo', 'a  b', '$HOME', ';', 'exit', '4'], 4],
      ['that is not there', ['no-such-command-here'], 127],
    ])('%s', async (_, command, code) => {
      expect((await same(['server', ...command])).code).toBe(code);
    });

    test('with much on both outputs', async () => {
      const seen = await same(['server', 'i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done']);
      expect(seen.out.split('\n')).toHaveLength(2001);
    });

    test('reads stdin to its end', async () => {
      expect((await same(['server', 'wc -c'], { stdin: 'x'.repeat(1_000_000) })).out.trim()).toBe('1000000');
    });

    test('with -n reads nothing', async () => {
      expect((await same(['-n', 'server', 'wc -c'], { stdin: 'x'.repeat(1000) })).out.trim()).toBe('0');
    });

    test('that ends before its input does', async () => {
      expect((await same(['server', 'head -c 3'], { stdin: 'abcdef'.repeat(500_000) })).out).toBe('abc');
    });

    test('that closes its output and goes on', async () => {
      await same(['server', 'exec >&- 2>&-; cat >/dev/null; exit 5'], { stdin: 'x'.repeat(300_000) });
    });

    test('as a subsystem that is not there', async () => {
      expect((await same(['-s', 'server', 'nothing'])).code).toBe(255);
      expect((await same(['-tt', '-s', '-o', 'LogLevel=ERROR', 'server', 'nothing'])).err).toContain('subsystem request failed');
    });

    test('is a shell`s input where there is none', async () => {
      expect((await same(['-T', 'server'], { stdin: 'echo hello; exit 6\n' })).code).toBe(6);
    });

    test.each([[[]], [['-t']], [['-T']]])('without a terminal here: %s', async (flags) => {
      await same([...flags, 'server'], { stdin: 'test -t 0; echo $?\n' });
    });

    test('with -tt gets one all the same', async () => {
      expect((await same(['-tt', 'server', 'test -t 0 && echo terminal'])).out).toBe('terminal\r\n');
    });
  });

  describe('no way to the server', () => {
    test('refused', async () => {
      const gone = await listen(() => {});
      await gone.close();
      expect((await same(['-p', `${gone.port}`, '127.0.0.1', 'true'])).err).toMatch(/Connection refused\r?\n$/);
    });

    test('a name that nobody knows', async () => {
      expect((await same(['no-such-host.invalid', 'true'])).err).toContain('Could not resolve hostname');
    });

    test.each([
      // each takes ssh's greeting first (whether that can still be written is else a matter of luck), in
      // a shell of its own: the command is run as `exec ...`, and `read` is no program
      ['that ends', "sh -c 'read line; exit 1'"],
      ['that says something before it ends', "sh -c 'read line; echo oops >&2; exit 1'"],
      ['that is not there', "sh -c 'read line; exec /no/such/proxy'"],
    ])('a ProxyCommand %s', async (_, command) => {
      expect((await same(['-o', `ProxyCommand=${command}`, 'server', 'true'])).code).toBe(255);
    });
  });

  describe('something else than an SSH server', () => {
    const greeting = 'SSH-2.0-x\r\n';
    const peers: Readonly<Record<string, (socket: net.Socket) => void>> = {
      'that closes at once': (socket) => socket.end(),
      'that closes after some text': (socket) => socket.end('go away\r\n'),
      'that resets': (socket) => socket.once('data', () => socket.resetAndDestroy()),
      'that speaks HTTP': (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<h1>400</h1>\r\n')),
      'with a line without an end': (socket) => socket.write('x'.repeat(20_000)),
      'with too many lines': (socket) => socket.write('hello\r\n'.repeat(1100)),
      'with a NUL': (socket) => socket.write('SSH-2.0-\0x\r\n'),
      'with protocol 1': (socket) => socket.write('SSH-1.5-old\r\n'),
      'with protocol 3': (socket) => socket.write('SSH-3.0-new\r\n'),
      'with no version': (socket) => socket.write('SSH-x\r\n'),
      'that greets and closes': (socket) => socket.end(greeting),
      'that greets and sends a giant length': (socket) => socket.write(Buffer.concat([Buffer.from(greeting), Buffer.alloc(64, 0xff)])),
      'that greets and sends zeros': (socket) => socket.write(Buffer.concat([Buffer.from(greeting), Buffer.alloc(64)])),
      'that greets and says goodbye': (socket) => socket.write(Buffer.concat([Buffer.from(greeting), plainPacket(disconnect('too busy'))])),
    };
    test.each(Object.entries(peers))('%s', async (_, accept) => {
      const listener = await listen((socket) => {
        socket.resume();
        accept(socket);
      });
      try {
        expect((await same(['-p', `${listener.port}`, '127.0.0.1', 'true'])).code).toBe(255);
      } finally {
        await listener.close();
      }
    });

    test('that is silent, with ConnectTimeout', async () => {
      const listener = await listen((socket) => void socket.resume());
      try {
        expect((await same(['-p', `${listener.port}`, '-o', 'ConnectTimeout=1', '127.0.0.1', 'true'])).err).toMatch(/timed out/);
      } finally {
        await listener.close();
      }
    });
  });

  describe('nothing in common', () => {
    test.each([
      ['KexAlgorithms', 'diffie-hellman-group1-sha1'],
      ['Ciphers', '3des-cbc'],
      ['HostKeyAlgorithms', 'ecdsa-sha2-nistp384'],
    ])('%s', async (keyword, value) => {
      expect((await same(['-o', `${keyword}=${value}`, 'server', 'true'])).err).toMatch(/^Unable to negotiate with /);
    });

    test('MACs', async () => {
      expect((await same(['-c', 'aes128-ctr', '-m', 'hmac-md5', 'server', 'true'])).err).toContain('no matching MAC found');
    });
  });

  describe('a host key', () => {
    const known = (text: string): string[] => {
      writeFileSync(file('known'), text);
      return ['-o', `UserKnownHostsFile=${file('known')}`];
    };

    test.each(['yes', 'no', 'ask', 'accept-new'])('that is not known, with StrictHostKeyChecking %s', async (strict) => {
      const args = [...known(''), '-o', `StrictHostKeyChecking=${strict}`, 'server', 'true'];
      const files: string[] = [];
      const keep = (): void => {
        files.push(readFileSync(file('known'), 'utf8'));
        writeFileSync(file('known'), '');
      };
      const { code } = await same(args, {}, keep);
      keep();
      expect(files[1]).toBe(files[0]);
      expect(code).toBe(strict === 'no' || strict === 'accept-new' ? 0 : 255);
    });

    test('that is asked about where nobody can be asked', async () => {
      const args = [...known(''), '-o', 'StrictHostKeyChecking=ask', '-o', 'BatchMode=no', 'server', 'true'];
      expect((await same(args)).err).toContain('Host key verification failed.');
    });

    test('that can not be written down', async () => {
      await same(['-o', 'UserKnownHostsFile=/no/such/folder/known', '-o', 'StrictHostKeyChecking=no', 'server', 'true']);
    });

    test.each(['yes', 'no', 'ask', 'accept-new'])('that has changed, with StrictHostKeyChecking %s', async (strict) => {
      const other = `# a comment\n[127.0.0.1]:${server.port} ${keyPair('ecdsa-256').publicKey.trim()}\n`;
      const { publicKey } = otherKey();
      const args = [...known(`${other}[127.0.0.1]:${server.port} ${publicKey}`), '-o', `StrictHostKeyChecking=${strict}`];
      const { err, code } = await same([...args, '-o', 'HostKeyAlgorithms=ssh-ed25519', 'server', 'true']);
      expect(err).toContain('WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!');
      expect(code).toBe(strict === 'no' ? 0 : 255);
    });

    test('of another type than the known one', async () => {
      const text = `[127.0.0.1]:${server.port} ${keyPair('ecdsa-256').publicKey}`;
      await same([...known(text), '-o', 'StrictHostKeyChecking=yes', 'server', 'true']);
    });

    test('that is revoked', async () => {
      const text = `@revoked * ${server.hostKeys[0]}\n${hostLine()}`;
      expect((await same([...known(text), 'server', 'true'])).err).toContain('REVOKED HOST KEY DETECTED');
      expect((await same([...known(text), '-o', 'StrictHostKeyChecking=no', 'server', 'true'])).code).toBe(0);
    });

    test('that is known without the port, and under an alias', async () => {
      expect((await same([...known(`127.0.0.1 ${server.hostKeys[0]}\n`), 'server', 'true'])).code).toBe(0);
      expect((await same([...known(`other ${server.hostKeys[0]}\n`), '-o', 'HostKeyAlias=other', 'server', 'true'])).code).toBe(0);
    });

    test('that is known under a hashed name', async () => {
      const args = known(hostLine());
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-H', '-f', file('known')], { stdio: 'ignore' });
      expect((await same([...args, 'server', 'true'])).code).toBe(0);
    });

    test('shown as a picture', async () => {
      expect((await same(['-o', 'VisualHostKey=yes', 'server', 'true'])).err).toContain('+--[ED25519 256]--+');
    });
  });

  /** The configuration with another identity than the right one. */
  const withIdentity = (identity: string): string[] => {
    const config = readFileSync(server.config, 'utf8').replace(/^ *IdentityFile .*$/m, `  IdentityFile ${identity}`);
    writeFileSync(file('other-config'), config);
    return ['-F', file('other-config')];
  };

  describe('a user key', () => {
    const otherId = (mode: number, privateKey = otherKey().privateKey): string[] => {
      rmSync(file('other'), { force: true });
      writeFileSync(file('other'), privateKey, { mode: 0o600 });
      chmodSync(file('other'), mode);
      return withIdentity(file('other'));
    };
    afterAll(() => rmSync(file('other'), { force: true }));

    test('that the server does not know', async () => {
      expect((await same([...otherId(0o600), 'server', 'true'])).err).toContain('Permission denied (publickey).');
    });

    test('whose file is not there', async () => {
      await same(['-i', '/no/such/key', 'server', 'true']);
      await same([...withIdentity('/no/such/key'), 'server', 'true']);
    });

    test('whose file is where no file can be, or that is no file', async () => {
      for (const name of [`${server.config}/key`, server.folder, '/dev/null']) await same([...withIdentity(name), 'server', 'true']);
    });

    test.each([0o644, 0o660, 0o604])('whose file others can read: %o', async (mode) => {
      const key = readFileSync(server.identity, 'utf8');
      expect((await same([...otherId(mode, key), 'server', 'true'])).err).toContain('UNPROTECTED PRIVATE KEY FILE');
    });

    test.each(['', 'no key at all\n', keyPair('ed25519').privateKey.slice(0, 150)])('whose file is damaged (%#)', async (text) => {
      await same([...otherId(0o600, text), 'server', 'true']);
    });

    const encrypted = (): string => {
      copyFileSync(server.identity, file('locked'));
      chmodSync(file('locked'), 0o600);
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-p', '-a', '4', '-N', 'secret words', '-f', file('locked')], {
        stdio: 'ignore',
      });
      copyFileSync(`${server.identity}.pub`, file('locked.pub'));
      return file('locked');
    };
    const askpass = (script: string): Given => {
      writeFileSync(file('askpass'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return { env: { SSH_ASKPASS: file('askpass'), SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' } };
    };

    test('with a passphrase, and nobody to ask', async () => {
      const key = encrypted();
      expect((await same([...withIdentity(key), 'server', 'true'])).code).toBe(255);
      expect((await same([...withIdentity(key), '-o', 'BatchMode=no', 'server', 'true'])).code).toBe(255);
    });

    test('with a passphrase that SSH_ASKPASS tells', async () => {
      const args = [...withIdentity(encrypted()), '-o', 'BatchMode=no', 'server', 'true'];
      const asked = askpass(`echo "$1" >>${file('asked')}; echo secret words`);
      const questions: string[] = [];
      const collect = (): void => {
        questions.push(readFileSync(file('asked'), 'utf8'));
        rmSync(file('asked'));
      };
      expect((await same(args, asked, collect)).code).toBe(0);
      collect();
      expect(questions[1]).toBe(questions[0]);
      expect(questions[0]).toBe(`Enter passphrase for key '${file('locked')}': \n`);
    });

    test('with a wrong passphrase, as often as it is asked for', async () => {
      const args = [...withIdentity(encrypted()), '-o', 'BatchMode=no', 'server', 'true'];
      const asked = askpass(`echo "$1" >>${file('asked')}; echo wrong`);
      const questions: string[] = [];
      const collect = (): void => {
        questions.push(readFileSync(file('asked'), 'utf8'));
        rmSync(file('asked'));
      };
      expect((await same(args, asked, collect)).code).toBe(255);
      collect();
      expect(questions[1]).toBe(questions[0]);
      expect(questions[0]?.trim().split('\n')).toHaveLength(3);
    });
  });

  test.each(['/no/such/program', '', '/tmp'])('a program for passwords that can not be started: %j', async (program) => {
    const args = ['-o', 'BatchMode=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'StrictHostKeyChecking=ask', 'server', 'true'];
    const { err } = await same(args, { env: { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: 'force' } });
    expect(err).toContain(`ssh_askpass: exec(${program}): `);
  });

  test('bytes that are not UTF-8 in a command and in a variable', async () => {
    const taking = await startSshd({ peer: 'openssh-10', lines: ['AcceptEnv BYTES'] });
    const script = 'c=$(printf "printf \'\\303\\377\'"); BYTES=$(printf "\\376=") exec "$0" -F "$1" -o SendEnv=BYTES server "$c\\$BYTES"';
    try {
      const { stdout, err } = await run('sh', ['-c', script, own('tsh'), taking.config]);
      expect([stdout.toString('latin1'), err]).toEqual(['\u00c3\u00ff\u00fe=', '']);
    } finally {
      await taking.stop();
    }
  });

  describe('a connection that ends', () => {
    async function through(meddling: Parameters<typeof relay>[1], args: readonly string[]): Promise<Seen> {
      const between: Listener = await relay(server.port, meddling);
      try {
        const lookedUp = ['-o', `HostKeyAlias=[127.0.0.1]:${server.port}`, '-p', `${between.port}`];
        return await same([...lookedUp, ...args]);
      } finally {
        await between.close();
      }
    }
    /** Lets the session begin, then does this once. */
    const inSession = (act: (relayed: Relayed) => Buffer | undefined) => {
      const done = new WeakSet<Relayed>();
      return (bytes: Buffer, relayed: Relayed): Buffer => {
        if (relayed.fromServer < 200_000) return bytes;
        if (done.has(relayed)) return act === stall ? Buffer.alloc(0) : bytes;
        done.add(relayed);
        return act(relayed) ?? flip(bytes);
      };
    };
    const stall = (): Buffer => Buffer.alloc(0);
    const flip = (bytes: Buffer): Buffer => {
      const copy = Buffer.from(bytes);
      copy[10] = (copy[10] ?? 0) ^ 0x10;
      return copy;
    };
    const lots = 'head -c 1000000 /dev/zero >&2; sleep 30';
    const quiet = (seen: Seen): string => seen.err.replaceAll('\0', '');

    test('when the server closes it', async () => {
      const act = (relayed: Relayed): Buffer => {
        relayed.server.pause();
        relayed.client.end();
        return Buffer.alloc(0);
      };
      const { ours, theirs } = await throughBoth({ fromServer: inSession(act) }, ['server', lots]);
      expect([quiet(ours), ours.code]).toEqual([quiet(theirs), theirs.code]);
      expect(quiet(ours)).toBe('Connection to 127.0.0.1 closed by remote host.\r\n');
    });

    test('when it is reset', async () => {
      let begun = false;
      // a client that is just writing would find out by that
      const resetWhenIdle = (bytes: Buffer, { client, fromServer }: Relayed): Buffer => {
        if (fromServer > 1_000_000 && !begun) setTimeout(() => client.resetAndDestroy(), 500);
        begun = fromServer > 1_000_000;
        return bytes;
      };
      const { ours, theirs } = await throughBoth({ fromServer: resetWhenIdle }, ['server', lots]);
      expect([quiet(ours), ours.code]).toEqual([quiet(theirs), theirs.code]);
      expect(quiet(ours)).toContain('Read from remote host 127.0.0.1: Connection reset by peer');
    });

    test.each([
      ['aes128-gcm@openssh.com', 'hmac-sha2-256'],
      ['chacha20-poly1305@openssh.com', 'hmac-sha2-256'],
      ['aes128-ctr', 'hmac-sha2-256-etm@openssh.com'],
    ])('when a bit is flipped under %s and %s', async (cipher, mac) => {
      const { ours, theirs } = await throughBoth({ fromServer: inSession(() => undefined) }, ['-c', cipher, '-m', mac, 'server', lots]);
      expect([quiet(ours), ours.code]).toEqual([quiet(theirs), theirs.code]);
      expect(ours.code).toBe(255);
    });

    test('when the server is silent, by ServerAliveInterval', async () => {
      const args = ['-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=1', 'server', lots];
      const { ours, theirs } = await throughBoth({ fromServer: inSession(stall) }, args);
      expect([quiet(ours), ours.code]).toEqual([quiet(theirs), theirs.code]);
      expect(quiet(ours)).toBe('Timeout, server 127.0.0.1 not responding.\r\n');
    });

    test('while keys are exchanged', async () => {
      const cut = (_bytes: Buffer, relayed: Relayed): Buffer => {
        if (relayed.fromServer > 500) relayed.client.end();
        return relayed.fromServer > 500 ? Buffer.alloc(0) : _bytes;
      };
      expect((await through({ fromServer: cut }, ['server', 'true'])).err).toMatch(/^Connection closed by 127\.0\.0\.1 port \d+\r\n$/);
    });

    async function throughBoth(meddling: Parameters<typeof relay>[1], args: readonly string[]): Promise<{ ours: Seen; theirs: Seen }> {
      const between = await relay(server.port, meddling);
      try {
        return await both(['-F', server.config, '-o', `HostKeyAlias=[127.0.0.1]:${server.port}`, '-p', `${between.port}`, ...args]);
      } finally {
        await between.close();
      }
    }
  });

  describe('forwarding', () => {
    test('to a port that is taken', async () => {
      const taken = await listen((socket) => socket.end());
      const forward = ['-L', `127.0.0.1:${taken.port}:127.0.0.1:9`];
      try {
        expect((await same([...forward, 'server', 'echo on'])).out).toBe('on\n');
        // one of two that can be had is enough
        const other = ['-L', `${file('listening')}:127.0.0.1:9`, '-o', 'StreamLocalBindUnlink=yes'];
        expect((await same([...forward, ...other, 'server', 'echo on'])).err).not.toContain('Could not request');
        await same([...forward, ...other, '-o', 'ExitOnForwardFailure=yes', 'server', 'echo on']);
        expect((await same([...forward, '-o', 'ExitOnForwardFailure=yes', 'server', 'echo on'])).out).toBe('');
      } finally {
        await taken.close();
      }
    });

    test('-W to the path of a socket', async () => {
      const path = file('greeter');
      const greeter = createServer((socket) => socket.end('greetings'));
      await new Promise<void>((resolve) => greeter.listen(path, resolve));
      try {
        expect((await same(['-W', path, 'server'])).out).toBe('greetings');
      } finally {
        greeter.close();
      }
      expect((await same(['-W', '/no/such/socket', 'server'])).err).toContain('stdio forwarding failed');
    });

    test('-W ends with the connection it carries, even where its input is open', async () => {
      const target = await listen((socket) => socket.end('bye'));
      const ended = async (program: string): Promise<readonly unknown[]> => {
        const child = spawn(program, ['-F', server.config, '-W', `127.0.0.1:${target.port}`, 'server'], {
          stdio: ['pipe', 'pipe', 'inherit'],
          timeout: 20_000,
          killSignal: 'SIGKILL',
        });
        let out = '';
        child.stdout.on('data', (bytes: Buffer) => {
          out += bytes.toString();
        });
        return [...((await once(child, 'close')) as unknown[]), out];
      };
      try {
        expect(await ended(peerProgram('openssh-10', 'ssh'))).toEqual([0, null, 'bye']);
        expect(await ended(own('tsh'))).toEqual([0, null, 'bye']);
      } finally {
        await target.close();
      }
    });
  });

  describe('a signal', () => {
    test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends it', async (signal) => {
      const ended = async (program: string): Promise<readonly unknown[]> => {
        const args = ['-F', server.config, '-o', 'LogLevel=VERBOSE', 'server', 'echo up; sleep 60'];
        const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
        let err = '';
        child.stderr.on('data', (bytes: Buffer) => {
          err += bytes.toString();
        });
        child.stdout.once('data', () => child.kill(signal));
        const [code, by] = (await once(child, 'close')) as [number | null, string | null];
        return [code, by, err.split('\r\n').filter((line) => !line.startsWith('Authenticated to'))];
      };
      const theirs = await ended(peerProgram('openssh-10', 'ssh'));
      expect(await ended(own('tsh'))).toEqual(theirs);
      expect(theirs[2]).toEqual([`Killed by signal ${constants.signals[signal]}.`, '']);
    });
  });

  describe('a $SHELL that can not be started', () => {
    const shells = ['/no/such/shell', '/tmp'] as const;
    test.each(shells)('%s, for LocalCommand', async (shell) => {
      const local = ['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo local'];
      const seen = await same([...local, 'server', 'echo on'], { env: { SHELL: shell } });
      expect(seen.err).toContain(`Couldn't execute ${shell} -c "echo local": `);
      expect(seen.out).toBe('on\n');
    });

    test('for ProxyCommand', async () => {
      const args = ['-F', server.config, '-o', 'ProxyCommand=echo', 'server', 'true'];
      const { ours, theirs } = await both(args, { env: { SHELL: '/no/such/shell' } });
      const lines = '/no/such/shell: No such file or directory\nConnection closed by UNKNOWN port 65535\n';
      // perror(3) ends its line in its own way
      expect([theirs, ours].map(({ err, code }) => [err.replaceAll('\r', ''), code])).toEqual([
        [lines, 255],
        [lines, 255],
      ]);
    });

    test.each([...shells, ''])('%s, for Match exec', async (shell) => {
      writeFileSync(file('matching'), 'Match exec "true"\nUser nobody\n');
      expect((await same(['-F', file('matching'), '-G', 'server'], { env: { SHELL: shell } })).code).toBe(255);
    });
  });

  test('a command of Match exec that a signal ends', async () => {
    writeFileSync(file('matching'), 'Host server\nMatch exec "kill -9 $$"\nUser nobody\n');
    expect((await same(['-F', file('matching'), '-G', 'server'])).err).toContain("line 2: match exec 'kill -9 $$' error\r\n");
  });

  describe('the log', () => {
    test('-q is silent', async () => {
      expect((await same([...withIdentity('/no/such/key'), '-q', 'server', 'true'])).err).toBe('');
    });

    test.each(['/no/such/folder/log', '/tmp'])('-E to a file that can not be written: %s', async (log) => {
      expect((await same(['-E', log, 'server', 'true'])).err).toMatch(/^Couldn't open logfile/);
    });

    test('-E writes to a file', async () => {
      const texts: string[] = [];
      const collect = (): void => {
        texts.push(readFileSync(file('errors'), 'utf8'));
        rmSync(file('errors'));
      };
      const { err } = await same([...withIdentity('/no/such/key'), '-E', file('errors'), 'server', 'true'], {}, collect);
      collect();
      expect(err).toBe('');
      expect(texts[1]).toBe(texts[0]);
      expect(texts[0]).toContain('Permission denied');
    });

    test('a banner of the server', async () => {
      const banner = file('issue');
      writeFileSync(banner, 'be \x1b[1mgood\nümlaut\n');
      const greeting = await startSshd({ peer: 'openssh-10', lines: [`Banner ${banner}`] });
      try {
        const { ours, theirs } = await both(['-F', greeting.config, 'server', 'true']);
        expect(ours).toEqual(theirs);
        expect(ours.err).toContain('be ');
        const quiet = await both(['-F', greeting.config, '-o', 'LogLevel=ERROR', 'server', 'true']);
        expect(quiet.ours).toEqual(quiet.theirs);
      } finally {
        await greeting.stop();
      }
    });
  });
});

const otherKeys: { privateKey: string; publicKey: string }[] = [];

/** An Ed25519 key pair that is nobody's. */
function otherKey(): { readonly privateKey: string; readonly publicKey: string } {
  const known = otherKeys[0];
  if (known !== undefined) return known;
  const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  const name = path.join(folder, 'key');
  execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', 'other', '-f', name]);
  const pair = { privateKey: readFileSync(name, 'utf8'), publicKey: readFileSync(`${name}.pub`, 'utf8') };
  rmSync(folder, { recursive: true });
  otherKeys.push(pair);
  return pair;
}

/** A packet as before the first keys (RFC 4253 section 6). */
function plainPacket(payload: Buffer): Buffer {
  let padding = 8 - ((payload.length + 5) % 8);
  if (padding < 4) padding += 8;
  const packet = Buffer.alloc(5 + payload.length + padding);
  packet.writeUInt32BE(1 + payload.length + padding, 0);
  packet[4] = padding;
  payload.copy(packet, 5);
  return packet;
}

function disconnect(text: string): Buffer {
  const message = Buffer.alloc(1 + 4 + 4 + text.length + 4);
  message[0] = 1;
  message.writeUInt32BE(12, 1);
  message.writeUInt32BE(text.length, 5);
  message.write(text, 9, 'latin1');
  return message;
}
