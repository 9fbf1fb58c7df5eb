/** chacha20-poly1305@openssh.com, like the core's packet-chachapoly.ts, by libcrypto's ChaCha20 and its Poly1305, which node:crypto lacks. */
import { timingSafeEqual } from 'node:crypto';
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from '../../core/crypto/packet-cipher.ts';
import { CipherContext, holds, lengthBytes, libcryptoError, MacContext, macInvalid, readLength, tagBytes } from './libcrypto-context.ts';
import { type Handle, type Libcrypto, Scratch } from './libcrypto.ts';

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
/** One block of the key stream. */
const blockBytes = 64;

class ChachaPolyDirection {
  readonly blockBytes = 8;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  readonly mostBlocks = 2 ** 27;
  /** Its nonce is the block counter, little-endian, which each packet starts at 0, and the sequence number, big-endian, of 8 bytes each. */
  protected readonly payload: CipherContext;
  private readonly lengths: CipherContext;
  private readonly mac: MacContext;
  /** The payload key stream's first block, whose beginning is the tag's key, zero between two packets; then a tag. */
  private readonly scratch: Scratch;
  protected readonly tag: Uint8Array;

  constructor(crypto: Libcrypto, algorithms: ChachaPolyAlgorithms, keys: DirectionKeys) {
    this.payload = new CipherContext(crypto, algorithms.chacha20, keys.key.subarray(0, halfKeyBytes), true);
    this.lengths = new CipherContext(crypto, algorithms.chacha20, keys.key.subarray(halfKeyBytes), true);
    this.mac = new MacContext(crypto, algorithms.poly1305);
    this.scratch = new Scratch(crypto, blockBytes + tagBytes);
    this.tag = this.scratch.bytes.subarray(blockBytes);
  }

  wipe(): void {
    this.payload.free();
    this.lengths.free();
    this.mac.free();
  }

  /** Encrypts or decrypts a length field in place. */
  protected turnLength(buffer: Uint8Array, at: number, sequence: number): void {
    const { lengths } = this;
    setNonce(lengths, sequence);
    lengths.begin();
    lengths.turn(buffer, at, lengthBytes);
  }

  /** Begins a packet's payload: the tag's key is known, and the payload's key stream follows. */
  protected begin(sequence: number): void {
    const { payload } = this;
    setNonce(payload, sequence);
    payload.begin();
    payload.turnScratch(this.scratch, blockBytes);
  }

  /** Computes the tag over the sealed packet between the two into {@link tag}. */
  protected sign(buffer: Uint8Array, at: number, end: number): void {
    this.mac.sign(this.scratch, polyKeyBytes, buffer, at, end - at, blockBytes);
    this.scratch.bytes.fill(0, 0, blockBytes);
  }
}

function setNonce({ nonce }: CipherContext, sequence: number): void {
  nonce[12] = sequence >>> 24;
  nonce[13] = sequence >>> 16;
  nonce[14] = sequence >>> 8;
  nonce[15] = sequence;
}

class ChachaPolySealer extends ChachaPolyDirection implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    if (!holds(buffer, at, packetLength)) throw libcryptoError();
    const start = at + lengthBytes;
    const end = start + packetLength;
    this.turnLength(buffer, at, sequence);
    this.begin(sequence);
    this.payload.turn(buffer, start, packetLength);
    this.sign(buffer, at, end);
    buffer.set(this.tag, end);
  }

  sealFrom(data: Uint8Array, dataAt: number, buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const start = at + lengthBytes;
    const end = start + packetLength;
    const dataEnd = dataAt + data.length;
    if (!holds(buffer, at, packetLength) || dataAt < start || dataEnd > end) throw libcryptoError();
    const { payload } = this;
    this.turnLength(buffer, at, sequence);
    this.begin(sequence);
    payload.turn(buffer, start, dataAt - start);
    payload.turnFrom(data, buffer, dataAt);
    payload.turn(buffer, dataEnd, end - dataEnd);
    this.sign(buffer, at, end);
    buffer.set(this.tag, end);
  }
}

/** A packet that does not authenticate is left as it was. */
class ChachaPolyOpener extends ChachaPolyDirection implements PacketOpener {
  readonly headBytes = lengthBytes;
  private readonly length = new Uint8Array(new ArrayBuffer(lengthBytes));

  packetLength(buffer: Uint8Array, at: number, sequence: number): number {
    const { length } = this;
    for (let i = 0; i < lengthBytes; i++) length[i] = buffer[at + i] as number;
    this.turnLength(length, 0, sequence);
    return readLength(length, 0);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    if (!holds(buffer, at, packetLength)) throw macInvalid();
    const start = at + lengthBytes;
    const end = start + packetLength;
    this.begin(sequence);
    this.sign(buffer, at, end);
    if (!timingSafeEqual(this.tag, buffer.subarray(end, end + tagBytes))) throw macInvalid();
    this.payload.turn(buffer, start, packetLength);
  }
}
