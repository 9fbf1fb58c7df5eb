import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BULK_BYTES, BulkChange } from '../../../src/core/crypto/packet-bulk.ts';
import type { CipherName } from '../../../src/core/crypto/names.ts';
import type { DirectionKeys, PacketOpener, PacketSealer } from '../../../src/core/crypto/packet-cipher.ts';
import { createOpener, createSealer, keyLengths } from '../../../src/core/crypto/packet-protection.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { libcryptoCiphers } from '../../../src/node/native/libcrypto.ts';

const ciphers = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'] as const satisfies readonly CipherName[];
const there = libcryptoCiphers('aes128-gcm@openssh.com') !== undefined;
const describeNative = there ? describe : describe.skip;

function keysOf(cipher: CipherName, iv?: Uint8Array): DirectionKeys {
  const { key, iv: ivBytes } = keyLengths(cipher, undefined);
  return {
    key: Uint8Array.from({ length: key }, (_, at) => at * 7 + 1),
    iv: iv ?? Uint8Array.from({ length: ivBytes }, (_, at) => at + 100),
    macKey: new Uint8Array(),
  };
}

/** Both directions by OpenSSL's own functions. */
function native(cipher: CipherName, keys = keysOf(cipher)): { sealer: PacketSealer; opener: PacketOpener } {
  const source = libcryptoCiphers(cipher);
  if (source === undefined) throw new Error(`no ${cipher}`);
  return { sealer: source.sealer(keys), opener: source.opener(keys) };
}

/** A packet with a padded part of so many bytes, room for the tag, and bytes around it that nobody may touch. */
function packet(length: number, seed: number): Uint8Array {
  const bytes = Uint8Array.from({ length: 3 + 4 + length + 16 + 3 }, (_, at) => at * 31 + seed);
  new DataView(bytes.buffer).setUint32(3, length);
  return bytes;
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof SshError ? error.code : String(error);
  }
  return undefined;
}

const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(2049, 16_384)), { minLength: 1, maxLength: 8 });

describeNative.each(ciphers)('%s by libcrypto', (cipher) => {
  test('seals and opens as node:crypto does, packet after packet', () => {
    fc.assert(
      fc.property(lengths, fc.boolean(), (blocks, nativeSeals) => {
        const own = { sealer: createSealer(cipher, undefined, keysOf(cipher)), opener: createOpener(cipher, undefined, keysOf(cipher)) };
        const fast = native(cipher);
        for (const [at, count] of blocks.entries()) {
          const expected = packet(count * 16, at);
          const sealed = Uint8Array.from(expected);
          const plain = Uint8Array.from(expected);
          own.sealer.seal(expected, 3, count * 16, at);
          fast.sealer.seal(sealed, 3, count * 16, at);
          expect(Buffer.compare(sealed, expected)).toBe(0);
          const opener = nativeSeals ? own.opener : fast.opener;
          expect(opener.packetLength(sealed, 3, at)).toBe(count * 16);
          opener.open(sealed, 3, count * 16, at);
          expect(Buffer.compare(sealed.subarray(0, 3 + 4 + count * 16), plain.subarray(0, 3 + 4 + count * 16))).toBe(0);
        }
        for (const one of [fast.sealer, fast.opener]) one.wipe();
      }),
      { numRuns: 30 },
    );
  });

  test('carries the invocation counter without touching the fixed part of the nonce', () => {
    const iv = new Uint8Array(12).fill(0xff);
    const own = createSealer(cipher, undefined, keysOf(cipher, iv));
    const { sealer, opener } = native(cipher, keysOf(cipher, iv));
    for (let at = 0; at < 3; at++) {
      const expected = packet(32, at);
      const sealed = Uint8Array.from(expected);
      own.seal(expected, 3, 32, at);
      sealer.seal(sealed, 3, 32, at);
      expect(sealed).toEqual(expected);
      opener.open(sealed, 3, 32, at);
    }
  });

  test('gives away nothing of a packet that was changed anywhere', () => {
    const length = 48;
    for (let byte = 0; byte < 4 + length + 16; byte++) {
      const { sealer, opener } = native(cipher);
      const bytes = packet(length, byte);
      sealer.seal(bytes, 3, length, 0);
      bytes[3 + byte] = (bytes[3 + byte] as number) ^ 1;
      expect(codeOf(() => opener.open(bytes, 3, length, 0))).toBe('SSH_ERR_MAC_INVALID');
      expect(bytes.subarray(7, 7 + length)).toEqual(new Uint8Array(length));
      for (const one of [sealer, opener]) one.wipe();
    }
  });

  test('stays within the buffer, and ends with its keys', () => {
    const { sealer, opener } = native(cipher);
    const bytes = packet(32, 0);
    for (const [at, length] of [
      [3, 48],
      [8, 32],
      [-1, 32],
      [3, -16],
    ] as const) {
      expect(codeOf(() => sealer.seal(bytes, at, length, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
      expect(codeOf(() => opener.open(bytes, at, length, 0))).toBe('SSH_ERR_MAC_INVALID');
    }
    expect(bytes).toEqual(packet(32, 0));
    for (const one of [sealer, opener]) {
      one.wipe();
      one.wipe();
    }
    expect(codeOf(() => sealer.seal(bytes, 3, 32, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    expect(codeOf(() => opener.open(bytes, 3, 32, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
  });

  test('survives collections between packets', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { sealer, opener } = native(cipher);
    for (let at = 0; at < 200; at++) {
      const bytes = packet(32_768, at);
      sealer.seal(bytes, 3, 32_768, at);
      if (at % 10 === 0) collect();
      opener.open(bytes, 3, 32_768, at);
      expect(Buffer.compare(bytes.subarray(0, 3 + 4 + 32_768), packet(32_768, at).subarray(0, 3 + 4 + 32_768))).toBe(0);
    }
  });

  test('takes a running connection over in both directions, once much was moved', () => {
    const changes: string[] = [];
    const bulk = new BulkChange((name) => {
      changes.push(name);
      return libcryptoCiphers(name);
    });
    const keys = keysOf(cipher);
    const sealer = bulk.sealer(createSealer(cipher, undefined, keys), cipher);
    const opener = bulk.opener(createOpener(cipher, undefined, keys), cipher);
    const plainOpener = createOpener(cipher, undefined, keys);
    const length = 32_768;
    for (let at = 0; at * length < BULK_BYTES + 4 * length; at++) {
      const bytes = packet(length, at);
      sealer.seal(bytes, 3, length, at);
      const copy = Uint8Array.from(bytes);
      plainOpener.open(copy, 3, length, at);
      opener.open(bytes, 3, length, at);
      expect(Buffer.compare(bytes.subarray(3, 7 + length), packet(length, at).subarray(3, 7 + length))).toBe(0);
      // two directions, both of which count
      expect(changes.length > 0).toBe(2 * (at + 1) * length >= BULK_BYTES);
    }
    expect(changes).toEqual([cipher, cipher]);
    // the keys of a later exchange go over with their first packet
    const next = bulk.sealer(createSealer(cipher, undefined, keys), cipher);
    next.seal(packet(16, 0), 3, 16, 0);
    expect(changes).toEqual([cipher, cipher, cipher]);
  });
});

test('a connection that finds no faster source goes on with what it has', () => {
  const cipher = 'aes128-gcm@openssh.com';
  const bulk = new BulkChange(() => undefined);
  const sealer = bulk.sealer(createSealer(cipher, undefined, keysOf(cipher)), cipher);
  const opener = createOpener(cipher, undefined, keysOf(cipher));
  for (let at = 0; at * 262_144 < BULK_BYTES * 2; at++) {
    const bytes = packet(262_144, at);
    sealer.seal(bytes, 3, 262_144, at);
    opener.open(bytes, 3, 262_144, at);
  }
});

test('ciphers that node:crypto does as well have no other source', () => {
  expect(libcryptoCiphers('aes128-ctr')).toBeUndefined();
});
