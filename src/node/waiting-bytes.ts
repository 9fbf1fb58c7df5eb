/** How much memory is asked for at once, in bytes; the system gives of it what is written to. */
const BLOCK = 256 * 1024;

/**
 * Copies of bytes that wait for somebody slow, in blocks that are used again for what waits next. Were each copy memory of its own, most of
 * what is there would be copies that are done with: they weigh so little on the collector that tens of MiB of them may gather.
 */
export class WaitingBytes {
  private readonly blocks: Buffer[] = [];
  private used = 0;

  /** Copies of the pieces, in order, as views that hold until {@link clear}. */
  copy(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
    const copies: Uint8Array[] = [];
    let from = this.used;
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const start = this.used % BLOCK;
        const part = piece.subarray(at, at + BLOCK - start);
        const block = this.block(Math.floor(this.used / BLOCK));
        block.set(part, start);
        at += part.length;
        this.used += part.length;
        if (this.used % BLOCK > 0) continue;
        copies.push(block.subarray(from % BLOCK));
        from = this.used;
      }
    }
    if (this.used > from) copies.push(this.block(Math.floor(from / BLOCK)).subarray(from % BLOCK, this.used % BLOCK));
    return copies;
  }

  /** Nothing waits any more: the next copies take the memory of those that were made. */
  clear(): void {
    this.used = 0;
  }

  private block(index: number): Buffer {
    return (this.blocks[index] ??= Buffer.allocUnsafeSlow(BLOCK));
  }
}
