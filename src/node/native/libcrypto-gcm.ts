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

  constructor(crypto: Libcrypto, cipher: Handle, keys: DirectionKeys, sealing: boolean) {
    this.context = new CipherContext(crypto, cipher, keys.key, sealing);
    this.context.nonce.set(keys.iv);
  }

  /** Forgets the nonce too. */
  wipe(): void {
    this.context.free();
  }

  /** Begins the packet whose length field is at `at`. */
  protected begin(buffer: Uint8Array, at: number): void {
    const { context } = this;
    context.begin();
    context.authenticate(buffer, at, lengthBytes);
  }

  /** Counts one invocation: the nonce's last 8 bytes as one big-endian number. */
  protected count(): void {
    const { nonce } = this.context;
    for (let i = 11; i >= 4; i--) {
      const next = ((nonce[i] as number) + 1) & 0xff;
      nonce[i] = next;
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
    this.context.sealMessage(buffer, at, at + lengthBytes + packetLength);
    this.count();
  }

  sealFrom(data: Uint8Array, dataAt: number, buffer: Uint8Array, at: number, packetLength: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    if (!holds(buffer, at, packetLength) || dataAt < start || dataAt + data.length > end) throw libcryptoError();
    this.context.sealMessage(buffer, at, end, data, dataAt);
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
    if (!this.context.open(buffer, at, lengthBytes, packetLength)) {
      buffer.fill(0, at + lengthBytes, at + lengthBytes + packetLength);
      throw macInvalid();
    }
    this.count();
  }
}
