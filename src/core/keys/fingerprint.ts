import { createHash } from 'node:crypto';
import { base64, hex } from '../util/bytes.ts';
import type { PublicKey } from './key.ts';

/** The digests that fingerprints are made with, by their names in `-E`. */
export const fingerprintHashes = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;

/** A digest for fingerprints. */
export type FingerprintHash = (typeof fingerprintHashes)[number];

/** A key's fingerprint: `SHA256:` and base64 without padding, or `MD5:` and hexadecimal pairs. A certificate's is its certified key's. */
export function fingerprint(key: PublicKey, hash: FingerprintHash = 'sha256'): string {
  const raw = rawFingerprint(key, hash);
  if (hash === 'md5') return `MD5:${(hex(raw).match(/../g) ?? []).join(':')}`;
  return `${hash.toUpperCase()}:${base64(raw).replace(/=+$/, '')}`;
}

/** One line as `ssh-keygen -l` writes it: bits, fingerprint, comment and type. */
export function fingerprintLine(key: PublicKey, comment: string, hash: FingerprintHash = 'sha256'): string {
  return `${key.bits} ${fingerprint(key, hash)} ${comment === '' ? 'no comment' : comment} (${key.shortName})`;
}

const WIDTH = 17;
const HEIGHT = 9;
/** What a field shows by how often it was visited, then the start and the end. */
const STEPS = ' .o+=*BOX@%&#/^SE';

/**
 * The picture of a fingerprint (the drunken bishop's walk): 11 lines without a break behind the last.
 *
 * Each two bits of the digest, the lowest first, move a bishop by one field aslant; walls stop it.
 */
export function randomArt(key: PublicKey, hash: FingerprintHash = 'sha256'): string {
  const fields = new Uint8Array(WIDTH * HEIGHT);
  const most = STEPS.length - 3;
  let x = WIDTH >> 1;
  let y = HEIGHT >> 1;
  for (const byte of rawFingerprint(key, hash)) {
    for (let bits = byte, i = 0; i < 4; i++, bits >>= 2) {
      x = Math.min(Math.max(x + (bits & 1 ? 1 : -1), 0), WIDTH - 1);
      y = Math.min(Math.max(y + (bits & 2 ? 1 : -1), 0), HEIGHT - 1);
      const at = y * WIDTH + x;
      if ((fields[at] as number) < most) fields[at] = (fields[at] as number) + 1;
    }
  }
  fields[(HEIGHT >> 1) * WIDTH + (WIDTH >> 1)] = STEPS.length - 2;
  fields[y * WIDTH + x] = STEPS.length - 1;
  const rows = Array.from({ length: HEIGHT }, (_, row) =>
    Array.from(fields.subarray(row * WIDTH, (row + 1) * WIDTH), (steps) => STEPS[steps]).join(''),
  );
  const long = `[${key.shortName} ${key.bits}]`;
  // OpenSSH keeps it in as many bytes as a row has fields, C's final NUL included
  const title = (long.length <= WIDTH ? long : `[${key.shortName}]`).slice(0, WIDTH - 1);
  return [frame(title), ...rows.map((row) => `|${row}|`), frame(`[${hash.toUpperCase()}]`)].join('\n');
}

const VOWELS = 'aeiouy';
const CONSONANTS = 'bcdfghklmnprstvzx';

/** A key's digest in pronounceable words (Antti Huima's Bubble Babble encoding); ssh-keygen -B takes sha1. */
export function bubbleBabble(key: PublicKey, hash: FingerprintHash = 'sha1'): string {
  const raw = rawFingerprint(key, hash);
  const rounds = Math.floor(raw.length / 2) + 1;
  const byte = (i: number): number => raw[i] as number;
  let seed = 1;
  let text = 'x';
  for (let i = 0; i < rounds; i++) {
    const last = i === rounds - 1;
    if (!last || raw.length % 2 !== 0) {
      const first = byte(2 * i);
      text += VOWELS.charAt(((first >> 6) + seed) % 6);
      text += CONSONANTS.charAt((first >> 2) & 15);
      text += VOWELS.charAt(((first & 3) + Math.floor(seed / 6)) % 6);
      if (last) continue;
      const second = byte(2 * i + 1);
      text += `${CONSONANTS.charAt(second >> 4)}-${CONSONANTS.charAt(second & 15)}`;
      seed = (seed * 5 + first * 7 + second) % 36;
    } else {
      text += VOWELS.charAt(seed % 6) + CONSONANTS.charAt(16) + VOWELS.charAt(Math.floor(seed / 6));
    }
  }
  return `${text}x`;
}

/** The digest that a key's fingerprint shows; a certificate's is its certified key's. */
export function rawFingerprint(key: PublicKey, hash: FingerprintHash): Uint8Array {
  return createHash(hash).update(key.plain.blob).digest();
}

/** A border with a title in its middle, one character more on the right where it can't be. */
function frame(title: string): string {
  const free = WIDTH - title.length;
  const left = Math.floor(free / 2);
  return `+${'-'.repeat(left)}${title}${'-'.repeat(free - left)}+`;
}
