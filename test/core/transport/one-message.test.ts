import { describe, expect, test } from 'vitest';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { extInfo } from '../../../src/core/wire/transport-messages.ts';
import { FakeClock, Pair, turn } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

const numbered = (from: number, to: number): Uint8Array[] => Array.from({ length: to - from }, (_, i) => Uint8Array.of(80, from + i));

/** A connected peer of a server whose handler takes until it is told, for each message. */
async function slow(): Promise<{ peer: RawPeer; settle: (error?: Error) => Promise<void> }> {
  const peer = new RawPeer('server');
  await peer.connect();
  peer.end.resumed = 0;
  const waiting: ((error?: Error) => void)[] = [];
  peer.end.onMessage = () =>
    new Promise<void>((resolve, reject) => {
      waiting.push((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  return {
    peer,
    settle: async (error) => {
      waiting.shift()?.(error);
      await turn();
    },
  };
}

test('data that came before a fault is whole when the handler has caught up, before it hears of the end', async () => {
  const peer = new RawPeer('client');
  await peer.connect();
  const told: string[] = [];
  const views: Uint8Array[] = [];
  peer.end.transport.handler = {
    message: (payload) => void views.push(payload),
    caughtUp: () => void told.push(...views.splice(0).map((view) => Buffer.from(view).toString())),
    drained: () => undefined,
    closed: (error) => void told.push(error instanceof SshError ? error.code : 'closed'),
  };
  peer.keep();
  for (const text of ['^first', '^second']) peer.send(utf8Bytes(text));
  const bytes = peer.kept();
  peer.end.transport.receive(Buffer.concat([bytes, new Uint8Array(100)]));
  expect(told).toEqual(['^first', '^second', 'SSH_ERR_MAC_INVALID']);
});

describe('one message at a time', () => {
  test.each(['whole', 'bytes'])('KEX_REPLY, NEWKEYS, EXT_INFO and more come (%s) while the host key is asked about', async (cut) => {
    const clock = new FakeClock();
    let asked = 0;
    const verifyHostKey = () => {
      asked++;
      return new Promise<void>((resolve) => clock.after(1000, resolve));
    };
    const peer = new RawPeer('client', { verifyHostKey });
    await peer.idents();
    peer.kexInit();
    peer.keep();
    let going = true;
    const exchange = peer.exchange(undefined, () => {
      peer.send(extInfo.encode({ extensions: [{ name: 'server-sig-algs', value: utf8Bytes('here') }] }));
      for (const payload of numbered(0, 3)) peer.send(payload);
      const bytes = peer.kept();
      for (const part of cut === 'whole' ? [bytes] : Array.from(bytes, (byte) => Uint8Array.of(byte)))
        going = peer.end.transport.receive(part);
    });
    while (asked === 0) await turn();
    peer.end.resumed = 0;
    for (let i = 0; i < 50; i++) await turn();
    expect(going).toBe(false);
    expect([asked, peer.end.started, peer.end.messages.length, peer.end.resumed]).toEqual([1, 'no', 0, 0]);
    clock.pass(1000);
    await exchange;
    await turn();
    expect(peer.end.started).toBe('yes');
    expect(peer.end.messages).toEqual(numbered(0, 3));
    expect(peer.end.transport.peerExtension('server-sig-algs')).toEqual(utf8Bytes('here'));
    expect(peer.end.resumed).toBe(1);
  });

  test('waits for the one before it, in order, and reading stops and goes on', async () => {
    const { peer, settle } = await slow();
    peer.keep();
    for (const payload of numbered(0, 5)) peer.send(payload);
    expect(peer.end.transport.receive(peer.kept())).toBe(false);
    for (let done = 1; done <= 5; done++) {
      expect(peer.end.messages).toEqual(numbered(0, done));
      expect(peer.end.resumed).toBe(0);
      await settle();
    }
    expect(peer.end.resumed).toBe(1);
    peer.end.onMessage = () => undefined;
    peer.keep();
    peer.send(Uint8Array.of(80, 5));
    expect(peer.end.transport.receive(peer.kept())).toBe(true);
    expect(peer.end.messages).toEqual(numbered(0, 6));
  });

  test('its payload stays what it is while others arrive', async () => {
    const { peer, settle } = await slow();
    let seen: Uint8Array = new Uint8Array(0);
    const { onMessage } = peer.end;
    peer.end.onMessage = (payload) => {
      seen = payload;
      return onMessage(payload);
    };
    peer.send(Uint8Array.of(80, 1, 2, 3));
    for (let i = 0; i < 40; i++) peer.send(new Uint8Array(20_000).fill(80));
    expect(seen).toEqual(Uint8Array.of(80, 1, 2, 3));
    await settle();
    expect(seen.length).toBe(20_000);
  });

  test('whoever reads on regardless ends the connection once a MiB waits', async () => {
    const { peer } = await slow();
    peer.send(Uint8Array.of(80));
    let bytes = 0;
    for (; !peer.end.ended && bytes < 4_000_000; bytes += 30_000) peer.end.transport.receive(new Uint8Array(30_000));
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(1_200_000);
    expect(peer.end.code).toBe('SSH_ERR_NO_BUFFER_SPACE');
    const other = await slow();
    other.peer.send(Uint8Array.of(80));
    other.peer.end.transport.receive(new Uint8Array(3_000_000));
    expect(other.peer.end.code).toBe('SSH_ERR_NO_BUFFER_SPACE');
  });

  test('what came before the peer went is handled before the end is told', async () => {
    const { peer, settle } = await slow();
    for (const payload of numbered(0, 3)) peer.send(payload);
    peer.end.transport.ended();
    for (let done = 1; done <= 3; done++) {
      expect([peer.end.messages.length, peer.end.endings]).toEqual([done, 0]);
      await settle();
    }
    expect([peer.end.code, peer.end.endings]).toEqual(['SSH_ERR_CONN_CLOSED', 1]);
  });

  test('a handler that fails, now or later, ends the connection', async () => {
    const error = new SshError('SSH_ERR_INVALID_FORMAT', 'nonsense');
    const { peer, settle } = await slow();
    for (const payload of numbered(0, 3)) peer.send(payload);
    await settle(error);
    expect([peer.end.error, peer.end.messages.length, peer.end.endings]).toEqual([error, 1, 1]);
    const now = new RawPeer('client');
    await now.connect();
    now.end.onMessage = () => {
      throw error;
    };
    now.send(Uint8Array.of(80));
    expect([now.end.error, now.end.endings]).toEqual([error, 1]);
  });

  test('nothing comes after the end, whatever settles then', async () => {
    const { peer, settle } = await slow();
    for (const payload of numbered(0, 3)) peer.send(payload);
    peer.end.transport.disconnect(11, 'enough');
    peer.end.take();
    await settle();
    peer.end.transport.send(Uint8Array.of(80));
    peer.end.transport.flush();
    expect([peer.end.messages.length, peer.end.endings, peer.end.error, peer.end.outbox.length]).toEqual([1, 1, undefined, 0]);
    expect(peer.end.transport.receive(Uint8Array.of(1))).toBe(false);
  });

  test('cut in whatever way, two transports understand each other', async () => {
    for (const cut of ['whole', 'bytes', 'random'] as const) {
      const pair = new Pair({ cut });
      await pair.authenticate();
      for (const payload of numbered(0, 100)) pair.client.transport.send(payload);
      await pair.until(() => pair.server.messages.length === 100);
      expect(pair.server.messages).toEqual(numbered(0, 100));
    }
  });
});
