import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KexAlgorithm } from '../../../src/core/crypto/kex.ts';
import { kexMethod } from '../../../src/core/crypto/kex-methods.ts';
import { kexNames } from '../../../src/core/crypto/names.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { hex } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { fixedRandom } from './fixed-random.ts';

test('every name has its row, and nothing else has', () => {
  for (const name of kexNames) expect(kexMethod(name)?.name).toBe(name);
  expect(kexMethod('toString')).toBeUndefined();
  expect(kexMethod('curve448-sha512')).toBeUndefined();
});

test('only group exchange has no arithmetic of its own', () => {
  const without = kexNames.filter((name) => kexMethod(name)?.load === undefined);
  expect(without).toEqual(['diffie-hellman-group-exchange-sha1', 'diffie-hellman-group-exchange-sha256']);
});

const loadable = kexNames.filter((name) => kexMethod(name)?.load !== undefined);

async function algorithm(name: string): Promise<KexAlgorithm> {
  const load = kexMethod(name)?.load;
  if (load === undefined) throw new Error(`${name} has no arithmetic`);
  return await load();
}

describe.each(loadable)('%s', (name) => {
  test('client and server agree, with either source of randomness', async () => {
    const kex = await algorithm(name);
    for (const random of [systemRandom, fixedRandom(name)]) {
      const client = kex.keypair(random);
      const server = kex.encapsulate(client.value, random);
      expect(hex(client.decapsulate(server.value))).toBe(hex(server.secret));
      expect(server.secret.some((value) => value !== 0)).toBe(true);
    }
  });

  test('the same randomness makes the same key pair, other randomness another', async () => {
    const kex = await algorithm(name);
    expect(hex(kex.keypair(fixedRandom('a')).value)).toBe(hex(kex.keypair(fixedRandom('a')).value));
    expect(hex(kex.keypair(fixedRandom('a')).value)).not.toBe(hex(kex.keypair(fixedRandom('b')).value));
    expect(hex(kex.keypair(systemRandom).value)).not.toBe(hex(kex.keypair(systemRandom).value));
  });

  test('a damaged public value gives an SshError or another secret, on both sides', async () => {
    const kex = await algorithm(name);
    const client = kex.keypair(fixedRandom('client'));
    const server = kex.encapsulate(client.value, fixedRandom('server'));
    const runs = { numRuns: name.startsWith('diffie-hellman-group18') ? 6 : 30 };
    fc.assert(
      fc.property(damage, (change) => {
        const damaged = change(server.value);
        if (differsInIgnoredBit(name, damaged, server.value)) return;
        const secret = refusal(() => kex.keypair(fixedRandom('client')).decapsulate(damaged));
        if (secret !== undefined) expect(hex(secret)).not.toBe(hex(server.secret));
      }),
      runs,
    );
    fc.assert(
      fc.property(damage, (change) => {
        const damaged = change(client.value);
        const answer = refusal(() => kex.encapsulate(damaged, fixedRandom('server')));
        if (differsInIgnoredBit(name, damaged, client.value) || answer === undefined) return;
        const secret = refusal(() => kex.keypair(fixedRandom('client')).decapsulate(answer.value));
        if (secret !== undefined) expect(hex(secret)).not.toBe(hex(answer.secret));
      }),
      runs,
    );
  });

  test('empty, truncated and overlong public values are refused or, as numbers, shorter ones', async () => {
    const kex = await algorithm(name);
    const { value } = kex.keypair(systemRandom);
    const server = kex.encapsulate(value, systemRandom);
    const isNumber = kexMethod(name)?.publicValue === 'mpint';
    for (const [good, use] of [
      [server.value, (bytes: Uint8Array) => kex.keypair(systemRandom).decapsulate(bytes)],
      [value, (bytes: Uint8Array) => kex.encapsulate(bytes, systemRandom)],
    ] as const) {
      expect(() => use(new Uint8Array())).toThrow(SshError);
      expect(() => use(new Uint8Array([...good, ...Array<number>(8).fill(1)]))).toThrow(SshError);
      expect(() => use(new Uint8Array(100_000).fill(7))).toThrow(SshError);
      if (!isNumber) expect(() => use(good.subarray(0, -1))).toThrow(SshError);
    }
  });
});

/** A change of one bit, a cut, or an addition. */
const damage: fc.Arbitrary<(value: Uint8Array) => Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]) => (value: Uint8Array) => {
    const flipped = value.slice();
    const index = at % flipped.length;
    flipped[index] = (flipped[index] as number) ^ (1 << bit);
    return flipped;
  }),
  fc.nat().map((length) => (value: Uint8Array) => value.subarray(0, length % value.length)),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((more) => (value: Uint8Array) => new Uint8Array([...value, ...more])),
);

/** X25519 leaves the top bit of a public value out of account (RFC 7748 section 5); the exchange hash does not. */
function differsInIgnoredBit(name: string, a: Uint8Array, b: Uint8Array): boolean {
  if (!name.includes('25519') || a.length !== b.length) return false;
  return hex(a.subarray(0, -1)) === hex(b.subarray(0, -1)) && ((a.at(-1) ?? 0) ^ (b.at(-1) ?? 0)) === 0x80;
}

/** What the step gives, or undefined where it refuses with an SshError; any other error is the test's failure. */
function refusal<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
