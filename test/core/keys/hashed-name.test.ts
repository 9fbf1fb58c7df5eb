import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHashedName, hashedNameMatcher, hashedNameSalt } from '../../../src/core/keys/hashed-name.ts';
import { knownHostsEntries } from '../../../src/core/keys/known-hosts.ts';
import { publicKeyFile } from './vectors.ts';

const salt = fc.uint8Array({ minLength: 20, maxLength: 20 });
const name = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ minLength: 4000, maxLength: 5000 }));

/** More names than node:crypto is asked about. */
const MANY = 80;

describe('a hashed name', () => {
  test('holds the HMAC that node:crypto makes', () => {
    fc.assert(
      fc.property(salt, name, (key, text) => {
        const hash = createHmac('sha1', key).update(text).digest('base64');
        expect(formatHashedName(key, text)).toBe(`|1|${Buffer.from(key).toString('base64')}|${hash}`);
        expect(hashedNameSalt(formatHashedName(key, text))).toEqual(key);
      }),
    );
  });

  test('is found among few and among many, however long the name is', () => {
    fc.assert(
      fc.property(fc.array(salt, { minLength: MANY, maxLength: MANY }), name, (salts, text) => {
        const matches = hashedNameMatcher(text);
        for (const key of salts) {
          expect(matches(formatHashedName(key, `${text}.`))).toBe(false);
          expect(matches(formatHashedName(key, text))).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('is nobody’s where it is not written as OpenSSH writes it, among few and among many', () => {
    const good = formatHashedName(new Uint8Array(20).fill(7), 'host');
    const bad = [
      good.slice(0, -1),
      `${good}=`,
      good.replace('|1|', '|2|'),
      // the same bytes, with bits behind them that should be zero
      good.replace(/(.)=$/, (_all, digit: string) => `${String.fromCharCode(digit.charCodeAt(0) + 1)}=`),
      good.replace(/=\|/, '*|'),
      `${good.slice(0, 31)}/${good.slice(32)}`,
      '\u{1F511}'.repeat(30),
    ];
    const matches = hashedNameMatcher('host');
    for (let round = 0; round < MANY; round++) {
      expect(matches(good)).toBe(true);
      for (const one of bad) expect(matches(one)).toBe(false);
    }
  });
});

test('a host is found among many hashed and plain ones, with the number of its line', () => {
  const { key } = publicKeyFile('ed25519.pub');
  const lines = Array.from({ length: 300 }, (_, index) => {
    const host = `host${index}.example.org`;
    const names = index % 2 === 0 ? formatHashedName(new Uint8Array(20).fill(index), host) : `${host},192.0.2.1`;
    return `${names} ${key.name} ${Buffer.from(key.blob).toString('base64')}`;
  });
  const files = [{ file: 'known_hosts', text: lines.join('\n') }];
  for (const index of [0, 1, 150, 298, 299]) {
    expect(knownHostsEntries(files, `host${index}.example.org`)).toMatchObject([{ line: index + 1 }]);
  }
  expect(knownHostsEntries(files, 'host300.example.org')).toEqual([]);
});
