/**
 * Ciphers that keep their state from packet to packet, in counter mode (RFC 4344) or cipher block chaining (RFC 4253 section 6.3), with a
 * separate MAC: over the plaintext (RFC 4253 section 6.4, "encrypt and MAC"), or over the ciphertext, with the length in clear (PROTOCOL
 * section 1.5, "encrypt then MAC").
 *
 * Encrypt-and-MAC has to decrypt the length before anything is authenticated. In counter mode a forged length tells an attacker nothing
 * that he did not flip himself; in cipher block chaining it tells plaintext, and {@link PacketDiscard} says what the packet layer does
 * against it.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import type { SshError } from '../util/errors.ts';
import type { MacRow, PacketMac } from './macs.ts';
import { place } from './output.ts';
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

/** A stream of blocks that runs: what is turned is encrypted or decrypted, and the next bytes follow it. */
export interface StreamEngine {
  /** Turns `buffer[from, to)` in place: whole blocks, but around what {@link turnFrom} turns. */
  turn(buffer: Uint8Array, from: number, to: number): void;
  /** Turns all of `source` on its way to `at`, of any length; the two must not overlap. Absent where that saves nothing. */
  turnFrom?(source: Uint8Array, buffer: Uint8Array, at: number): void;
  /** Forgets the key; nothing else may be called after it. */
  wipe(): void;
}

/** Makes what turns one direction; the keys are copied. */
export type StreamSource = (keys: DirectionKeys, sealing: boolean) => StreamEngine;

const lengthBytes = 4;
/** The longest packet that OpenSSH takes, and how far it reads on after a fault. */
const discardBytes = 256 * 1024;

class StreamDirection {
  readonly blockBytes: number;
  readonly lengthApart: boolean;
  readonly tagBytes: number;
  readonly mostBlocks: number;
  /** Only a counter's position can be told. */
  readonly state?: () => DirectionKeys;
  protected readonly mac: PacketMac;
  protected readonly engine: StreamEngine;
  /** Copies of the keys as they were at first, where the state can be told. */
  private readonly first: DirectionKeys | undefined;
  /** How many bytes went through the cipher. */
  protected turned = 0;

  protected constructor(stream: StreamCipher, row: MacRow, keys: DirectionKeys, engine: StreamEngine) {
    this.blockBytes = stream.blockBytes;
    this.lengthApart = row.etm;
    this.tagBytes = row.tagBytes;
    this.mostBlocks = mostBlocks(stream.blockBytes);
    this.mac = row.create(keys.macKey);
    this.engine = engine;
    if (stream.chained) return;
    this.first = copyOf(keys);
    this.state = () => this.present();
  }

  wipe(): void {
    this.mac.wipe();
    this.engine.wipe();
    this.turned = 0;
    if (this.first !== undefined) for (const bytes of [this.first.key, this.first.iv, this.first.macKey]) bytes.fill(0);
  }

  /** Passes `buffer[from, to)` through the cipher, in place. */
  protected turn(buffer: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    this.engine.turn(buffer, from, to);
    this.turned += to - from;
  }

  private present(): DirectionKeys {
    const keys = copyOf(this.first as DirectionKeys);
    let carry = BigInt(this.turned / this.blockBytes);
    for (let i = keys.iv.length - 1; i >= 0 && carry > 0n; i--) {
      carry += BigInt(keys.iv[i] as number);
      keys.iv[i] = Number(carry & 0xffn);
      carry >>= 8n;
    }
    return keys;
  }
}

function copyOf({ key, iv, macKey }: DirectionKeys): DirectionKeys {
  return { key: Uint8Array.from(key), iv: Uint8Array.from(iv), macKey: Uint8Array.from(macKey) };
}

/** The stream of node:crypto. */
function nodeStream(name: string): StreamSource {
  return (keys, sealing) => {
    const cipher = (sealing ? createCipheriv : createDecipheriv)(name, keys.key, keys.iv).setAutoPadding(false);
    let engine: typeof cipher | undefined = cipher;
    return {
      turn: (buffer, from, to) => {
        place((engine as typeof cipher).update(buffer.subarray(from, to)), buffer, from);
      },
      // its key schedule is OpenSSL's own: it is freed, and there cleansed, when the object that holds it is collected
      wipe: () => {
        engine = undefined;
      },
    };
  };
}

/** Seals packets with a stream cipher, of node:crypto where no other source is given, and a MAC. The keys are copied. */
export class StreamSealer extends StreamDirection implements PacketSealer {
  readonly twoPasses = true;
  /** Not where the MAC is over the plaintext, which then lies in two places. */
  readonly sealFrom?: NonNullable<PacketSealer['sealFrom']>;

  constructor(stream: StreamCipher, mac: MacRow, keys: DirectionKeys, source = nodeStream(stream.openssl)) {
    super(stream, mac, keys, source(keys, true));
    const { engine } = this;
    if (engine.turnFrom === undefined || !this.lengthApart) return;
    this.sealFrom = (data, dataAt, buffer, at, packetLength, sequence) => {
      const start = at + lengthBytes;
      const end = start + packetLength;
      engine.turn(buffer, start, dataAt);
      engine.turnFrom?.(data, buffer, dataAt);
      engine.turn(buffer, dataAt + data.length, end);
      this.turned += packetLength;
      buffer.set(this.mac.sign(sequence, buffer, at, end), end);
    };
  }

  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    const end = at + lengthBytes + packetLength;
    if (this.lengthApart) this.turn(buffer, at + lengthBytes, end);
    buffer.set(this.mac.sign(sequence, buffer, at, end), end);
    if (!this.lengthApart) this.turn(buffer, at, end);
  }
}

/** Opens what a {@link StreamSealer} sealed; otherwise like it. */
export class StreamOpener extends StreamDirection implements PacketOpener {
  readonly headBytes: number;
  readonly discard?: PacketDiscard;
  /** How many bytes the last MAC was computed over. */
  private signed = 0;

  constructor(stream: StreamCipher, mac: MacRow, keys: DirectionKeys, source = nodeStream(stream.openssl)) {
    super(stream, mac, keys, source(keys, false));
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
