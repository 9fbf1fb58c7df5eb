import type { MacRow } from './macs.ts';
import type { CipherName, MacName } from './names.ts';
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import { streamFrom } from './packet-protection.ts';
import type { StreamSource } from './packet-stream.ts';

type Sources = Pick<AeadSource, 'sealer' | 'opener'>;

/** Where a stream cipher's blocks come from, and MACs that have a faster source too. */
export interface StreamSources {
  readonly stream: StreamSource;
  readonly mac?: (name: MacName) => MacRow['create'] | undefined;
}

/**
 * A faster source of a cipher: of whole packets where it authenticates by itself, else of its blocks and of MACs; undefined where there is none. It is
 * asked only by a direction that has turned out to be busy.
 */
export type BulkCiphers = (cipher: CipherName) => Sources | StreamSources | undefined;

/** How many bytes a connection moves before it asks for faster sources: what loading them costs is then little. */
const BULK_BYTES = 4 * 1024 * 1024;
/**
 * What a packet counts for at least: a new cipher object for each costs node:crypto as much as encrypting so many bytes, which shows in
 * the echo of keystrokes.
 */
const PACKET_BYTES = 16 * 1024;

/**
 * Takes both directions of one connection over to faster sources, once {@link BULK_BYTES} or many packets were moved, and all later keys too. A cipher that
 * has none, or can't tell its state, stays what it is.
 */
export class BulkChange {
  private readonly ciphers: BulkCiphers;
  private left = BULK_BYTES;

  constructor(ciphers: BulkCiphers) {
    this.ciphers = ciphers;
  }

  /** The same sealer, until it goes over. */
  sealer(first: PacketSealer, cipher: CipherName, mac: MacName | undefined): PacketSealer {
    return first.state === undefined ? first : new ChangingSealer(first, this, () => this.sources(cipher, mac)?.sealer);
  }

  /** The same opener, until it goes over. */
  opener(first: PacketOpener, cipher: CipherName, mac: MacName | undefined): PacketOpener {
    return first.state === undefined ? first : new ChangingOpener(first, this, () => this.sources(cipher, mac)?.opener);
  }

  /** Says that many packets are to come: it is time now. */
  hasten(): void {
    this.left = 0;
  }

  /** Counts a packet. */
  count(packetLength: number): void {
    if (this.left > 0) this.left -= Math.max(packetLength, PACKET_BYTES);
  }

  /** Whether it is time. */
  get due(): boolean {
    return this.left <= 0;
  }

  private sources(cipher: CipherName, mac: MacName | undefined): Sources | undefined {
    const found = this.ciphers(cipher);
    return found !== undefined && 'stream' in found
      ? streamFrom(found.stream, cipher, mac, mac === undefined ? undefined : found.mac?.(mac))
      : found;
  }
}

type Faster<Protection> = () => ((keys: DirectionKeys) => Protection) | undefined;

class ChangingDirection<Protection extends PacketSealer | PacketOpener> {
  readonly blockBytes: number;
  readonly lengthApart: boolean;
  readonly tagBytes: number;
  readonly mostBlocks: number;
  protected current: Protection;
  protected readonly bulk: BulkChange;
  private readonly faster: Faster<Protection>;
  private settled = false;

  constructor(first: Protection, bulk: BulkChange, faster: Faster<Protection>) {
    this.blockBytes = first.blockBytes;
    this.lengthApart = first.lengthApart;
    this.tagBytes = first.tagBytes;
    this.mostBlocks = first.mostBlocks;
    this.current = first;
    this.bulk = bulk;
    this.faster = faster;
  }

  wipe(): void {
    this.current.wipe();
  }

  /** Goes over when it is time, which happens once; called between two packets. Whether it has just done so. */
  protected change(): boolean {
    if (this.settled || !this.bulk.due) return false;
    this.settled = true;
    const make = this.faster();
    const state = this.current.state?.();
    if (state === undefined || make === undefined) return false;
    try {
      const next = make(state);
      this.current.wipe();
      this.current = next;
      return true;
    } finally {
      for (const key of [state.key, state.iv, state.macKey]) key.fill(0);
    }
  }
}

class ChangingSealer extends ChangingDirection<PacketSealer> implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    this.change();
    this.current.seal(buffer, at, packetLength, sequence);
    this.bulk.count(packetLength);
  }

  sealFrom(data: Uint8Array, dataAt: number, buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    this.change();
    const { current } = this;
    if (current.sealFrom === undefined) {
      buffer.set(data, dataAt);
      current.seal(buffer, at, packetLength, sequence);
    } else current.sealFrom(data, dataAt, buffer, at, packetLength, sequence);
    this.bulk.count(packetLength);
  }
}

class ChangingOpener extends ChangingDirection<PacketOpener> implements PacketOpener {
  get headBytes(): number {
    return this.current.headBytes;
  }

  /** The faster one itself: then no call of a packet's way goes through this. */
  successor(): PacketOpener | undefined {
    return this.change() ? this.current : undefined;
  }

  packetLength(buffer: Uint8Array, at: number, sequence: number): number {
    return this.current.packetLength(buffer, at, sequence);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    this.current.open(buffer, at, packetLength, sequence);
    this.bulk.count(packetLength);
  }
}
