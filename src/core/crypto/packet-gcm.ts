/**
 * AES in Galois counter mode as OpenSSH has it (RFC 5647; PROTOCOL section 1.6): the length stands in clear and is authenticated, the nonce
 * is a fixed part of 4 bytes and an invocation counter of 8 that grows by one with each packet and is never sent.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { place } from './output.ts';
import {
  type AeadSource,
  type DirectionKeys,
  macInvalid,
  mostBlocks,
  type PacketOpener,
  type PacketSealer,
  readUint32,
} from './packet-cipher.ts';

/** The two ciphers by OpenSSL's names. */
export type GcmName = 'aes-128-gcm' | 'aes-256-gcm';

/** The cipher of node:crypto. */
export function gcmSource(name: GcmName): AeadSource {
  return { sealer: (keys) => new GcmSealer(name, keys), opener: (keys) => new GcmOpener(name, keys) };
}

const lengthBytes = 4;
const tagBytes = 16;
const options = { authTagLength: tagBytes };

class GcmDirection {
  readonly blockBytes = 16;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  readonly mostBlocks = mostBlocks(16);
  protected readonly name: GcmName;
  protected readonly key: Uint8Array;
  /** The next packet's nonce. */
  protected readonly iv: Uint8Array;

  /** Copies the keys. */
  constructor(name: GcmName, keys: DirectionKeys) {
    this.name = name;
    this.key = Uint8Array.from(keys.key);
    this.iv = Uint8Array.from(keys.iv);
  }

  state(): DirectionKeys {
    return { key: Uint8Array.from(this.key), iv: Uint8Array.from(this.iv), macKey: new Uint8Array() };
  }

  wipe(): void {
    this.key.fill(0);
    this.iv.fill(0);
  }

  /** Counts one invocation: the last 8 bytes of the nonce as one big-endian number, which wraps without touching the fixed part. */
  protected count(): void {
    const { iv } = this;
    for (let i = 11; i >= 4; i--) {
      const next = ((iv[i] as number) + 1) & 0xff;
      iv[i] = next;
      if (next !== 0) return;
    }
  }
}

/** Seals packets with AES-GCM. The cipher object is new for each packet: node:crypto can't set a nonce anew. */
class GcmSealer extends GcmDirection implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    const cipher = createCipheriv(this.name, this.key, this.iv, options);
    cipher.setAAD(buffer.subarray(at, start));
    place(cipher.update(buffer.subarray(start, end)), buffer, start);
    cipher.final();
    buffer.set(cipher.getAuthTag(), end);
    this.count();
  }
}

/** Opens packets sealed with AES-GCM; a packet that does not authenticate is left as it was. */
class GcmOpener extends GcmDirection implements PacketOpener {
  readonly headBytes = lengthBytes;

  packetLength(buffer: Uint8Array, at: number): number {
    return readUint32(buffer, at);
  }

  open(buffer: Uint8Array, at: number, packetLength: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    if (end + tagBytes > buffer.length) throw macInvalid();
    const decipher = createDecipheriv(this.name, this.key, this.iv, options);
    decipher.setAAD(buffer.subarray(at, start));
    decipher.setAuthTag(buffer.subarray(end, end + tagBytes));
    const plain = decipher.update(buffer.subarray(start, end));
    try {
      decipher.final();
    } catch {
      plain.fill(0);
      throw macInvalid();
    }
    place(plain, buffer, start);
    this.count();
  }
}
