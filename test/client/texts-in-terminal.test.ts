import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKeyLine } from '../../src/core/keys/public-key.ts';
import { describePeer, peerProgram, testPeer } from '../peers.ts';
import { type Given, own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { bytes, HostileServer, text, uint32 } from './hostile-server.ts';
import { type Answer, inTerminal, withoutHint } from './in-terminal.ts';
import { relay } from './wire-peers.ts';

/** What both programs print in a real terminal, from its first byte to the last, where texts.test.ts and questions.test.ts do not show it. */
describePeer(['openssh-10', 'expect'], 'a terminal shows what it shows with ssh', () => {
  const servers: Sshd[] = [];
  const started = async (...lines: readonly string[]): Promise<Sshd> => {
    const server = await startSshd({ peer: 'openssh-10', lines });
    servers.push(server);
    return server;
  };
  /** It takes keys and passwords, gives up after two failures, and grants no terminals. */
  let strict: Sshd;
  let plain: Sshd;
  beforeAll(async () => {
    plain = await started();
    strict = await started('PasswordAuthentication yes', 'MaxAuthTries 2', 'PermitTTY no');
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });
  const file = (name: string, content: string, mode = 0o600): string => {
    writeFileSync(path.join(plain.folder, name), content, { mode });
    return path.join(plain.folder, name);
  };
  const o = (...settings: readonly string[]): string[] => settings.flatMap((one) => ['-o', one]);

  /** Runs both on the same; `before` puts back what a run changes. */
  async function same(args: readonly string[], answers: readonly Answer[] = [], given: Given = {}, before = (): void => {}) {
    before();
    const theirs = await inTerminal(peerProgram('openssh-10', 'ssh'), args, answers, given);
    before();
    const ours = await inTerminal(own('tsh'), args, answers, given);
    expect(withoutHint(ours)).toBe(theirs);
    return theirs;
  }

  test('a terminal that closes', async () => {
    expect(await same(['-F', plain.config, '-t', 'server', 'exit 3'])).toBe('Connection to 127.0.0.1 closed.\r\r\n\n[exit 3]');
  });

  test.each(['TERM', 'INT', 'HUP', 'QUIT'])('a terminal whose ssh gets SIG%s', async (signal) => {
    // the session's own command sends it to the program whose terminal this is
    const command = `pkill -${signal} -f '[w]aits-for-${signal}'; sleep 60`;
    const shown = await same(['-F', plain.config, '-o', `SetEnv=IT=waits-for-${signal}`, '-t', 'server', command]);
    expect(shown).toMatch(/^Connection to 127\.0\.0\.1 closed\.\r+\n\n\[exit 255\]$/);
  });

  test('a terminal whose server vanishes', async () => {
    const shown = await same(['-F', plain.config, '-t', 'server', 'kill -9 $PPID; sleep 60']);
    expect(shown).toMatch(
      /^Connection to 127\.0\.0\.1 closed by remote host\.\r+\nConnection to 127\.0\.0\.1 closed\.\r+\n\n\[exit 255\]$/,
    );
  });

  test('a terminal whose server answers no more', async () => {
    const alive = o('ServerAliveInterval=1', 'ServerAliveCountMax=1');
    const shown = await same(['-F', plain.config, ...alive, '-t', 'server', 'kill -STOP $PPID; sleep 60']);
    expect(shown).toMatch(/^Timeout, server 127\.0\.0\.1 not responding\.\r+\n\n\[exit 255\]$/);
  });

  describe('a local port', () => {
    /** Takes a port of one address, or of both that localhost is. */
    const taken = async (...addresses: readonly string[]): Promise<{ readonly port: number; close(): void }> => {
      const listeners: net.Server[] = [];
      for (const host of addresses) {
        const { port = 0 } = (listeners[0]?.address() ?? {}) as Partial<net.AddressInfo>;
        listeners.push(net.createServer().listen({ host, port, ipv6Only: true }));
        await once(listeners.at(-1) as net.Server, 'listening');
      }
      return { port: (listeners[0]?.address() as net.AddressInfo).port, close: () => listeners.forEach((one) => one.close()) };
    };

    test.each([
      ['127.0.0.1', ['127.0.0.1'], (port: number) => `${port}`],
      ['::1', ['::1'], (port: number) => `${port}`],
      ['both', ['127.0.0.1', '::1'], (port: number) => `${port}`],
      ['every address', ['::'], (port: number) => `*:${port}`],
      ['the one that is named', ['127.0.0.1'], (port: number) => `127.0.0.1:${port}`],
    ] as const)('that is taken on %s', async (_name, addresses, listen) => {
      const { port, close } = await taken(...addresses);
      try {
        await same(['-F', plain.config, '-L', `${listen(port)}:127.0.0.1:1`, 'server', 'true']);
      } finally {
        close();
      }
    });

    test.each(['192.0.2.1:1234', 'no-such-name.invalid:1234', '/no/such/folder/socket'])('that can not be had: %s', async (listen) => {
      const shown = await same(['-F', plain.config, '-L', `${listen}:127.0.0.1:1`, 'server', 'true']);
      expect(shown).toMatch(/Could not request local forwarding\.\r+\n\n\[exit 0\]$/);
    });
  });

  test('a terminal that is not granted', async () => {
    const shown = await same(['-F', strict.config, '-t', 'server', 'echo in']);
    expect(shown).toMatch(/^PTY allocation request failed on channel 0\r\n\n\[exit 255\]$/);
  });

  test('-W to a port that nobody listens on', async () => {
    const shown = await same(['-F', plain.config, '-W', '127.0.0.1:1', 'server']);
    expect(shown).toMatch(/^channel 0: open failed: connect failed: Connection refused\r+\nstdio forwarding failed\r+\n/);
  });

  describe('the login', () => {
    const asks = (server: Sshd): string[] => ['-F', server.config, ...o('BatchMode=no', 'PubkeyAuthentication=no')];

    test('a wrong password, until the server has enough', async () => {
      const prompt = `${strict.user}@127.0.0.1's password: `;
      const shown = await same(
        [...asks(strict), 'server', 'true'],
        [
          [prompt, 'wrong'],
          [prompt, 'wrong again'],
        ],
      );
      expect(shown).toContain('Permission denied, please try again.\r\r\n');
      expect(shown).toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:2: Too many authentication failures\r+\nDisconnected from /);
    });

    test('a wrong password, as often as it is asked for', async () => {
      const prompt = `${strict.user}@127.0.0.1's password: `;
      const shown = await same([...asks(strict), ...o('NumberOfPasswordPrompts=1'), 'server', 'true'], [[prompt, 'wrong']]);
      expect(shown).toContain('127.0.0.1: Permission denied (publickey,password).\r\r\n');
    });

    test('more keys than the server takes', async () => {
      const keys = [1, 2, 3].flatMap((number) => {
        const name = path.join(strict.folder, `other-${number}`);
        execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', name]);
        return ['-i', name];
      });
      const shown = await same(['-F', strict.config, ...keys, 'server', 'true']);
      expect(shown).toContain('Too many authentication failures');
    });

    test('a key file that is not there', async () => {
      const shown = await same(['-F', plain.config, '-i', '/no/such/key', 'server', 'true']);
      expect(shown).toMatch(/^Warning: Identity file \/no\/such\/key not accessible: No such file or directory\.\r*\n/);
    });

    test('an agent that does not sign', async () => {
      const socket = path.join(plain.folder, 'agent');
      const refuse = { SSH_AUTH_SOCK: socket, SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' };
      const agent = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-a', socket, '-s'], { env: { ...process.env, ...refuse } });
      try {
        const add = ['-q', '-c', plain.identity];
        execFileSync(peerProgram('openssh-10', 'ssh-add'), add, { env: { ...process.env, ...refuse }, stdio: 'ignore' });
        const shown = await same(['-F', plain.config, 'server', 'true'], [], { env: { SSH_AUTH_SOCK: socket } });
        expect(shown).toMatch(/^sign_and_send_pubkey: signing failed for ED25519 ".*\/id" from agent: agent refused operation\r+\n/);
      } finally {
        process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(agent.toString())?.[1]));
      }
    });
  });

  describe('a host key', () => {
    /** Known hosts, written anew before each run; the server is called by a name that has an address. */
    const byName = (content: string, ...settings: readonly string[]) => {
      const known = path.join(plain.folder, 'known-by-name');
      const args = ['-F', plain.config, ...o(`UserKnownHostsFile=${known}`, 'Hostname=localhost', 'AddressFamily=inet')];
      const all = [...args, ...o('CheckHostIP=yes', 'BatchMode=no', ...settings), 'server', 'echo in'];
      return { args: all, before: () => writeFileSync(known, content) };
    };
    const right = (): string => plain.hostKeys[0] ?? '';
    test('that is known by other names, with its picture', async () => {
      const { args, before } = byName(`old-name,10.1.2.3 ${right()}\n`, 'StrictHostKeyChecking=ask', 'VisualHostKey=yes');
      const shown = await same(args, [['(yes/no/[fingerprint])? ', 'yes']], {}, before);
      expect(shown).toContain(':1: old-name,10.1.2.3\r\n');
      expect(shown).toContain('+--[ED25519 256]--+');
    });
  });

  test('no compression in common', async () => {
    const relayed = await relay(plain.port, {
      fromServer: (chunk) => Buffer.from(chunk.toString('latin1').replaceAll('none,zlib@openssh.com', 'lzma,zzip@example.com'), 'latin1'),
    });
    try {
      const shown = await same(['-F', plain.config, '-p', `${relayed.port}`, 'server', 'true']);
      expect(shown).toContain('no matching compression method found. Their offer: lzma,zzip@example.com\r\r\n');
    } finally {
      await relayed.close();
    }
  });

  test('a password that is to be changed', async () => {
    const server = await HostileServer.start();
    try {
      let tries = 0;
      server.hostility = {
        at: 'userauth',
        instead: true,
        // the first try is none
        act: ({ say }) => say([bytes(51, text('password'), 0), bytes(60, text('It is old.'), text('')), bytes(52)][tries++] ?? bytes(1)),
        message: (payload, { say }) => {
          if (payload[0] !== 98) return;
          const channel = uint32(0);
          // behind the answer
          setTimeout(() => say(bytes(98, channel, text('exit-status'), 0, uint32(3)), bytes(96, channel), bytes(97, channel)), 50);
        },
      };
      const known = file('known-change', `* ${formatPublicKeyLine(server.hostKey.publicKey, '')}\n`);
      const args = [
        '-F',
        'none',
        ...o(`UserKnownHostsFile=${known}`, 'PubkeyAuthentication=no'),
        '-p',
        `${server.port}`,
        'u@127.0.0.1',
        'command',
      ];
      const shown = await same(
        args,
        [
          ["u@127.0.0.1's password: ", 'old'],
          ["Enter u@127.0.0.1's old password: ", 'old'],
          ["Enter u@127.0.0.1's new password: ", 'new'],
          ["Retype u@127.0.0.1's new password: ", 'typo'],
          ["Enter u@127.0.0.1's new password: ", 'new'],
          ["Retype u@127.0.0.1's new password: ", 'new'],
        ],
        {},
        () => {
          tries = 0;
          server.drop();
        },
      );
      expect(shown).toContain('Mismatch; try again, EOF to quit.');
      expect(shown).toMatch(/\[exit 3\]$/);
    } finally {
      server.close();
    }
  });

  test('questions of keyboard-interactive, whatever stands in them', async () => {
    const server = await HostileServer.start();
    try {
      let tries = 0;
      const question = bytes(
        60,
        text('\x1b[2JName of it'),
        text('Read this:\r\n\x1b]0;owned\x07 and \u00fcml\u00e4ut \u202etxt'),
        text(''),
        uint32(2),
        text('First\x1b[1m: '),
        1,
        text('Second: '),
        0,
      );
      server.hostility = {
        at: 'userauth',
        instead: true,
        act: ({ say }) => say([bytes(51, text('keyboard-interactive'), 0), question][tries++] ?? bytes(1)),
        message: (payload, { say }) => {
          if (payload[0] === 61) say(bytes(52));
          const channel = uint32(0);
          if (payload[0] === 98)
            setTimeout(() => say(bytes(98, channel, text('exit-status'), 0, uint32(4)), bytes(96, channel), bytes(97, channel)), 50);
        },
      };
      const known = file('known-questions', `* ${formatPublicKeyLine(server.hostKey.publicKey, '')}\n`);
      const options = o(`UserKnownHostsFile=${known}`, 'PubkeyAuthentication=no');
      const shown = await same(
        ['-F', 'none', ...options, '-p', `${server.port}`, 'u@127.0.0.1', 'command'],
        [
          ['First', 'shown'],
          ['Second: ', 'hidden'],
        ],
        {},
        () => {
          tries = 0;
          server.drop();
        },
      );
      expect(shown).toContain('(u@127.0.0.1) ');
      expect(shown).not.toMatch(/\x1b|hidden/);
      expect(shown).toMatch(/\[exit 4\]$/);
    } finally {
      server.close();
    }
  });

  describe('a configuration file', () => {
    // root's ~/.ssh is another one for a moment; the user's own would be no other's business
    const asHome = (folder: string): readonly string[] => [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      `mount --bind ${folder} /root && exec "$0" "$@"`,
    ];

    testPeer('user namespaces', 'that others may write', async () => {
      const home = path.join(plain.folder, 'home');
      execFileSync('mkdir', ['-p', `${home}/.ssh`]);
      writeFileSync(`${home}/.ssh/config`, 'Host *\n');
      execFileSync('chmod', ['666', `${home}/.ssh/config`]);
      const run = (program: string): Promise<string> => inTerminal('unshare', [...asHome(home), program, '-G', 'server'], []);
      const theirs = await run(peerProgram('openssh-10', 'ssh'));
      expect(await run(own('tsh'))).toBe(theirs);
      expect(theirs).toMatch(/^Bad owner or permissions on \/root\/\.ssh\/config\r+\n/);
    });

    test('with lines that are wrong', async () => {
      const config = file('wrong', 'Host *\n  Nonsense yes\n  Port x\n  Compression perhaps\n  Ciphers none-such\n');
      expect(await same(['-F', config, 'server', 'true'])).toMatch(/terminating, \d+ bad configuration options/);
    });
  });

  test('the lines of -v that programs look for', async () => {
    const told = async (program: string): Promise<string[]> => {
      const more = [...o('SetEnv=SOME=thing', 'StreamLocalBindUnlink=yes'), '-L', `${path.join(plain.folder, 'local')}:127.0.0.1:9`];
      const shown = await inTerminal(program, ['-v', '-F', plain.config, ...more, 'server', 'exit 3'], []);
      return (
        shown
          .split(/\r*\n/)
          // OpenSSH numbers what listens among the channels
          .map((line) => line.replace(/sent [\d.]+.*/, 'sent').replace(/channel \d/, 'channel N'))
          .filter((line) => followed.some((pattern) => pattern.test(line)))
          .sort()
      );
    };
    const theirs = await told(peerProgram('openssh-10', 'ssh'));
    expect(await told(own('tsh'))).toEqual(theirs);
    for (const pattern of followed)
      expect(
        theirs.some((line) => pattern.test(line)),
        String(pattern),
      ).toBe(true);
  });
});

/** What wrappers, tests and guides grep for in the output of -v. */
const followed: readonly RegExp[] = [
  /^debug1: Connecting to \S+ \[\S+\] port \d+\.$/,
  /^debug1: Connection established\.$/,
  /^debug1: Remote protocol version 2\.0, remote software version /,
  /^debug1: Authenticating to \S+ as '/,
  /^debug1: kex: algorithm: /,
  /^debug1: kex: host key algorithm: /,
  /^debug1: Server host key: \S+ SHA256:/,
  /^debug1: Host '\S+' is known and matches the \S+ host key\.$/,
  /^debug1: Found key in /,
  /^debug1: Authentications that can continue: /,
  /^debug1: Next authentication method: /,
  /^debug1: Offering public key: /,
  /^debug1: Server accepts key: /,
  /^Authenticated to \S+ \(\S+\) using "publickey"\.$/,
  /^debug1: Entering interactive session\.$/,
  /^debug1: Local connections to \S+ forwarded to remote address \S+$/,
  /^debug1: Local forwarding listening on path \S+\.$/,
  /^debug1: channel N: setting env SOME = "thing"$/,
  /^debug1: Sending command: /,
  /^debug1: client_input_channel_req: channel N rtype exit-status reply 0$/,
  /^debug1: Exit status 3$/,
  /^Transferred: sent/,
  /^Bytes per second: sent/,
];
