import type { CipherName } from './names.ts';
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';

/** A faster source of a cipher; undefined where there is none. It is asked only by a direction that has turned out to be busy. */
export type BulkCiphers = (cipher: CipherName) => Pick<AeadSource, 'sealer' | 'opener'> | undefined;

/** How many bytes a connection moves before it asks for faster sources: what loading them costs is then little. */
const BULK_BYTES = 4 * 1024 * 1024;

/**
 * Takes both directions of one connection over to faster sources, once {@link BULK_BYTES} were moved, and all later keys too. A cipher that
 * has none, or can't tell its state, stays what it is.
 */
export class BulkChange {
  private readonly ciphers: BulkCiphers;
  private left = BULK_BYTES;

  constructor(ciphers: BulkCiphers) {
    this.ciphers = ciphers;
  }

  /** The same sealer, until it goes over. */
  sealer(first: PacketSealer, cipher: CipherName): PacketSealer {
    return first.state === undefined ? first : new ChangingSealer(first, this, () => this.ciphers(cipher)?.sealer);
  }

  /** The same opener, until it goes over. */
  opener(first: PacketOpener, cipher: CipherName): PacketOpener {
    return first.state === undefined ? first : new ChangingOpener(first, this, () => this.ciphers(cipher)?.opener);
  }

  /** Counts a packet; whether it is time. */
  count(packetLength: number): boolean {
    if (this.left > 0) this.left -= packetLength;
    return this.left <= 0;
  }
}

type Faster<Protection> = () => ((keys: DirectionKeys) => Protection) | undefined;

class ChangingDirection<Protection extends PacketSealer | PacketOpener> {
  readonly blockBytes: number;
  readonly lengthApart: boolean;
  readonly tagBytes: number;
  readonly mostBlocks: number;
  protected current: Protection;
  private readonly bulk: BulkChange;
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

  /** Counts a packet that is about to be protected, and goes over when it is time. */
  protected count(packetLength: number): void {
    if (!this.settled && this.bulk.count(packetLength)) this.change();
  }

  private change(): void {
    this.settled = true;
    const make = this.faster();
    const state = this.current.state?.();
    if (state === undefined || make === undefined) return;
    const next = make(state);
    for (const key of [state.key, state.iv, state.macKey]) key.fill(0);
    this.current.wipe();
    this.current = next;
  }
}

class ChangingSealer extends ChangingDirection<PacketSealer> implements PacketSealer {
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    this.count(packetLength);
    this.current.seal(buffer, at, packetLength, sequence);
  }
}

class ChangingOpener extends ChangingDirection<PacketOpener> implements PacketOpener {
  get headBytes(): number {
    return this.current.headBytes;
  }

  packetLength(buffer: Uint8Array, at: number, sequence: number): number {
    return this.current.packetLength(buffer, at, sequence);
  }

  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void {
    this.count(packetLength);
    this.current.open(buffer, at, packetLength, sequence);
  }
}
