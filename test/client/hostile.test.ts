import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { formatPublicKeyLine } from '../../src/core/keys/public-key.ts';
import { own } from '../run.ts';
import { bytes, type Hostility, HostileServer, text, uint32 } from './hostile-server.ts';
import { listen } from './wire-peers.ts';

const MiB = 1024 * 1024;
/** What any of these runs may take at its peak: a connection's buffers and the runtime itself. */
const mostMemory = 150 * MiB;

let server: HostileServer;
let folder: string;
beforeAll(async () => {
  server = await HostileServer.start();
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-hostile-'));
  writeFileSync(path.join(folder, 'known'), `* ${formatPublicKeyLine(server.hostKey.publicKey, '')}\n`);
});
afterEach(() => {
  server.hostility = {};
  server.drop();
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
  /** The most memory that it had, in bytes. */
  readonly peak: number;
}

/** Runs tsh against a server that misbehaves so, and watches its memory. */
async function against(hostility: Hostility, options: readonly string[] = [], port = server.port): Promise<Outcome> {
  server.hostility = hostility;
  const settings = { UserKnownHostsFile: path.join(folder, 'known'), GlobalKnownHostsFile: '/dev/null', BatchMode: 'yes', User: 'u' };
  const set = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const child = spawn(own('tsh'), ['-F', 'none', ...set, '-p', String(port), ...options, '127.0.0.1', 'command'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SSH_AUTH_SOCK: undefined },
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => err.push(part));
  let peak = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${String(child.pid)}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // it has ended
    }
  }, 10);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  return { out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString(), code, peak };
}

/** Holds that a run failed as ssh's do: with 255, and with a sentence or two. */
function expectFailure({ err, code, peak }: Outcome, sentence: RegExp): void {
  expect(err).toMatch(sentence);
  expect(err.trim().split('\n').length).toBeLessThanOrEqual(2);
  expect(err).not.toMatch(/SSH_ERR|Error:|\n {4}at /);
  expect(code).toBe(255);
  expect(peak).toBeLessThan(mostMemory);
}

/** A peer that breaks the protocol is told on with what it broke. */
const disconnecting = /^Disconnecting 127\.0\.0\.1 port \d+: .*\d.*\r\n$/;
const channel = uint32(0);
const exitStatus = (status: number): Uint8Array => bytes(98, channel, text('exit-status'), 0, uint32(status));
/** How a command ends well. */
const farewell = [exitStatus(3), bytes(96, channel), bytes(97, channel)];

test('a server that behaves is served', async () => {
  const outcome = await against({ at: 'exec', act: ({ say }) => say(bytes(94, channel, text('hello\n')), ...farewell) });
  expect(outcome).toMatchObject({ out: 'hello\n', err: '', code: 3 });
});

describe('ConnectTimeout ends a wait', () => {
  test('for KEXINIT', async () => {
    const listener = await listen((socket) => socket.resume().write('SSH-2.0-x\r\n'));
    const outcome = await against({}, ['-o', 'ConnectTimeout=1'], listener.port);
    expectFailure(outcome, /^Connection to 127\.0\.0\.1 port \d+ timed out\r\n$/);
    await listener.close();
  });

  test('for the server`s half of the key exchange', async () => {
    const outcome = await against({ sign: () => new Promise(() => undefined) }, ['-o', 'ConnectTimeout=1']);
    expectFailure(outcome, /^Connection to 127\.0\.0\.1 port \d+ timed out\r\n$/);
  });

  test('only until keys are exchanged', async () => {
    const act: Hostility['act'] = ({ say }) => {
      setTimeout(() => say(bytes(6, text('ssh-userauth'))), 1500);
    };
    server.hostility = {};
    const outcome = await against(
      {
        at: 'service',
        instead: true,
        act,
        message: (payload, { say }) => {
          if (payload[0] === 98) setTimeout(() => say(...farewell), 50);
        },
      },
      ['-o', 'ConnectTimeout=1'],
    );
    expect(outcome).toMatchObject({ err: '', code: 3 });
  });
});

describe('before authentication', () => {
  const wrong: Readonly<Record<string, readonly [Hostility, RegExp]>> = {
    'success comes unasked': [{ at: 'service', instead: true, act: ({ say }) => say(bytes(52)) }, disconnecting],
    'channels are opened': [
      { at: 'service', instead: true, act: ({ say }) => say(bytes(90, text('session'), channel, uint32(1), uint32(1))) },
      /127\.0\.0\.1/,
    ],
    'channel data comes': [{ at: 'service', act: ({ say }) => say(bytes(94, channel, text('x'))) }, disconnecting],
    'an unknown message comes': [{ at: 'service', act: ({ say }) => say(bytes(250)) }, disconnecting],
    'banners come without end': [{ at: 'service', act: ({ flood }) => flood(bytes(53, text(''), text('')), 1000 * MiB) }, /127\.0\.0\.1/],
    'refusals come without end': [
      { at: 'userauth', instead: true, act: ({ flood }) => flood(bytes(51, text('publickey'), 0), 1000 * MiB) },
      /Permission denied|127\.0\.0\.1/,
    ],
    'a name list is absurd': [
      { at: 'userauth', instead: true, act: ({ say }) => say(bytes(51, uint32(0xffffffff), Buffer.from('publickey'), 0)) },
      /127\.0\.0\.1/,
    ],
    'a refusal is cut off': [{ at: 'userauth', instead: true, act: ({ say }) => say(bytes(51)) }, /127\.0\.0\.1/],
    'it says goodbye with escape sequences': [
      { at: 'userauth', instead: true, act: ({ say }) => say(bytes(1, uint32(2), text('\x1b]0;owned\x07bye'), text(''))) },
      /^Received disconnect from 127\.0\.0\.1 port \d+:2: \\033\]0;owned.*bye\r\nDisconnected from 127\.0\.0\.1 port \d+\r\n$/,
    ],
  };
  test.each(Object.entries(wrong))('%s', async (_, [hostility, sentence]) => {
    expectFailure(await against(hostility), sentence);
  });

  test('a flood of what may be ignored is only that', async () => {
    const outcome = await against({
      at: 'service',
      instead: true,
      act: ({ flood, say }) => flood(bytes(2, text(Buffer.alloc(30_000))), 300 * MiB, () => say(bytes(6, text('ssh-userauth')))),
      message: (payload, { say }) => {
        if (payload[0] === 98) setTimeout(() => say(...farewell), 50);
      },
    });
    expect(outcome).toMatchObject({ err: '', code: 3 });
    expect(outcome.peak).toBeLessThan(mostMemory);
  });
});

describe('in a session', () => {
  const wrong: Readonly<Record<string, readonly [Uint8Array, ...Uint8Array[]]>> = {
    'data for no channel': [bytes(94, uint32(7), text('x'))],
    'more data than the window': Array.from({ length: 200 }, () => bytes(94, channel, text(Buffer.alloc(32_000)))) as [Uint8Array],
    'a packet of data larger than allowed': [bytes(94, channel, text(Buffer.alloc(200_000)))],
    'data whose length lies': [bytes(94, channel, uint32(0xffffffff), Buffer.from('x'))],
    'data after its end': [bytes(96, channel), bytes(94, channel, text('x'))],
    'a confirmation of nothing': [bytes(91, uint32(9), channel, uint32(1), uint32(1))],
    'a second confirmation': [bytes(91, channel, channel, uint32(1), uint32(1))],
    'an answer to no request': [bytes(99, channel)],
    'an answer to no global request': [bytes(81)],
    'a window that overflows': [bytes(93, channel, uint32(0xffffffff)), bytes(93, channel, uint32(0xffffffff))],
    'success once more': [bytes(52), bytes(60)],
    'a request that is cut off': [bytes(98, channel, text('exit-status'), 0)],
    'a message of the key exchange': [bytes(31, text('x'))],
    'new keys without an exchange': [bytes(21)],
    'an empty message': [bytes()],
  };
  test.each(Object.entries(wrong))('%s', async (_, payloads) => {
    const before = Date.now();
    const outcome = await against({
      at: 'exec',
      act: ({ say }) => {
        say(...payloads);
        setTimeout(() => say(...farewell), 300);
      },
    });
    // some of it OpenSSH too lets pass; what is refused is refused with a sentence
    if (outcome.code !== 3) expectFailure(outcome, /127\.0\.0\.1/);
    expect(outcome.err).not.toMatch(/SSH_ERR|Error:|\n {4}at /);
    expect(outcome.peak).toBeLessThan(mostMemory);
    expect(Date.now() - before).toBeLessThan(20_000);
  });

  test.each([
    'session',
    'forwarded-tcpip',
    'forwarded-streamlocal@openssh.com',
    'x11',
    'auth-agent@openssh.com',
    'direct-tcpip',
  ])('a channel that nobody asked for is refused: %s', async (type) => {
    let answer: Uint8Array | undefined;
    const end = bytes(text('h'), uint32(1));
    const body = type === 'forwarded-streamlocal@openssh.com' ? bytes(text('h'), text('')) : bytes(end, end);
    const outcome = await against({
      at: 'exec',
      act: ({ say }) => say(bytes(90, text(type), uint32(5), uint32(1000), uint32(1000), body)),
      message: (payload, { say }) => {
        if (payload[0] !== 92 && payload[0] !== 91) return;
        answer = payload.slice(0, 9);
        say(...farewell);
      },
    });
    expect([...(answer ?? [])].slice(0, 5)).toEqual([92, 0, 0, 0, 5]);
    expect(outcome).toMatchObject({ out: '', code: 3 });
    expect(outcome.err).not.toContain('\x1b');
  });

  const told: Readonly<Record<string, readonly [payloads: readonly Uint8Array[], expected: object, how?: 'hangs up']>> = {
    'a disconnect without a language tag': [
      [bytes(1, uint32(2), text('Too many sessions'))],
      { code: 255, err: 'Received disconnect from 127.0.0.1 port PORT:2: Too many sessions\r\nDisconnected from 127.0.0.1 port PORT\r\n' },
    ],
    'a disconnect between the status and the close': [
      [exitStatus(0), bytes(1, uint32(11), text('bye'), text(''))],
      { code: 255, err: 'Received disconnect from 127.0.0.1 port PORT:11: bye\r\nDisconnected from 127.0.0.1 port PORT\r\n' },
    ],
    'the end of the stream there': [[exitStatus(5)], { code: 5, err: 'Connection to 127.0.0.1 closed by remote host.\r\n' }, 'hangs up'],
    'the end of the stream after the close': [[exitStatus(5), bytes(97, channel)], { code: 5, err: '' }, 'hangs up'],
    'a second status': [[exitStatus(4), ...farewell], { code: 3, err: '' }],
    'a status after a signal': [
      [bytes(98, channel, text('exit-signal'), 0, text('TERM'), 0, text(''), text('')), ...farewell],
      { code: 3, err: '' },
    ],
    'extended data that is not stderr': [
      [bytes(95, channel, uint32(0), text('x')), bytes(95, channel, uint32(2), text('x')), ...farewell],
      { code: 3, out: '', err: '' },
    ],
    'data after its end': [[bytes(96, channel), bytes(94, channel, text('x')), ...farewell], { code: 3, out: '', err: '' }],
    'a request for no channel': [[bytes(98, uint32(9), text('exit-status'), 0, uint32(1)), ...farewell], { code: 3, err: '' }],
    'a channel of X11': [
      [bytes(90, text('x11'), uint32(5), uint32(1000), uint32(1000), text('h'), uint32(1)), ...farewell],
      {
        code: 3,
        err: 'Warning: ssh server tried X11 forwarding.\r\nWarning: this is probably a break-in attempt by a malicious server.\r\n',
      },
    ],
    'a channel of a port': [
      [bytes(90, text('forwarded-tcpip'), uint32(5), uint32(1000), uint32(1000), text('h'), uint32(99), text('h'), uint32(1)), ...farewell],
      { code: 3, err: 'WARNING: Server requests forwarding for unknown listen_port 99\r\n' },
    ],
    'a channel of a path': [
      [bytes(90, text('forwarded-streamlocal@openssh.com'), uint32(5), uint32(1000), uint32(1000), text('/\x1b'), text('')), ...farewell],
      { code: 3, err: 'WARNING: Server requests forwarding for unknown path /\\033\r\n' },
    ],
  };
  test.each(Object.entries(told))('%s is taken and told as ssh does', async (_, [payloads, expected, how]) => {
    const outcome = await against({
      at: 'exec',
      act: ({ say, socket }) => {
        say(...payloads);
        if (how !== undefined) socket.end();
      },
    });
    expect({ ...outcome, err: outcome.err.replaceAll(String(server.port), 'PORT') }).toMatchObject(expected);
  });

  test('a refusal is told with its backslashes and escapes as ssh shows them', async () => {
    const outcome = await against({
      at: 'session',
      instead: true,
      act: ({ say }) => say(bytes(92, channel, uint32(1), text('no\x1b[31m \\way'), text('en'))),
    });
    expect(outcome).toMatchObject({ code: 255, err: 'channel 0: open failed: administratively prohibited: no\\033[31m \\\\way\r\n' });
  });

  const answered: Readonly<Record<string, Uint8Array>> = {
    pings: bytes(192, text(Buffer.alloc(30_000))),
    'channels to open': bytes(90, text('session'), uint32(5), uint32(1000), uint32(1000)),
  };
  test.each(Object.entries(answered))('a flood of %s, whose answers are not read, takes no memory', async (_, payload) => {
    const outcome = await against({
      at: 'exec',
      act: ({ socket, flood }) => {
        socket.pause();
        // its answers fill the way back, and then it is not read any more either
        flood(payload, 400 * MiB);
        setTimeout(() => socket.destroy(), 4000);
      },
    });
    expect(outcome.code).toBe(255);
    expect(outcome.peak).toBeLessThan(mostMemory);
  });
});
