import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ciphers } from '../../../src/core/crypto/ciphers.ts';
import { type CipherName, cipherNames, type MacName, macNames } from '../../../src/core/crypto/names.ts';
import { type DirectionKeys, readUint32, writeUint32 } from '../../../src/core/crypto/packet-cipher.ts';
import { nullOpener, nullSealer } from '../../../src/core/crypto/packet-null.ts';
import { createOpener, createSealer, keyLengths, prepare } from '../../../src/core/crypto/packet-protection.ts';
import { SshError } from '../../../src/core/util/errors.ts';

type Pair = readonly [cipher: CipherName, mac: MacName | undefined];

const pairs = cipherNames.flatMap((cipher): Pair[] =>
  ciphers[cipher].authenticated ? [[cipher, undefined]] : macNames.map((mac) => [cipher, mac]),
);

beforeAll(async () => {
  for (const [cipher, mac] of pairs) await prepare(cipher, mac);
});

/** Bytes that look random and are the same in each run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function keysOf([cipher, mac]: Pair): DirectionKeys {
  const { key, iv, macKey } = keyLengths(cipher, mac);
  return { key: noise(key, 1), iv: noise(iv, 2), macKey: noise(macKey, 3) };
}

function directions(pair: Pair, keys = keysOf(pair)) {
  return { sealer: createSealer(...pair, keys), opener: createOpener(...pair, keys) };
}

type Sealer = ReturnType<typeof directions>['sealer'];
type Opener = ReturnType<typeof directions>['opener'];

/** A packet's bytes as the packet layer lays them out, with at least 4 bytes of padding, and room for the tag. */
function packetOf(payload: Uint8Array, { blockBytes, lengthApart, tagBytes }: Sealer): Uint8Array {
  const apart = lengthApart ? 4 : 0;
  let padding = blockBytes - ((5 - apart + payload.length) % blockBytes);
  if (padding < 4) padding += blockBytes;
  const packetLength = 1 + payload.length + padding;
  const packet = new Uint8Array(4 + packetLength + tagBytes);
  writeUint32(packet, 0, packetLength);
  packet[4] = padding;
  packet.set(payload, 5);
  return packet;
}

/** Opens the packet at `at` and gives its payload and where the next one begins. */
function openAt(opener: Opener, buffer: Uint8Array, at: number, sequence: number) {
  const packetLength = opener.packetLength(buffer, at, sequence);
  opener.open(buffer, at, packetLength, sequence);
  const payload = buffer.slice(at + 5, at + 4 + packetLength - (buffer[at + 4] as number));
  return { payload, next: at + 4 + packetLength + opener.tagBytes };
}

/** Seals the payloads one behind another into one buffer, after `skip` bytes of something else. */
function sealAll(sealer: Sealer, payloads: readonly Uint8Array[], firstSequence: number, skip = 0): Uint8Array {
  const packets = payloads.map((payload) => packetOf(payload, sealer));
  const buffer = new Uint8Array(skip + packets.reduce((sum, packet) => sum + packet.length, 0));
  let at = skip;
  for (const [i, packet] of packets.entries()) {
    buffer.set(packet, at);
    sealer.seal(buffer, at, packet.length - 4 - sealer.tagBytes, (firstSequence + i) >>> 0);
    at += packet.length;
  }
  return buffer;
}

function openAll(opener: Opener, buffer: Uint8Array, count: number, firstSequence: number, skip = 0): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let at = skip;
  for (let i = 0; i < count; i++) {
    const { payload, next } = openAt(opener, buffer, at, (firstSequence + i) >>> 0);
    payloads.push(payload);
    at = next;
  }
  expect(at).toBe(buffer.length);
  return payloads;
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return undefined;
}

const title = ([cipher, mac]: Pair) => (mac === undefined ? cipher : `${cipher} with ${mac}`);

describe.each(pairs.map((pair) => [title(pair), pair] as const))('%s', (_, pair) => {
  test('opens what it sealed, many packets in one buffer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 2 ** 32 - 1 }),
        fc.nat({ max: 40 }),
        (payloads, sequence, skip) => {
          const { sealer, opener } = directions(pair);
          const buffer = sealAll(sealer, payloads, sequence, skip);
          expect(openAll(opener, buffer, payloads.length, sequence, skip)).toEqual(payloads);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('opens a packet of 256 KiB and what follows it', () => {
    const { sealer, opener } = directions(pair);
    const payloads = [noise(262_000, 7), noise(1, 8), noise(32_768, 9)];
    const buffer = sealAll(sealer, payloads, 3);
    const opened = openAll(opener, buffer, 3, 3);
    for (const [i, payload] of payloads.entries()) expect(Buffer.compare(opened[i] as Uint8Array, payload)).toBe(0);
  });

  test('counts on across the wrap of the sequence number', () => {
    const { sealer, opener } = directions(pair);
    const payloads = [noise(10, 1), noise(20, 2), noise(30, 3)];
    const buffer = sealAll(sealer, payloads, 0xfffffffe);
    expect(openAll(opener, buffer, 3, 0xfffffffe)).toEqual(payloads);
  });

  test('refuses a packet with any bit flipped', () => {
    const sealed = sealAll(directions(pair).sealer, [noise(21, 5)], 9);
    const packetLength = sealed.length - 4 - directions(pair).sealer.tagBytes;
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const { opener } = directions(pair);
      const forged = sealed.slice();
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      // The length is told as it is without the flipped bit, so that the tag alone decides.
      opener.packetLength(forged, 0, 9);
      expect(codeOf(() => opener.open(forged, 0, packetLength, 9))).toBe('SSH_ERR_MAC_INVALID');
    }
  });

  test('refuses any other length than the true one, and a packet that is cut short', () => {
    const sealed = sealAll(directions(pair).sealer, [noise(100, 5)], 9);
    const { tagBytes } = directions(pair).sealer;
    for (let length = 0; length < sealed.length + 40; length++) {
      if (length === sealed.length - 4 - tagBytes) continue;
      const { opener } = directions(pair);
      const copy = sealed.slice();
      opener.packetLength(copy, 0, 9);
      expect(codeOf(() => opener.open(copy, 0, length, 9))).toBe('SSH_ERR_MAC_INVALID');
    }
  });

  test('refuses a replayed packet', () => {
    const sealed = sealAll(directions(pair).sealer, [noise(21, 5)], 9);
    const { opener } = directions(pair);
    expect(openAt(opener, sealed.slice(), 0, 9).payload).toEqual(noise(21, 5));
    const packetLength = sealed.length - 4 - opener.tagBytes;
    opener.packetLength(sealed, 0, 10);
    expect(codeOf(() => opener.open(sealed, 0, packetLength, 10))).toBe('SSH_ERR_MAC_INVALID');
  });

  test('does not depend on the arrays that the keys came in', () => {
    const keys = keysOf(pair);
    const { sealer, opener } = directions(pair, keys);
    for (const bytes of Object.values(keys) as Uint8Array[]) bytes.fill(0);
    const sealed = sealAll(sealer, [noise(21, 5)], 9);
    expect(sealed).toEqual(sealAll(directions(pair).sealer, [noise(21, 5)], 9));
    expect(openAt(opener, sealed, 0, 9).payload).toEqual(noise(21, 5));
  });

  test('refuses keys of another length', () => {
    const keys = keysOf(pair);
    expect(codeOf(() => createSealer(...pair, { ...keys, key: keys.key.subarray(1) }))).toBe('SSH_ERR_KEY_LENGTH');
    expect(codeOf(() => createOpener(...pair, { ...keys, iv: noise(keys.iv.length + 1, 1) }))).toBe('SSH_ERR_KEY_LENGTH');
  });

  test('goes on from its state where it tells it', () => {
    const { sealer, opener } = directions(pair);
    if (sealer.state === undefined || opener.state === undefined) {
      expect(pair[0]).toMatch(/-cbc$/);
      return;
    }
    openAll(opener, sealAll(sealer, [noise(8, 1), noise(9, 2)], 0), 2, 0);
    const other = directions(pair, sealer.state());
    expect(opener.state()).toEqual(sealer.state());
    const sealed = sealAll(other.sealer, [noise(10, 3)], 2);
    expect(sealed).toEqual(sealAll(sealer, [noise(10, 3)], 2));
    expect(openAll(opener, sealed.slice(), 1, 2)).toEqual([noise(10, 3)]);
    expect(openAll(other.opener, sealed, 1, 2)).toEqual([noise(10, 3)]);
  });
});

describe('without protection', () => {
  test('a packet stays as it is', () => {
    const packet = packetOf(noise(5, 1), nullSealer);
    const sealed = packet.slice();
    nullSealer.seal(sealed, 0, sealed.length - 4, 0);
    expect(sealed).toEqual(packet);
    expect(openAt(nullOpener, sealed, 0, 0)).toEqual({ payload: noise(5, 1), next: packet.length });
  });
});

describe('the length of a packet', () => {
  test('stays in clear only where it is authenticated before it is decrypted', () => {
    for (const pair of pairs) {
      const { sealer, opener } = directions(pair);
      const sealed = sealAll(sealer, [noise(21, 5)], 9);
      const clear = readUint32(sealed, 0) === sealed.length - 4 - sealer.tagBytes;
      const shown = pair[0].includes('gcm') || pair[1]?.includes('-etm@') === true;
      expect([title(pair), clear]).toEqual([title(pair), shown]);
      expect(opener.packetLength(sealed, 0, 9)).toBe(sealed.length - 4 - sealer.tagBytes);
    }
  });

  test('is hidden after a fault in CBC with encrypt-and-MAC, and nowhere else', () => {
    for (const pair of pairs) {
      const { opener } = directions(pair);
      const hides = pair[0].endsWith('-cbc') && pair[1]?.includes('-etm@') === false;
      expect([title(pair), opener.discard?.bytes]).toEqual([title(pair), hides ? 262_144 : undefined]);
      expect(opener.discard?.fault().code).toBe(hides ? 'SSH_ERR_MAC_INVALID' : undefined);
    }
  });
});

describe('the limits', () => {
  test('are 2^32 blocks of wide ciphers, 1 GiB of narrow ones', () => {
    for (const pair of pairs) {
      const { sealer, opener } = directions(pair);
      const wide = ciphers[pair[0]].blockBytes === 16;
      expect(sealer.mostBlocks).toBe(wide ? 2 ** 32 : 2 ** 27);
      expect(opener.mostBlocks).toBe(sealer.mostBlocks);
    }
  });

  test("GCM's invocation counter carries through its 8 bytes and no further", () => {
    const pair: Pair = ['aes256-gcm@openssh.com', undefined];
    const keys = keysOf(pair);
    for (const [before, after] of [
      ['01020304 00000000000000ff', '01020304 0000000000000100'],
      ['01020304 00000000ffffffff', '01020304 0000000100000000'],
      ['01020304 ffffffffffffffff', '01020304 0000000000000000'],
    ] as const) {
      const iv = Uint8Array.from(Buffer.from(before.replace(' ', ''), 'hex'));
      const { sealer, opener } = directions(pair, { ...keys, iv });
      const buffer = sealAll(sealer, [noise(5, 1)], 0);
      expect(Buffer.from(sealer.state?.().iv ?? []).toString('hex')).toBe(after.replace(' ', ''));
      openAll(opener, buffer, 1, 0);
      const next = directions(pair, { ...keys, iv: Uint8Array.from(Buffer.from(after.replace(' ', ''), 'hex')) });
      expect(sealAll(sealer, [noise(6, 2)], 1)).toEqual(sealAll(next.sealer, [noise(6, 2)], 1));
    }
  });
});

test('keys are gone after wipe, and other connections go on', () => {
  for (const pair of pairs) {
    const one = directions(pair);
    const other = directions(pair);
    const sealed = sealAll(one.sealer, [noise(21, 5)], 9);
    one.sealer.wipe();
    one.opener.wipe();
    for (const direction of [one.sealer, one.opener]) {
      const { key, iv } = direction.state?.() ?? { key: new Uint8Array(), iv: new Uint8Array() };
      expect([...key, ...iv].filter((byte) => byte !== 0)).toEqual([]);
    }
    expect(openAt(other.opener, sealed, 0, 9).payload).toEqual(noise(21, 5));
  }
});

test('a cipher that does not authenticate needs a MAC', () => {
  const keys = keysOf(['aes128-ctr', 'hmac-sha1']);
  expect(codeOf(() => keyLengths('aes128-ctr', undefined))).toBe('SSH_ERR_NO_MAC_ALG_MATCH');
  expect(codeOf(() => createSealer('aes128-ctr', undefined, keys))).toBe('SSH_ERR_NO_MAC_ALG_MATCH');
});
