import { x25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import { curve25519 } from '../../../src/core/crypto/kex-curve25519.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { fromHex, hex } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import published from '../../vectors/x25519.json' with { type: 'json' };
import { givenBytes } from './fixed-random.ts';

test.each(published.vectors)('RFC 7748 section $section, by OpenSSL and by noble', ({ scalar, value, secret, ownValue }) => {
  const pair = curve25519.keypair(givenBytes(fromHex(scalar)));
  expect(hex(pair.decapsulate(fromHex(value)))).toBe(secret);
  expect(hex(x25519.getSharedSecret(fromHex(scalar), fromHex(value)))).toBe(secret);
  expect(hex(pair.value)).toBe(ownValue ?? hex(x25519.getPublicKey(fromHex(scalar))));
});

test('RFC 7748 section 5.2, iterated', () => {
  let scalar = fromHex(published.iterated.start);
  let value = scalar;
  const results: string[] = [];
  for (let i = 1; i <= 1000; i++) {
    const next = curve25519.keypair(givenBytes(scalar)).decapsulate(value);
    value = scalar;
    scalar = next;
    if (i === 1 || i === 1000) results.push(hex(next));
  }
  expect(results).toEqual([published.iterated.after1, published.iterated.after1000]);
});

test.each(published.smallOrder)('a public value of small order is refused, by client and server: %s', (value) => {
  const refusal = expect.objectContaining({ code: 'SSH_ERR_KEY_INVALID_EC_VALUE' }) as SshError;
  expect(() => curve25519.keypair(systemRandom).decapsulate(fromHex(value))).toThrow(refusal);
  expect(() => curve25519.encapsulate(fromHex(value), systemRandom)).toThrow(refusal);
});

test.each([0, 31, 33, 64])('a public value of %i bytes is refused', (length) => {
  const value = new Uint8Array(length).fill(9);
  expect(() => curve25519.keypair(systemRandom).decapsulate(value)).toThrow(SshError);
});
