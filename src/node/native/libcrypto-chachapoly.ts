/** chacha20-poly1305@openssh.com, like the core's packet-chachapoly.ts, by libcrypto's ChaCha20 and its Poly1305, which node:crypto lacks. */
import { timingSafeEqual } from 'node:crypto';
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from '../../core/crypto/packet-cipher.ts';
import { CipherContext, holds, lengthBytes, libcryptoError, MacContext, macInvalid, readLength, tagBytes } from './libcrypto-context.ts';
import type { Handle, Libcrypto } from './libcrypto.ts';

/** Both algorithms, as libcrypto fetched them. */
export interface ChachaPolyAlgorithms {
  readonly chacha20: Handle;
  readonly poly1305: Handle;
}

/** The source of the cipher. */
export function chachaPolySource(crypto: Libcrypto, algorithms: ChachaPolyAlgorithms): AeadSource {
  return {
    sealer: (keys) => new ChachaPolySealer(crypto, algorithms, keys),
    opener: (keys) => new ChachaPolyOpener(crypto, algorithms, keys),
  };
}

const halfKeyBytes = 32;
const polyKeyBytes = 32;

class ChachaPolyDirection {
  readonly blockBytes = 8;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  readonly mostBlocks = 2 ** 27;
  protected readonly payload: CipherContext;
  private readonly lengths: CipherContext;
  private readonly mac: MacContext;
  /** The block counter, little-endian, which each packet starts at 0, and the sequence number, big-endian, of 8 bytes each. */
  private readonly iv = new Uint8Array(16);
  /** The payload key stream's first block, whose beginning is the tag's key; zero between two packets. */
  private readonly block = new Uint8Array(64);
  private readonly polyKey = this.block.subarray(0, polyKeyBytes);
  protected readonly tag = new Uint8Array(tagBytes);

  constructor(crypto: Libcrypto, algorithms: ChachaPolyAlgorithms, keys: DirectionKeys) {
    this.payload = new CipherContext(crypto, algorithms.chacha20, keys.key.subarray(0, halfKeyBytes), true);
    this.lengths = new CipherContext(crypto, algorithms.chacha20, keys.key.subarray(halfKeyBytes), true);
    this.mac = new MacContext(crypto, algorithms.poly1305);
  }

  wipe(): void {
    this.payload.free();
    this.lengths.free();
    this.mac.free();
  }

  /** Encrypts or decrypts a length field in place. */
  protected turnLength(length: Uint8Array, sequence: number): void {
    this.setNonce(sequence);
    this.lengths.begin(this.iv);
    this.lengths.turn(length);
  }

  /** Begins a packet's payload: the tag's key is known, and the payload's key stream follows. */
  protected begin(sequence: number): void {
    const { payload } = this;
    this.setNonce(sequence);
    payload.begin(this.iv);
    payload.turn(this.block);
  }

  /** Computes the tag over the sealed packet into {@link tag}. */
  protected sign(sealed: Uint8Array): void {
    this.mac.sign(this.polyKey, sealed, this.tag);
    this.block.fill(0);
  }

  private setNonce(sequence: number): void {
    const { iv } = this;
    iv[12] = sequence >>> 24;
    iv[13] = sequence >>> 16;
    iv[14] = sequence >>> 8;
    iv[15] = sequence;
  }
}

class ChachaPolySealer extends ChachaPolyDirection implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    if (!holds(buffer, at, packetLength)) throw libcryptoError();
    const start = at + lengthBytes;
    const end = start + packetLength;
    this.turnLength(buffer.subarray(at, start), sequence);
    this.begin(sequence);
    this.payload.turn(buffer.subarray(start, end));
    this.sign(buffer.subarray(at, end));
    buffer.set(this.tag, end);
  }
}

/** A packet that does not authenticate is left as it was. */
class ChachaPolyOpener extends ChachaPolyDirection implements PacketOpener {
  readonly headBytes = lengthBytes;
  private readonly length = new Uint8Array(lengthBytes);

  packetLength(buffer: Uint8Array, at: number, sequence: number): number {
    const { length } = this;
    for (let i = 0; i < lengthBytes; i++) length[i] = buffer[at + i] as number;
    this.turnLength(length, sequence);
    return readLength(length, 0);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    if (!holds(buffer, at, packetLength)) throw macInvalid();
    const start = at + lengthBytes;
    const end = start + packetLength;
    this.begin(sequence);
    this.sign(buffer.subarray(at, end));
    if (!timingSafeEqual(this.tag, buffer.subarray(end, end + tagBytes))) throw macInvalid();
    this.payload.turn(buffer.subarray(start, end));
  }
}
