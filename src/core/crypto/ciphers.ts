import type { CipherName } from './names.ts';
import { chachaPolySource } from './packet-chachapoly.ts';
import type { AeadSource } from './packet-cipher.ts';
import { type GcmName, gcmSource } from './packet-gcm.ts';
import type { StreamCipher } from './packet-stream.ts';

interface CipherSizes {
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly blockBytes: number;
  /** How strong the key is, where that is less than its length says: 3des has 112 bits (OpenSSH's cipher_seclen). */
  readonly securityBytes?: number;
}

/** A cipher that authenticates by itself; no MAC is negotiated with it. */
export interface AeadRow extends CipherSizes {
  readonly authenticated: true;
  readonly source: AeadSource;
}

/** A cipher that needs a MAC. */
export interface StreamRow extends CipherSizes, StreamCipher {
  readonly authenticated: false;
}

/** One cipher: its sizes in bytes, and what makes it. */
export type CipherRow = AeadRow | StreamRow;

/** The ciphers by their names in negotiation. */
export const ciphers: Readonly<Record<CipherName, CipherRow>> = {
  '3des-cbc': { ...cbc('des-ede3-cbc', 24, 8), securityBytes: 14 },
  'aes128-cbc': cbc('aes-128-cbc', 16),
  'aes192-cbc': cbc('aes-192-cbc', 24),
  'aes256-cbc': cbc('aes-256-cbc', 32),
  'aes128-ctr': ctr('aes-128-ctr', 16),
  'aes192-ctr': ctr('aes-192-ctr', 24),
  'aes256-ctr': ctr('aes-256-ctr', 32),
  'aes128-gcm@openssh.com': gcm('aes-128-gcm', 16),
  'aes256-gcm@openssh.com': gcm('aes-256-gcm', 32),
  'chacha20-poly1305@openssh.com': { authenticated: true, keyBytes: 64, ivBytes: 0, blockBytes: 8, source: chachaPolySource },
};

function cbc(openssl: string, keyBytes: number, blockBytes = 16): StreamRow {
  return { authenticated: false, openssl, keyBytes, ivBytes: blockBytes, blockBytes, chained: true };
}

function ctr(openssl: string, keyBytes: number): StreamRow {
  return { authenticated: false, openssl, keyBytes, ivBytes: 16, blockBytes: 16, chained: false };
}

function gcm(name: GcmName, keyBytes: number): AeadRow {
  return { authenticated: true, keyBytes, ivBytes: 12, blockBytes: 16, source: gcmSource(name) };
}
