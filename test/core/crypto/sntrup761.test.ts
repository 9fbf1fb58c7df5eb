import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomBytes } from '../../../src/core/crypto/random.ts';
import { SNTRUP761_CIPHERTEXT_BYTES, SNTRUP761_KEY_BYTES, sntrup761 } from '../../../src/core/crypto/sntrup761.ts';
import { decodeMixed, encodeMixed } from '../../../src/core/crypto/sntrup761-encoding.ts';
import { hex } from '../../../src/core/util/bytes.ts';
import vectors from '../../vectors/sntrup761.json' with { type: 'json' };
import { fixedRandom } from './fixed-random.ts';
import { nistDrbg } from './nist-drbg.ts';

test('the published known answers, of key pair, encapsulation and decapsulation', async () => {
  const kem = await sntrup761();
  const seeds = nistDrbg(Uint8Array.from({ length: 48 }, (_, i) => i));
  const answers: string[] = [];
  for (let count = 0; count < vectors.answers; count++) {
    const seed = randomBytes(seeds, 48);
    const random = nistDrbg(seed);
    const { publicKey, secretKey } = kem.keypair(random);
    const { ciphertext, secret } = kem.encapsulate(publicKey, random);
    expect(hex(kem.decapsulate(ciphertext, secretKey))).toBe(hex(secret));
    const lines = { seed, pk: publicKey, sk: secretKey, ct: ciphertext, ss: secret };
    const text = Object.entries(lines).map(([name, bytes]) => `${name} = ${hex(bytes).toUpperCase()}\n`);
    answers.push(`count = ${count}\n${text.join('')}`);
  }
  expect(sha256(answers[0] as string)).toBe(vectors.single);
  expect(sha256(answers.join('\n'))).toBe(vectors.all);
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

describe('a ciphertext that was not honestly made', () => {
  test('gives another secret, the same at each time, whatever bit was changed', async () => {
    const kem = await sntrup761();
    const { publicKey, secretKey } = kem.keypair(fixedRandom('key'));
    const { ciphertext, secret } = kem.encapsulate(publicKey, fixedRandom('message'));
    fc.assert(
      fc.property(fc.nat(SNTRUP761_CIPHERTEXT_BYTES * 8 - 1), (bit) => {
        const changed = ciphertext.slice();
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        const other = kem.decapsulate(changed, secretKey);
        expect(hex(other)).not.toBe(hex(secret));
        expect(hex(kem.decapsulate(changed, secretKey))).toBe(hex(other));
      }),
      { numRuns: 20 },
    );
  });

  test('and any bytes at all give a secret, not an exception', async () => {
    const kem = await sntrup761();
    const { secretKey } = kem.keypair(fixedRandom('key'));
    for (const value of [0, 1, 0x7f, 0xff]) {
      expect(kem.decapsulate(new Uint8Array(SNTRUP761_CIPHERTEXT_BYTES).fill(value), secretKey)).toHaveLength(32);
      expect(kem.encapsulate(new Uint8Array(SNTRUP761_KEY_BYTES).fill(value), fixedRandom('message')).secret).toHaveLength(32);
    }
  });
});

test('numbers of mixed radix are what they were after packing and unpacking', () => {
  const packable = fc
    .tuple(fc.integer({ min: 2, max: 16384 }), fc.integer({ min: 1, max: 100 }))
    .chain(([bound, length]) => fc.tuple(fc.constant(bound), fc.array(fc.nat(bound - 1), { minLength: length, maxLength: length })));
  fc.assert(
    fc.property(packable, ([bound, numbers]) => {
      expect(Array.from(decodeMixed(encodeMixed(numbers, bound), numbers.length, bound))).toEqual(numbers);
    }),
  );
});
