import { describe, expect, test } from 'vitest';
import type { Channel, ChannelHandler } from '../../../src/core/connection/channel.ts';
import type { IncomingOpen } from '../../../src/core/connection/connection.ts';
import { ChannelOpenError, connectFailed } from '../../../src/core/connection/open-error.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import * as messages from '../../../src/core/wire/connection-messages.ts';
import { alone, type FakeLink, LinkPair } from './link-pair.ts';

const empty = new Uint8Array(0);

/** Opens come to `opens`, and are accepted with `handler` where there is one. */
function accepting(handler?: ChannelHandler): {
  opens: IncomingOpen[];
  channels: Channel[];
  accept: Record<string, (open: IncomingOpen) => void>;
} {
  const opens: IncomingOpen[] = [];
  const channels: Channel[] = [];
  const take = (open: IncomingOpen): void => {
    opens.push(open);
    if (handler !== undefined) channels.push(open.accept(handler));
  };
  return { opens, channels, accept: { session: take, 'direct-tcpip': take } };
}

function open(values: { type?: string; sender?: number; window?: number; packet?: number } = {}): Uint8Array {
  return messages.channelOpen.encode({
    channelType: values.type ?? 'session',
    senderChannel: values.sender ?? 0,
    initialWindowSize: values.window ?? 1000,
    maximumPacketSize: values.packet ?? 100,
    body: empty,
  });
}

function thrown(link: FakeLink): { code: string; detail: string | undefined } {
  expect(link.error).toBeInstanceOf(SshError);
  const { code, detail } = link.error as SshError;
  return { code, detail };
}

describe('opening', () => {
  test('both sides know the channel, with the windows of OpenSSH, and its body', async () => {
    const server = accepting({});
    const pair = new LinkPair({}, { accept: server.accept });
    const opened = pair.client.open(
      'direct-tcpip',
      { hostToConnect: 'example.org', portToConnect: 80, originatorAddress: '127.0.0.1', originatorPort: 4711 },
      {},
    );
    await pair.run();
    const channel = await opened;
    expect(channel).toMatchObject({ id: 0, type: 'direct-tcpip', closed: false, writable: true, room: 2 * 1024 * 1024 });
    expect(messages.channelTypes.decode('direct-tcpip', server.opens[0]?.body as Uint8Array).hostToConnect).toBe('example.org');
    expect(pair.server.channels).toHaveLength(1);
  });

  test('is refused with the reason that fits, and the error says it in the words of OpenSSH', async () => {
    const pair = new LinkPair(
      {},
      {
        accept: {
          'direct-tcpip': (asked) => {
            asked.refuse(connectFailed('Connection refused'));
          },
        },
      },
    );
    const refusals = [
      pair.client.open('session', {}, {}),
      pair.client.open('direct-tcpip', { hostToConnect: '', portToConnect: 1, originatorAddress: '', originatorPort: 1 }, {}),
    ].map((asked) => asked.catch((error: unknown) => error));
    await pair.run();
    const [prohibited, failed] = await Promise.all(refusals);
    expect(prohibited).toBeInstanceOf(ChannelOpenError);
    expect(prohibited).toMatchObject({ reason: 1, message: 'administratively prohibited: open failed', channel: 0 });
    expect(failed).toMatchObject({ reason: 2, message: 'connect failed: Connection refused', channel: 1 });
  });

  test('of an unknown type is refused as such', () => {
    const { link } = alone({ accept: {} });
    for (const type of ['nonsense@example.org', 'toString', '__proto__', '']) link.receive(open({ type, sender: 5 }));
    expect(link.sent.map((payload) => messages.channelOpenFailure.decode(payload))).toEqual(
      Array(4).fill({ recipientChannel: 5, reason: 3, description: 'unknown channel type', languageTag: '' }),
    );
    expect(link.error).toBeUndefined();
  });

  test('beyond the number that is allowed is refused, whether open or being decided on; numbers are used again, lowest first', async () => {
    const server = accepting();
    const { link, connection } = alone({ ...server, mostChannels: 2 });
    for (let sender = 0; sender < 3; sender++) link.receive(open({ sender }));
    expect(server.opens).toHaveLength(2);
    expect(messages.channelOpenFailure.decode(link.sent[0] as Uint8Array)).toMatchObject({ recipientChannel: 2, reason: 4 });
    await expect(connection.open('session', {}, {})).rejects.toMatchObject({ reason: 4 });
    server.opens[0]?.refuse(connectFailed('no'));
    server.opens[0]?.refuse(connectFailed('no'));
    link.receive(open({ sender: 3 }));
    expect(server.opens[2]?.accept({}).id).toBe(0);
    expect(link.error).toBeUndefined();
  });

  test('is answered once', () => {
    const server = accepting();
    const { link } = alone(server);
    link.receive(open());
    server.opens[0]?.accept({});
    expect(() => server.opens[0]?.accept({})).toThrow(SshError);
    server.opens[0]?.refuse(connectFailed(''));
    expect(link.sent).toHaveLength(1);
  });

  test('after the connection has ended throws', () => {
    const server = accepting();
    const { link } = alone(server);
    link.receive(open());
    link.close(undefined);
    expect(() => server.opens[0]?.accept({})).toThrow(SshError);
  });

  test.each([
    ['asked for', (link: FakeLink) => link.receive(open({ packet: 0 }))],
    [
      'confirmed',
      (link: FakeLink) =>
        link.receive(
          messages.channelOpenConfirmation.encode({
            recipientChannel: 0,
            senderChannel: 0,
            initialWindowSize: 9,
            maximumPacketSize: 0,
            body: empty,
          }),
        ),
    ],
  ])('with a maximum packet size of 0, %s, ends the connection', (_, send) => {
    const { link, connection } = alone(accepting({}));
    connection.open('session', {}, {}).catch(() => undefined);
    send(link);
    expect(thrown(link).detail).toContain('maximum packet size 0');
  });

  test('replies that belong to no opening end the connection', () => {
    for (const reply of [
      messages.channelOpenFailure.encode({ recipientChannel: 0, reason: 1, description: '', languageTag: '' }),
      messages.channelOpenConfirmation.encode({
        recipientChannel: 0,
        senderChannel: 0,
        initialWindowSize: 1,
        maximumPacketSize: 1,
        body: empty,
      }),
    ]) {
      const { link } = alone(accepting({}));
      link.receive(open());
      link.receive(reply);
      expect(thrown(link).detail).toMatch(/^Received open (confirmation|failure) for non-opening channel 0\.$/);
    }
  });
});

describe('messages for channels that are not there', () => {
  const to = { recipientChannel: 9 };
  test.each([
    ['data', messages.channelData.encode({ ...to, data: empty })],
    ['extended data', messages.channelExtendedData.encode({ ...to, dataType: 1, data: empty })],
    ['ieof', messages.channelEof.encode(to)],
    ['oclose', messages.channelClose.encode(to)],
  ])('%s ends the connection', (what, payload) => {
    const { link } = alone();
    link.receive(payload);
    expect(thrown(link)).toEqual({ code: 'SSH_ERR_PROTOCOL_ERROR', detail: `${what} packet referred to nonexistent channel 9` });
  });

  test.each([
    ['a window adjust', messages.channelWindowAdjust.encode({ ...to, bytesToAdd: 1 })],
    ['a success', messages.channelSuccess.encode(to)],
    ['a failure', messages.channelFailure.encode(to)],
    ['a request', messages.channelRequest.encode({ ...to, requestType: 'exec', wantReply: true, body: empty })],
    ['a global success', messages.requestSuccess.encode({ body: empty })],
    ['a global failure', messages.requestFailure.encode({})],
  ])('%s is let pass', (_, payload) => {
    const { link } = alone();
    link.receive(payload);
    expect(link.error).toBeUndefined();
    expect(link.sent).toHaveLength(0);
  });

  test('channels that were refused, that are being decided on and that are closed are not there', () => {
    const server = accepting();
    for (const prepare of [
      () => undefined,
      () => server.opens.at(-1)?.refuse(connectFailed('')),
      (link: FakeLink) => {
        server.opens.at(-1)?.accept({});
        link.receive(messages.channelClose.encode({ recipientChannel: 0 }));
      },
    ]) {
      const { link } = alone(server);
      link.receive(open());
      prepare(link);
      expect(link.error).toBeUndefined();
      link.receive(messages.channelData.encode({ recipientChannel: 0, data: Uint8Array.of(1) }));
      expect(thrown(link).detail).toContain('nonexistent channel 0');
    }
  });

  test('numbers that the protocol does not know are told to the transport', () => {
    const { link } = alone();
    for (const number of [0, 79, 83, 89, 101, 127, 200, 255]) link.receive(Uint8Array.of(number));
    expect(link.unknown).toEqual([0, 79, 83, 89, 101, 127, 200, 255]);
    expect(link.error).toBeUndefined();
  });
});

describe('global requests', () => {
  test('are answered in their order, though an earlier decision takes longer', async () => {
    let decide: (granted: Uint8Array) => void = () => undefined;
    const slow = new Promise<Uint8Array>((resolve) => {
      decide = resolve;
    });
    const { link } = alone({ globals: { slow: () => slow, quick: () => true, no: () => false } });
    for (const requestName of ['slow', 'quick', 'no', 'unknown', 'constructor']) {
      link.receive(messages.globalRequest.encode({ requestName, wantReply: true, body: empty }));
    }
    link.receive(messages.globalRequest.encode({ requestName: 'unknown', wantReply: false, body: empty }));
    expect(link.sent).toHaveLength(0);
    decide(Uint8Array.of(1, 2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(link.sent.map((payload) => [...payload])).toEqual([[81, 1, 2], [81], [82], [82], [82]]);
  });

  test('of this side get the replies in their order, and an error where the connection ends', async () => {
    const { link, connection } = alone();
    const first = connection.globals.ask('tcpip-forward', { bindAddress: '', bindPort: 0 });
    const second = connection.globals.ask('keepalive@openssh.com', {});
    const third = connection.globals.ask('keepalive@openssh.com', {});
    link.receive(messages.requestSuccess.encode({ body: messages.globalReplies.encode('tcpip-forward', { boundPort: 4000 }) }));
    link.receive(messages.requestFailure.encode({}));
    expect(messages.globalReplies.decode('tcpip-forward', (await first) as Uint8Array)).toEqual({ boundPort: 4000 });
    expect(await second).toBeUndefined();
    link.close(new Error('gone'));
    await expect(third).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
    await expect(connection.globals.ask('keepalive@openssh.com', {})).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
  });

  test('are bounded both ways', async () => {
    const { link, connection } = alone({ globals: { never: () => new Promise<boolean>(() => undefined) } });
    const asked = Array.from({ length: 257 }, () => connection.globals.ask('keepalive@openssh.com', {}));
    for (const one of asked.slice(0, -1)) one.catch(() => undefined);
    await expect(asked[256]).rejects.toMatchObject({ code: 'SSH_ERR_NO_BUFFER_SPACE' });
    for (let i = 0; i < 200; i++) link.receive(messages.globalRequest.encode({ requestName: 'never', wantReply: true, body: empty }));
    expect(thrown(link).detail).toBe('connection: too many requests wait for an answer');
  });

  test('that wait for an answer hold a bounded number of bytes', () => {
    const { link } = alone({ globals: { never: () => new Promise<boolean>(() => undefined) } });
    for (let i = 0; i < 10; i++) {
      link.receive(messages.globalRequest.encode({ requestName: 'never', wantReply: true, body: new Uint8Array(50_000) }));
    }
    expect(thrown(link).code).toBe('SSH_ERR_NO_BUFFER_SPACE');
  });

  test('whose decision fails end the connection with an error', async () => {
    const { link } = alone({ globals: { bad: () => Promise.reject(new Error('a secret')) } });
    link.receive(messages.globalRequest.encode({ requestName: 'bad', wantReply: true, body: empty }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(link.disconnected).toEqual({ reason: 2, description: 'internal error' });
  });

  test('no-more-sessions is said to peers that know it and to no others', () => {
    for (const [ident, count] of [
      ['SSH-2.0-OpenSSH_10.0', 1],
      ['SSH-2.0-tsh_0.1.0', 1],
      ['SSH-2.0-dropbear_2022.83', 0],
      ['SSH-2.0-xOpenSSH_9', 0],
    ] as const) {
      const { link, connection } = alone({}, ident);
      connection.sendNoMoreSessions();
      expect(link.sent).toHaveLength(count);
    }
  });
});

describe('the end of the connection', () => {
  test('is told to every channel and opening, once, and then to the owner', async () => {
    const told: string[] = [];
    const gone = new Error('gone');
    const server = accepting({ onClose: (error) => told.push(`channel ${error?.message ?? ''}`) });
    const { link, connection } = alone({ ...server, closed: (error) => told.push(`connection ${error?.message ?? ''}`) });
    link.receive(open());
    const pending = connection.open('session', {}, {});
    const [channel] = server.channels as [Channel];
    const asked = channel.ask('exec', { command: 'ls' });
    link.close(gone);
    expect(told).toEqual(['channel gone', 'connection gone']);
    await expect(pending).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED', cause: gone });
    await expect(asked).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
    await expect(connection.open('session', {}, {})).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
    expect(() => channel.write(Uint8Array.of(1))).toThrow(SshError);
    channel.eof();
    channel.close();
    channel.abort();
    channel.stopReading();
    connection.globals.send('keepalive@openssh.com', {});
    expect(connection.ended).toBe(true);
    expect(connection.channels).toEqual([]);
  });
});
