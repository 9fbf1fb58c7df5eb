import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { tsh } from './common.ts';
import { listen, type Listener } from './wire-peers.ts';

describePeer('openssh-10', 'tsh -L', () => {
  let server: Sshd;
  let web: http.Server;
  let page: Buffer;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
    page = randomBytes(3_000_000);
    web = http.createServer((request, response) => {
      const body = createHash('sha256');
      request.on('data', (bytes: Buffer) => body.update(bytes));
      request.on('end', () => response.setHeader('x-body', body.digest('hex')).end(page));
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
  });
  afterAll(async () => {
    web.closeAllConnections();
    web.close();
    await server.stop();
  });

  const children: ChildProcess[] = [];
  const listeners: Listener[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const listener of listeners.splice(0)) await listener.close();
  });

  /** Starts `tsh -N` with forwards and waits until all of them listen. */
  async function tunnel(forwards: readonly string[], options: readonly string[] = []): Promise<ChildProcess> {
    const specs = forwards.flatMap((forward) => ['-L', forward]);
    const child = spawn(own('tsh'), ['-F', server.config, '--explain=json', '-N', ...options, ...specs, 'server'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let told = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (bytes: Buffer) => {
        told += bytes.toString();
        // one that names no address listens on two
        const ports = told.matchAll(/"type":"listening","address":"[^"]*","port":(\d+)/g);
        if (new Set([...ports].map(([, port]) => port)).size === forwards.length) resolve();
      });
      child.on('exit', () => reject(new Error(told)));
    });
    return child;
  }

  const webPort = (): number => (web.address() as net.AddressInfo).port;

  test('carries a web server`s pages, many connections at once', async () => {
    const port = await freePort();
    await tunnel([`${port}:127.0.0.1:${webPort()}`]);
    const answers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const body = randomBytes(500_000);
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body });
        const got = Buffer.from(await response.arrayBuffer());
        return got.equals(page) && response.headers.get('x-body') === createHash('sha256').update(body).digest('hex');
      }),
    );
    expect(answers).toEqual(Array.from({ length: 12 }, () => true));
  });

  test('hands on the end of what one side sends, and the answer to it', async () => {
    const counting = await listen((socket) => {
      let length = 0;
      socket.on('data', (bytes) => (length += bytes.length));
      socket.on('end', () => socket.end(`${length} bytes`));
    });
    listeners.push(counting);
    const port = await freePort();
    await tunnel([`127.0.0.1:${port}:127.0.0.1:${counting.port}`]);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(Buffer.alloc(700_000, 1));
    expect(await text(socket)).toBe('700000 bytes');
  });

  test('a connection that nobody reads stops neither the others nor grows', async () => {
    const flood = await listen((socket) => {
      const chunk = Buffer.alloc(1 << 20);
      const more = (): void => {
        while (socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    });
    listeners.push(flood);
    const [stopped, port] = [await freePort(), await freePort()];
    const child = await tunnel([`${stopped}:127.0.0.1:${flood.port}`, `${port}:127.0.0.1:${webPort()}`]);
    const socket = net.connect(stopped, '127.0.0.1').pause();
    await once(socket, 'connect');
    for (let i = 0; i < 5; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' });
      expect(Buffer.from(await response.arrayBuffer()).equals(page)).toBe(true);
    }
    expect(residentBytes(child)).toBeLessThan(150 * MiB);
    socket.destroy();
  });

  test('goes from and to unix sockets', async () => {
    const [from, to] = [path.join(server.folder, 'from.sock'), path.join(server.folder, 'to.sock')];
    const echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(to);
    await once(echo, 'listening');
    await tunnel([`${from}:${to}`]);
    const bytes = randomBytes(200_000);
    const socket = net.connect({ path: from, allowHalfOpen: true });
    socket.end(bytes);
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    echo.close();
  });

  test('closes a connection that the server can not make, and goes on', async () => {
    const gone = await listen(() => {});
    await gone.close();
    const [bad, port] = [await freePort(), await freePort()];
    const child = await tunnel([`${bad}:127.0.0.1:${gone.port}`, `${port}:127.0.0.1:${webPort()}`]);
    const told = text(child.stderr as NodeJS.ReadableStream);
    const socket = net.connect(bad, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' })).status).toBe(200);
    child.kill('SIGTERM');
    expect(await told).toMatch(/^channel \d+: open failed: connect failed: Connection refused\r$/m);
  });

  test('listens while a command runs, and ends with it', async () => {
    const port = await freePort();
    const child = spawn(own('tsh'), ['-F', server.config, '-L', `${port}:127.0.0.1:${webPort()}`, 'server', 'echo up; read x; exit 9'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    const headers = { connection: 'close' };
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x', headers })).status).toBe(200);
    child.stdin.end('go\n');
    expect((await once(child, 'exit'))[0]).toBe(9);
  });

  test('a connection outlives the command, and tsh with it', async () => {
    const echo = await listen((socket) => socket.pipe(socket));
    listeners.push(echo);
    const port = await freePort();
    const child = spawn(
      own('tsh'),
      ['-F', server.config, '-v', '-L', `${port}:127.0.0.1:${echo.port}`, 'server', 'echo up; read x; exit 9'],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    children.push(child);
    await once(child.stdout, 'data');
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.write('before');
    await once(socket, 'data');
    child.stdin.end('go\n');
    for await (const bytes of child.stderr.iterator({ destroyOnReturn: false })) if (String(bytes).includes('exit-status')) break;
    socket.write('after');
    expect(String((await once(socket, 'data'))[0])).toBe('after');
    socket.end();
    child.stderr.resume();
    expect((await once(child, 'exit'))[0]).toBe(9);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('-N without a forward stays until %s ends it, as with ssh', async (signal) => {
    const code = async (program: string): Promise<unknown> => {
      const child = spawn(program, ['-F', server.config, '-v', '-N', 'server'], { stdio: ['ignore', 'ignore', 'pipe'] });
      children.push(child);
      let told = '';
      for await (const bytes of child.stderr.iterator({ destroyOnReturn: false }))
        if ((told += String(bytes)).includes('Entering interactive session.')) break;
      // ssh listens for signals from a moment later on; the server's message about its keys is read then
      child.stderr.on('data', (bytes: Buffer) => (told += bytes.toString()));
      await expect.poll(() => told, { timeout: 20_000 }).toContain('rtype hostkeys-00@openssh.com');
      child.kill(signal);
      const [status] = (await once(child, 'exit')) as [number];
      return status;
    };
    const theirs = await code(peerProgram('openssh-10', 'ssh'));
    expect(await code(own('tsh'))).toBe(theirs);
    expect(theirs).toBe(signal === 'SIGTERM' ? 0 : 255);
  });
});

describePeer('openssh-10', 'a session', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(() => server.stop());

  test('whose reader goes away ends', async () => {
    const script = `{ "${own('tsh')}" -F "${server.config}" server yes; echo $? >&2; } | head -1`;
    const { out, err } = await run('sh', ['-c', script]);
    // as ssh's: yes(1) dies of its signal
    expect({ out, err }).toEqual({ out: 'y\n', err: '255\n' });
  });

  test.each([
    ['stdout', 'yes'],
    ['stderr', 'yes >&2'],
  ] as const)('whose %s is not read takes no more than a window, and all arrives later', async (which, command) => {
    const limited = command.replace('yes', 'yes | head -c 200000000');
    const child = spawn(own('tsh'), ['-F', server.config, 'server', limited], { stdio: ['ignore', 'pipe', 'pipe'] });
    child[which].pause();
    await settled(child);
    expect(residentBytes(child)).toBeLessThan(150 * MiB);
    let length = 0;
    child[which].on('data', (bytes: Buffer) => (length += bytes.length)).resume();
    // the other one has nothing, but its end
    child.stdout.resume();
    child.stderr.resume();
    await once(child, 'close');
    expect(length).toBe(200_000_000);
  });

  test('with input that the command does not read stops reading it', async () => {
    const child = spawn(own('tsh'), ['-F', server.config, 'server', 'sleep 2; wc -c'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const answer = text(child.stdout);
    const size = 100_000_000;
    let sent = 0;
    const chunk = Buffer.alloc(1 << 20);
    const more = (): void => {
      while (sent < size) {
        const part = chunk.subarray(0, Math.min(chunk.length, size - sent));
        sent += part.length;
        if (!child.stdin.write(part)) {
          child.stdin.once('drain', more);
          return;
        }
      }
      child.stdin.end();
    };
    more();
    await settled(child);
    expect(residentBytes(child)).toBeLessThan(150 * MiB);
    expect(sent).toBeLessThan(20_000_000);
    expect((await answer).trim()).toBe(String(size));
  });

  test('begins with a rekey in each direction every few packets', async () => {
    const bytes = randomBytes(2_000_000);
    const { stdout, code } = await tsh(['-F', server.config, '-o', 'RekeyLimit=16K', 'server', 'cat'], { stdin: bytes });
    expect([code, stdout.equals(bytes)]).toEqual([0, true]);
  });
});

const MiB = 1024 * 1024;

/** How much memory a process has. */
function residentBytes(child: ChildProcess): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}

/** Waits until a process has used no processor for a while. */
async function settled(child: ChildProcess): Promise<void> {
  const used = (): string => readFileSync(`/proc/${child.pid}/stat`, 'latin1').replace(/.*\)/s, '').split(' ').slice(11, 15).join(' ');
  for (let last = '', quiet = 0; quiet < 4; ) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    const now = used();
    // it has to have begun
    quiet = now === last && residentBytes(child) > 40 * MiB ? quiet + 1 : 0;
    last = now;
  }
}

async function freePort(): Promise<number> {
  const listener = await listen(() => {});
  await listener.close();
  return listener.port;
}
