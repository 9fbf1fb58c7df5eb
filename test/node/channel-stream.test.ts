import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Connection } from '../../src/core/connection/connection.ts';
import { acceptForwards, openDirectTcpip } from '../../src/core/connection/forwarding.ts';
import { joinStream } from '../../src/node/channel-stream.ts';
import { type Listener, listen } from '../../src/node/listen.ts';
import { connectTcp, SocketStream } from '../../src/node/socket.ts';
import { LinkPair } from '../core/connection/link-pair.ts';

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A tunnel as -L makes it: what connects to `port` comes out at `serve`, through two connections whose messages go to and fro. */
async function tunnel(serve: (socket: Socket) => void): Promise<{ port: number; client: Connection; server: Connection }> {
  const target = createServer({ allowHalfOpen: true }, serve);
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as { port: number };
  const accept = acceptForwards({
    permits: () => true,
    connect: (to, open) => {
      if (to.kind !== 'tcp') return;
      void connectTcp({ address: '127.0.0.1', port: to.end.port }).then((stream) => open.accept(joinStream(stream)));
    },
  });
  const pair = new LinkPair({}, { accept });
  const listener: Listener = await listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    void openDirectTcpip(pair.client, { host: '', port }, { host: '', port: 0 }, joinStream(stream));
  });
  let running = true;
  const deliver = (): void => {
    while (pair.step('client') || pair.step('server'));
    if (running) setImmediate(deliver);
  };
  deliver();
  closing.push(() => {
    running = false;
    listener.close();
    target.close();
  });
  return { port: listener.port, client: pair.client, server: pair.server };
}

const until = async (met: () => boolean): Promise<void> => {
  while (!met()) await new Promise((resolve) => setImmediate(resolve));
};

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function collect(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve) => socket.on('end', () => resolve(Buffer.concat(parts))));
}

test('8 MiB come back whole, each end of data is passed on, and then both channels are gone', async () => {
  const { port, client, server } = await tunnel((socket) => socket.pipe(socket));
  const bytes = randomBytes(8 * 1024 * 1024);
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const back = collect(socket);
  socket.end(bytes);
  expect(digest(await back)).toBe(digest(bytes));
  await until(() => client.channels.length === 0 && server.channels.length === 0);
});

test('a server that speaks first, and at length, is heard whole', async () => {
  const bytes = randomBytes(6 * 1024 * 1024);
  const { port, client } = await tunnel((socket) => socket.end(bytes));
  const socket = connect(port, '127.0.0.1');
  expect(digest(await collect(socket))).toBe(digest(bytes));
  await until(() => client.channels.length === 0);
});

test('a reader that stops holds up its own tunnel, within bounds', async () => {
  let sent = 0;
  const { port } = await tunnel((socket) => {
    const more = (): void => {
      while (sent < 64 * 1024 * 1024 && socket.write(Buffer.alloc(64 * 1024), () => (sent += 64 * 1024)));
    };
    socket.on('drain', more);
    socket.on('error', () => undefined);
    more();
  });
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  await until(() => sent > 2 * 1024 * 1024);
  const other = connect(port, '127.0.0.1');
  await new Promise((resolve) => other.once('data', resolve));
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  socket.destroy();
  other.destroy();
});

test('what passes, or is dropped, passes through the same memory', async () => {
  const write = vi.spyOn(SocketStream.prototype, 'write');
  const { port, client } = await tunnel((socket) => {
    socket.on('error', () => undefined);
    socket.end(Buffer.alloc(6 * 1024 * 1024));
  });
  for (let i = 0; i < 9; i++) {
    const socket = connect(port, '127.0.0.1');
    if (i % 2 === 0) await collect(socket);
    else await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await until(() => client.channels.length === 0);
  }
  const memory = new Set(write.mock.calls.map(([bytes]) => bytes.buffer));
  expect([...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(16 * 1024 * 1024);
  write.mockRestore();
});

test('an end that breaks ends the other', async () => {
  let far: Socket | undefined;
  const { port, client } = await tunnel((socket) => {
    far = socket;
    socket.on('error', () => undefined);
  });
  const socket = connect(port, '127.0.0.1');
  await until(() => far !== undefined);
  const closed = new Promise((resolve) => far?.on('close', resolve));
  socket.resetAndDestroy();
  far?.resume();
  far?.end();
  await closed;
  await until(() => client.channels.length === 0);
});
