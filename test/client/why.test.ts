import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { causes } from '../../src/client/why/diagnose.ts';
import { describePeer, peerProgram, testPeer } from '../peers.ts';
import { own, run } from '../run.ts';
import { keyPair, type Sshd, startSshd } from '../sshd.ts';
import { tsh } from './common.ts';
import { provoked, why, whyOf } from './why-run.ts';
import { causesOfServers } from './why-servers.ts';
import { listen, relay } from './wire-peers.ts';

describe('on the way to the server', () => {
  test('a name that nobody knows', async () => {
    // a name that is none needs no name server to say so
    const name = `${'x'.repeat(64)}.invalid`;
    const { text, diagnosis } = await why(['-F', 'none', name, 'true']);
    expect(diagnosis.cause).toBe('name.unknown');
    expect(text).toContain(name);
  });

  test('a port that nobody listens on', async () => {
    const gone = await listen(() => {});
    await gone.close();
    const { text, diagnosis } = await why(['-F', 'none', '-p', `${gone.port}`, '127.0.0.1', 'true']);
    expect(diagnosis.cause).toBe('tcp.refused');
    expect(text).toContain(`127.0.0.1 port ${gone.port}: Connection refused`);
    expect(text).toContain('-p PORT');
  });

  test('an address of another family than asked for', async () => {
    const { text, diagnosis } = await why(['-F', 'none', '-6', '127.0.0.1', 'true']);
    expect(diagnosis).toMatchObject({ cause: 'name.family', phase: 'name' });
    expect(text).toContain('127.0.0.1 has no IPv6 address');
  });

  test('an address that can not be bound', async () => {
    const { text, diagnosis } = await why(['-F', 'none', '-b', '192.0.2.77', '127.0.0.1', 'true']);
    expect(diagnosis.cause).toBe('tcp.own-address');
    expect(text).toContain('This machine has no address 192.0.2.77');
  });

  test('a command that ends at once', async () => {
    const { text, diagnosis } = await why(['-F', 'none', '-o', 'ProxyCommand=read line; exit 1', 'server', 'true']);
    expect(diagnosis.cause).toBe('proxy.failed');
    expect(text).toContain('read line; exit 1');
  });

  test('a jump host that can not be reached', async () => {
    const { port, close } = await listen(() => {});
    await close();
    const { text, diagnosis } = await why(['-F', 'none', '-J', `ssh://me@127.0.0.1:${port}`, 'server', 'true']);
    expect(diagnosis.cause).toBe('proxy.failed');
    expect(text).toContain(`Log in to the jump host alone: tsh -p ${port} me@127.0.0.1\n`);
  });

  test('a command that passes no socket back', async () => {
    const { text, diagnosis } = await why(['-F', 'none', '-o', 'ProxyUseFdpass=yes', '-o', 'ProxyCommand=true', 'server', 'true']);
    expect(diagnosis.cause).toBe('proxy.no-socket');
    expect(text).toContain('nc does that with -F');
  });

  test.each<[string, string, (socket: net.Socket) => void, string]>([
    [
      'a web server',
      'banner.not-ssh',
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n')),
      'a web server (HTTP)',
    ],
    [
      'a TLS server',
      'banner.not-ssh',
      (socket) => void socket.once('data', () => socket.end(Buffer.from('15030100020246', 'hex'))),
      'a TLS server',
    ],
    [
      'a mail server',
      'banner.not-ssh',
      (socket) => void socket.write('220 mail.example.com ESMTP Postfix\r\n', () => socket.end()),
      'a mail server',
    ],
    ['protocol 1', 'banner.version', (socket) => void socket.write('SSH-1.5-old\r\n'), 'version'],
    ['a NUL', 'banner.invalid', (socket) => void socket.write('SSH-2.0-\0x\r\n'), 'introduce'],
    ['nobody: it closes', 'banner.closed', (socket) => void socket.once('data', () => socket.end()), 'MaxStartups'],
    ['nobody: it resets', 'banner.closed', (socket) => void socket.once('data', () => socket.resetAndDestroy()), 'fail2ban'],
    ['one that greets and closes', 'kex.closed', (socket) => void socket.end('SSH-2.0-x\r\n'), 'hung up during the key exchange'],
    [
      'one that greets and sends zeros',
      'connection.corrupt',
      (socket) => void socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64)])),
      'wire',
    ],
  ])('%s', async (_, cause, accept, words) => {
    const { text, diagnosis } = await whyOf(accept);
    expect(diagnosis.cause).toBe(cause);
    expect(text).toContain(words);
  });

  test.each<[string, string, (socket: net.Socket) => void]>([
    ['nothing is said', 'banner.timeout', () => {}],
    ['the key exchange stalls', 'kex.timeout', (socket) => void socket.write('SSH-2.0-slow\r\n')],
  ])('%s in time', async (_, cause, accept) => {
    const { diagnosis } = await whyOf(accept, ['-o', 'ConnectTimeout=1']);
    expect(diagnosis.cause).toBe(cause);
  });

  test('what the peer sent does no harm to the terminal', async () => {
    const { text } = await whyOf((socket) => void socket.once('data', () => socket.end('HTTP/1.1 \x1b]0;owned\x07\r\n')));
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    expect(text).toContain('owned');
  });
});

describePeer('openssh-10', 'with a real server', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({
      peer: 'openssh-10',
      hostKeys: ['ed25519', 'rsa'],
      lines: ['MaxAuthTries 3', 'HostbasedAuthentication yes', 'Match User nobody', 'PasswordAuthentication yes'],
    });
  });
  afterAll(() => server.stop());

  const file = (name: string): string => path.join(server.folder, name);
  const make = (name: string, text: string | Uint8Array, mode = 0o600): string => {
    writeFileSync(file(name), text, { mode });
    chmodSync(file(name), mode);
    return file(name);
  };
  const at = (...args: readonly string[]): readonly string[] => ['-F', server.config, ...args, 'server', 'true'];
  const newKey = (name: string, ...args: readonly string[]): string => {
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name), ...args]);
    return file(name);
  };
  /** A key file that is named, and no other. */
  const only = (key: string): readonly string[] => {
    const text = readFileSync(server.config, 'utf8').replace(/IdentityFile .*/, `IdentityFile ${key}`);
    return ['-F', make('only', text), 'server', 'true'];
  };

  test('nothing in common: the least bad algorithm, for this host alone, and its risk', async () => {
    const relayed = await relay(server.port, {
      // the server seems to know only old methods: the lengths stay as they are
      fromServer: (bytes) =>
        Buffer.from(
          bytes
            .toString('latin1')
            .replace(/mlkem768x25519-sha256[^\0]*?kex-strict-s-v00@openssh.com/, (all) =>
              `diffie-hellman-group14-sha1,`.padEnd(all.length, 'x'),
            ),
          'latin1',
        ),
    });
    try {
      const { text, diagnosis } = await why(at('-p', `${relayed.port}`));
      expect(diagnosis.cause).toBe('algorithm.kex');
      expect(text).toContain('Host server\n           KexAlgorithms +diffie-hellman-group14-sha1\n');
      expect(text).toContain('SHA-1');
      expect(text).toContain('Ours (the default):');
    } finally {
      await relayed.close();
    }
  });

  test.each([
    ['algorithm.cipher', 'Ciphers', '3des-cbc'],
    ['algorithm.host-key', 'HostKeyAlgorithms', 'ecdsa-sha2-nistp384'],
    ['algorithm.kex', 'KexAlgorithms', 'diffie-hellman-group1-sha1'],
  ])('%s: a list of our own that is too narrow', async (cause, keyword, value) => {
    const { text, diagnosis } = await why(at('-o', `${keyword}=${value}`));
    expect(diagnosis.cause).toBe(cause);
    expect(text).toContain('The list is cut by the command line');
    expect(text).toContain(value);
  });

  test('algorithm.mac', async () => {
    const { diagnosis } = await why(at('-c', 'aes128-ctr', '-m', 'hmac-md5'));
    expect(diagnosis.cause).toBe('algorithm.mac');
  });

  describe('the host key', () => {
    const known = (text: string): readonly string[] => [
      '-o',
      `UserKnownHostsFile=${make('known', text)}`,
      '-o',
      'HostKeyAlgorithms=ssh-ed25519',
    ];
    test('has changed: both keys, the line, the other names', async () => {
      const other = newKey('other-host');
      const line = readFileSync(`${other}.pub`, 'utf8').trim();
      const text = `# mine\n[127.0.0.1]:${server.port} ${line}\nold-name ${server.hostKeys[0] ?? ''}\n`;
      const { text: told, diagnosis } = await why(at(...known(text)));
      expect(diagnosis.cause).toBe('host-key.changed');
      const print =
        execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-lf', `${other}.pub`])
          .toString()
          .split(' ')[1] ?? '?';
      expect(told).toContain(`known: ED25519 ${print}  (${file('known')} line 2)`);
      expect(told).toContain(`old-name  (${file('known')} line 3)`);
      expect(told).toContain(`tsh-keygen -R '[127.0.0.1]:${server.port}' -f ${file('known')}`);
    });

    test('is not known, with strict checking', async () => {
      const { text, diagnosis } = await why(at(...known('')));
      expect(diagnosis.cause).toBe('host-key.unknown');
      expect(text).toContain('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
    });

    test('is not known, and nobody can be asked', async () => {
      const { diagnosis } = await why(at(...known(''), '-o', 'StrictHostKeyChecking=ask'));
      expect(diagnosis.cause).toBe('host-key.not-confirmed');
    });

    test('is to be told of by a command that fails', async () => {
      const command = '/bin/sh -c "exit 3"';
      const { text, diagnosis } = await why(at('-o', `KnownHostsCommand=${command}`));
      expect(diagnosis.cause).toBe('host-key.command');
      expect(text).toContain(command);
    });

    test('is revoked', async () => {
      const { diagnosis } = await why(at(...known(`@revoked * ${server.hostKeys[0] ?? ''}\n`)));
      expect(diagnosis.cause).toBe('host-key.revoked');
    });
  });

  describe('the login', () => {
    test('a key that the server does not know', async () => {
      const { text, diagnosis } = await why(only(newKey('unknown-key')));
      expect(diagnosis.cause).toBe('auth.keys-refused');
      expect(diagnosis.credentials).toMatchObject([
        { from: 'file', source: file('unknown-key'), keyType: 'ED25519', offered: true, answer: 'refused' },
      ]);
      expect(text).toContain(`tsh-copy-id -p ${server.port} ${server.user}@server`);
    });

    test('a full agent', async () => {
      const socket = file('agent');
      const agent = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-a', socket, '-s']).toString();
      const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent)?.[1]);
      const env = { SSH_AUTH_SOCK: socket };
      try {
        for (let i = 1; i <= 5; i++) {
          execFileSync(peerProgram('openssh-10', 'ssh-add'), ['-q', newKey(`agent-${i}`)], {
            env: { ...process.env, ...env },
            stdio: 'ignore',
          });
        }
        const { text, diagnosis } = await why(at('-o', 'IdentitiesOnly=no'), { env });
        expect(diagnosis.cause).toBe('auth.too-many-keys');
        expect(diagnosis.credentials.filter(({ from, answer }) => from === 'agent' && answer === 'refused')).toHaveLength(2);
        expect(text).toContain('after 3 keys that it does not know: the agent holds 5');
        expect(text).toContain('IdentitiesOnly yes');
        expect(text).toContain('the server had hung up before');
        const kept = await why(only(newKey('kept-back')), { env });
        expect(kept.diagnosis.credentials.filter(({ answer }) => answer.startsWith('IdentitiesOnly'))).toHaveLength(5);
      } finally {
        process.kill(pid);
      }
    });

    test('an agent that is not there', async () => {
      const { text } = await why(only(newKey('no-agent')), { env: { SSH_AUTH_SOCK: file('no-socket') } });
      expect(text).toContain('The agent:\n    No such file or directory');
    });

    test('no key at all', async () => {
      const { text, diagnosis } = await why(only(file('not-there')));
      expect(diagnosis.cause).toBe('auth.no-key');
      expect(text).toContain(`Key files that are not there:\n    ${file('not-there')}`);
    });

    test('a machine that is not set up to vouch for its users', async () => {
      const { diagnosis } = await why(
        at('-o', 'HostbasedAuthentication=yes', '-o', 'PreferredAuthentications=hostbased', '-o', 'HostbasedAcceptedAlgorithms=*'),
      );
      // without host keys there is nothing to be signed with
      expect(['auth.keysign', 'auth.no-method']).toContain(diagnosis.cause);
    });

    test('keys switched off', async () => {
      const { diagnosis } = await why(at('-o', 'PubkeyAuthentication=no'));
      expect(diagnosis.cause).toBe('auth.no-key');
    });

    test('only ways that BatchMode forbids', async () => {
      const { text, diagnosis } = await why(at('-l', 'nobody', '-o', 'PubkeyAuthentication=no', '-o', 'PreferredAuthentications=password'));
      expect(diagnosis.phase).toBe('authentication');
      expect(text).toContain('-o BatchMode=no');
    });

    const good = (): string => readFileSync(server.identity, 'utf8');
    test.each<[string, () => string | Uint8Array, number, string, string]>([
      ['with CRLF', () => good().replaceAll('\n', '\r\n'), 0o600, 'CRLF', 'sed -i'],
      ['without its last line break', () => good().trimEnd(), 0o600, 'line break', 'echo >>'],
      ['that is a public one', () => keyPair('ed25519').publicKey, 0o600, 'public key', 'private key'],
      ['that is a public one, as it mostly lies there', () => keyPair('ed25519').publicKey, 0o644, 'public key', 'private key'],
      ['of PuTTY', () => 'PuTTY-User-Key-File-3: ssh-ed25519\r\n', 0o600, 'PuTTY', 'puttygen'],
      ['cut short', () => good().slice(0, 120), 0o600, 'cut short', 'Copy it again'],
      ['that others may read', good, 0o644, 'others may read it (mode 0644)', 'chmod 600'],
    ])('a key file %s', async (_, text, mode, problem, cure) => {
      const told = await why(only(make('broken', text(), mode)));
      expect(told.diagnosis.cause).toBe('auth.key-file');
      expect(told.text).toContain(problem);
      expect(told.text).toContain(cure);
    });

    test('a key file whose passphrase nobody can be asked for', async () => {
      const key = newKey('locked');
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-p', '-P', '', '-N', 'secret', '-f', key]);
      writeFileSync(server.authorizedKeys, readFileSync(`${key}.pub`), { flag: 'a' });
      const { text, diagnosis } = await why(only(key));
      expect(diagnosis.cause).toBe('auth.key-file');
      expect(text).toContain(`tsh-add ${key}`);
    });

    test('a passphrase that is wrong', async () => {
      const key = newKey('guessed');
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-p', '-P', '', '-N', 'secret', '-f', key]);
      writeFileSync(server.authorizedKeys, readFileSync(`${key}.pub`), { flag: 'a' });
      writeFileSync(file('guess'), '#!/bin/sh\necho guess\n', { mode: 0o755 });
      const env = { SSH_ASKPASS: file('guess'), SSH_ASKPASS_REQUIRE: 'force' };
      const { text, diagnosis } = await why(['-o', 'BatchMode=no', ...only(key)], { env });
      expect(diagnosis.cause).toBe('auth.key-file');
      expect(text).toContain('the passphrase that was given does not open it');
      expect(text).not.toContain('needs its passphrase');
    });

    test('a private key and a public one that do not belong together', async () => {
      const key = make('mixed', readFileSync(newKey('mixed-private'), 'utf8'));
      const pem = newKey('mixed-rsa', '-t', 'rsa', '-m', 'PEM');
      make('mixed', readFileSync(pem, 'utf8'));
      make('mixed.pub', keyPair('ed25519').publicKey, 0o644);
      const { diagnosis } = await why(only(key));
      expect(diagnosis.cause).toBe('auth.key-mismatch');
    });

    test('only algorithms that the server does not take', async () => {
      const { diagnosis } = await why(at('-o', 'PubkeyAcceptedAlgorithms=ecdsa-sha2-nistp256'));
      expect(diagnosis.cause).toBe('auth.key-algorithm');
    });
  });

  describe('the session', () => {
    test('a subsystem that is not there', async () => {
      const { diagnosis } = await why(['-F', server.config, '-s', 'server', 'nothing']);
      expect(diagnosis.cause).toBe('channel.request-refused');
    });

    test('a command that a signal ends', async () => {
      const { diagnosis } = await why(['-F', server.config, 'server', 'kill -KILL $$']);
      expect(diagnosis.cause).toBe('command.signal');
    });

    test('a command that says 255 itself', async () => {
      const { diagnosis } = await why(['-F', server.config, 'server', 'exit 255']);
      expect(diagnosis.cause).toBe('command.status-255');
    });

    test('a port that is taken', async () => {
      const taken = await listen(() => {});
      const { text, diagnosis } = await why(at('-o', 'ExitOnForwardFailure=yes', '-L', `127.0.0.1:${taken.port}:127.0.0.1:1`));
      expect(diagnosis.cause).toBe('forward.not-listening');
      expect(text).toContain(`127.0.0.1 port ${taken.port}`);
      await taken.close();
    });

    test('an agent that is to be forwarded and is not there', async () => {
      const { diagnosis } = await why(at('-o', 'ExitOnForwardFailure=yes', '-o', `ForwardAgent=${file('no-agent-here')}`));
      expect(diagnosis.cause).toBe('forward.no-agent');
    });

    test('-W to a port that nobody listens on', async () => {
      const { diagnosis } = await why(['-F', server.config, '-W', '127.0.0.1:1', 'server']);
      expect(diagnosis.cause).toBe('channel.refused');
    });

    test('a connection that is cut', async () => {
      const relayed = await relay(server.port, {
        fromServer: (bytes, { client, fromServer }) => (fromServer > 60_000 && client.resetAndDestroy(), bytes),
      });
      const { diagnosis } = await why([
        '-F',
        server.config,
        '-p',
        `${relayed.port}`,
        '-o',
        `HostKeyAlias=[127.0.0.1]:${server.port}`,
        'server',
        'head -c 500000 /dev/zero; sleep 5',
      ]);
      expect(diagnosis.cause).toBe('session.lost');
      await relayed.close();
    });
  });

  test('TSH_WHY=1 is the same as --why', async () => {
    const { err } = await tsh(only(newKey('by-variable')), { env: { TSH_WHY: '1' } });
    expect(err).toContain('[auth.keys-refused; phase: authentication]');
  });

  test('a run that succeeds says nothing more', async () => {
    const { err, code } = await tsh(['--why', ...at()]);
    expect([err, code]).toEqual(['', 0]);
  });
});

describePeer('tmux', 'the hint', () => {
  // script(1) gives a program a terminal
  const inTerminal = async (command: string): Promise<string> => (await run('script', ['-qec', command, '/dev/null'])).out;
  const failing = `${own('tsh')} -F none -p 1 127.0.0.1`;
  const hint = 'tsh: run again with --why';

  test('is one line at the end where a person sits', async () => {
    const out = await inTerminal(failing);
    expect(
      out
        .split('\r\n')
        .filter((line) => line !== '')
        .at(-1),
    ).toContain(hint);
    expect(out.split(hint)).toHaveLength(2);
  });

  test.each([
    `${failing} </dev/null`,
    `${failing} 2>&1 | cat`,
    `${failing} -q`,
    `${failing} --why`,
  ])('is not there with %s', async (command) => {
    expect(await inTerminal(command)).not.toContain(hint);
  });
});

causesOfServers();

test('every cause has a name of its own', () => {
  const codes = causes.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

testPeer(['openssh-10', 'user namespaces'], 'every cause was provoked by these tests', () => {
  expect(causes.map(({ code }) => code).filter((code) => !provoked.has(code))).toEqual([]);
});
