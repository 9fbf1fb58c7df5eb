import { describe, expect, test } from 'vitest';
import type { Channel, ChannelHandler } from '../../../src/core/connection/channel.ts';
import type { ConnectionOptions } from '../../../src/core/connection/connection.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import * as messages from '../../../src/core/wire/connection-messages.ts';
import { alone, type FakeLink, LinkPair } from './link-pair.ts';

const empty = new Uint8Array(0);
const to = { recipientChannel: 0 };
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A channel whose peer is the test: it has a window of 1000 and packets of 100 unless said otherwise. */
function peered(
  handler: ChannelHandler = {},
  given: { window?: number; packet?: number; options?: ConnectionOptions; ident?: string } = {},
): { link: FakeLink; channel: Channel } {
  let channel: Channel | undefined;
  const options = {
    accept: { session: (open: { accept(h: ChannelHandler): Channel }) => (channel = open.accept(handler)) },
    ...given.options,
  };
  const { link } = alone(options, given.ident);
  link.receive(
    messages.channelOpen.encode({
      channelType: 'session',
      senderChannel: 3,
      initialWindowSize: given.window ?? 1000,
      maximumPacketSize: given.packet ?? 100,
      body: empty,
    }),
  );
  link.sent.length = 0;
  link.outbox.length = 0;
  return { link, channel: channel as unknown as Channel };
}

function data(length: number, fill = 7): Uint8Array {
  return messages.channelData.encode({ ...to, data: new Uint8Array(length).fill(fill) });
}

function detail(link: FakeLink): string | undefined {
  expect(link.error).toBeInstanceOf(SshError);
  return (link.error as SshError).detail;
}

const numbersSent = (link: FakeLink): number[] => link.sent.map((payload) => payload[0] as number);

/** Two channels, one on each side of a pair. */
async function joined(
  clientHandler: ChannelHandler,
  serverHandler: ChannelHandler,
  ident?: string,
): Promise<{ pair: LinkPair; client: Channel; server: Channel }> {
  let server: Channel | undefined;
  const pair = new LinkPair({}, { accept: { session: (open) => (server = open.accept(serverHandler)) } }, ident);
  const opened = pair.client.open('session', {}, clientHandler);
  await pair.run();
  return { pair, client: await opened, server: server as unknown as Channel };
}

describe('sending', () => {
  test('data is cut to the peer`s packets and window, with the head written by hand', () => {
    const { link, channel } = peered({}, { window: 250 });
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => i));
    expect(channel.write(bytes)).toBe(false);
    const decoded = link.sent.map((payload) => messages.channelData.decode(payload));
    expect(decoded.map(({ recipientChannel }) => recipientChannel)).toEqual([3, 3, 3]);
    expect(decoded.map(({ data: part }) => part.length)).toEqual([100, 100, 50]);
    expect(Buffer.concat(decoded.map(({ data: part }) => part))).toEqual(Buffer.from(bytes.subarray(0, 250)));
    // what waits was copied: the caller may write over its bytes
    bytes.fill(0xee);
    link.receive(messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 1000 }));
    expect([...messages.channelData.decode(link.sent[3] as Uint8Array).data]).toEqual(
      Array.from({ length: 50 }, (_, i) => (250 + i) & 255),
    );
  });

  test('what somebody waits for goes out in the same turn, and the link is let go even where it may not be written', () => {
    const { link, channel } = peered();
    let flushed = 0;
    link.flush = () => {
      expect(link.corked).toBe(true);
      link.corked = false;
      flushed += link.sent.length;
    };
    expect(channel.writeNow(Uint8Array.of(1))).toBe(true);
    expect([flushed, link.corked]).toEqual([1, false]);
    channel.eof();
    expect(() => channel.writeNow(Uint8Array.of(1))).toThrow(SshError);
    expect(link.corked).toBe(false);
  });

  test('stderr goes apart, as extended data of type 1', () => {
    const { link, channel } = peered();
    channel.write(Uint8Array.of(1, 2, 3), 1);
    expect(messages.channelExtendedData.decode(link.sent[0] as Uint8Array)).toEqual({
      recipientChannel: 3,
      dataType: 1,
      data: Uint8Array.of(1, 2, 3),
    });
  });

  test('a full window stops the writer, and more than one write of each stream is not kept', () => {
    let drained = 0;
    const { link, channel } = peered({ onDrain: () => drained++ }, { window: 10 });
    expect(channel.write(new Uint8Array(9))).toBe(true);
    expect(channel.write(new Uint8Array(1))).toBe(false);
    expect(channel.write(new Uint8Array(5))).toBe(false);
    expect(() => channel.write(new Uint8Array(1))).toThrow(SshError);
    expect(channel.write(new Uint8Array(5), 1)).toBe(false);
    expect(() => channel.write(new Uint8Array(1), 1)).toThrow(SshError);
    expect(drained).toBe(0);
    link.receive(messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 10 }));
    expect(drained).toBe(0);
    link.receive(messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 1 }));
    expect(drained).toBe(1);
    expect(numbersSent(link)).toEqual([94, 94, 94, 95]);
    expect(channel.room).toBe(1);
  });

  test('all the room that one read brings is told of at once, and of no more than was said', () => {
    const rooms: number[] = [];
    const { link, channel } = peered({ onDrain: () => rooms.push(channel.room) }, { window: 10 });
    expect(channel.write(new Uint8Array(30))).toBe(false);
    const adjust = (bytesToAdd: number): Uint8Array => messages.channelWindowAdjust.encode({ ...to, bytesToAdd });
    link.receiveAll([adjust(5), adjust(6), adjust(100)]);
    expect(rooms).toEqual([91]);
    expect(numbersSent(link)).toEqual([94, 94]);
  });

  test.each([
    ['short', [0, 0, 0, 0, 0, 0, 0], 'SSH_ERR_MESSAGE_INCOMPLETE'],
    ['long', [0, 0, 0, 0, 0, 0, 0, 1, 0], 'SSH_ERR_UNEXPECTED_TRAILING_DATA'],
  ] as const)('a window adjust that is too %s ends the connection', (_, rest, code) => {
    const { link } = peered({});
    link.receive(Uint8Array.of(93, ...rest));
    expect(link.error).toMatchObject({ code });
  });

  test('a full link stops the writer until it is drained', () => {
    let drained = 0;
    const { link, channel } = peered({ onDrain: () => drained++ });
    link.capacity = 2;
    expect(channel.write(new Uint8Array(350))).toBe(false);
    expect(numbersSent(link)).toEqual([94, 94]);
    link.outbox.length = 0;
    link.handler.drained();
    expect(numbersSent(link)).toEqual([94, 94, 94, 94]);
    expect(drained).toBe(0);
    link.outbox.length = 0;
    link.handler.drained();
    expect(drained).toBe(1);
  });

  test('a window of 0 at the beginning is a peer that takes nothing yet', () => {
    const { link, channel } = peered({}, { window: 0 });
    expect(channel.write(Uint8Array.of(1))).toBe(false);
    expect(link.sent).toHaveLength(0);
    link.receive(messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 1 }));
    expect(numbersSent(link)).toEqual([94]);
  });

  test('a window that passes 2^32-1 ends the connection', () => {
    const { link } = peered();
    link.receive(messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 0xffffffff }));
    expect(detail(link)).toContain('overflows a window of 1000');
  });

  test('one channel that waits for its window does not hold up another', async () => {
    const channels: Channel[] = [];
    const got: number[] = [];
    const pair = new LinkPair(
      {},
      {
        accept: {
          session: (open) => {
            const number = channels.length;
            // the first reader never consumes anything
            const channel: Channel = open.accept({
              onData: (bytes) => {
                got[number] = (got[number] ?? 0) + bytes.length;
                if (number === 1) channel.consumed(bytes.length);
              },
            });
            channels.push(channel);
          },
        },
      },
    );
    const opening = [pair.client.open('session', {}, {}), pair.client.open('session', {}, {})];
    await pair.run();
    const [stuck, free] = (await Promise.all(opening)) as [Channel, Channel];
    expect(stuck.write(new Uint8Array(3 * 1024 * 1024))).toBe(false);
    for (let i = 0; i < 20; i++) {
      free.write(new Uint8Array(500_000));
      await pair.run();
    }
    expect(got).toEqual([2 * 1024 * 1024, 10_000_000]);
    expect(stuck.room).toBe(0);
  });

  test('channels that wait for the link take turns, one packet each', () => {
    const options: ConnectionOptions = {};
    const { link, channel: first } = peered({}, { window: 1e9, packet: 1e9, options });
    const second: Channel[] = [];
    (link.handler as unknown as { options: { accept: Record<string, unknown> } }).options.accept['session'] = (open: {
      accept(h: ChannelHandler): Channel;
    }) => second.push(open.accept({}));
    link.receive(
      messages.channelOpen.encode({
        channelType: 'session',
        senderChannel: 4,
        initialWindowSize: 1e9,
        maximumPacketSize: 1e9,
        body: empty,
      }),
    );
    link.sent.length = 0;
    link.capacity = 0;
    first.write(new Uint8Array(200_000));
    second[0]?.write(new Uint8Array(200_000));
    link.outbox.length = 0;
    link.capacity = 6;
    link.handler.drained();
    expect(link.sent.map((payload) => payload[4])).toEqual([3, 4, 3, 4, 3, 4]);
  });
});

describe('receiving', () => {
  test('data is handed on as it lies, stdout and stderr apart', () => {
    const got: [number, string][] = [];
    const { link } = peered({ onData: (bytes, stream) => got.push([stream, Buffer.from(bytes).toString()]) });
    link.receive(messages.channelData.encode({ ...to, data: Buffer.from('out') }));
    link.receive(messages.channelExtendedData.encode({ ...to, dataType: 1, data: Buffer.from('err') }));
    expect(got).toEqual([
      [0, 'out'],
      [1, 'err'],
    ]);
  });

  test('a window is debited on receipt; a peer that overruns it by more than a tenth ends the connection', () => {
    const { link, channel } = peered({ onData: () => undefined }, { options: { windowSize: 100_000 } });
    for (let i = 0; i < 3; i++) link.receive(data(32 * 1024));
    expect(channel.unread).toBe(3 * 32 * 1024);
    link.receive(data(1697));
    link.receive(data(9999));
    expect(link.error).toBeUndefined();
    link.receive(data(1));
    expect(detail(link)).toContain('peer ignored channel window');
  });

  test('a packet larger than was allowed ends the connection', () => {
    const { link } = peered({});
    link.receive(data(32 * 1024));
    expect(link.error).toBeUndefined();
    link.receive(data(32 * 1024 + 1));
    expect(detail(link)).toContain('at most 32768 are allowed');
  });

  test('stderr counts against the same window', () => {
    const { link } = peered({ onData: () => undefined }, { options: { windowSize: 10 } });
    link.receive(data(6));
    link.receive(messages.channelExtendedData.encode({ ...to, dataType: 1, data: new Uint8Array(6) }));
    expect(detail(link)).toContain('peer ignored channel window');
  });

  test('credit is given on consumption, and one batch of packets gives one adjust', async () => {
    const { link, channel } = peered({ onData: () => undefined });
    for (let i = 0; i < 40; i++) link.receive(data(32 * 1024));
    await tick();
    expect(link.sent).toHaveLength(0);
    for (let i = 0; i < 40; i++) channel.consumed(32 * 1024);
    expect(link.sent).toHaveLength(0);
    await tick();
    expect(link.sent.map((payload) => messages.channelWindowAdjust.decode(payload))).toEqual([
      { recipientChannel: 3, bytesToAdd: 40 * 32 * 1024 },
    ]);
  });

  test('data that one read brought is handed over as one run of each stream, before what came after it', () => {
    const told: string[] = [];
    const text = (pieces: readonly Uint8Array[]): string => pieces.map((piece) => Buffer.from(piece).toString()).join('|');
    const { link } = peered({
      onRun: (pieces, stream) => told.push(`${stream} ${text(pieces)}`),
      onEof: () => told.push('eof'),
      onRequest: ({ name }) => told.push(name) > 0,
    });
    const say = (words: string, dataType?: number): Uint8Array =>
      dataType === undefined
        ? messages.channelData.encode({ ...to, data: Buffer.from(words) })
        : messages.channelExtendedData.encode({ ...to, dataType, data: Buffer.from(words) });
    const request = messages.channelRequest.encode({ ...to, requestType: 'nonsense', wantReply: false, body: empty });
    link.receiveAll([say('a'), say('b'), say('c', 1), say('d'), request, say('e'), say('f'), messages.channelEof.encode(to)]);
    expect(told).toEqual(['0 a|b', '1 c', '0 d', 'nonsense', '0 e|f', 'eof']);
  });

  test('data that came before the end of the connection is handed over before that', () => {
    const told: string[] = [];
    const { link } = peered({ onRun: (pieces) => told.push(`${pieces.length} pieces`), onClose: () => told.push('closed') });
    link.receiveAll([data(5), data(6), Uint8Array.of(94)]);
    expect(told).toEqual(['2 pieces', 'closed']);
  });

  test.each([
    ['nobody takes the data', {}, (link: FakeLink) => link.receive(data(20_000))],
    [
      'it is extended data of an unknown type',
      { onData: () => expect.unreachable() },
      (link: FakeLink) => link.receive(messages.channelExtendedData.encode({ ...to, dataType: 2, data: new Uint8Array(20_000) })),
    ],
    [
      'nobody takes the stderr',
      {},
      (link: FakeLink) => link.receive(messages.channelExtendedData.encode({ ...to, dataType: 1, data: new Uint8Array(20_000) })),
    ],
  ])('credit is given too where %s', async (_, handler: ChannelHandler, send: (link: FakeLink) => void) => {
    const { link } = peered(handler, { options: { windowSize: 60_000 } });
    for (let i = 0; i < 50; i++) {
      send(link);
      await tick();
    }
    expect(link.error).toBeUndefined();
    expect(new Set(numbersSent(link))).toEqual(new Set([93]));
  });

  test('data messages that lie about their length are refused', () => {
    for (const payload of [
      data(5).subarray(0, 8),
      data(5).subarray(0, 13),
      Buffer.concat([data(5), Buffer.of(0)]),
      Uint8Array.of(94),
      messages.channelExtendedData.encode({ ...to, dataType: 1, data: empty }).subarray(0, 12),
      Buffer.concat([messages.channelExtendedData.encode({ ...to, dataType: 1, data: empty }), Buffer.of(0)]),
    ]) {
      const { link } = peered({ onData: () => expect.unreachable() });
      link.receive(payload);
      expect(link.error).toBeInstanceOf(SshError);
    }
  });

  test('data after EOF is dropped; on stderr it ends the connection', () => {
    const { link, channel } = peered({ onData: () => expect.unreachable() });
    link.receive(messages.channelEof.encode(to));
    link.receive(data(1));
    expect(link.error).toBeUndefined();
    expect(channel.unread).toBe(0);
    link.receive(messages.channelExtendedData.encode({ ...to, dataType: 1, data: Uint8Array.of(1) }));
    expect(detail(link)).toBe('Received extended_data after EOF on channel 0.');
  });

  test('extended data of a type that is not known is dropped, 0 among them', () => {
    const { link, channel } = peered({ onData: () => expect.unreachable() });
    for (const dataType of [0, 2, 0xffffffff]) {
      link.receive(messages.channelExtendedData.encode({ ...to, dataType, data: Uint8Array.of(1) }));
    }
    expect(link.error).toBeUndefined();
    expect(channel.unread).toBe(0);
  });
});

describe('ending', () => {
  test('EOF and CLOSE follow what was written, in order, and both sides hear of the end', async () => {
    const told: string[] = [];
    const { pair, client } = await joined(
      { onClose: () => told.push('client closed') },
      {
        onData: (bytes) => told.push(`data ${bytes.length}`),
        onEof: () => told.push('eof'),
        onClose: (error) => told.push(`server closed ${error?.message ?? 'well'}`),
      },
    );
    pair.clientLink.capacity = 1;
    client.write(new Uint8Array(40_000));
    client.eof();
    client.close();
    client.close();
    expect(numbersSent(pair.clientLink).slice(1)).toEqual([94]);
    await pair.run();
    expect(told).toEqual(['data 32768', 'data 7232', 'eof', 'server closed well', 'client closed']);
    expect(numbersSent(pair.clientLink).slice(1)).toEqual([94, 94, 96, 97]);
    expect(pair.client.channels).toEqual([]);
    expect(pair.server.channels).toEqual([]);
    expect(pair.clientLink.error ?? pair.serverLink.error).toBeUndefined();
  });

  test('the other direction stays open after EOF', async () => {
    let got = 0;
    const { pair, client, server } = await joined({ onData: (bytes) => (got += bytes.length) }, {});
    client.eof();
    await pair.run();
    expect(server.ended).toBe(true);
    server.write(new Uint8Array(10));
    await pair.run();
    expect(got).toBe(10);
  });

  test('CLOSE is answered with CLOSE, once', () => {
    let closed = 0;
    const { link, channel } = peered({ onClose: () => closed++ });
    link.receive(messages.channelClose.encode(to));
    expect(numbersSent(link)).toEqual([97]);
    expect(closed).toBe(1);
    expect(channel.closed).toBe(true);
    channel.close();
    channel.eof();
    expect(link.sent).toHaveLength(1);
    link.receive(messages.channelClose.encode(to));
    expect(detail(link)).toBe('oclose packet referred to nonexistent channel 0');
  });

  test('a second EOF is let pass, as with OpenSSH', () => {
    let ended = 0;
    const { link } = peered({ onEof: () => ended++ });
    link.receive(messages.channelEof.encode(to));
    link.receive(messages.channelEof.encode(to));
    expect([ended, link.error]).toEqual([1, undefined]);
  });

  test('writing is refused after eof and close, and a writer that waits hears of the end', () => {
    const { link, channel } = peered({}, { window: 0 });
    channel.eof();
    expect(channel.writable).toBe(false);
    expect(() => channel.write(Uint8Array.of(1))).toThrow(SshError);
    expect(numbersSent(link)).toEqual([96]);

    let closed = 0;
    const waiting = peered({ onClose: () => closed++, onDrain: () => expect.unreachable() }, { window: 0 });
    waiting.channel.write(Uint8Array.of(1));
    waiting.link.receive(messages.channelClose.encode(to));
    expect(closed).toBe(1);
    expect(() => waiting.channel.write(Uint8Array.of(1))).toThrow(SshError);
  });

  test('an abort drops what waits and closes at once', () => {
    const { link, channel } = peered({}, { window: 0 });
    channel.write(Uint8Array.of(1));
    channel.eof();
    channel.close();
    expect(link.sent).toHaveLength(0);
    channel.abort();
    expect(numbersSent(link)).toEqual([96, 97]);
  });

  test('what comes after this side has closed is dropped until the peer closes', () => {
    let closed = 0;
    const { link, channel } = peered({ onData: () => expect.unreachable(), onEof: () => expect.unreachable(), onClose: () => closed++ });
    channel.close();
    link.receive(data(32 * 1024));
    link.receive(messages.channelRequest.encode({ ...to, requestType: 'exec', wantReply: true, body: empty }));
    link.receive(messages.channelEof.encode(to));
    expect(closed).toBe(0);
    link.receive(messages.channelClose.encode(to));
    expect(closed).toBe(1);
    expect(numbersSent(link)).toEqual([97]);
    expect(link.error).toBeUndefined();
  });

  test('end of write is told to an OpenSSH peer, which then writes no more', async () => {
    const told: string[] = [];
    let stderr = 0;
    const onData = (bytes: Uint8Array, stream: number): void => void (stderr += stream * bytes.length);
    const { pair, client, server } = await joined({ onData }, { onEndOfWrite: () => told.push('end of write') });
    server.write(new Uint8Array(3 * 1024 * 1024));
    await pair.run();
    client.stopReading();
    client.stopReading();
    await pair.run();
    expect(told).toEqual(['end of write']);
    expect(server.writable).toBe(false);
    expect(() => server.write(Uint8Array.of(1))).toThrow(SshError);
    server.write(new Uint8Array(5), 1);
    client.consumed(client.unread);
    await pair.run();
    expect(stderr).toBe(5);
    expect(numbersSent(pair.clientLink).filter((number) => number === 98)).toHaveLength(1);
    expect(pair.serverLink.sent.filter((payload) => payload[0] === 99 || payload[0] === 100)).toHaveLength(0);
  });

  test('end of write is not told to others, whose data is then dropped and credited', async () => {
    const { pair, client, server } = await joined({ onData: () => expect.unreachable() }, {}, 'SSH-2.0-dropbear_2022.83');
    client.stopReading();
    for (let i = 0; i < 10; i++) {
      server.write(new Uint8Array(1024 * 1024));
      await pair.run();
    }
    expect(numbersSent(pair.clientLink)).not.toContain(98);
    expect(server.writable).toBe(true);
  });
});

describe('requests', () => {
  test('of unknown names fail where a reply is wanted, and pass where not', () => {
    const { link } = peered();
    link.receive(messages.channelRequest.encode({ ...to, requestType: 'nonsense@example.org', wantReply: true, body: empty }));
    link.receive(messages.channelRequest.encode({ ...to, requestType: 'nonsense@example.org', wantReply: false, body: empty }));
    expect(link.sent.map((payload) => [...payload])).toEqual([[100, 0, 0, 0, 3]]);
  });

  test('are decided one after the other; data goes on meanwhile', async () => {
    const order: string[] = [];
    let decide: (granted: boolean) => void = () => undefined;
    const { link } = peered({
      onData: () => order.push('data'),
      onRequest: ({ name }) => {
        order.push(name);
        return name === 'slow' ? new Promise<boolean>((resolve) => (decide = resolve)) : true;
      },
    });
    for (const requestType of ['slow', 'quick'])
      link.receive(messages.channelRequest.encode({ ...to, requestType, wantReply: true, body: empty }));
    link.receive(data(1));
    expect(order).toEqual(['slow', 'data']);
    decide(false);
    await tick();
    expect(order).toEqual(['slow', 'data', 'quick']);
    expect(numbersSent(link)).toEqual([100, 99]);
  });

  test('that wait for an answer are bounded', () => {
    const { link } = peered({ onRequest: () => new Promise<boolean>(() => undefined) });
    for (let i = 0; i < 200; i++) {
      link.receive(messages.channelRequest.encode({ ...to, requestType: 'exec', wantReply: true, body: empty }));
    }
    expect(detail(link)).toBe('channel 0: too many requests wait for an answer');
  });

  test('whose answer comes after the end of the channel are not answered', async () => {
    let decide: (granted: boolean) => void = () => undefined;
    const { link } = peered({ onRequest: () => new Promise<boolean>((resolve) => (decide = resolve)) });
    link.receive(messages.channelRequest.encode({ ...to, requestType: 'exec', wantReply: true, body: empty }));
    link.receive(messages.channelClose.encode(to));
    decide(true);
    await tick();
    expect(numbersSent(link)).toEqual([97]);
  });

  test('of this side get their replies in order; unsolicited ones are dropped, and the end of the channel is an error', async () => {
    const { link, channel } = peered();
    link.receive(messages.channelSuccess.encode(to));
    link.receive(messages.channelFailure.encode(to));
    const asked = [channel.ask('shell', {}), channel.ask('exec', { command: 'ls' }), channel.ask('shell', {})];
    link.receive(messages.channelFailure.encode(to));
    link.receive(messages.channelSuccess.encode(to));
    expect(await Promise.all(asked.slice(0, 2))).toEqual([false, true]);
    link.receive(messages.channelClose.encode(to));
    await expect(asked[2]).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
    await expect(channel.ask('shell', {})).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
    expect(link.error).toBeUndefined();
  });

  test('a body may be kept after the call', () => {
    const kept: Uint8Array[] = [];
    const { link } = peered({ onRequest: ({ body }) => kept.push(body) > 0 });
    const body = messages.channelRequests.encode('exec', { command: 'ls' });
    link.receive(messages.channelRequest.encode({ ...to, requestType: 'exec', wantReply: true, body }));
    expect(kept).toEqual([body]);
  });
});
