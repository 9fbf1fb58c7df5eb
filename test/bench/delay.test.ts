import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type PortProcess, startPortProcess } from './port-process.ts';

const longPath = fileURLToPath(new URL('delay.py', import.meta.url));

let server: Server;
let proxy: PortProcess;

afterEach(async () => {
  await proxy.stop();
  server.close();
});

test('much is the same at the other end of the path, each way and after half a close, for each of two connections', async () => {
  const own = randomBytes(8 * 1024 * 1024);
  // it answers when all is there: only what a half-closed path still carries
  await start(2, (socket) => void all(socket).then((bytes) => socket.end(bytes)));
  const answers = [own, own.subarray(1)].map((bytes) => all(open().end(bytes)));
  const [first, second] = await Promise.all(answers);
  expect(first?.equals(own)).toBe(true);
  expect(second?.equals(own.subarray(1))).toBe(true);
});

test('an answer comes no sooner than a round trip takes', async () => {
  const roundTripMs = 100;
  await start(roundTripMs, (socket) => socket.pipe(socket));
  const client = open();
  const begun = performance.now();
  client.end('x');
  expect((await all(client)).toString()).toBe('x');
  expect(performance.now() - begun).toBeGreaterThanOrEqual(roundTripMs);
});

test('what the other end does not read waits in the path, and keeps nobody from sending', async () => {
  let accept: (socket: Socket) => void;
  const accepted = new Promise<Socket>((resolve) => (accept = resolve));
  await start(2, (socket) => accept(socket.pause()));
  const much = randomBytes(64 * 1024 * 1024);
  const client = open();
  await new Promise((resolve) => client.write(much, resolve));
  const socket = await accepted;
  client.end();
  socket.end();
  expect((await all(socket)).equals(much)).toBe(true);
});

test('a path to nobody ends, and the next connection has one', async () => {
  await start(2, (socket) => socket.end('here'));
  const { port } = server.address() as AddressInfo;
  server.close();
  expect(await all(open())).toHaveLength(0);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect((await all(open())).toString()).toBe('here');
});

async function start(roundTripMs: number, serve: (socket: Socket) => void): Promise<void> {
  server = createServer({ allowHalfOpen: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  proxy = await startPortProcess('/usr/bin/python3', [longPath, String(port), String(roundTripMs)]);
}

function open(): Socket {
  return connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
}

/** What a socket brings until the other end says that there is no more; it may still be written to then. */
async function all(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.resume();
  await once(socket, 'end');
  return Buffer.concat(pieces);
}
