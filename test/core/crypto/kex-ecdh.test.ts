import { p256, p384, p521 } from '@noble/curves/nist.js';
import { describe, expect, test } from 'vitest';
import type { KexAlgorithm } from '../../../src/core/crypto/kex.ts';
import { ecdhNistp256, ecdhNistp384, ecdhNistp521 } from '../../../src/core/crypto/kex-ecdh.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { concat, fromHex, hex } from '../../../src/core/util/bytes.ts';
import type { SshError } from '../../../src/core/util/errors.ts';
import published from '../../vectors/ecdh.json' with { type: 'json' };
import { fixedRandom, givenBytes } from './fixed-random.ts';

const curves: Record<string, { kex: KexAlgorithm; noble: typeof p256 }> = {
  nistp256: { kex: ecdhNistp256, noble: p256 },
  nistp384: { kex: ecdhNistp384, noble: p384 },
  nistp521: { kex: ecdhNistp521, noble: p521 },
};

test.each(published.vectors)('$curve, count $count, by OpenSSL and by noble', ({ curve, scalar, value, secret, ownValue }) => {
  const { kex, noble } = curves[curve]!;
  const pair = kex.keypair(givenBytes(fromHex(scalar)));
  expect(hex(pair.decapsulate(fromHex(value)))).toBe(secret);
  expect(hex(noble.getSharedSecret(fromHex(scalar), fromHex(value)).subarray(1))).toBe(secret);
  expect(hex(pair.value)).toBe(ownValue ?? hex(noble.getPublicKey(fromHex(scalar), false)));
});

describe.each(Object.entries(curves))('%s', (_, { kex, noble }) => {
  const good = kex.keypair(fixedRandom('peer')).value;
  const bytes = (good.length - 1) / 2;
  const compressed = noble.Point.fromBytes(good).toBytes(true);
  const offCurve = good.slice();
  offCurve[offCurve.length - 1] = offCurve[offCurve.length - 1]! ^ 1;
  const prime = fromHex(noble.Point.Fp.ORDER.toString(16).padStart(2 * bytes, '0'));

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['the point at infinity', Uint8Array.of(0)],
    ['a compressed point', compressed],
    ['a hybrid point', concat(Uint8Array.of(6 + (good.at(-1)! & 1)), good.subarray(1))],
    ['a point off the curve', offCurve],
    ['the origin', concat(Uint8Array.of(4), new Uint8Array(2 * bytes))],
    ['coordinates that are not reduced', concat(Uint8Array.of(4), prime, good.subarray(1 + bytes))],
    ['a point cut short', good.subarray(0, -1)],
    ['a point with a byte more', concat(good, Uint8Array.of(0))],
  ])('%s is refused', (_name, value) => {
    const refusal = expect.objectContaining({ code: 'SSH_ERR_KEY_INVALID_EC_VALUE' }) as SshError;
    expect(() => kex.keypair(systemRandom).decapsulate(value)).toThrow(refusal);
    expect(() => kex.encapsulate(value, systemRandom)).toThrow(refusal);
  });

  test('a private scalar is drawn again until it is from 1 to n - 1', () => {
    const order = fromHex(noble.Point.Fn.ORDER.toString(16).padStart(2 * bytes, '0'));
    const two = new Uint8Array(bytes);
    two[bytes - 1] = 2;
    const draws = concat(new Uint8Array(bytes), order, new Uint8Array(bytes).fill(0xff), two);
    expect(hex(kex.keypair(givenBytes(draws)).value)).toBe(hex(noble.getPublicKey(two, false)));
  });
});
