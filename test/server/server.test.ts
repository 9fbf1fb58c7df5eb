import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Served, serve } from './serve.ts';

let served: Served | undefined;
const open: Socket[] = [];

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await served?.stop();
  served = undefined;
});

/** A client that connects, sends what it is given and says nothing else; `text` settles with all it was sent. */
function client(port: number, bytes: string | Uint8Array = ''): { socket: Socket; text: Promise<string> } {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(bytes);
  return { socket, text: new Promise((resolve) => socket.on('close', () => resolve(got))) };
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a server', () => {
  test('turns away more clients than may be there without having logged in, and takes others when those are gone', async () => {
    served = await serve({}, { mostStartups: 2 });
    const { port, server } = served;
    const first = client(port);
    client(port);
    await until(() => server.clients === 2);
    expect(await client(port).text).toBe('Exceeded MaxStartups\r\n');
    first.socket.destroy();
    await until(() => server.clients === 1);
    client(port);
    await until(() => server.clients === 2);
  });

  test('gives up on a client that does not log in in time', async () => {
    served = await serve({ loginGraceMs: 50 });
    expect(await client(served.port).text).toBe('SSH-2.0-tsh_0.1.0\r\n');
    expect(await client(served.port, 'SSH-2.0-silent\r\n').text).toMatch(/^SSH-2\.0-tsh_0\.1\.0\r\n/);
    await until(() => served?.server.clients === 0);
  });

  test.each([
    ['garbage', 'GET / HTTP/1.0\r\n\r\n'],
    ['an endless line', 'x'.repeat(100_000)],
    ['an absurd packet', Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64, 0xff)])],
    [
      'a request before the key exchange',
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from('0000000c0a500000000000000000000000', 'hex')]),
    ],
    ['nothing', 'SSH-2.0-x\r\n'],
  ])('survives %s', async (_, bytes) => {
    served = await serve({ loginGraceMs: 300 });
    await client(served.port, bytes).text;
    await until(() => served?.server.clients === 0);
    const { server } = served;
    client(served.port);
    await until(() => server.clients === 1);
  });

  test('ends its clients when it is closed', async () => {
    served = await serve();
    const { server } = served;
    const one = client(served.port);
    await until(() => server.clients === 1);
    await server.close();
    await one.text;
    expect(server.clients).toBe(0);
  });
});
