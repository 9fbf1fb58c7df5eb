import { createCipheriv, createDecipheriv } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { ciphers } from '../../../src/core/crypto/ciphers.ts';
import type { CipherName, MacName } from '../../../src/core/crypto/names.ts';
import type { BulkCiphers } from '../../../src/core/crypto/packet-bulk.ts';
import type { StreamCipher, StreamSource } from '../../../src/core/crypto/packet-stream.ts';
import type { Proposal } from '../../../src/core/transport/negotiate.ts';
import { libcryptoCiphers } from '../../../src/node/native/libcrypto-ciphers.ts';
import { Pair, type PairOptions, type Role, roles } from './pair.ts';

const MiB = 1024 * 1024;
const DATA = 94;
const other = { client: 'server', server: 'client' } as const;
const aead = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'] as const;
/** With encrypt-and-MAC, and with encrypt-then-MAC; an AEAD cipher takes none. */
const cases: readonly (readonly [CipherName, MacName])[] = [
  ...aead.map((name) => [name, 'hmac-sha1'] as const),
  ['aes128-ctr', 'hmac-sha2-256'],
  ['aes192-ctr', 'umac-64@openssh.com'],
  ['aes256-ctr', 'umac-128-etm@openssh.com'],
];

/** The stream of node:crypto once more. */
const streamOf =
  ({ openssl }: StreamCipher): StreamSource =>
  (keys, sealing) => {
    const cipher = (sealing ? createCipheriv : createDecipheriv)(openssl, keys.key, keys.iv);
    return { turn: (buffer, from, to) => buffer.set(cipher.update(buffer.subarray(from, to)), from), wipe: () => undefined };
  };

/** The sources that connections change over to: node:crypto's once more, and libcrypto where it can be called. */
const sources: [string, BulkCiphers][] = [
  [
    'its own kind',
    (name) => {
      const row = ciphers[name];
      if (row.authenticated) return row.source;
      return row.chained ? undefined : { stream: streamOf(row) };
    },
  ],
  ...(libcryptoCiphers('aes128-gcm@openssh.com') === undefined ? [] : [['libcrypto', libcryptoCiphers] as [string, BulkCiphers]]),
];

/** What became of each direction that a faster source made, in order. */
let made: string[] = [];
let wiped = 0;
beforeEach(() => {
  made = [];
  wiped = 0;
});

function watched(source: BulkCiphers, role: Role): BulkCiphers {
  const watch = <T extends { wipe(): void }>(what: string, one: T): T => {
    made.push(`${role} ${what}`);
    const wipe = one.wipe.bind(one);
    return Object.assign(one, {
      wipe: () => {
        wiped++;
        wipe();
      },
    });
  };
  return (name) => {
    const found = source(name);
    if (found === undefined) return undefined;
    if ('stream' in found)
      return { ...found, stream: (keys, sealing) => watch(sealing ? 'sealer' : 'opener', found.stream(keys, sealing)) };
    return { sealer: (keys) => watch('sealer', found.sealer(keys)), opener: (keys) => watch('opener', found.opener(keys)) };
  };
}

/** Messages in both directions, each checked at its arrival. */
class Traffic {
  readonly pair: Pair;
  readonly sent = { client: 0, server: 0 };
  readonly received = { client: 0, server: 0 };

  constructor(pair: Pair) {
    this.pair = pair;
    for (const role of roles) {
      pair[role].onMessage = (payload) => {
        pair[role].messages.length = 0;
        const number = this.received[role]++;
        const data = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
        expect([data[0], data.readUInt32BE(1)]).toEqual([DATA, number]);
        expect(data.subarray(5).equals(body(number, data.length - 5))).toBe(true);
        return undefined;
      };
    }
  }

  send(from: Role, length = 32_768): void {
    const number = this.sent[from]++;
    const head = Buffer.alloc(5, DATA);
    head.writeUInt32BE(number, 1);
    this.pair[from].transport.sendData(head, body(number, length));
  }

  /** Sends so many bytes and waits for their arrival. */
  async move(from: Role, bytes: number): Promise<void> {
    for (let left = bytes; left > 0; left -= 32_768) this.send(from);
    await this.arrived();
  }

  async arrived(): Promise<void> {
    await this.pair.until(() => roles.every((role) => this.received[other[role]] === this.sent[role]));
  }

  /** Exchanges keys again while messages of every size go both ways. */
  async rekey(by: Role): Promise<void> {
    const { pair } = this;
    const before = pair.client.of('new-keys').length;
    pair[by].transport.rekey();
    let i = 0;
    await pair.until(() => {
      for (const role of roles) this.send(role, 1 + ((i++ * 7919) % 40_000));
      return roles.every((role) => pair[role].of('new-keys').length >= before + 2);
    });
    await this.arrived();
  }
}

function body(number: number, length: number): Buffer {
  return Buffer.alloc(length, `${number} of what is moved `);
}

async function traffic(cipher: CipherName, source: BulkCiphers, options: PairOptions = {}, mac: MacName = 'hmac-sha1'): Promise<Traffic> {
  const proposal: Partial<Proposal> = { ciphers: [cipher], macs: [mac], ...options.both?.proposal };
  const pair = new Pair({
    ...options,
    both: { ...options.both, proposal },
    client: { bulk: watched(source, 'client'), ...options.client },
    server: { bulk: watched(source, 'server'), ...options.server },
  });
  await pair.authenticate();
  return new Traffic(pair);
}

describe.each(sources)('a connection that goes on with %s', (_, source) => {
  test.each(cases)('%s, %s: each direction by itself, once the connection has moved 4 MiB and not before', async (cipher, mac) => {
    const stream = await traffic(cipher, source, {}, mac);
    await stream.move('client', 2 * MiB);
    await stream.move('server', 1.9 * MiB);
    expect(made).toEqual([]);
    await stream.move('client', 0.2 * MiB);
    expect(made).toEqual(['client sealer', 'server opener']);
    await stream.move('server', 1);
    expect(made.slice(2).sort()).toEqual(['client opener', 'server sealer']);
    await stream.move('client', MiB);
    expect(made.length).toBe(4);
  });

  test('where it is told that much is to come, at the next packet', async () => {
    const stream = await traffic('aes128-gcm@openssh.com', source);
    stream.pair.client.transport.hasten();
    expect(made).toEqual([]);
    await stream.move('client', 1);
    await stream.move('server', 1);
    expect(made).toEqual(['client sealer', 'client opener']);
    await stream.move('client', 100_000);
    await stream.move('server', 100_000);
    expect(made).toHaveLength(2);
  });

  test.each(cases)('%s, %s: with new keys at once, whoever begins the exchange', async (cipher, mac) => {
    const stream = await traffic(cipher, source, {}, mac);
    await stream.move('client', 5 * MiB);
    await stream.move('server', 5 * MiB);
    expect(made.length).toBe(4);
    for (const [i, by] of [...roles, ...roles].entries()) {
      await stream.rekey(by);
      await stream.move('client', 32_768);
      await stream.move('server', 32_768);
      expect([made.length, wiped]).toEqual([8 + 4 * i, 4 + 4 * i]);
    }
    for (const role of roles) stream.pair[role].transport.disconnect(11, '');
    expect(wiped).toBe(made.length);
  });

  test.each(roles)('while new keys are on their way (%s asks for them)', async (by) => {
    // what is in flight crosses the limit before, between and after KEXINIT and NEWKEYS of either side
    for (let short = 0; short < 12; short++) {
      made = [];
      const stream = await traffic('aes128-gcm@openssh.com', source);
      await stream.move(by, 2 * MiB);
      await stream.move(other[by], 2 * MiB - short * 65_536 - 65_536);
      expect(made).toEqual([]);
      const { pair } = stream;
      pair[by].transport.rekey();
      await pair.until(() => {
        for (const role of roles) stream.send(role);
        return roles.every((role) => pair[role].of('new-keys').length >= 4);
      });
      for (const role of roles) await stream.move(role, MiB);
      expect([...new Set(made)].sort()).toEqual(['client opener', 'client sealer', 'server opener', 'server sealer']);
    }
  });

  test.each(roles)('where only the %s has it', async (role) => {
    const stream = await traffic('chacha20-poly1305@openssh.com', source, { [other[role]]: { bulk: undefined } });
    await stream.move('client', 5 * MiB);
    await stream.move('server', 5 * MiB);
    await stream.rekey('client');
    expect(made.every((one) => one.startsWith(role))).toBe(true);
    expect(made.length).toBe(4);
  });

  test('through every cipher in turn, those that have no faster source too', async () => {
    const proposal = { ciphers: [...aead, 'aes128-ctr', 'aes128-cbc'] as CipherName[] };
    const stream = await traffic('aes128-cbc', source, { both: { proposal } });
    await stream.move('client', 5 * MiB);
    await stream.move('server', 5 * MiB);
    for (let i = 0; i < 10; i++) {
      proposal.ciphers.push(proposal.ciphers.shift() as CipherName);
      await stream.rekey(i % 2 === 0 ? 'client' : 'server');
      expect(stream.pair.client.transport.agreed?.clientToServer.cipher).toBe(proposal.ciphers[0]);
    }
    expect(made.length).toBe(4 * 9);
  });

  test('cut into any pieces on its way', async () => {
    const stream = await traffic('aes256-ctr', source, { cut: 'random' });
    await stream.move('client', 4.1 * MiB);
    await stream.rekey('server');
    expect(made).toContain('server opener');
  });

  test.each(roles)('ends for a wrong tag, at the %s', async (role) => {
    for (const [cipher, mac] of cases) {
      let flip = false;
      const tamper = (from: Role, bytes: Uint8Array): Uint8Array => {
        if (flip && from !== role) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
        return bytes;
      };
      const stream = await traffic(cipher, source, { tamper }, mac);
      await stream.move(other[role], 5 * MiB);
      flip = true;
      stream.send(other[role]);
      await stream.pair.until(() => stream.pair[role].ended);
      expect(stream.pair[role].code).toBe('SSH_ERR_MAC_INVALID');
      expect(stream.received[role]).toBe(stream.sent[other[role]] - 1);
    }
  });

  test('can be ended by the handler of a message that is then unknown', async () => {
    const stream = await traffic('aes128-gcm@openssh.com', source);
    await stream.move('client', 5 * MiB);
    await stream.move('server', 5 * MiB);
    const { server } = stream.pair;
    server.onMessage = () => {
      server.transport.disconnect(11, '');
      return false;
    };
    stream.send('client');
    stream.send('client');
    await stream.pair.over();
    expect(server.endings).toBe(1);
    expect(server.error).toBeUndefined();
  });
});
