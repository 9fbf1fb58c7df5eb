import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import koffi from 'koffi';
import { afterEach, describe, expect, test } from 'vitest';
import { SystemError } from '../../src/node/errno.ts';
import { type Listener, listen } from '../../src/node/listen.ts';
import type { ByteReceiver } from '../../src/node/inlet.ts';
import { type ByteStream, connectTcp, type SocketStream } from '../../src/node/socket.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A receiver over a fixed buffer that tells what it saw. */
class Collector implements ByteReceiver {
  readonly buffer = new Uint8Array(64 * 1024);
  readonly hash = createHash('sha256');
  length = 0;
  /** How many bytes the next spaces offer, in turn. */
  sizes = [this.buffer.length];
  /** After how many fillings it pauses once. */
  pauseEvery = 0;
  fillings = 0;
  drains = 0;
  onPause: () => void = () => {};
  readonly done: Promise<Error | undefined>;
  private finish: (error: Error | undefined) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  space(): Uint8Array {
    return this.buffer.subarray(0, this.sizes[this.fillings % this.sizes.length]);
  }

  filled(length: number): boolean {
    this.hash.update(this.buffer.subarray(0, length));
    this.length += length;
    this.fillings++;
    if (this.pauseEvery === 0 || this.fillings % this.pauseEvery !== 0) return true;
    this.onPause();
    return false;
  }

  ended(): void {
    this.finish(undefined);
  }

  failed(error: Error): void {
    this.finish(error);
  }

  drained(): void {
    this.drains++;
  }
}

async function echoServer(handle: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    cleanUps.push(() => socket.destroy());
    handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

async function pair(): Promise<{ near: ByteStream; far: ByteStream; listener: Listener }> {
  let accepted: (stream: ByteStream) => void = () => {};
  const far = new Promise<ByteStream>((resolve) => {
    accepted = resolve;
  });
  const listener = await listen({ address: '127.0.0.1', port: 0 }, accepted);
  const near = await connectTcp({ address: '127.0.0.1', port: listener.port });
  const both = { near, far: await far, listener };
  cleanUps.push(
    () => both.near.destroy(),
    () => both.far.destroy(),
    listener.close,
  );
  return both;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('reading', () => {
  const data = randomBytes(3 * 1024 * 1024);
  const digest = createHash('sha256').update(data).digest('hex');

  test.each([
    ['one large buffer', [64 * 1024], 0],
    ['buffers of changing size', [1, 7, 4096, 50000], 0],
    ['a pause after each buffer', [64 * 1024], 1],
    ['small buffers and pauses', [100, 3000], 3],
  ])('%s: every byte arrives once and in order', async (_, sizes, pauseEvery) => {
    const port = await echoServer((socket) => socket.end(data));
    const stream = await connectTcp({ address: '127.0.0.1', port });
    cleanUps.push(() => stream.destroy());
    const collector = new Collector();
    Object.assign(collector, { sizes, pauseEvery, onPause: () => setImmediate(() => stream.resume()) });
    stream.start(collector);
    expect(await collector.done).toBeUndefined();
    expect(collector.length).toBe(data.length);
    expect(collector.hash.digest('hex')).toBe(digest);
  });

  test('the receiver is read into directly, not by way of a copy, once it reads', async () => {
    const { near, far } = await pair();
    const collector = new Collector();
    near.start(collector);
    far.write(Buffer.from('first'));
    await until(() => collector.length === 5);
    far.write(data.subarray(0, 40000));
    await until(() => collector.length === 40005);
    // The landing buffer holds 16 KiB: a larger filling came straight from the socket.
    expect(collector.fillings).toBeLessThan(4);
  });

  test('nothing is read while paused, and resuming within filled() goes on', async () => {
    const { near, far } = await pair();
    const collector = new Collector();
    collector.pauseEvery = 1;
    near.start(collector);
    far.write(Buffer.from('a'));
    await until(() => collector.length === 1);
    far.write(Buffer.from('b'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(collector.length).toBe(1);
    collector.onPause = () => near.resume();
    near.resume();
    await until(() => collector.length === 2);
    far.write(Buffer.from('c'));
    await until(() => collector.length === 3);
  });

  test('a stream that is not started holds its bytes back, and its addresses are known', async () => {
    const { near, far, listener } = await pair();
    far.write(Buffer.from('early'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const collector = new Collector();
    near.start(collector);
    await until(() => collector.length === 5);
    expect(near.remotePort).toBe(listener.port);
    expect(near.remoteAddress).toBe('127.0.0.1');
    expect(far.remotePort).toBe(near.localPort);
  });
});

describe('writing', () => {
  test('a peer that does not read makes write() return false; drained() follows, once', async () => {
    let peer: net.Socket | undefined;
    const port = await echoServer((socket) => {
      peer = socket.pause();
    });
    const stream = await connectTcp({ address: '127.0.0.1', port });
    cleanUps.push(() => stream.destroy());
    const collector = new Collector();
    stream.start(collector);
    let written = 0;
    const chunk = new Uint8Array(128 * 1024);
    do written += chunk.length;
    while (stream.write(chunk));
    expect(stream.pending).toBeGreaterThanOrEqual(256 * 1024);
    expect(stream.pending).toBeLessThan(512 * 1024);
    expect(collector.drains).toBe(0);
    await until(() => peer !== undefined);
    let received = 0;
    peer?.on('data', (bytes) => {
      received += bytes.length;
    });
    peer?.resume();
    await until(() => received === written && collector.drains > 0);
    expect(collector.drains).toBe(1);
    expect(stream.pending).toBe(0);
  });

  test('the end is told to the peer, whose answer still arrives', async () => {
    const { near, far } = await pair();
    const atNear = new Collector();
    const atFar = new Collector();
    near.start(atNear);
    far.start(atFar);
    near.write(Buffer.from('question'));
    near.end();
    expect(await atFar.done).toBeUndefined();
    expect(atFar.length).toBe(8);
    far.write(Buffer.from('answer'));
    far.end();
    expect(await atNear.done).toBeUndefined();
    expect(atNear.length).toBe(6);
  });
});

describe('failure', () => {
  test('a refused connection has the text that strerror has', async () => {
    const port = await echoServer(() => {});
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
    const error = await connectTcp({ address: '127.0.0.1', port }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'Connection refused' });
  });

  test('an address that is not ours cannot be bound to, which the error tells from a refused connection', async () => {
    const error = await connectTcp({ address: '127.0.0.1', port: 1, localAddress: '192.0.2.1' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', message: 'Cannot assign requested address' });
  });

  test('a reset by the peer is told to the receiver', async () => {
    const port = await echoServer((socket) => setTimeout(() => socket.resetAndDestroy(), 5));
    const stream = await connectTcp({ address: '127.0.0.1', port });
    const collector = new Collector();
    stream.start(collector);
    expect(await collector.done).toMatchObject({ code: 'ECONNRESET', message: 'Connection reset by peer' });
  });

  test('a reset right behind bytes is told after them', async () => {
    const port = await echoServer((socket) =>
      setTimeout(() => {
        // both are there when the other side looks next
        socket.write('the last words');
        socket.resetAndDestroy();
      }, 5),
    );
    const stream = await connectTcp({ address: '127.0.0.1', port });
    const collector = new Collector();
    stream.start(collector);
    expect(await collector.done).toMatchObject({ code: 'ECONNRESET' });
    expect(collector.length).toBe('the last words'.length);
  });

  test('an end in good order stays one though a reset follows', async () => {
    let over: () => void = () => {};
    const reset = new Promise<void>((resolve) => {
      over = resolve;
    });
    const port = await echoServer((socket) => {
      socket.end('the last words', () => socket.resetAndDestroy().on('close', over));
    });
    const stream = await connectTcp({ address: '127.0.0.1', port });
    const collector = new Collector();
    await reset;
    stream.start(collector);
    expect(await collector.done).toBeUndefined();
    expect(collector.length).toBe('the last words'.length);
  });

  test('an abort gives up', async () => {
    const port = await echoServer(() => {});
    const error = await connectTcp({ address: '127.0.0.1', port, signal: AbortSignal.abort() }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ECANCELED' });
  });

  test('a server that answers nothing times out', async () => {
    // A stopped process with a backlog of one accepts two connections and leaves the third without answer.
    const program = `require('net').createServer().listen({port: 0, host: '127.0.0.1', backlog: 1}, function () { console.log(this.address().port) })`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanUps.push(() => child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGSTOP');
    const port = Number(line.toString());
    const results: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const result: unknown = await connectTcp({ address: '127.0.0.1', port, timeoutMs: 100 }).catch((reason: unknown) => reason);
      results.push(result);
      if (!(result instanceof Error)) cleanUps.push(() => (result as ByteStream).destroy());
    }
    expect(results.at(-1)).toMatchObject({ code: 'ETIMEDOUT', message: 'Connection timed out' });
  });

  test('a port in use is refused with its text', async () => {
    const { listener } = await pair();
    const error = await listen({ address: '127.0.0.1', port: listener.port }, () => {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'EADDRINUSE', message: 'Address already in use' });
  });

  test('a listener that is closed refuses', async () => {
    const { listener } = await pair();
    listener.close();
    const error = await connectTcp({ address: '127.0.0.1', port: listener.port }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe.runIf(process.platform === 'linux')('the options of a socket', () => {
  const getsockopt = koffi.load(null).func('int getsockopt(int fd, int level, int name, void *value, void *length)') as (
    fd: number,
    level: number,
    name: number,
    value: Int32Array,
    length: Int32Array,
  ) => number;
  const option = (descriptor: number, level: number, name: number): boolean => {
    const value = new Int32Array(1);
    expect(getsockopt(descriptor, level, name, value, Int32Array.of(4))).toBe(0);
    return value[0] !== 0;
  };
  const noDelay = (descriptor: number): boolean => option(descriptor, 6, 1);
  const keepAlive = (descriptor: number): boolean => option(descriptor, 1, 9);

  test.each([true, false])("Nagle's delay is off on both sides; TCPKeepAlive %s", async (wanted) => {
    const far: SocketStream[] = [];
    const listener = await listen({ address: '127.0.0.1', port: 0 }, (stream) => void far.push(stream));
    const near = await connectTcp({ address: '127.0.0.1', port: listener.port, keepAlive: wanted });
    cleanUps.push(
      () => near.destroy(),
      () => far[0]?.destroy(),
      listener.close,
    );
    expect(noDelay(near.descriptor)).toBe(true);
    expect(keepAlive(near.descriptor)).toBe(wanted);
    await until(() => far.length > 0);
    expect(noDelay(far[0]?.descriptor ?? -1)).toBe(true);
  });
});
