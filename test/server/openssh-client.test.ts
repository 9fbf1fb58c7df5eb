import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, type Given, run } from '../run.ts';
import { type Served, serve } from './serve.ts';

describePeer('openssh-10', 'our server and the ssh of OpenSSH', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
  });
  afterAll(() => served.stop());

  const ssh = (args: readonly string[], given: Given = {}): Promise<Ended> =>
    run(peerProgram('openssh-10', 'ssh'), ['-F', served.config, ...args], given);

  test('a command`s output, errors and status', async () => {
    const { out, err, code } = await ssh(['server', 'echo out; echo err >&2; exit 7']);
    expect({ out, err, code }).toEqual({ out: 'out\n', err: 'err\n', code: 7 });
  });

  test('a command that a signal ends', async () => {
    const { code } = await ssh(['server', 'kill -TERM $$']);
    expect(code).toBe(255);
  });

  test('a shell without a terminal, in the user`s home', async () => {
    const { out, code } = await ssh(['-T', 'server'], { stdin: 'echo $SHELL $HOME $PWD $USER\nexit 3\n' });
    const [shell, home, folder, user] = out.trim().split('\n').at(-1)?.split(' ') ?? [];
    expect(code).toBe(3);
    expect(shell).toMatch(/^\//);
    expect(folder).toBe(home);
    expect(user).not.toBe('');
  });

  test('the environment is the server`s own, and what it takes from the client', async () => {
    const { out } = await ssh(['-o', 'SetEnv=LC_X=1 LD_PRELOAD=/x', 'server', 'env'], { env: { SECRET: 'x' } });
    expect(out).toContain('LC_X=1\n');
    expect(out).not.toContain('LD_PRELOAD');
    expect(out).not.toContain('SECRET');
    expect(out).toMatch(/SSH_CONNECTION=127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+\n/);
  });

  test('a subsystem, and one that is not there', async () => {
    expect((await ssh(['-s', 'server', 'echo'], { stdin: 'hello' })).out).toBe('hello');
    const { err, code } = await ssh(['-s', 'server', 'none']);
    expect(err).toContain('subsystem request failed on channel 0');
    expect(code).toBe(255);
  });

  test('16 MiB there and back arrive whole', async () => {
    const bytes = randomBytes(16 * 1024 * 1024);
    const { stdout, code } = await ssh(['server', 'cat'], { stdin: bytes });
    expect(code).toBe(0);
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('data goes on under rekeying by the client', async () => {
    const bytes = randomBytes(4 * 1024 * 1024);
    const { stdout } = await ssh(['-o', 'RekeyLimit=256K', 'server', 'cat'], { stdin: bytes });
    expect(stdout.equals(bytes)).toBe(true);
  });

  test('a reader that goes ends the command', async () => {
    // ssh tells only a server that calls itself OpenSSH that nobody reads any more
    const alike = await serve({ ident: 'SSH-2.0-OpenSSH_10.0-like' });
    const script = `"${peerProgram('openssh-10', 'ssh')}" -F "${alike.config}" server yes | head -1`;
    const { out, code } = await run('/bin/sh', ['-c', script]);
    expect({ out, code }).toEqual({ out: 'y\n', code: 0 });
    await alike.stop();
  });

  test('a command that reads no more stops the sending', async () => {
    const { out, code } = await ssh(['server', 'head -c 5; sleep 0.1; echo; echo done'], { stdin: Buffer.alloc(3 * 1024 * 1024, 'x') });
    expect({ out, code }).toEqual({ out: 'xxxxx\ndone\n', code: 0 });
  });

  test('forwarding to what listens, and to what does not', async () => {
    const echo = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { port } = echo.address() as { port: number };
    const bytes = randomBytes(1024 * 1024);
    const { stdout, code } = await ssh(['-W', `127.0.0.1:${port}`, 'server'], { stdin: bytes });
    expect([code, stdout.equals(bytes)]).toEqual([0, true]);
    echo.close();
    const refused = await ssh(['-o', 'LogLevel=INFO', '-W', '127.0.0.1:1', 'server']);
    expect(refused.err).toContain('open failed: connect failed: Connection refused');
  });

  test('another user and another key are refused alike', async () => {
    const stranger = await ssh(['-l', 'nobody-here', 'server', 'true']);
    expect(stranger.err).toMatch(/^nobody-here@127\.0\.0\.1: Permission denied \(publickey\)\.\r?\n$/);
    const key = path.join(served.folder, 'other');
    await run(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const other = await run(peerProgram('openssh-10', 'ssh'), ['-F', '/dev/null', ...configFor(served, key), '127.0.0.1', 'true']);
    expect(other.err).toContain('Permission denied (publickey).');
    expect(other.code).toBe(255);
  });

  test('a terminal has the size and the modes that were asked for, and is the program`s own', async () => {
    const { out, code } = await ssh(['-tt', 'server', 'tty; test -t 0 -a -t 1 -a -t 2; echo $?; echo x >/dev/tty; echo $TERM; exit 5'], {
      env: { TERM: 'vt220' },
    });
    expect(out).toMatch(/^\/dev\/pts\/\d+\r\n0\r\nx\r\nvt220\r\n$/);
    expect(code).toBe(5);
  });

  test('a terminal loses nothing of a long output, and takes long input', async () => {
    const { stdout } = await ssh(['-tt', 'server', 'stty -onlcr; seq 1 100000']);
    const expected = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join('');
    expect(stdout.length).toBe(expected.length);
    expect(stdout.toString() === expected).toBe(true);
    const typed = `${'y'.repeat(100)}\n`;
    const { out } = await ssh(['-tt', 'server', 'stty -echo; head -n 1000 | wc -c'], { stdin: typed.repeat(1000) });
    // what came before the echo was off is there too
    expect(out.trimEnd().endsWith('101000')).toBe(true);
  });

  test('a terminal`s ^C reaches what runs on it', async () => {
    const command = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done';
    const child = spawn(peerProgram('openssh-10', 'ssh'), ['-F', served.config, '-tt', 'server', command], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (!out.includes('ready') && `${out}${chunk.toString()}`.includes('ready')) child.stdin.write('\x03');
      out += chunk.toString();
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([out.includes('caught'), code]).toEqual([true, 9]);
  });

  test.each([
    'curve25519-sha256',
    'mlkem768x25519-sha256',
    'diffie-hellman-group-exchange-sha256',
    'ecdh-sha2-nistp521',
  ])('keys by %s', async (kex) => {
    expect((await ssh(['-o', `KexAlgorithms=${kex}`, 'server', 'echo ok'])).out).toBe('ok\n');
  });

  test('many sessions at a time through one connection', async () => {
    const socket = path.join(served.folder, 'mux');
    expect((await ssh(['-fNM', '-S', socket, 'server'])).code).toBe(0);
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => ssh(['-S', socket, 'server', `echo ${i}`])));
    expect(all.map(({ out }) => out)).toEqual(Array.from({ length: 8 }, (_, i) => `${i}\n`));
    expect((await ssh(['-S', socket, '-O', 'exit', 'server'])).code).toBe(0);
  });
});

function configFor(served: Served, key: string): string[] {
  const options = {
    Port: served.port,
    IdentityFile: key,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: path.join(served.folder, 'known_hosts'),
    BatchMode: 'yes',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
