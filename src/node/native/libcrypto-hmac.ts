import type { PacketMac } from '../../core/crypto/macs.ts';
import type { MacName } from '../../core/crypto/names.ts';
import { libcryptoError } from './libcrypto-context.ts';
import { type Handle, type Libcrypto, Locator, Scratch } from './libcrypto.ts';

const sequenceBytes = 4;
/** An unsigned int. */
const countBytes = 4;

interface HmacRow {
  /** libcrypto's name of the hash. */
  readonly digest: string;
  readonly bytes: number;
  /** What of the MAC follows a packet. */
  readonly tagBytes: number;
}

const sha1 = { digest: 'SHA1', bytes: 20, tagBytes: 20 };
const sha256 = { digest: 'SHA256', bytes: 32, tagBytes: 32 };
const sha512 = { digest: 'SHA512', bytes: 64, tagBytes: 64 };

const rows: Partial<Record<MacName, HmacRow>> = {
  'hmac-sha1': sha1,
  'hmac-sha1-96': { ...sha1, tagBytes: 12 },
  'hmac-sha2-256': sha256,
  'hmac-sha2-512': sha512,
  'hmac-sha1-etm@openssh.com': sha1,
  'hmac-sha1-96-etm@openssh.com': { ...sha1, tagBytes: 12 },
  'hmac-sha2-256-etm@openssh.com': sha256,
  'hmac-sha2-512-etm@openssh.com': sha512,
};

/** What makes this MAC of a key by libcrypto, which hashes the key once and not for each packet; undefined where it has none. */
export function hmacSource(crypto: Libcrypto, name: MacName): ((key: Uint8Array) => PacketMac) | undefined {
  const row = rows[name];
  const digest = row === undefined ? null : crypto.EVP_MD_fetch(null, row.digest, null);
  return row === undefined || digest === null ? undefined : (key) => new Hmac(crypto, digest, row, key);
}

/** HMAC inside of libcrypto. It throws SSH_ERR_LIBCRYPTO_ERROR where libcrypto refuses, and after it was wiped. */
class Hmac implements PacketMac {
  private readonly crypto: Libcrypto;
  private handle: Handle | undefined;
  private context = 0;
  /** The sequence number, the MAC, and how many bytes libcrypto made. */
  private readonly scratch: Scratch;
  private readonly macBytes: number;
  private readonly tag: Uint8Array;
  private readonly place: Locator;

  constructor(crypto: Libcrypto, digest: Handle, { bytes, tagBytes }: HmacRow, key: Uint8Array) {
    this.crypto = crypto;
    this.scratch = new Scratch(crypto, sequenceBytes + bytes + countBytes);
    this.macBytes = bytes;
    this.tag = this.scratch.bytes.subarray(sequenceBytes, sequenceBytes + tagBytes);
    this.place = new Locator(crypto);
    this.handle = crypto.HMAC_CTX_new() ?? undefined;
    if (this.handle === undefined) throw libcryptoError();
    this.context = Number(this.handle);
    if (crypto.HMAC_Init_ex(this.context, this.place.of(key), key.length, digest, 0) === 1) return;
    this.wipe();
    throw libcryptoError();
  }

  sign(sequence: number, buffer: Uint8Array, from: number, to: number): Uint8Array {
    const { crypto, context, scratch, macBytes } = this;
    if (context === 0 || from < 0 || to < from || to > buffer.length) throw libcryptoError();
    const head = scratch.bytes;
    head[0] = sequence >>> 24;
    head[1] = sequence >>> 16;
    head[2] = sequence >>> 8;
    head[3] = sequence;
    const mac = scratch.address + sequenceBytes;
    const done =
      crypto.HMAC_Init_ex(context, 0, 0, 0, 0) === 1 &&
      crypto.HMAC_Update(context, scratch.address, sequenceBytes) === 1 &&
      crypto.HMAC_Update(context, this.place.of(buffer) + from, to - from) === 1 &&
      crypto.HMAC_Final(context, mac, mac + macBytes) === 1;
    if (!done) throw libcryptoError();
    return this.tag;
  }

  /** libcrypto wipes the key. */
  wipe(): void {
    if (this.handle !== undefined) this.crypto.HMAC_CTX_free(this.handle);
    this.handle = undefined;
    this.context = 0;
  }
}
