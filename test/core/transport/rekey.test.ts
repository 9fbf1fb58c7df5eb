import { describe, expect, test } from 'vitest';
import { cipherNames, kexNames, macNames } from '../../../src/core/crypto/names.ts';
import { nullOpener, nullSealer } from '../../../src/core/crypto/packet-null.ts';
import type { Proposal } from '../../../src/core/transport/negotiate.ts';
import { RekeySchedule } from '../../../src/core/transport/rekey.ts';
import { FakeClock, Pair, type PairOptions, plain, type Role, roles } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

const DATA = 94;

/** Numbered messages that go both ways as long as it is asked for, and what has come of them. */
class Flow {
  readonly pair: Pair;
  readonly sent = { client: 0, server: 0 };
  readonly received = { client: 0, server: 0 };

  constructor(pair: Pair) {
    this.pair = pair;
    for (const role of roles) {
      pair[role].onMessage = (payload) => {
        const view = new DataView(payload.buffer, payload.byteOffset);
        expect(payload[0]).toBe(DATA);
        expect(view.getUint32(1)).toBe(this.received[role]++);
        // the bytes are what they were, whatever the buffers went through
        const value = view.getUint32(1) & 0xff;
        expect(payload.subarray(5).every((byte) => byte === value)).toBe(true);
        return undefined;
      };
    }
  }

  send(from: Role, bytes = 1 + ((this.sent[from] * 7919) % 5000)): void {
    const head = new Uint8Array(5);
    head[0] = DATA;
    const number = this.sent[from]++;
    new DataView(head.buffer).setUint32(1, number);
    this.pair[from].transport.sendData(head, new Uint8Array(bytes).fill(number & 0xff));
  }

  /** Sends from both ends until so many exchanges are done at both. */
  async until(exchanges: number): Promise<void> {
    await this.pair.until(() => {
      const done = roles.every((role) => this.pair[role].of('new-keys').length >= 2 * exchanges);
      if (!done) for (const role of roles) this.send(role);
      return done;
    });
  }

  /** Demands that all has come, in order, and that nobody has ended. */
  async complete(): Promise<void> {
    await this.pair.until(() => this.received.client === this.sent.server && this.received.server === this.sent.client);
    expect(this.pair.client.ended || this.pair.server.ended).toBe(false);
    expect(this.sent.client).toBeGreaterThan(0);
  }
}

async function flow(options: PairOptions): Promise<Flow> {
  const pair = new Pair(options);
  await pair.authenticate();
  return new Flow(pair);
}

describe('new keys in mid-transfer', () => {
  const cases: [string, Partial<Proposal>][] = [
    ...kexNames.map((name): [string, Partial<Proposal>] => [name, { kex: [name] }]),
    ...cipherNames.map((name): [string, Partial<Proposal>] => [name, { ciphers: [name] }]),
    ...macNames.map((name): [string, Partial<Proposal>] => [name, { macs: [name] }]),
    ['zlib@openssh.com', { compression: ['zlib@openssh.com'] }],
  ];
  test.each(cases)('%s: begun by the client, by the server, by both', async (_, proposal) => {
    const stream = await flow({ both: { proposal }, cut: 'random' });
    const { client, server } = stream.pair;
    client.transport.rekey();
    await stream.until(2);
    server.transport.rekey();
    await stream.until(3);
    client.transport.rekey();
    server.transport.rekey();
    await stream.until(4);
    await stream.complete();
    expect(client.of('new-keys').map(({ rekey }) => rekey)).toEqual([false, false, ...Array.from({ length: 6 }, () => true)]);
  });

  test('other algorithms than before, and compression that ends and begins', async () => {
    const lists = {
      kex: plain.kex,
      ciphers: [...plain.ciphers, 'chacha20-poly1305@openssh.com'],
      compression: ['none', 'zlib@openssh.com'],
    };
    const stream = await flow({ both: { proposal: lists } });
    for (let exchange = 2; exchange < 6; exchange++) {
      lists.ciphers.reverse();
      lists.compression.reverse();
      stream.pair.client.transport.rekey();
      await stream.until(exchange);
      expect(stream.pair.server.transport.agreed?.clientToServer.compression).toBe(lists.compression[0]);
    }
    await stream.complete();
  });

  test.each([
    ['16 bytes at the client', { client: { rekeyLimit: { bytes: 16, seconds: 0 } } }],
    ['16 bytes at the server', { server: { rekeyLimit: { bytes: 16, seconds: 0 } } }],
    ['16 bytes at both', { both: { rekeyLimit: { bytes: 16, seconds: 0 } } }],
    ['1 byte at both, compressed', { both: { rekeyLimit: { bytes: 1, seconds: 0 }, proposal: { compression: ['zlib@openssh.com'] } } }],
  ])('a tiny limit still lets messages through: %s', async (_, options) => {
    const stream = await flow(options);
    for (let i = 0; i < 10; i++) for (const role of roles) stream.send(role);
    await stream.complete();
    // one message at a time, sent when no exchange is under way, needs an exchange each and gets it
    for (let i = 0; i < 5; i++) {
      const before = stream.pair.client.of('new-keys').length;
      stream.send('client');
      await stream.pair.until(() => roles.every((role) => stream.pair[role].of('new-keys').length >= before + 2));
      await stream.complete();
    }
  });

  test('by bytes: after RekeyLimit and not before', async () => {
    const stream = await flow({ client: { rekeyLimit: { bytes: 1024 * 1024, seconds: 0 } } });
    for (let i = 0; i < 31; i++) stream.send('client', 32 * 1024);
    await stream.complete();
    expect(stream.pair.client.of('kexinit').length).toBe(2);
    stream.send('client', 64 * 1024);
    stream.send('client', 10);
    await stream.until(2);
    await stream.complete();
  });

  test('by bytes that are received', async () => {
    const stream = await flow({ client: { rekeyLimit: { bytes: 256 * 1024, seconds: 0 } } });
    stream.send('client');
    for (let i = 0; i < 9; i++) stream.send('server', 32 * 1024);
    await stream.pair.until(() => stream.pair.client.of('new-keys').length === 4);
    await stream.complete();
    expect(stream.pair.client.of('kexinit').filter(({ rekey }) => rekey)[0]?.by).toBe('own');
  });

  test('by time, on a connection that is idle too', async () => {
    const stream = await flow({ client: { rekeyLimit: { bytes: 0, seconds: 60 } } });
    const { pair } = stream;
    for (let exchanges = 2; exchanges < 5; exchanges++) {
      pair.clock.pass(59_999);
      pair.step();
      expect(pair.client.of('kexinit').filter(({ by }) => by === 'own').length).toBe(exchanges - 1);
      pair.clock.pass(1);
      await pair.until(() => pair.client.of('new-keys').length === 2 * exchanges && pair.server.of('new-keys').length === 2 * exchanges);
    }
    stream.send('client');
    await stream.complete();
  });

  test('not before authentication; time that was up by then counts after it', async () => {
    const pair = new Pair({ both: { rekeyLimit: { bytes: 16, seconds: 60 } } });
    await pair.connect();
    pair.clock.pass(61_000);
    for (let i = 0; i < 20; i++) pair.client.transport.send(Uint8Array.of(50, ...new Uint8Array(100)));
    await pair.until(() => pair.server.messages.length === 20);
    expect(pair.client.of('new-keys').length).toBe(2);
    const late = new Pair({ both: { rekeyLimit: { bytes: 0, seconds: 60 } } });
    await late.connect();
    late.clock.pass(61_000);
    late.server.transport.send(Uint8Array.of(52));
    await late.until(() => late.client.of('new-keys').length === 4);
  });

  test('by packets and by blocks', () => {
    const schedule = new RekeySchedule({ bytes: 0, seconds: 0 }, new FakeClock(), () => undefined);
    const none = { packets: 0, bytes: 0, blocks: 0 };
    expect(schedule.sealed(nullSealer)).toBe(2 ** 27);
    schedule.opened(nullOpener);
    expect(schedule.exceeded({ ...none, packets: 2 ** 31 }, { ...none, packets: 2 ** 31 })).toBe(false);
    expect(schedule.exceeded({ ...none, packets: 2 ** 31 + 1 }, none)).toBe(true);
    expect(schedule.exceeded(none, { ...none, packets: 2 ** 31 + 1 })).toBe(true);
    expect(schedule.exceeded({ ...none, blocks: 2 ** 27 }, { ...none, blocks: 2 ** 27 })).toBe(false);
    expect(schedule.exceeded({ ...none, blocks: 2 ** 27 + 1 }, none)).toBe(true);
    expect(schedule.exceeded(none, { ...none, blocks: 2 ** 27 + 1 })).toBe(true);
  });
});

describe('what waits for new keys', () => {
  test.each(roles)('is bounded in bytes where the peer does not answer our KEXINIT (%s)', async (role) => {
    const peer = new RawPeer(role);
    await peer.connect();
    peer.end.transport.rekey();
    const data = new Uint8Array(32 * 1024);
    let count = 0;
    while (!peer.end.ended && count < 10_000) {
      peer.end.transport.sendData(Uint8Array.of(DATA), data);
      count++;
    }
    expect(count).toBeLessThanOrEqual(512);
    expect(count).toBeGreaterThan(500);
    expect(peer.end.code).toBe('SSH_ERR_NO_BUFFER_SPACE');
  });

  test('is bounded in number: tiny answers count with what they cost', async () => {
    const peer = new RawPeer('server');
    await peer.connect();
    peer.end.transport.rekey();
    let count = 0;
    for (; !peer.end.ended && count < 1_000_000; count++) peer.end.transport.send(Uint8Array.of(99, 0, 0, 0, 0));
    expect(count).toBeLessThan(200_000);
    expect(peer.end.code).toBe('SSH_ERR_NO_BUFFER_SPACE');
  });

  test('says when more may be written', async () => {
    const pair = new Pair();
    await pair.authenticate();
    let drained = 0;
    pair.client.onDrained = () => drained++;
    pair.client.transport.rekey();
    expect(pair.client.transport.writable).toBe(false);
    await pair.until(() => pair.client.of('new-keys').length === 4);
    expect(pair.client.transport.writable).toBe(true);
    expect(drained).toBe(1);
  });
});
