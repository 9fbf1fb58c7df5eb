import { SshError } from '../../core/util/errors.ts';
import { BytesParameter, type Handle, type Libcrypto, Locator, Scratch } from './libcrypto.ts';

/** How many bytes a packet's length field has. */
export const lengthBytes = 4;
/** How many bytes of tag follow a packet, in all ciphers that authenticate by themselves. */
export const tagBytes = 16;

const AEAD_GET_TAG = 0x10;
/** OSSL_CIPHER_PARAM_AEAD_TAG. */
const TAG_PARAMETER = 'tag';

/** The longest nonce of a cipher here, in bytes. */
const nonceBytes = 16;
/** What libcrypto writes beside the result: how many bytes it made, as an int or a size_t. */
const countBytes = 8;

/**
 * One direction's cipher inside libcrypto, whose key schedule it keeps from packet to packet. Its methods throw SSH_ERR_LIBCRYPTO_ERROR where
 * libcrypto refuses, and after {@link free}. That what they name lies in its buffer is for the caller to see to: C does not look.
 */
export class CipherContext {
  /** The next message's nonce, as much of it as the cipher takes. */
  readonly nonce: Uint8Array;
  private readonly crypto: Libcrypto;
  private readonly sealing: number;
  private handle: Handle | undefined;
  /** {@link handle} as it is passed; 0 once it is freed. */
  private context = 0;
  private readonly scratch: Scratch;
  private readonly count: number;
  private readonly place: Locator;
  private readonly source: Locator;
  private readonly tag: BytesParameter;

  /** libcrypto copies the key. */
  constructor(crypto: Libcrypto, cipher: Handle, key: Uint8Array, sealing: boolean) {
    this.crypto = crypto;
    this.sealing = sealing ? 1 : 0;
    this.scratch = new Scratch(crypto, nonceBytes + countBytes + tagBytes);
    this.nonce = this.scratch.bytes.subarray(0, nonceBytes);
    this.count = this.scratch.address + nonceBytes;
    this.place = new Locator(crypto);
    this.source = new Locator(crypto);
    this.tag = new BytesParameter(crypto, TAG_PARAMETER, tagBytes);
    this.handle = crypto.EVP_CIPHER_CTX_new() ?? undefined;
    if (this.handle === undefined) throw libcryptoError();
    this.context = Number(this.handle);
    if (crypto.EVP_CipherInit_ex(this.context, cipher, 0, this.source.of(key), 0, this.sealing) === 1) return;
    this.free();
    throw libcryptoError();
  }

  /** Begins a message with {@link nonce}. */
  begin(): void {
    if (this.context === 0) throw libcryptoError();
    check(this.crypto.EVP_CipherInit_ex(this.context, 0, 0, 0, this.scratch.address, this.sealing));
  }

  /** Takes what is authenticated and not encrypted. */
  authenticate(buffer: Uint8Array, at: number, length: number): void {
    if (this.context === 0) throw libcryptoError();
    check(this.crypto.EVP_CipherUpdate(this.context, 0, this.count, this.place.of(buffer) + at, length));
  }

  /** Encrypts or decrypts in place. */
  turn(buffer: Uint8Array, at: number, length: number): void {
    if (this.context === 0) throw libcryptoError();
    const place = this.place.of(buffer) + at;
    check(this.crypto.EVP_CipherUpdate(this.context, place, this.count, place, length));
  }

  /** Encrypts or decrypts the first `length` bytes in place. */
  turnScratch(scratch: Scratch, length: number): void {
    if (this.context === 0) throw libcryptoError();
    check(this.crypto.EVP_CipherUpdate(this.context, scratch.address, this.count, scratch.address, length));
  }

  /** Encrypts or decrypts all of `source` on its way to `at`; the two must not overlap. */
  turnFrom(source: Uint8Array, buffer: Uint8Array, at: number): void {
    if (this.context === 0) throw libcryptoError();
    check(this.crypto.EVP_CipherUpdate(this.context, this.place.of(buffer) + at, this.count, this.source.of(source), source.length));
  }

  /**
   * Seals a message with {@link nonce}: the {@link lengthBytes} at `at` are authenticated, what follows up to `end` is encrypted in place,
   * and the tag is written there. With `data` what has its length from `dataAt` on is a gap, which it is encrypted into; the two must not
   * overlap. One function, as each of its own would have to be compiled.
   */
  sealMessage(buffer: Uint8Array, at: number, end: number, data?: Uint8Array, dataAt = end): void {
    const { crypto, context, count } = this;
    if (context === 0) throw libcryptoError();
    const base = this.place.of(buffer);
    const start = base + at + lengthBytes;
    const gap = base + dataAt;
    const rest = data === undefined ? gap : gap + data.length;
    const tag = base + end;
    const done =
      crypto.EVP_CipherInit_ex(context, 0, 0, 0, this.scratch.address, this.sealing) === 1 &&
      crypto.EVP_CipherUpdate(context, 0, count, base + at, lengthBytes) === 1 &&
      crypto.EVP_CipherUpdate(context, start, count, start, gap - start) === 1 &&
      (data === undefined || crypto.EVP_CipherUpdate(context, gap, count, this.source.of(data), data.length) === 1) &&
      (rest === tag || crypto.EVP_CipherUpdate(context, rest, count, rest, tag - rest) === 1) &&
      crypto.EVP_CipherFinal_ex(context, tag, count) === 1 &&
      crypto.EVP_CIPHER_CTX_ctrl(context, AEAD_GET_TAG, tagBytes, tag) === 1;
    if (!done) throw libcryptoError();
  }

  /**
   * Opens a whole message with {@link nonce}, in place: `head` bytes that are only authenticated, `length` bytes, and the tag. Whether that
   * is right; where it is not, what lies there means nothing. It is one function, as it is called for each packet of a download.
   */
  open(buffer: Uint8Array, at: number, head: number, length: number): boolean {
    const { crypto, context, count, tag } = this;
    if (context === 0) throw libcryptoError();
    const place = this.place.of(buffer) + at;
    const start = place + head;
    tag.set(start + length);
    if (
      crypto.EVP_CipherInit_ex2(context, 0, 0, this.scratch.address, 0, tag.address) !== 1 ||
      crypto.EVP_CipherUpdate(context, 0, count, place, head) !== 1 ||
      crypto.EVP_CipherUpdate(context, start, count, start, length) !== 1
    )
      throw libcryptoError();
    return crypto.EVP_CipherFinal_ex(context, count + countBytes, count) === 1;
  }

  /** Frees the context; libcrypto wipes the key. */
  free(): void {
    if (this.handle !== undefined) this.crypto.EVP_CIPHER_CTX_free(this.handle);
    this.handle = undefined;
    this.context = 0;
    this.scratch.bytes.fill(0);
  }
}

/** A one-time MAC inside libcrypto, keyed anew for each message. It throws as {@link CipherContext} does. */
export class MacContext {
  private readonly crypto: Libcrypto;
  private handle: Handle | undefined;
  private context = 0;
  private readonly scratch: Scratch;
  private readonly place: Locator;

  constructor(crypto: Libcrypto, mac: Handle) {
    this.crypto = crypto;
    this.scratch = new Scratch(crypto, countBytes);
    this.place = new Locator(crypto);
    this.handle = crypto.EVP_MAC_CTX_new(mac) ?? undefined;
    if (this.handle === undefined) throw libcryptoError();
    this.context = Number(this.handle);
  }

  /** Computes the MAC of `buffer[at, at + length)` under the key of `keyBytes` that `scratch` begins with; it is written to `tagAt` there. */
  sign(scratch: Scratch, keyBytes: number, buffer: Uint8Array, at: number, length: number, tagAt: number): void {
    const { crypto, context } = this;
    if (context === 0) throw libcryptoError();
    check(crypto.EVP_MAC_init(context, scratch.address, keyBytes, 0));
    check(crypto.EVP_MAC_update(context, this.place.of(buffer) + at, length));
    check(crypto.EVP_MAC_final(context, scratch.address + tagAt, this.scratch.address, tagBytes));
  }

  /** Frees the context; libcrypto wipes the key. */
  free(): void {
    if (this.handle !== undefined) this.crypto.EVP_MAC_CTX_free(this.handle);
    this.handle = undefined;
    this.context = 0;
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
