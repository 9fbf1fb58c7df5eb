import { shake128 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from 'vitest';
import type { Mlkem768 } from '../../../src/core/crypto/mlkem768.ts';
import {
  checked,
  MLKEM768_CIPHERTEXT_BYTES,
  MLKEM768_KEY_BYTES,
  mlkem768,
  nativeMlkem768,
  wasmMlkem768,
} from '../../../src/core/crypto/mlkem768.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { hex } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import published from '../../vectors/mlkem768.json' with { type: 'json' };
import { fixedRandom, givenBytes } from './fixed-random.ts';

const wasm = await wasmMlkem768();
const native = nativeMlkem768();

test.each(published.accumulated)('the published digest of $runs runs of key generation, encapsulation and decapsulation', ({
  runs,
  digest,
}) => {
  const input = shake128.create();
  const output = shake128.create();
  for (let run = 0; run < runs; run++) {
    const seed = input.xof(64);
    const key = wasm.keypair(seed).value;
    const message = input.xof(32);
    const { value, secret } = wasm.encapsulate(key, givenBytes(message));
    const random = input.xof(MLKEM768_CIPHERTEXT_BYTES);
    const rejected = wasm.keypair(seed).decapsulate(random);
    output.update(key).update(value).update(secret).update(rejected);
    expect(hex(wasm.keypair(seed).decapsulate(value))).toBe(hex(secret));
    // The same from noble.
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    expect(hex(publicKey)).toBe(hex(key));
    const encapsulated = ml_kem768.encapsulate(publicKey, message);
    expect(hex(encapsulated.cipherText)).toBe(hex(value));
    expect(hex(encapsulated.sharedSecret)).toBe(hex(secret));
    expect(hex(ml_kem768.decapsulate(random, secretKey))).toBe(hex(rejected));
    if (native === undefined) continue;
    // The same key, and the same secrets of a ciphertext and of what is none, from OpenSSL.
    const pair = native.keypair(seed);
    expect(hex(pair.value)).toBe(hex(key));
    expect(hex(pair.decapsulate(value))).toBe(hex(secret));
    expect(hex(pair.decapsulate(random))).toBe(hex(rejected));
  }
  expect(hex(output.xof(32))).toBe(digest);
});

test.skipIf(native === undefined)("what OpenSSL encapsulates WebAssembly decapsulates (where this Node's OpenSSL has ML-KEM)", () => {
  const seed = new Uint8Array(64).fill(3);
  const { value, secret } = (native as Mlkem768).encapsulate(wasm.keypair(seed).value, systemRandom);
  expect(hex(wasm.keypair(seed).decapsulate(value))).toBe(hex(secret));
});

describe.each([['WebAssembly', wasm], ...(native === undefined ? [] : [['OpenSSL', native] as const])] as const)('by %s', (_, source) => {
  const kex = checked(source);
  const key = wasm.keypair(new Uint8Array(64).fill(5)).value;

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

test('seeds and messages of a single bit give the same by WebAssembly and noble', () => {
  for (let bit = 0; bit < 512; bit += 7) {
    const seed = new Uint8Array(64);
    seed[bit >> 3] = 1 << (bit & 7);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    expect(hex(wasm.keypair(seed).value)).toBe(hex(publicKey));
    const message = seed.subarray(0, 32).map((byte) => 0xff ^ byte);
    const { value, secret } = wasm.encapsulate(publicKey, givenBytes(message));
    expect(hex(ml_kem768.decapsulate(value, secretKey))).toBe(hex(secret));
  }
});

test('a key pair serves one decapsulation, and no other operation comes between', () => {
  const seed = new Uint8Array(64).fill(9);
  const pair = wasm.keypair(seed);
  const { value, secret } = wasm.encapsulate(pair.value, fixedRandom('message'));
  wasm.keypair(new Uint8Array(64).fill(10));
  expect(hex(pair.decapsulate(value))).toBe(hex(secret));
  expect(hex(pair.decapsulate(value))).not.toBe(hex(secret));
});

test('the one that is used is OpenSSL where it is there', async () => {
  const pair = (await mlkem768()).keypair(fixedRandom('key'));
  expect(hex(pair.value)).toBe(hex(checked(native ?? wasm).keypair(fixedRandom('key')).value));
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
