import { createHash } from 'node:crypto';
import type { HashName } from './kex.ts';

/** A hash function's sizes in bytes. */
export interface DigestRow {
  /** The length of its digest. */
  readonly bytes: number;
  /** The length of the blocks that it works in, to which HMAC pads its key (RFC 2104). */
  readonly blockBytes: number;
}

/** The hash functions by their names, which are also node:crypto's. */
export const digests: Readonly<Record<HashName, DigestRow>> = {
  md5: { bytes: 16, blockBytes: 64 },
  sha1: { bytes: 20, blockBytes: 64 },
  sha256: { bytes: 32, blockBytes: 64 },
  sha384: { bytes: 48, blockBytes: 128 },
  sha512: { bytes: 64, blockBytes: 128 },
};

/** The digest of the parts as if they were joined; a fresh array. */
export function digest(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
