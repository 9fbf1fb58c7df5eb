import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { BusyReader, type BusyReceiver } from '../../src/node/busy-read.ts';
import { busySocket, plainSocket } from '../../src/node/busy-socket.ts';
import { libc } from '../../src/node/native/libc.ts';
import { connectTcp, type SocketStream } from '../../src/node/socket.ts';

/** So much makes a socket be tried. */
const much = 1024 * 1024;

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A connection of which libuv reads nothing, and its far end. */
async function unread(): Promise<{ near: SocketStream; far: net.Socket }> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const near = await connectTcp({
    address: '127.0.0.1',
    port: (server.address() as net.AddressInfo).port,
  });
  const [far] = await accepted;
  far.on('error', () => {});
  cleanUps.push(
    () => near.destroy(),
    () => far.destroy(),
  );
  return { near, far };
}

/** 1 where native calls are off and nobody can have changed it. */
function lowWater(descriptor: number): number {
  const value = new Int32Array([1]);
  const length = new Int32Array([4]);
  libc('getsockopt')?.(descriptor, 1, 18, new Uint8Array(value.buffer), new Uint8Array(length.buffer));
  return value[0] as number;
}

/** For poll(2): what there is to read of it. */
function readable(descriptor: number): Uint8Array {
  const pollfd = new DataView(new ArrayBuffer(8));
  pollfd.setInt32(0, descriptor, true);
  pollfd.setUint8(4, 1);
  return new Uint8Array(pollfd.buffer);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const ways: readonly (readonly [string, typeof busySocket])[] = [
  ['as it is done where native calls are on', busySocket],
  ['without native calls', plainSocket],
];

describe.each(ways)('reading past libuv %s', (_, open) => {
  const data = randomBytes(3 * much);

  test('every byte arrives once and in order, and libuv is woken by a single byte again', async () => {
    const { near, far } = await unread();
    far.end(data);
    const received: Buffer[] = [];
    const space = new Uint8Array(100_000);
    const reader = new BusyReader(near.descriptor, open);
    const receiver: BusyReceiver = {
      space: () => space,
      filled: (length) => received.push(Buffer.from(space.subarray(0, length))) > 0,
    };
    for (let got = 0; got < data.length; ) {
      expect(reader.after(much, receiver)).toBe(true);
      expect(lowWater(near.descriptor)).toBe(1);
      got = received.reduce((sum, { length }) => sum + length, 0);
      await turn();
    }
    expect(Buffer.concat(received).equals(data)).toBe(true);
  });

  test('nothing is read before much came, and not again at once after a lull', async () => {
    const { near, far } = await unread();
    far.write(data.subarray(0, 1000));
    let got = 0;
    const reader = new BusyReader(near.descriptor, open);
    const receiver: BusyReceiver = {
      space: () => new Uint8Array(4096),
      filled: (length) => (got += length) > 0,
    };
    expect(reader.after(much - 1, receiver)).toBe(true);
    expect(got).toBe(0);
    while (got === 0) {
      await turn();
      reader.after(much, receiver);
    }
    expect(got).toBe(1000);
    far.write(data.subarray(0, 500));
    await turn();
    reader.after(much - 1, receiver);
    expect(got).toBe(1000);
  });

  test('a sender reads on where what came let much be sent, and all of it was taken, as long as that goes on', async () => {
    const { near, far } = await unread();
    const reader = new BusyReader(near.descriptor, open);
    const fillings: number[] = [];
    const answers = [64 * 1024, 64 * 1024, 100];
    const receiver: BusyReceiver = {
      space: () => new Uint8Array(300),
      filled: (length) => {
        const answer = answers[fillings.push(length) - 1] ?? 0;
        reader.wrote(answer, answer);
        return true;
      },
    };
    // without native calls the loop below tries until it has
    const come = async (): Promise<void> => {
      do await turn();
      while ((libc('poll')?.(readable(near.descriptor), 1, 100) ?? 1) !== 1);
    };
    far.write(data.subarray(0, 1500));
    await come();
    for (const [taken, length] of [
      [64 * 1024 - 1, 64 * 1024 - 1],
      [64 * 1024, 64 * 1024 + 1],
    ] as const) {
      reader.before();
      reader.wrote(taken, length);
      expect(reader.after(36, receiver)).toBe(true);
    }
    expect(fillings).toEqual([]);
    // a turn may be over before its time, where the machine has other things to do
    while (fillings.length < 3) {
      fillings.length = 0;
      far.write(data.subarray(0, 1500));
      await come();
      reader.before();
      reader.wrote(64 * 1024, 64 * 1024);
      expect(reader.after(36, receiver)).toBe(true);
    }
    expect(fillings).toEqual([300, 300, 300]);
    expect(lowWater(near.descriptor)).toBe(1);
  });

  test('a receiver that wants no more stops it', async () => {
    const { near, far } = await unread();
    far.write(data);
    let fillings = 0;
    const reader = new BusyReader(near.descriptor, open);
    const receiver: BusyReceiver = {
      space: () => new Uint8Array(40_000),
      filled: () => ++fillings < 2,
    };
    while (reader.after(much, receiver)) await turn();
    expect(fillings).toBe(2);
    expect(lowWater(near.descriptor)).toBe(1);
  });

  test('a broken connection is told', async () => {
    const { near, far } = await unread();
    far.resetAndDestroy();
    const reader = new BusyReader(near.descriptor, open);
    const receiver: BusyReceiver = {
      space: () => new Uint8Array(10),
      filled: () => true,
    };
    const read = async (): Promise<void> => {
      for (;;) {
        reader.after(much, receiver);
        await turn();
      }
    };
    await expect(read()).rejects.toMatchObject({
      code: 'ECONNRESET',
      message: 'Connection reset by peer',
    });
  });
});
