import { beforeAll, describe, expect, test } from 'vitest';
import { type CipherName, cipherNames, type MacName } from '../../../src/core/crypto/names.ts';
import type { PacketOpener } from '../../../src/core/crypto/packet-cipher.ts';
import { nullOpener, nullSealer } from '../../../src/core/crypto/packet-null.ts';
import { createOpener, createSealer, keyLengths, prepare } from '../../../src/core/crypto/packet-protection.ts';
import { MAX_PACKET, PacketReader, type PacketTaker, PacketWriter } from '../../../src/core/transport/packet.ts';
import { concat } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { fixedRandom } from '../crypto/fixed-random.ts';

/** A cipher and a MAC of each kind of packet. */
const protections: [string, CipherName | undefined, MacName | undefined][] = [
  ['nothing', undefined, undefined],
  ['aes128-gcm@openssh.com', 'aes128-gcm@openssh.com', undefined],
  ['chacha20-poly1305@openssh.com', 'chacha20-poly1305@openssh.com', undefined],
  ['aes128-ctr and hmac-sha2-256', 'aes128-ctr', 'hmac-sha2-256'],
  ['aes256-ctr and umac-64-etm', 'aes256-ctr', 'umac-64-etm@openssh.com'],
  ['aes128-cbc and hmac-sha1', 'aes128-cbc', 'hmac-sha1'],
  ['3des-cbc and umac-128', '3des-cbc', 'umac-128@openssh.com'],
  ['aes256-cbc and hmac-sha2-512-etm', 'aes256-cbc', 'hmac-sha2-512-etm@openssh.com'],
];
const sealing = protections.filter(([, cipher]) => cipher !== undefined) as [string, CipherName, MacName | undefined][];

beforeAll(async () => {
  for (const [, cipher, mac] of sealing) await prepare(cipher, mac);
});

function ends(
  cipher: CipherName | undefined,
  mac: MacName | undefined,
): { writer: PacketWriter; reader: PacketReader; output: Uint8Array[] } {
  const output: Uint8Array[] = [];
  const random = fixedRandom('packets');
  const lengths = cipher === undefined ? { key: 0, iv: 0, macKey: 0 } : keyLengths(cipher, mac);
  const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => i * 7 + length);
  const keys = () => ({ key: bytes(lengths.key), iv: bytes(lengths.iv), macKey: bytes(lengths.macKey) });
  const sealer = cipher === undefined ? nullSealer : createSealer(cipher, mac, keys());
  const opener = cipher === undefined ? nullOpener : createOpener(cipher, mac, keys());
  return { writer: new PacketWriter(sealer, random, (batch) => output.push(batch)), reader: new PacketReader(opener), output };
}

/** The packets of these payloads, each by itself. */
function sealed(cipher: CipherName | undefined, mac: MacName | undefined, payloads: readonly Uint8Array[]): Uint8Array[] {
  const { writer, output } = ends(cipher, mac);
  for (const payload of payloads) {
    writer.append(payload, undefined);
    writer.flush();
  }
  return output;
}

/** Feeds bytes in reads of such a size and gives the payloads, or the error, and how many bytes it took to find. */
function opened(reader: PacketReader, bytes: Uint8Array, size = Infinity): { payloads: Uint8Array[]; error: unknown; fed: number } {
  const payloads: Uint8Array[] = [];
  let at = 0;
  try {
    while (at < bytes.length) {
      const space = reader.space();
      expect(space.length).toBeGreaterThan(0);
      const part = bytes.subarray(at, at + Math.min(size, space.length));
      space.set(part);
      reader.filled(part.length);
      at += part.length;
      for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload.slice());
    }
  } catch (error) {
    return { payloads, error, fed: at };
  }
  return { payloads, error: undefined, fed: at };
}

function pattern(length: number, seed: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i * 31 + seed) & 0xff);
}

describe.each(protections)('packets protected by %s', (_, cipher, mac) => {
  test('come out as they went in, whatever their sizes and the sizes of reads', () => {
    const sizes = [1, 2, 3, 10, 11, 12, 100, 4095, 32 * 1024, 1, 65_536, 200_000, 7, MAX_PACKET - 300, 1, 5];
    const payloads = sizes.map((size, i) => pattern(size, i));
    for (const read of [Infinity, 1_000, 33_333, 65_536]) {
      const { writer, reader, output } = ends(cipher, mac);
      for (const [i, payload] of payloads.entries()) {
        if (i % 2 === 0) writer.append(payload, undefined);
        else writer.append(payload.subarray(0, 1), payload.subarray(1));
      }
      writer.flush();
      const bytes = concat(...output);
      const { payloads: found, error } = opened(reader, bytes, read);
      expect(error).toBeUndefined();
      expect(found.map((payload) => payload.length)).toEqual(sizes);
      expect(found.every((payload, i) => Buffer.compare(payload, payloads[i] as Uint8Array) === 0)).toBe(true);
      expect(reader.usage).toEqual(writer.usage);
      expect([reader.total, writer.total, reader.sequence]).toEqual([bytes.length, bytes.length, sizes.length]);
    }
  });

  test('of thousands in one read', () => {
    const payloads = Array.from({ length: 3000 }, (__, i) => pattern(1 + (i % 200), i));
    const { error, payloads: found } = opened(ends(cipher, mac).reader, concat(...sealed(cipher, mac, payloads)));
    expect(error).toBeUndefined();
    expect(found).toEqual(payloads);
  });

  test('cut short give nothing yet', () => {
    const [packet = new Uint8Array(0)] = sealed(cipher, mac, [pattern(40, 1)]);
    for (let length = 0; length < packet.length; length++) {
      expect(opened(ends(cipher, mac).reader, packet.subarray(0, length))).toEqual({ payloads: [], error: undefined, fed: length });
    }
    expect(opened(ends(cipher, mac).reader, packet, 1).payloads).toEqual([pattern(40, 1)]);
  });

  test('of the largest size are taken, larger ones not', () => {
    const { writer, reader, output } = ends(cipher, mac);
    for (let size = MAX_PACKET - 64; size < MAX_PACKET + 64; size += 8) writer.append(new Uint8Array(size), undefined);
    writer.flush();
    const { payloads, error } = opened(reader, concat(...output, new Uint8Array(MAX_PACKET + 1024)));
    expect(payloads.length).toBeGreaterThan(5);
    expect(payloads.length).toBeLessThan(9);
    expect(error).toBeInstanceOf(SshError);
  });
});

describe.each(sealing)('a fault in packets protected by %s', (_, cipher, mac) => {
  const chained = cipher.endsWith('-cbc') && mac?.includes('-etm') !== true;
  const filler = new Uint8Array(2 * MAX_PACKET);

  function refused(bytes: Uint8Array, before = 0): void {
    const { payloads, error, fed } = opened(ends(cipher, mac).reader, concat(bytes, filler), 1024);
    expect(payloads.length).toBe(before);
    expect(error).toBeInstanceOf(SshError);
    const { code } = error as SshError;
    expect(['SSH_ERR_MAC_INVALID', 'SSH_ERR_CONN_CORRUPT']).toContain(code);
    // where a fault must not show when it was found, it always shows at the same place and as the same
    if (chained && before === 0) expect([code, fed]).toEqual(['SSH_ERR_MAC_INVALID', MAX_PACKET]);
  }

  test('is seen, whichever bit was flipped', () => {
    const [packet = new Uint8Array(0)] = sealed(cipher, mac, [pattern(20, 1)]);
    for (let bit = 0; bit < packet.length * 8; bit += chained ? 23 : 1) {
      const wrong = packet.slice();
      wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7));
      refused(wrong);
    }
  });

  test('is seen where packets are replayed, left out or change places', () => {
    const packets = sealed(cipher, mac, [pattern(20, 1), pattern(20, 2), pattern(20, 3)]);
    const [first, second, third] = packets as [Uint8Array, Uint8Array, Uint8Array];
    refused(concat(first, first, second), 1);
    refused(concat(second, first), 0);
    refused(concat(first, third), 1);
    refused(concat(first, second, second), 2);
    expect(opened(ends(cipher, mac).reader, concat(first, second, third)).payloads.length).toBe(3);
  });
});

describe('a length that can’t be right', () => {
  test.each([0xffffffff, 0x80000000, MAX_PACKET + 4, MAX_PACKET + 1, 0, 1, 4, 5, 13, 27])('%i, in the clear', (length) => {
    const head = new Uint8Array(64);
    new DataView(head.buffer).setUint32(0, length);
    const { error, payloads } = opened(ends(undefined, undefined).reader, head);
    expect(payloads).toEqual([]);
    expect(error).toMatchObject({ code: 'SSH_ERR_MAC_INVALID', detail: `Bad packet length ${String(length)}.` });
  });

  test.each(['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'] as const)('is refused before anything is kept for it (%s)', (cipher) => {
    const { reader } = ends(cipher, undefined);
    const { error } = opened(reader, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    expect(error).toMatchObject({ code: 'SSH_ERR_CONN_CORRUPT' });
    expect(reader.space().length).toBeLessThanOrEqual(64 * 1024);
  });
});

describe('padding', () => {
  test.each([
    [0, 12],
    [3, 12],
    [12, 12],
    [255, 12],
    [20, 20],
  ])('of %i bytes in a packet of %i is refused', (padding, length) => {
    const packet = new Uint8Array(4 + length);
    packet[3] = length;
    packet[4] = padding;
    const { error } = opened(ends(undefined, undefined).reader, packet);
    expect(error).toMatchObject({ code: 'SSH_ERR_CONN_CORRUPT', detail: `Corrupted padlen ${String(padding)} on input.` });
  });

  test('may leave no payload, which the layer above refuses', () => {
    const packet = new Uint8Array(16);
    packet[3] = 12;
    packet[4] = 11;
    expect(opened(ends(undefined, undefined).reader, packet).payloads).toEqual([new Uint8Array(0)]);
  });

  test.each(cipherNames)('has 4 to 255 bytes, and fills whole blocks of %s', async (cipher) => {
    const mac: MacName = 'hmac-sha2-256';
    await prepare(cipher, mac);
    for (let size = 0; size < 80; size++) {
      const [packet = new Uint8Array(0)] = sealed(cipher, mac, [pattern(size, 1)]);
      const { reader } = ends(cipher, mac);
      reader.space().set(packet);
      reader.filled(packet.length);
      expect(reader.next()).toEqual(pattern(size, 1));
    }
  });
});

describe('the packets of one read', () => {
  test('are handed on in order, with their places and numbers, until their taker wants no more; the rest follows when it is asked for', () => {
    const payloads = [pattern(10, 1), pattern(3000, 2), pattern(1, 3), pattern(77, 4)];
    const { reader } = ends(undefined, undefined);
    const bytes = Buffer.concat(sealed(undefined, undefined, payloads));
    reader.space().set(bytes);
    reader.filled(bytes.length);
    const taken: { readonly payload: Uint8Array; readonly sequence: number }[] = [];
    const take: PacketTaker = (buffer, start, end, sequence) => taken.push({ payload: buffer.slice(start, end), sequence }) !== 2;
    reader.each(take);
    expect(taken).toEqual(payloads.slice(0, 2).map((payload, sequence) => ({ payload, sequence })));
    expect(reader.waiting).toBeGreaterThan(77);
    reader.each(take);
    expect(taken).toEqual(payloads.map((payload, sequence) => ({ payload, sequence })));
    expect(reader.waiting).toBe(0);
  });

  test('are opened by the successor from the next packet on, where their opener has one by then', () => {
    const payloads = [pattern(10, 1), pattern(20, 2), pattern(30, 3)];
    const opened: string[] = [];
    const watched = (name: string, more: Partial<PacketOpener>): PacketOpener => ({
      ...nullOpener,
      open: () => opened.push(name),
      ...more,
    });
    const second = watched('second', {});
    const reader = new PacketReader(watched('first', { successor: () => (opened.length === 1 ? second : undefined) }));
    const bytes = Buffer.concat(sealed(undefined, undefined, payloads));
    reader.space().set(bytes);
    reader.filled(bytes.length);
    reader.each(() => true);
    expect(opened).toEqual(['first', 'second', 'second']);
  });
});

describe('memory', () => {
  test('that a reader keeps is a MiB at most', () => {
    const { reader } = ends(undefined, undefined);
    for (let round = 0; round < 200; round++) {
      const space = reader.space();
      if (space.length === 0) break;
      expect(space.length).toBeLessThanOrEqual(1024 * 1024);
      reader.filled(space.length);
    }
    expect(reader.waiting).toBe(1024 * 1024);
    expect(reader.space().length).toBe(0);
  });

  test('that a writer hands out is not written to again', () => {
    const { writer, output } = ends(undefined, undefined);
    for (let i = 0; i < 20; i++) {
      writer.append(pattern(i % 2 === 0 ? 70_000 : 10, i), undefined);
      writer.flush();
    }
    const { payloads } = opened(ends(undefined, undefined).reader, concat(...output));
    expect(payloads).toEqual(Array.from({ length: 20 }, (_, i) => pattern(i % 2 === 0 ? 70_000 : 10, i)));
  });
});
