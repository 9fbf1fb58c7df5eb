import type { HashName } from '../crypto/kex.ts';
import { digest } from '../crypto/digest.ts';
import type { DirectionKeys } from '../crypto/packet-cipher.ts';
import { type KeyLengths } from '../crypto/packet-protection.ts';
import { concat } from '../util/bytes.ts';

/** The letters of one direction (RFC 4253 section 7.2): initial IV, encryption key, integrity key. */
const letters = {
  clientToServer: { iv: 'A', key: 'C', macKey: 'E' },
  serverToClient: { iv: 'B', key: 'D', macKey: 'F' },
} as const;

/**
 * The keys of one direction from the shared secret.
 *
 * `secret` is K as it is hashed: with its length, as mpint or string by the method. The caller wipes what it is given and what it gets.
 */
export function deriveKeys(
  direction: keyof typeof letters,
  lengths: KeyLengths,
  hash: HashName,
  secret: Uint8Array,
  exchangeHash: Uint8Array,
  sessionId: Uint8Array,
): DirectionKeys {
  const letter = letters[direction];
  const derive = (name: keyof KeyLengths): Uint8Array => expand(letter[name], lengths[name], hash, secret, exchangeHash, sessionId);
  return { iv: derive('iv'), key: derive('key'), macKey: derive('macKey') };
}

function expand(
  letter: string,
  length: number,
  hash: HashName,
  secret: Uint8Array,
  exchangeHash: Uint8Array,
  sessionId: Uint8Array,
): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  let key = digest(hash, secret, exchangeHash, Uint8Array.of(letter.charCodeAt(0)), sessionId);
  while (key.length < length) {
    const longer = concat(key, digest(hash, secret, exchangeHash, key));
    key.fill(0);
    key = longer;
  }
  const keys = key.slice(0, length);
  key.fill(0);
  return keys;
}
