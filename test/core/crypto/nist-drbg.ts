import { createCipheriv } from 'node:crypto';
import type { Random } from '../../../src/core/crypto/random.ts';

/** The generator that NIST's known-answer tests draw from: AES-256 in counter mode, without a derivation function (SP 800-90A section 10.2.1). */
export function nistDrbg(seed: Uint8Array): Random {
  let key = Buffer.alloc(32);
  let counter = Buffer.alloc(16);
  const blocks = (length: number): Buffer => {
    const aes = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    const made: Buffer[] = [];
    for (let at = 0; at < length; at += 16) {
      increment(counter);
      made.push(aes.update(counter));
    }
    return Buffer.concat(made).subarray(0, length);
  };
  const update = (input?: Uint8Array): void => {
    const next = Buffer.from(blocks(48).map((byte, i) => byte ^ (input?.[i] ?? 0)));
    key = next.subarray(0, 32);
    counter = Buffer.from(next.subarray(32));
  };
  update(seed);
  return {
    fill: (bytes) => {
      bytes.set(blocks(bytes.length));
      update();
    },
  };
}

function increment(counter: Buffer): void {
  for (let i = counter.length - 1; i >= 0; i--) {
    counter[i] = ((counter[i] as number) + 1) & 0xff;
    if (counter[i] !== 0) return;
  }
}
