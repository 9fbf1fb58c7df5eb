import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkPrimeSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import {
  chooseModulus,
  formatModuliLine,
  moduliCandidates,
  moduliTimestamp,
  parseModuliLine,
  screenModulus,
} from '../../../src/core/keys/moduli.ts';
import { bigintBytes, bigintOf } from '../../../src/core/util/bytes.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { errorCode } from './vectors.ts';

const now = Date.UTC(2026, 0, 2, 3, 4, 5) / 1000;
const trials = 4;

/** A line whose modulus has just the bits that its size says. */
function line(bits: number, { type = 2, tests = 6, generator = '2', size = bits - 1 } = {}): string {
  return `20220714110357 ${type} ${tests} 100 ${size} ${generator} ${((1n << BigInt(bits)) - 1n).toString(16).toUpperCase()}`;
}

describe('a line', () => {
  test('goes there and back', () => {
    expect(formatModuliLine(parseModuliLine(line(2048)) ?? expect.fail())).toBe(line(2048));
    expect(formatModuliLine(parseModuliLine(line(2046)) ?? expect.fail())).toBe(line(2046));
    expect(moduliTimestamp(now)).toBe('20260102030405');
  });

  test.each([
    '',
    '# Time Type Tests',
    '20220714110357 2 6 100 2047 2',
    '2022 2 6 100 2047 2 FF',
    '20220714110357 2 6 100 2047 2 XY',
    `${line(2048)}${'0'.repeat(9000)}`,
  ])('%j is none', (text) => {
    expect(parseModuliLine(text)).toBeUndefined();
  });

  test('no text throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii' }), (text) => void parseModuliLine(text)));
  });
});

describe('a group is chosen', () => {
  const text = ['# comment', ...[2048, 2048, 3072, 4096, 8192].map((bits) => line(bits))].join('\n');
  const bits = (min: number, preferred: number, max: number, from = text): number | undefined => {
    const chosen = chooseModulus(from, min, preferred, max, systemRandom);
    return chosen && chosen.size + 1;
  };

  test.each([
    [[2048, 2048, 8192], 2048],
    [[2048, 2049, 8192], 3072],
    [[2048, 3072, 8192], 3072],
    [[2048, 7680, 8192], 8192],
    [[2048, 7680, 4096], 4096],
    [[2048, 9000, 9000], 8192],
    [[1024, 1024, 1024], undefined],
    [[5000, 5000, 6000], undefined],
  ])('%j', ([min, preferred, max], expected) => {
    expect(bits(min as number, preferred as number, max as number)).toBe(expected);
  });

  test.each([
    ['composite', line(2048, { tests: 7 })],
    ['untested', line(2048, { tests: 0 })],
    ['no safe prime', line(2048, { type: 4 })],
    ['without a generator', line(2048, { generator: '1' })],
    ['of another size than it says', line(2048, { size: 4095 })],
  ])('and none that is %s', (_what, text2) => {
    expect(bits(1024, 2048, 8192, text2)).toBeUndefined();
  });
});

describe('finding groups', () => {
  // a place like any other
  const start = bigintBytes((1n << 510n) + 12_345n);

  test('the sieve leaves what small primes do not divide, and all that may be safe', () => {
    const width = 4000;
    const sieve = { bits: 512, start, width, smallPrimes: 1000, random: systemRandom, now };
    const found = new Set([...moduliCandidates(sieve)].map((one) => bigintOf(one.modulus)));
    const primes = Array.from({ length: 998 }, (_, i) => i + 2).filter((n) => checkPrimeSync(BigInt(n)));
    for (let q = bigintOf(start); q < bigintOf(start) + BigInt(width); q += 2n) {
      const divided = primes.some((prime) => q % BigInt(prime) === 0n || (2n * q + 1n) % BigInt(prime) === 0n);
      expect([q, found.has(q)]).toEqual([q, !divided]);
    }
  });

  test('what is screened is a safe prime with its generator', async () => {
    let found = 0;
    for (const candidate of moduliCandidates({ bits: 512, start, width: 300_000, smallPrimes: 1 << 16, random: systemRandom, now })) {
      const modulus = await screenModulus(candidate, { trials, now });
      if (modulus === undefined) continue;
      found++;
      const p = bigintOf(modulus.modulus);
      expect([checkPrimeSync(p), checkPrimeSync(p >> 1n)]).toEqual([true, true]);
      expect(modulus).toMatchObject({ type: 2, tests: 6, tries: trials, size: 511, timestamp: '20260102030405' });
      expect(await screenModulus(modulus, { trials, now, generator: modulus.generator })).toMatchObject({ size: 511, type: 2 });
      expect(await screenModulus(modulus, { trials, now, generator: 7 })).toBeUndefined();
    }
    expect(found).toBeGreaterThan(0);
  });

  test('what is no candidate is not screened', async () => {
    const modulus = parseModuliLine(line(512)) ?? expect.fail();
    for (const change of [{}, { tests: 7 }, { type: 3 }, { size: 400 }])
      expect(await screenModulus({ ...modulus, ...change }, { trials, now })).toBeUndefined();
  });

  test('too small groups are not looked for', () => {
    expect(errorCode(() => moduliCandidates({ bits: 510, width: 100, random: systemRandom, now }).next())).toBe('SSH_ERR_KEY_LENGTH');
  });

  testPeer('openssh-10', 'ssh-keygen screens our candidates as we do', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsh-moduli-'));
    try {
      const [candidates, screened] = ['candidates', 'screened'].map((name) => path.join(folder, name)) as [string, string];
      const ours = [...moduliCandidates({ bits: 512, start, width: 200_000, smallPrimes: 1 << 16, random: systemRandom, now })];
      writeFileSync(candidates, ours.map((one) => `${formatModuliLine(one)}\n`).join(''));
      execFileSync(
        peerProgram('openssh-10', 'ssh-keygen'),
        ['-q', '-M', 'screen', '-f', candidates, '-O', `prime-tests=${trials}`, screened],
        { stdio: 'ignore' },
      );
      const theirs = readFileSync(screened, 'utf8').trim().split('\n');
      const kept = (await Promise.all(ours.map((one) => screenModulus(one, { trials, now })))).filter((one) => one !== undefined);
      const withoutTime = (text: string): string => text.slice(14);
      expect(kept.map((one) => withoutTime(formatModuliLine(one)))).toEqual(theirs.map(withoutTime));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
