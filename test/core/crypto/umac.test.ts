import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareUmac, Umac } from '../../../src/core/crypto/umac.ts';
import { bigintBytes, bigintOf, concat, fromHex, hex, utf8Bytes } from '../../../src/core/util/bytes.ts';
import published from '../../vectors/umac.json' with { type: 'json' };

beforeAll(async () => {
  await prepareUmac();
});

const key = fromHex(published.key);
const nonce = fromHex(published.nonce);

/** UMAC read off RFC 4418, in arithmetic on big integers; slow and plain. */
function reference(tagBytes: 8 | 16, theKey: Uint8Array, theNonce: Uint8Array, message: Uint8Array): Uint8Array {
  const streams = tagBytes / 4;
  const hash = concat(...Array.from({ length: streams }, (_, i) => uhash(theKey, streams, i, message)));
  const last = theNonce.length - 1;
  const index = tagBytes === 8 ? (theNonce[last] as number) % 2 : 0;
  const block = new Uint8Array(16);
  block.set(theNonce);
  block[last] = (block[last] as number) ^ index;
  const pad = aes(kdf(theKey, 0, 16), block).subarray(index * tagBytes, index * tagBytes + tagBytes);
  return hash.map((byte, i) => byte ^ (pad[i] as number));
}

function aes(theKey: Uint8Array, block: Uint8Array): Uint8Array {
  return new Uint8Array(createCipheriv('aes-128-ecb', theKey, null).setAutoPadding(false).update(block));
}

function kdf(theKey: Uint8Array, index: number, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 16) }, (_, i) =>
    aes(theKey, concat(bigintBytes(BigInt(index), 8), bigintBytes(BigInt(i + 1), 8))),
  );
  return concat(...blocks).subarray(0, length);
}

/** The first layer's key of a stream. */
function nhKey(theKey: Uint8Array, streams: number, stream: number): Uint8Array {
  return kdf(theKey, 1, 1024 + (streams - 1) * 16).subarray(stream * 16, stream * 16 + 1024);
}

function uhash(theKey: Uint8Array, streams: number, stream: number, message: Uint8Array): Uint8Array {
  const chunks: bigint[] = [];
  for (let at = 0; at < Math.max(1, message.length); at += 1024) {
    chunks.push(nh(nhKey(theKey, streams, stream), message.subarray(at, at + 1024)));
  }
  const polyKey = bigintOf(kdf(theKey, 2, streams * 24).subarray(stream * 24, stream * 24 + 8)) & 0x01ffffff01ffffffn;
  const y = message.length <= 1024 ? (chunks[0] as bigint) : poly(polyKey, chunks);
  const inner = kdf(theKey, 3, streams * 64).subarray(stream * 64, stream * 64 + 64);
  const prime = 2n ** 36n - 5n;
  const halves = bigintBytes(y, 16);
  let sum = 0n;
  for (let i = 0; i < 8; i++) {
    sum += bigintOf(halves.subarray(i * 2, i * 2 + 2)) * (bigintOf(inner.subarray(i * 8, i * 8 + 8)) % prime);
  }
  const outer = bigintOf(kdf(theKey, 4, streams * 4).subarray(stream * 4, stream * 4 + 4));
  return bigintBytes(((sum % prime) & 0xffffffffn) ^ outer, 4);
}

function nh(chunkKey: Uint8Array, chunk: Uint8Array): bigint {
  const padded = new Uint8Array(Math.max(32, Math.ceil(chunk.length / 32) * 32));
  padded.set(chunk);
  const m = new DataView(padded.buffer);
  const k = new DataView(chunkKey.slice().buffer);
  let sum = BigInt(chunk.length) * 8n;
  for (let at = 0; at < padded.length; at += 32) {
    for (let i = at; i < at + 16; i += 4) {
      const a = (m.getUint32(i, true) + k.getUint32(i)) >>> 0;
      const b = (m.getUint32(i + 16, true) + k.getUint32(i + 16)) >>> 0;
      sum += BigInt(a) * BigInt(b);
    }
  }
  return BigInt.asUintN(64, sum);
}

function poly(polyKey: bigint, words: readonly bigint[]): bigint {
  const prime = 2n ** 64n - 59n;
  let y = 1n;
  for (const word of words) {
    if (word >= 2n ** 64n - 2n ** 32n) {
      y = (polyKey * y + prime - 1n) % prime;
      y = (polyKey * y + word - 59n) % prime;
    } else {
      y = (polyKey * y + word) % prime;
    }
  }
  return y;
}

function tag(tagBytes: 8 | 16, message: Uint8Array, theKey = key, theNonce = nonce): string {
  return hex(new Umac(tagBytes, theKey).sign(theNonce, message, 0, message.length));
}

describe.each(published.vectors.map((vector) => [`${vector.length} bytes of '${vector.repeat}'`, vector] as const))('%s', (_, vector) => {
  const message = utf8Bytes(vector.repeat.repeat(vector.length).slice(0, vector.length));

  test('give the published tags', () => {
    expect(tag(8, message)).toBe(vector.tag64);
    expect(tag(16, message)).toBe(vector.tag128);
  });

  test('give them in plain arithmetic too', () => {
    if (message.length > 100_000) return;
    expect(hex(reference(8, key, nonce, message))).toBe(vector.tag64);
    expect(hex(reference(16, key, nonce, message))).toBe(vector.tag128);
  });
});

test.each([8, 16] as const)('tags of %i bytes agree with plain arithmetic on any key, nonce and message', (tagBytes) => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(16), bytes(8), fc.uint8Array({ maxLength: 2500, size: 'max' }), (someKey, someNonce, message) => {
      expect(tag(tagBytes, message, someKey, someNonce)).toBe(hex(reference(tagBytes, someKey, someNonce, message)));
    }),
    // No smaller counterexample is looked for: plain arithmetic takes too long for that.
    { numRuns: 60, endOnFailure: true },
  );
});

test.each([
  1, 31, 32, 33, 1023, 1024, 1025, 1056, 2048, 2049, 65_535, 65_536, 65_537, 66_560, 66_561, 131_072,
])('agree with plain arithmetic on %i bytes', (length) => {
  const message = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  expect(tag(8, message)).toBe(hex(reference(8, key, nonce, message)));
  expect(tag(16, message)).toBe(hex(reference(16, key, nonce, message)));
});

/** A chunk of 1024 bytes of which NH under this key, with the chunk's length added, is `value`. */
function chunkOf(chunkKey: Uint8Array, value: bigint): Uint8Array {
  const word = 0xffffffffn;
  const rest = BigInt.asUintN(64, value - 8192n);
  const factor = rest / word > word ? word : rest / word;
  // Four sums of message and key make two products that add up to the rest; all other sums are zero.
  const sums = new Map([
    [0, word],
    [16, factor],
    [4, rest - factor * word],
    [20, 1n],
  ]);
  const chunk = new Uint8Array(1024);
  const view = new DataView(chunk.buffer);
  const keyView = new DataView(chunkKey.slice().buffer);
  for (let at = 0; at < 1024; at += 4) view.setUint32(at, Number(sums.get(at) ?? 0n) - keyView.getUint32(at), true);
  expect(nh(chunkKey, chunk)).toBe(value);
  return chunk;
}

describe('the second layer, stream by stream', () => {
  const cases = ([8, 16] as const).flatMap((tagBytes) =>
    Array.from({ length: tagBytes / 4 }, (_, stream) => ({ tagBytes, stream, chunkKey: nhKey(key, tagBytes / 4, stream) })),
  );

  test.each(cases)('marks a word that its prime does not reach: $tagBytes, $stream', ({ tagBytes, chunkKey }) => {
    const message = concat(chunkOf(chunkKey, 2n ** 64n - 2n ** 32n), new Uint8Array(76));
    expect(tag(tagBytes, message)).toBe(hex(reference(tagBytes, key, nonce, message)));
  });

  test.each(cases)('reduces its last value: $tagBytes, $stream', ({ tagBytes, stream, chunkKey }) => {
    const prime = 2n ** 64n - 59n;
    const polyKey = bigintOf(kdf(key, 2, (tagBytes / 4) * 24).subarray(stream * 24, stream * 24 + 8)) & 0x01ffffff01ffffffn;
    for (const value of [0n, 5n, 58n]) {
      const first = chunkOf(chunkKey, 12_345_678n);
      const before = (polyKey * poly(polyKey, [12_345_678n])) % prime;
      const message = concat(first, chunkOf(chunkKey, prime + value - before));
      expect(tag(tagBytes, message)).toBe(hex(reference(tagBytes, key, nonce, message)));
    }
  });
});

test('several keys take turns in the one module', () => {
  const other = key.map((byte) => byte ^ 0x55);
  const first = new Umac(8, key);
  const second = new Umac(16, other);
  const message = utf8Bytes('a message');
  for (let round = 0; round < 3; round++) {
    const turn = nonce.map((byte) => byte + round);
    expect(hex(first.sign(turn, message, 2, 9))).toBe(hex(reference(8, key, turn, message.subarray(2))));
    expect(hex(second.sign(turn, message, 0, 9))).toBe(hex(reference(16, other, turn, message)));
  }
  second.wipe();
  expect(hex(first.sign(nonce, message, 0, 9))).toBe(hex(reference(8, key, nonce, message)));
});
