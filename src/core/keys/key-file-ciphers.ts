import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, copyBytes, equalBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';

/** A cipher for private keys in OpenSSH's format; all of them but `none` take key and IV from the passphrase. */
export interface KeyFileCipher {
  readonly name: string;
  readonly keyLength: number;
  readonly ivLength: number;
  /** What the plain text's length is a multiple of. */
  readonly blockSize: number;
  /** The length of the tag that stands behind the cipher text; 0 without one. */
  readonly tagLength: number;
  /** The cipher text and the tag, in a new array; `secrets` holds key and IV. */
  seal(secrets: Uint8Array, plain: Uint8Array): Promise<Uint8Array>;
  /** The plain text, in a new array. @throws SshError SSH_ERR_KEY_WRONG_PASSPHRASE where the tag is not right. */
  open(secrets: Uint8Array, encrypted: Uint8Array, tag: Uint8Array): Promise<Uint8Array>;
}

/** Every cipher of OpenSSH's -Z. */
export const keyFileCiphers: readonly KeyFileCipher[] = [
  {
    ...{ name: 'none', keyLength: 0, ivLength: 0, blockSize: 8, tagLength: 0 },
    seal: (_secrets, plain) => Promise.resolve(copyBytes(plain)),
    open: (_secrets, encrypted) => Promise.resolve(copyBytes(encrypted)),
  },
  streamOrBlock('3des-cbc', 'des-ede3-cbc', 24, 8),
  streamOrBlock('aes128-cbc', 'aes-128-cbc', 16, 16),
  streamOrBlock('aes192-cbc', 'aes-192-cbc', 24, 16),
  streamOrBlock('aes256-cbc', 'aes-256-cbc', 32, 16),
  streamOrBlock('aes128-ctr', 'aes-128-ctr', 16, 16),
  streamOrBlock('aes192-ctr', 'aes-192-ctr', 24, 16),
  streamOrBlock('aes256-ctr', 'aes-256-ctr', 32, 16),
  gcm('aes128-gcm@openssh.com', 'aes-128-gcm', 16),
  gcm('aes256-gcm@openssh.com', 'aes-256-gcm', 32),
  {
    // PROTOCOL.chacha20poly1305 with the sequence number 0 and without its second key, as there is no length to hide
    ...{ name: 'chacha20-poly1305@openssh.com', keyLength: 64, ivLength: 0, blockSize: 8, tagLength: 16 },
    seal: async (secrets, plain) => {
      const encrypted = chacha20(secrets, 1, plain);
      return concat(encrypted, await poly1305(secrets, encrypted));
    },
    open: async (secrets, encrypted, tag) => {
      if (!equalBytes(await poly1305(secrets, encrypted), tag)) throw wrongPassphrase();
      return chacha20(secrets, 1, encrypted);
    },
  },
];

function streamOrBlock(name: string, algorithm: string, keyLength: number, blockSize: number): KeyFileCipher {
  return {
    ...{ name, keyLength, ivLength: blockSize, blockSize, tagLength: 0 },
    seal: (secrets, plain) => {
      const cipher = createCipheriv(algorithm, secrets.subarray(0, keyLength), secrets.subarray(keyLength));
      cipher.setAutoPadding(false);
      return Promise.resolve(cipher.update(plain));
    },
    open: (secrets, encrypted) => {
      const cipher = createDecipheriv(algorithm, secrets.subarray(0, keyLength), secrets.subarray(keyLength));
      cipher.setAutoPadding(false);
      return Promise.resolve(cipher.update(encrypted));
    },
  };
}

function gcm(name: string, algorithm: CipherGCMTypes, keyLength: number): KeyFileCipher {
  return {
    ...{ name, keyLength, ivLength: 12, blockSize: 16, tagLength: 16 },
    seal: (secrets, plain) => {
      const cipher = createCipheriv(algorithm, secrets.subarray(0, keyLength), secrets.subarray(keyLength));
      const encrypted = cipher.update(plain);
      cipher.final();
      return Promise.resolve(concat(encrypted, cipher.getAuthTag()));
    },
    open: (secrets, encrypted, tag) => {
      const cipher = createDecipheriv(algorithm, secrets.subarray(0, keyLength), secrets.subarray(keyLength), {
        authTagLength: 16,
      });
      cipher.setAuthTag(tag);
      const plain = cipher.update(encrypted);
      try {
        cipher.final();
      } catch {
        plain.fill(0);
        return Promise.reject(wrongPassphrase());
      }
      return Promise.resolve(plain);
    },
  };
}

/** ChaCha20 with the nonce 0, from a block on. */
function chacha20(secrets: Uint8Array, block: number, bytes: Uint8Array): Uint8Array {
  const iv = new Uint8Array(16);
  iv[0] = block;
  return createCipheriv('chacha20', secrets.subarray(0, 32), iv).update(bytes);
}

async function poly1305(secrets: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const { poly1305: tag } = await import('@noble/ciphers/_poly1305.js');
  return tag(bytes, chacha20(secrets, 0, new Uint8Array(32)));
}

function wrongPassphrase(): SshError {
  return new SshError('SSH_ERR_KEY_WRONG_PASSPHRASE', 'authentication tag');
}
