import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digest, digests } from '../../../src/core/crypto/digest.ts';
import type { HashName } from '../../../src/core/crypto/kex.ts';
import { concat, hex, utf8Bytes } from '../../../src/core/util/bytes.ts';
import published from '../../vectors/digests.json' with { type: 'json' };

const second = { md5, sha1, sha256, sha384, sha512 };

describe.each(Object.keys(digests) as HashName[])('%s', (name) => {
  test('is the published digest', () => {
    expect(hex(digest(name, utf8Bytes(published.message)))).toBe(published.vectors[name]);
  });

  test("has the row's sizes", () => {
    expect(digest(name).length).toBe(digests[name].bytes);
    expect(second[name].outputLen).toBe(digests[name].bytes);
    expect(second[name].blockLen).toBe(digests[name].blockBytes);
  });

  test('joins its parts, and agrees with a second implementation', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (parts) => {
        expect(digest(name, ...parts)).toEqual(second[name](concat(...parts)));
      }),
      { numRuns: 30 },
    );
  });
});
