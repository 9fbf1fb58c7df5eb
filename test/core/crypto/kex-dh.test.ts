import { checkPrimeSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { group1, group14, group16, group18 } from '../../../src/core/crypto/dh-groups.ts';
import type { DhGroup } from '../../../src/core/crypto/kex.ts';
import { dhAlgorithm, gexBits } from '../../../src/core/crypto/kex-dh.ts';
import { bigintBytes, bigintOf, concat, hex } from '../../../src/core/util/bytes.ts';
import type { SshError } from '../../../src/core/util/errors.ts';
import { fixedRandom, givenBytes } from './fixed-random.ts';
import { piBits } from './pi.ts';

/** The primes are 2^n - 2^(n-64) - 1 + 2^64 * (the whole part of 2^(n-130) pi, plus this): RFC 2409 section 6.2, RFC 3526. */
const groups: [string, DhGroup, bits: number, addend: bigint][] = [
  ['group 1', group1, 1024, 129093n],
  ['group 14', group14, 2048, 124476n],
  ['group 16', group16, 4096, 240904n],
  ['group 18', group18, 8192, 4743158n],
];

describe.each(groups)('%s', (_, group, bits, addend) => {
  const prime = bigintOf(group.prime);
  const n = BigInt(bits);

  test('is the prime that its RFC gives by a formula', () => {
    expect(prime).toBe(2n ** n - 2n ** (n - 64n) - 1n + 2n ** 64n * (piBits(bits - 130) + addend));
    expect(bigintOf(group.generator)).toBe(2n);
  });

  test('is a safe prime', () => {
    expect(isPrime(prime)).toBe(true);
    expect(isPrime((prime - 1n) / 2n)).toBe(true);
  });

  test('gives what plain arithmetic gives', () => {
    const exponents = ['client', 'server'].map((seed) => {
      const exponent = new Uint8Array(64);
      fixedRandom(seed).fill(exponent);
      exponent[0] = exponent[0]! | 0x80;
      return exponent;
    });
    const [x, y] = exponents.map(bigintOf) as [bigint, bigint];
    const client = dhAlgorithm(group).keypair(givenBytes(exponents[0]!));
    const server = dhAlgorithm(group).encapsulate(client.value, givenBytes(exponents[1]!));
    expect(bigintOf(client.value)).toBe(power(2n, x, prime));
    expect(bigintOf(server.value)).toBe(power(2n, y, prime));
    const secret = power(power(2n, x, prime), y, prime);
    expect(bigintOf(server.secret)).toBe(secret);
    expect(bigintOf(client.decapsulate(server.value))).toBe(secret);
  });

  test.each<[string, bigint]>([
    ['0', 0n],
    ['1', 1n],
    ['a power of 2', 2n ** 200n],
    ['a number of three one bits', 2n ** 200n + 2n ** 100n + 1n],
    ['p - 1', prime - 1n],
    ['p', prime],
    ['p + 2', prime + 2n],
    ['2p', 2n * prime],
  ])('a public value of %s is refused', (_name, value) => {
    const algorithm = dhAlgorithm(group);
    const refusal = expect.objectContaining({ code: 'SSH_ERR_MESSAGE_INCOMPLETE' }) as SshError;
    for (const bytes of [bigintBytes(value), concat(new Uint8Array(3), bigintBytes(value))]) {
      expect(() => algorithm.keypair(fixedRandom('client')).decapsulate(bytes)).toThrow(refusal);
      expect(() => algorithm.encapsulate(bytes, fixedRandom('server'))).toThrow(refusal);
    }
  });
});

/** By OpenSSL, or by Fermat's test with base 3 where OpenSSL would take half a minute. */
function isPrime(n: bigint): boolean {
  return n < 2n ** 2048n ? checkPrimeSync(n) : power(3n, n - 1n, n) === 1n;
}

/** base to the power of exponent, modulo m. */
function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % m;
    square = (square * square) % m;
  }
  return result;
}

describe('a group that the server sends', () => {
  const prime = bigintOf(group14.prime);
  const group = (p: bigint, g: bigint): DhGroup => ({ prime: bigintBytes(p), generator: bigintBytes(g) });

  test('may have another generator, and leading zeros', () => {
    const algorithm = dhAlgorithm({ prime: concat(new Uint8Array(2), group14.prime), generator: Uint8Array.of(0, 5) });
    const client = algorithm.keypair(fixedRandom('client'));
    const server = algorithm.encapsulate(client.value, fixedRandom('server'));
    expect(hex(client.decapsulate(server.value))).toBe(hex(server.secret));
  });

  test.each<[string, DhGroup]>([
    ['an even modulus', group(prime + 1n, 2n)],
    ['a modulus of 0', group(0n, 2n)],
    ['a modulus of 512 bits', group(2n ** 512n - 569n, 2n)],
    ['a generator of 0', group(prime, 0n)],
    ['a generator of 1', group(prime, 1n)],
    ['a generator of p - 1', group(prime, prime - 1n)],
    ['a generator above p', group(prime, prime + 3n)],
  ])('is refused with %s', (_, bad) => {
    expect(() => dhAlgorithm(bad)).toThrow(expect.objectContaining({ code: 'SSH_ERR_INVALID_FORMAT' }) as SshError);
  });

  test('may be larger than OpenSSL works with: that is refused in time, by an SshError', () => {
    const huge = dhAlgorithm({ prime: new Uint8Array(2048).fill(0xff), generator: Uint8Array.of(2) });
    expect(() => huge.keypair(fixedRandom('client'))).toThrow(expect.objectContaining({ code: 'SSH_ERR_MESSAGE_INCOMPLETE' }) as SshError);
  });
});

test.each([
  [14, 2048],
  [16, 3072],
  [24, 7680],
  [32, 8192],
  [64, 8192],
])('for %i bytes of key a group of %i bits is asked for', (needBytes, preferred) => {
  expect(gexBits(needBytes)).toEqual({ minimum: 2048, preferred, maximum: 8192 });
});
