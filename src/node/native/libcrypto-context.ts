import { SshError } from '../../core/util/errors.ts';
import type { Handle, Libcrypto } from './libcrypto.ts';

/** How many bytes a packet's length field has. */
export const lengthBytes = 4;
/** How many bytes of tag follow a packet, in all ciphers that authenticate by themselves. */
export const tagBytes = 16;

const AEAD_GET_TAG = 0x10;
const AEAD_SET_TAG = 0x11;

/**
 * One direction's cipher inside libcrypto, whose key schedule it keeps from packet to packet. Its methods throw SSH_ERR_LIBCRYPTO_ERROR where
 * libcrypto refuses, and after {@link free}.
 */
export class CipherContext {
  private readonly crypto: Libcrypto;
  private readonly sealing: number;
  private handle: Handle | undefined;
  /** Where libcrypto writes how many bytes it made. */
  private readonly count = new Uint8Array(4);

  /** libcrypto copies the key. */
  constructor(crypto: Libcrypto, cipher: Handle, key: Uint8Array, sealing: boolean) {
    this.crypto = crypto;
    this.sealing = sealing ? 1 : 0;
    this.handle = crypto.EVP_CIPHER_CTX_new() ?? undefined;
    if (crypto.EVP_CipherInit_ex(this.open, cipher, null, key, null, this.sealing) === 1) return;
    this.free();
    throw libcryptoError();
  }

  /** Begins a message with this nonce, which is copied. */
  begin(iv: Uint8Array): void {
    check(this.crypto.EVP_CipherInit_ex(this.open, null, null, null, iv, this.sealing));
  }

  /** Takes what is authenticated and not encrypted. */
  authenticate(bytes: Uint8Array): void {
    check(this.crypto.EVP_CipherUpdate(this.open, null, this.count, bytes, bytes.length));
  }

  /** Encrypts or decrypts in place. */
  turn(bytes: Uint8Array): void {
    check(this.crypto.EVP_CipherUpdate(this.open, bytes, this.count, bytes, bytes.length));
  }

  /** Ends a message that was sealed, and writes its tag. */
  takeTag(tag: Uint8Array): void {
    check(this.crypto.EVP_CipherFinal_ex(this.open, tag, this.count));
    check(this.crypto.EVP_CIPHER_CTX_ctrl(this.open, AEAD_GET_TAG, tag.length, tag));
  }

  /** Ends a message that was opened: whether this is its tag. */
  isTag(tag: Uint8Array): boolean {
    check(this.crypto.EVP_CIPHER_CTX_ctrl(this.open, AEAD_SET_TAG, tag.length, tag));
    return this.crypto.EVP_CipherFinal_ex(this.open, tag, this.count) === 1;
  }

  /** Frees the context; libcrypto wipes the key. */
  free(): void {
    if (this.handle !== undefined) this.crypto.EVP_CIPHER_CTX_free(this.handle);
    this.handle = undefined;
  }

  private get open(): Handle {
    if (this.handle === undefined) throw libcryptoError();
    return this.handle;
  }
}

/** A one-time MAC inside libcrypto, keyed anew for each message. It throws as {@link CipherContext} does. */
export class MacContext {
  private readonly crypto: Libcrypto;
  private handle: Handle | undefined;
  /** Where libcrypto writes how many bytes it made: a size_t. */
  private readonly count = new Uint8Array(8);

  constructor(crypto: Libcrypto, mac: Handle) {
    this.crypto = crypto;
    this.handle = crypto.EVP_MAC_CTX_new(mac) ?? undefined;
    check(this.handle === undefined ? 0 : 1);
  }

  /** Writes the MAC over `bytes` under this key. */
  sign(key: Uint8Array, bytes: Uint8Array, mac: Uint8Array): void {
    const { crypto, handle } = this;
    if (handle === undefined) throw libcryptoError();
    check(crypto.EVP_MAC_init(handle, key, key.length, null));
    check(crypto.EVP_MAC_update(handle, bytes, bytes.length));
    check(crypto.EVP_MAC_final(handle, mac, this.count, mac.length));
  }

  /** Frees the context; libcrypto wipes the key. */
  free(): void {
    if (this.handle !== undefined) this.crypto.EVP_MAC_CTX_free(this.handle);
    this.handle = undefined;
  }
}

/** Whether the packet of this length at `at` lies in the buffer with its tag: only such a one is given to C. */
export function holds(buffer: Uint8Array, at: number, packetLength: number): boolean {
  return at >= 0 && packetLength >= 0 && at + lengthBytes + packetLength + tagBytes <= buffer.length;
}

/** The length field in `bytes` at `at`. */
export function readLength(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** The one error of a packet that does not authenticate. */
export function macInvalid(): SshError {
  return new SshError('SSH_ERR_MAC_INVALID');
}

function check(result: number): void {
  if (result !== 1) throw libcryptoError();
}

/** The error of a call that failed, or must not be made. */
export function libcryptoError(): SshError {
  return new SshError('SSH_ERR_LIBCRYPTO_ERROR');
}
