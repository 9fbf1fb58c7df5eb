import { poly1305 as second } from '@noble/ciphers/_poly1305.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { poly1305, preparePoly1305 } from '../../../src/core/crypto/poly1305.ts';
import { fromHex, hex } from '../../../src/core/util/bytes.ts';
import published from '../../vectors/poly1305.json' with { type: 'json' };

beforeAll(async () => {
  await preparePoly1305();
});

describe.each(published.vectors.map((vector) => [vector.section, vector] as const))('RFC 8439 %s', (_, vector) => {
  const key = fromHex(vector.key);
  const message = fromHex(vector.message);

  test('gives the published tag', () => {
    expect(hex(poly1305(key, message, 0, message.length))).toBe(vector.tag);
  });

  test('a second implementation gives it too', () => {
    expect(hex(second(message, key))).toBe(vector.tag);
  });
});

test('agrees with a second implementation on any key, length and place', () => {
  const extreme = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constant(new Uint8Array(32).fill(0xff)));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.nat({ max: 400 }).map((length) => new Uint8Array(length).fill(0xff)),
  );
  fc.assert(
    fc.property(extreme, bytes, fc.nat({ max: 20 }), (key, message, from) => {
      const start = Math.min(from, message.length);
      expect(hex(poly1305(key, message, start, message.length))).toBe(hex(second(message.subarray(start), key)));
    }),
    { numRuns: 500 },
  );
});

test.each([65_519, 65_535, 65_536, 65_537, 131_072, 131_073, 262_148])('agrees on %i bytes, which it takes in pieces', (length) => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1);
  const message = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  expect(hex(poly1305(key, message, 0, length))).toBe(hex(second(message, key)));
});

test('is prepared once', () => {
  expect(preparePoly1305()).toBeUndefined();
});
