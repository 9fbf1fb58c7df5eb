import type { CipherName } from '../../core/crypto/names.ts';
import type { BulkCiphers } from '../../core/crypto/packet-bulk.ts';
import { compileLess } from '../compile-less.ts';
import { letMemoryGo } from '../let-memory-go.ts';
import { chachaPolySource } from './libcrypto-chachapoly.ts';
import { gcmSource } from './libcrypto-gcm.ts';
import { hmacSource } from './libcrypto-hmac.ts';
import { streamSource } from './libcrypto-stream.ts';
import { type Libcrypto, libcrypto } from './libcrypto.ts';

type Source = ReturnType<BulkCiphers>;

/** The ciphers that libcrypto does faster when it is called directly, and what makes their sources; undefined where it lacks one. */
const rows: Partial<Record<CipherName, (crypto: Libcrypto) => Source>> = {
  'aes128-ctr': (crypto) => ctr(crypto, 'AES-128-CTR'),
  'aes192-ctr': (crypto) => ctr(crypto, 'AES-192-CTR'),
  'aes256-ctr': (crypto) => ctr(crypto, 'AES-256-CTR'),
  'aes128-gcm@openssh.com': (crypto) => gcm(crypto, 'AES-128-GCM'),
  'aes256-gcm@openssh.com': (crypto) => gcm(crypto, 'AES-256-GCM'),
  'chacha20-poly1305@openssh.com': chachaPoly,
};

const sources = new Map<CipherName, Source>();

/** The sources that are quicker than node:crypto; none where native calls are off, or node's OpenSSL can't be called. */
export const libcryptoCiphers: BulkCiphers = (cipher) => {
  if (!sources.has(cipher)) {
    const row = rows[cipher];
    const crypto = row === undefined ? undefined : libcrypto();
    if (crypto === undefined) letMemoryGo();
    else compileLess('turbofan');
    sources.set(cipher, crypto === undefined ? undefined : row?.(crypto));
  }
  return sources.get(cipher);
};

function ctr(crypto: Libcrypto, name: string): Source {
  const cipher = crypto.EVP_CIPHER_fetch(null, name, null);
  return cipher === null ? undefined : { stream: streamSource(crypto, cipher), mac: (name) => hmacSource(crypto, name) };
}

function gcm(crypto: Libcrypto, name: string): Source {
  const cipher = crypto.EVP_CIPHER_fetch(null, name, null);
  return cipher === null ? undefined : gcmSource(crypto, cipher);
}

function chachaPoly(crypto: Libcrypto): Source {
  const chacha20 = crypto.EVP_CIPHER_fetch(null, 'ChaCha20', null);
  const poly1305 = crypto.EVP_MAC_fetch(null, 'POLY1305', null);
  return chacha20 === null || poly1305 === null ? undefined : chachaPolySource(crypto, { chacha20, poly1305 });
}
