/**
 * chacha20-poly1305@openssh.com (PROTOCOL.chacha20poly1305): the key's first half encrypts the packet and gives, in its first block, the
 * one-time key of the tag; its second half encrypts the length alone, so that the length can be known before the tag is checked and yet
 * tells nothing about the payload's key stream. The nonce of both is the packet's sequence number.
 */
import { type Cipher, createCipheriv, timingSafeEqual } from 'node:crypto';
import { place } from './output.ts';
import {
  type AeadSource,
  type DirectionKeys,
  macInvalid,
  mostBlocks,
  type PacketOpener,
  type PacketSealer,
  readUint32,
  writeUint32,
} from './packet-cipher.ts';
import { poly1305, preparePoly1305 } from './poly1305.ts';

/** ChaCha20 of node:crypto and Poly1305 of ours. */
export const chachaPolySource: AeadSource = {
  prepare: preparePoly1305,
  sealer: (keys) => new ChachaPolySealer(keys),
  opener: (keys) => new ChachaPolyOpener(keys),
};

const lengthBytes = 4;
const tagBytes = 16;
const halfKeyBytes = 32;
const polyKeyBytes = 32;
/** What is encrypted to get the payload key stream's first block. */
const zeroBlock = new Uint8Array(64);

class ChachaPolyDirection {
  readonly blockBytes = 8;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  readonly mostBlocks = mostBlocks(8);
  private readonly key: Uint8Array;
  private readonly payloadKey: Uint8Array;
  private readonly lengthKey: Uint8Array;
  /** OpenSSL's IV: the block counter, little-endian, and the nonce, big-endian, of 8 bytes each. The counter stays 0. */
  private readonly iv = new Uint8Array(16);

  /** Copies the key. */
  constructor(keys: DirectionKeys) {
    this.key = Uint8Array.from(keys.key);
    this.payloadKey = this.key.subarray(0, halfKeyBytes);
    this.lengthKey = this.key.subarray(halfKeyBytes);
  }

  /** The sequence number is all else that a packet depends on. */
  state(): DirectionKeys {
    return { key: Uint8Array.from(this.key), iv: new Uint8Array(), macKey: new Uint8Array() };
  }

  wipe(): void {
    this.key.fill(0);
  }

  /** The length field at `at`, encrypted or decrypted. */
  protected turnLength(buffer: Uint8Array, at: number, sequence: number): Uint8Array {
    writeUint32(this.iv, 12, sequence);
    return createCipheriv('chacha20', this.lengthKey, this.iv).update(buffer.subarray(at, at + lengthBytes));
  }

  /** The payload's cipher, before its first block. */
  protected payloadCipher(sequence: number): Cipher {
    writeUint32(this.iv, 12, sequence);
    return createCipheriv('chacha20', this.payloadKey, this.iv);
  }
}

class ChachaPolySealer extends ChachaPolyDirection implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    buffer.set(this.turnLength(buffer, at, sequence), at);
    const cipher = this.payloadCipher(sequence);
    const first = cipher.update(zeroBlock);
    place(cipher.update(buffer.subarray(start, end)), buffer, start);
    buffer.set(poly1305(first.subarray(0, polyKeyBytes), buffer, at, end), end);
    first.fill(0);
  }
}

/** A packet that does not authenticate is left as it was. */
class ChachaPolyOpener extends ChachaPolyDirection implements PacketOpener {
  readonly headBytes = lengthBytes;

  packetLength(buffer: Uint8Array, at: number, sequence: number): number {
    return readUint32(this.turnLength(buffer, at, sequence), 0);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    if (end + tagBytes > buffer.length) throw macInvalid();
    const cipher = this.payloadCipher(sequence);
    const first = cipher.update(zeroBlock);
    const tag = poly1305(first.subarray(0, polyKeyBytes), buffer, at, end);
    first.fill(0);
    if (!timingSafeEqual(tag, buffer.subarray(end, end + tagBytes))) throw macInvalid();
    place(cipher.update(buffer.subarray(start, end)), buffer, start);
  }
}
