import { createHash } from 'node:crypto';
import type { Random } from '../../../src/core/crypto/random.ts';

/** Bytes that look random and are the same at each run: SHA-512 of the seed and a counter. */
export function fixedRandom(seed: string): Random {
  let counter = 0;
  return {
    fill: (bytes) => {
      for (let at = 0; at < bytes.length; at += 64) {
        const block = createHash('sha512').update(`${seed}:${counter++}`).digest();
        bytes.set(block.subarray(0, bytes.length - at), at);
      }
    },
  };
}

/** A source that gives these bytes, once and no others: the private key of a published vector. */
export function givenBytes(given: Uint8Array): Random {
  let at = 0;
  return {
    fill: (bytes) => {
      if (at + bytes.length > given.length) throw new Error('more randomness was asked for than the vector has');
      bytes.set(given.subarray(at, at + bytes.length));
      at += bytes.length;
    },
  };
}
