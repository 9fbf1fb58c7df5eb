import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { DnsError, formatQuery, parseAnswer, parseResolver, resolveSshfp } from '../../src/node/dns-query.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const RECORD = Buffer.from([4, 2, 0xaa, 0xbb]);

/** An answer to a query: its question, and a record for each of `data`, its name a pointer to the question's. */
function answer(query: Buffer, data: readonly Buffer[], flags = 0x8180, type = 44): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(data.length, 6);
  head.writeUInt16BE(0, 10);
  const records = data.map((one) => Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, one.length]), one]));
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

/** A server that answers by UDP as `udp` says, and by TCP as `tcp` does; the answers may be several or none. */
async function serve(udp: (query: Buffer) => readonly Buffer[], tcp?: (query: Buffer) => Buffer) {
  const server = net.createServer((client) => {
    client.on('data', (bytes) => {
      const reply = tcp?.(bytes.subarray(2)) ?? Buffer.alloc(0);
      client.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]));
    });
  });
  // both must have one port, and whichever is chosen first the other may not get
  for (;;) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const socket = dgram.createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    try {
      await once(socket, 'listening');
    } catch {
      socket.close();
      server.close();
      await once(server, 'close');
      continue;
    }
    socket.on('message', (query, peer) => {
      for (const one of udp(query)) socket.send(one, peer.port, peer.address);
    });
    closing.push(() => socket.close());
    if (tcp === undefined) server.close();
    else closing.push(() => server.close());
    return { servers: [{ address: '127.0.0.1', port }], attempts: 1, timeoutMs: 300, edns: true, trustsValidation: true };
  }
}

describe('SSHFP records', () => {
  test('are found, and validated where the resolver is trusted', async () => {
    const resolver = await serve((query) => [answer(query, [RECORD, RECORD], 0x81a0)]);
    expect(await resolveSshfp('host.example', resolver)).toEqual({ data: [RECORD, RECORD], validated: true });
    expect((await resolveSshfp('host.example', { ...resolver, trustsValidation: false })).validated).toBe(false);
  });

  test('of a long answer come by TCP', async () => {
    const resolver = await serve(
      (query) => [answer(query, [], 0x8380)],
      (query) => answer(query, [RECORD]),
    );
    expect(await resolveSshfp('host.example', resolver)).toEqual({ data: [RECORD], validated: false });
  });

  test('of other types and of other questions are passed over', async () => {
    const other = formatQuery(1, 'other.example', 44, { edns: false, trustsValidation: false }) as Buffer;
    const resolver = await serve((query) => {
      const wrongId = Buffer.from(answer(query, [RECORD]));
      wrongId.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
      const wrongName = answer(other, [RECORD]);
      wrongName.writeUInt16BE(query.readUInt16BE(0), 0);
      return [wrongId, wrongName, Buffer.alloc(3), answer(query, [RECORD], 0x8180, 1)];
    });
    await expect(resolveSshfp('host.example', resolver)).rejects.toEqual(new DnsError('data does not exist'));
  });

  test.each([
    [0x8183, 'name does not exist'],
    [0x8182, 'general failure'],
  ])('that are not there: flags %i', async (flags, reason) => {
    const resolver = await serve((query) => [answer(query, [], flags)]);
    await expect(resolveSshfp('host.example', resolver)).rejects.toThrow(reason);
  });

  test('are not waited for for ever, nor asked for by names that DNS can`t hold', async () => {
    const resolver = await serve(() => []);
    await expect(resolveSshfp('host.example', { ...resolver, timeoutMs: 30 })).rejects.toThrow('general failure');
    for (const name of ['a..b', `${'a'.repeat(64)}.b`, 'a.'.repeat(200)]) {
      await expect(resolveSshfp(name, resolver)).rejects.toThrow('general failure');
    }
  });
});

test('whatever a server sends, reading it ends', () => {
  const query = formatQuery(7, 'host.example', 44, { edns: true, trustsValidation: true }) as Buffer;
  const right = answer(query, [RECORD, RECORD]);
  fc.assert(
    fc.property(fc.nat(right.length), fc.uint8Array({ maxLength: 60 }), (cut, tail) => {
      const read = parseAnswer(Buffer.concat([right.subarray(0, cut), tail]), query, 44);
      return read === undefined || read.data.length <= 2;
    }),
  );
  for (let cut = 0; cut < right.length; cut++) expect(parseAnswer(right.subarray(0, cut), query, 44)).toBeUndefined();
});

test('resolv.conf', () => {
  const text = 'nameserver 10.0.0.1 # first\nnameserver nonsense\nnameserver ::1\noptions edns0 trust-ad timeout:2 attempts:99\n';
  expect(parseResolver(text)).toEqual({
    servers: [
      { address: '10.0.0.1', port: 53 },
      { address: '::1', port: 53 },
    ],
    ...{ attempts: 5, timeoutMs: 2000, edns: true, trustsValidation: true },
  });
  expect(parseResolver('')).toMatchObject({ servers: [{ address: '127.0.0.1' }], timeoutMs: 5000, trustsValidation: false });
});
