import type { HashName } from '../crypto/kex.ts';
import { digest } from '../crypto/digest.ts';
import { base64 } from '../util/bytes.ts';
import type { PublicKey } from './key.ts';

/** A key's fingerprint as OpenSSH writes it: the hash's name and the digest of the plain key in base64 without padding. */
export function fingerprint(key: PublicKey, hash: HashName): string {
  return `${hash.toUpperCase()}:${base64(digest(hash, key.plain.blob)).replace(/=+$/, '')}`;
}
