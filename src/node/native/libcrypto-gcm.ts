/**
 * AES-GCM as OpenSSH has it, like the core's packet-gcm.ts, with one context of libcrypto's for all packets of a direction: a new cipher
 * object per packet, which is what node:crypto takes, costs three times the encryption.
 */
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from '../../core/crypto/packet-cipher.ts';
import { CipherContext, holds, lengthBytes, libcryptoError, macInvalid, readLength, tagBytes } from './libcrypto-context.ts';
import type { Handle, Libcrypto } from './libcrypto.ts';

/** The source of AES-GCM with keys of as many bits as `cipher` takes. */
export function gcmSource(crypto: Libcrypto, cipher: Handle): AeadSource {
  return { sealer: (keys) => new GcmSealer(crypto, cipher, keys), opener: (keys) => new GcmOpener(crypto, cipher, keys) };
}

class GcmDirection {
  readonly blockBytes = 16;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  readonly mostBlocks = 2 ** 32;
  protected readonly context: CipherContext;
  /** The next packet's nonce. */
  private readonly iv: Uint8Array;
  private readonly length = new Uint8Array(lengthBytes);
  protected readonly tag = new Uint8Array(tagBytes);

  constructor(crypto: Libcrypto, cipher: Handle, keys: DirectionKeys, sealing: boolean) {
    this.iv = Uint8Array.from(keys.iv);
    this.context = new CipherContext(crypto, cipher, keys.key, sealing);
  }

  wipe(): void {
    this.context.free();
    this.iv.fill(0);
  }

  /** Begins the packet whose length field is at `at`. */
  protected begin(buffer: Uint8Array, at: number): void {
    const { context, length } = this;
    context.begin(this.iv);
    for (let i = 0; i < lengthBytes; i++) length[i] = buffer[at + i] as number;
    context.authenticate(length);
  }

  /** Counts one invocation: the nonce's last 8 bytes as one big-endian number. */
  protected count(): void {
    const { iv } = this;
    for (let i = 11; i >= 4; i--) {
      const next = ((iv[i] as number) + 1) & 0xff;
      iv[i] = next;
      if (next !== 0) return;
    }
  }
}

class GcmSealer extends GcmDirection implements PacketSealer {
  constructor(crypto: Libcrypto, cipher: Handle, keys: DirectionKeys) {
    super(crypto, cipher, keys, true);
  }

  seal(buffer: Uint8Array, at: number, packetLength: number): void {
    if (!holds(buffer, at, packetLength)) throw libcryptoError();
    const { context, tag } = this;
    const start = at + lengthBytes;
    const end = start + packetLength;
    this.begin(buffer, at);
    context.turn(buffer.subarray(start, end));
    context.takeTag(tag);
    buffer.set(tag, end);
    this.count();
  }
}

/** A packet that does not authenticate is wiped: it is decrypted in place before its tag is known to be right. */
class GcmOpener extends GcmDirection implements PacketOpener {
  readonly headBytes = lengthBytes;

  constructor(crypto: Libcrypto, cipher: Handle, keys: DirectionKeys) {
    super(crypto, cipher, keys, false);
  }

  packetLength(buffer: Uint8Array, at: number): number {
    return readLength(buffer, at);
  }

  open(buffer: Uint8Array, at: number, packetLength: number): void {
    if (!holds(buffer, at, packetLength)) throw macInvalid();
    const { context, tag } = this;
    const start = at + lengthBytes;
    const end = start + packetLength;
    const body = buffer.subarray(start, end);
    this.begin(buffer, at);
    context.turn(body);
    for (let i = 0; i < tagBytes; i++) tag[i] = buffer[end + i] as number;
    if (!context.isTag(tag)) {
      body.fill(0);
      throw macInvalid();
    }
    this.count();
  }
}
