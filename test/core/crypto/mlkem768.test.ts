import { shake128 } from '@noble/hashes/sha3.js';
import { describe, expect, test } from 'vitest';
import type { Mlkem768 } from '../../../src/core/crypto/mlkem768.ts';
import {
  checked,
  MLKEM768_CIPHERTEXT_BYTES,
  MLKEM768_KEY_BYTES,
  mlkem768,
  nativeMlkem768,
  nobleMlkem768,
} from '../../../src/core/crypto/mlkem768.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { hex } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import published from '../../vectors/mlkem768.json' with { type: 'json' };
import { fixedRandom, givenBytes } from './fixed-random.ts';

const noble = await nobleMlkem768();
const native = nativeMlkem768();

test.each(published.accumulated)('the published digest of $runs runs of key generation, encapsulation and decapsulation', ({
  runs,
  digest,
}) => {
  const input = shake128.create();
  const output = shake128.create();
  for (let run = 0; run < runs; run++) {
    const seed = input.xof(64);
    const key = noble.keypair(seed).value;
    const { value, secret } = noble.encapsulate(key, givenBytes(input.xof(32)));
    const random = input.xof(MLKEM768_CIPHERTEXT_BYTES);
    output.update(key).update(value).update(secret).update(noble.keypair(seed).decapsulate(random));
    expect(hex(noble.keypair(seed).decapsulate(value))).toBe(hex(secret));
    if (native === undefined) continue;
    // The same key, and the same secrets of a ciphertext and of what is none, from OpenSSL.
    const pair = native.keypair(seed);
    expect(hex(pair.value)).toBe(hex(key));
    expect(hex(pair.decapsulate(value))).toBe(hex(secret));
    expect(hex(pair.decapsulate(random))).toBe(hex(noble.keypair(seed).decapsulate(random)));
  }
  expect(hex(output.xof(32))).toBe(digest);
});

test.skipIf(native === undefined)("what OpenSSL encapsulates noble decapsulates (where this Node's OpenSSL has ML-KEM)", () => {
  const seed = new Uint8Array(64).fill(3);
  const { value, secret } = (native as Mlkem768).encapsulate(noble.keypair(seed).value, systemRandom);
  expect(hex(noble.keypair(seed).decapsulate(value))).toBe(hex(secret));
});

describe.each([['noble', noble], ...(native === undefined ? [] : [['OpenSSL', native] as const])] as const)('by %s', (_, source) => {
  const kex = checked(source);
  const key = noble.keypair(new Uint8Array(64).fill(5)).value;

  test.each([0, MLKEM768_KEY_BYTES - 1, MLKEM768_KEY_BYTES + 1])('an encapsulation key of %i bytes is refused', (length) => {
    expect(() => kex.encapsulate(new Uint8Array(length), systemRandom)).toThrow(SshError);
  });

  test.each([0, MLKEM768_CIPHERTEXT_BYTES - 1, MLKEM768_CIPHERTEXT_BYTES + 1])('a ciphertext of %i bytes is refused', (length) => {
    expect(() => kex.keypair(systemRandom).decapsulate(new Uint8Array(length))).toThrow(SshError);
  });

  test.each([
    0, 1, 2, 383, 766, 767,
  ])('coefficient %i of an encapsulation key may be q - 1, but not q or 4095 (FIPS 203 section 7.2)', (index) => {
    expect(kex.encapsulate(withCoefficient(key, index, 3328), systemRandom).secret).toHaveLength(32);
    const refusal = expect.objectContaining({ code: 'SSH_ERR_INVALID_FORMAT' }) as SshError;
    for (const value of [3329, 4095]) {
      expect(() => kex.encapsulate(withCoefficient(key, index, value), systemRandom)).toThrow(refusal);
    }
  });

  test('a changed ciphertext gives another secret', () => {
    const pair = () => kex.keypair(fixedRandom('key'));
    const { value, secret } = kex.encapsulate(pair().value, fixedRandom('message'));
    expect(hex(pair().decapsulate(value))).toBe(hex(secret));
    for (const at of [0, 500, MLKEM768_CIPHERTEXT_BYTES - 1]) {
      const changed = value.slice();
      changed[at] = changed[at]! ^ 1;
      expect(hex(pair().decapsulate(changed))).not.toBe(hex(secret));
    }
  });
});

test('the one that is used is OpenSSL where it is there', async () => {
  const pair = (await mlkem768()).keypair(fixedRandom('key'));
  expect(hex(pair.value)).toBe(hex(checked(native ?? noble).keypair(fixedRandom('key')).value));
});

/** The key with one of its 768 packed 12-bit coefficients replaced. */
function withCoefficient(key: Uint8Array, index: number, value: number): Uint8Array {
  const changed = key.slice();
  const at = (index >> 1) * 3;
  if (index % 2 === 0) {
    changed[at] = value & 0xff;
    changed[at + 1] = (changed[at + 1]! & 0xf0) | (value >> 8);
  } else {
    changed[at + 1] = (changed[at + 1]! & 0x0f) | ((value & 0xf) << 4);
    changed[at + 2] = value >> 4;
  }
  return changed;
}
