/**
 * Ciphers that keep their state from packet to packet, in counter mode (RFC 4344) or cipher block chaining (RFC 4253 section 6.3), with a
 * separate MAC: over the plaintext (RFC 4253 section 6.4, "encrypt and MAC"), or over the ciphertext, with the length in clear (PROTOCOL
 * section 1.5, "encrypt then MAC").
 *
 * Encrypt-and-MAC has to decrypt the length before anything is authenticated. In counter mode a forged length tells an attacker nothing
 * that he did not flip himself; in cipher block chaining it tells plaintext, and {@link PacketDiscard} says what the packet layer does
 * against it.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher, timingSafeEqual } from 'node:crypto';
import type { SshError } from '../util/errors.ts';
import type { MacRow, PacketMac } from './macs.ts';
import {
  type DirectionKeys,
  macInvalid,
  mostBlocks,
  type PacketDiscard,
  type PacketOpener,
  type PacketSealer,
  readUint32,
} from './packet-cipher.ts';

/** A stream of blocks. */
export interface StreamCipher {
  /** OpenSSL's name for it. */
  readonly openssl: string;
  readonly blockBytes: number;
  /** Whether it chains its blocks (CBC), and so must hide its faults. */
  readonly chained: boolean;
}

const lengthBytes = 4;
/** The longest packet that OpenSSH takes, and how far it reads on after a fault. */
const discardBytes = 256 * 1024;

class StreamDirection<Engine extends Cipher | Decipher> {
  readonly blockBytes: number;
  readonly lengthApart: boolean;
  readonly tagBytes: number;
  readonly mostBlocks: number;
  protected readonly mac: PacketMac;
  private engine: Engine | undefined;

  protected constructor(stream: StreamCipher, row: MacRow, macKey: Uint8Array, engine: Engine) {
    this.blockBytes = stream.blockBytes;
    this.lengthApart = row.etm;
    this.tagBytes = row.tagBytes;
    this.mostBlocks = mostBlocks(stream.blockBytes);
    this.mac = row.create(macKey);
    this.engine = engine;
    engine.setAutoPadding(false);
  }

  /** The cipher's key schedule is OpenSSL's own: it is freed, and there cleansed, when the object that holds it is collected. */
  wipe(): void {
    this.mac.wipe();
    this.engine = undefined;
  }

  /** Passes `buffer[from, to)` through the cipher, in place. */
  protected turn(buffer: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    buffer.set((this.engine as Engine).update(buffer.subarray(from, to)), from);
  }
}

/** Seals packets with a stream cipher and a MAC. The keys are copied. */
export class StreamSealer extends StreamDirection<Cipher> implements PacketSealer {
  constructor(stream: StreamCipher, mac: MacRow, keys: DirectionKeys) {
    super(stream, mac, keys.macKey, createCipheriv(stream.openssl, keys.key, keys.iv));
  }

  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const end = at + lengthBytes + packetLength;
    if (this.lengthApart) this.turn(buffer, at + lengthBytes, end);
    buffer.set(this.mac.sign(sequence, buffer, at, end), end);
    if (!this.lengthApart) this.turn(buffer, at, end);
  }
}

/** Opens packets sealed with a stream cipher and a MAC. The keys are copied. */
export class StreamOpener extends StreamDirection<Decipher> implements PacketOpener {
  readonly headBytes: number;
  readonly discard?: PacketDiscard;
  /** How many bytes the last MAC was computed over. */
  private signed = 0;

  constructor(stream: StreamCipher, mac: MacRow, keys: DirectionKeys) {
    super(stream, mac, keys.macKey, createDecipheriv(stream.openssl, keys.key, keys.iv));
    this.headBytes = mac.etm ? lengthBytes : stream.blockBytes;
    if (stream.chained && !mac.etm) this.discard = { bytes: discardBytes, fault: () => this.fault() };
  }

  packetLength(buffer: Uint8Array, at: number): number {
    this.signed = 0;
    if (!this.lengthApart) this.turn(buffer, at, at + this.blockBytes);
    return readUint32(buffer, at);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const end = at + lengthBytes + packetLength;
    const covered = this.lengthApart ? packetLength : lengthBytes + packetLength;
    if (covered % this.blockBytes !== 0 || covered < this.blockBytes) throw macInvalid();
    if (end + this.tagBytes > buffer.length) throw macInvalid();
    if (!this.lengthApart) this.turn(buffer, at + this.blockBytes, end);
    const mac = this.mac.sign(sequence, buffer, at, end);
    this.signed = end - at;
    if (!timingSafeEqual(mac, buffer.subarray(end, end + this.tagBytes))) throw macInvalid();
    if (this.lengthApart) this.turn(buffer, at + lengthBytes, end);
  }

  private fault(): SshError {
    const rest = Math.max(0, discardBytes - this.signed);
    this.mac.sign(0, new Uint8Array(rest), 0, rest);
    return macInvalid();
  }
}
