import { letMemoryGo } from './let-memory-go.ts';

/** How much memory is asked for at once, in bytes; the system gives of it what is written to. */
const BLOCK = 256 * 1024;
/** So many blocks wait to be used again; the process gives back more than that. */
const SPARE = 32;

const spare: Buffer[] = [];

/**
 * Copies of bytes that wait for somebody slow, in blocks that are used again for what waits next, wherever that is. Were each copy memory
 * of its own, most of what is there would be copies that are done with: they weigh so little on the collector that tens of MiB of them
 * gather, and a process with nothing more to do keeps them.
 */
export class WaitingBytes {
  private blocks: Buffer[] = [];
  private used = 0;

  /** Copies of the pieces, in order, as views that hold until {@link keep} says otherwise. */
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

  /**
   * Says that of all copies only the last `length` bytes still wait: the memory of the others is for others, as it is for the next ones.
   * What is written as fast as it comes may wait for ever without a moment in which nothing does.
   */
  keep(length: number): void {
    const done = length === 0 ? this.blocks.length : Math.floor(Math.max(0, this.used - length) / BLOCK);
    for (const block of this.blocks.splice(0, done)) {
      if (spare.length < SPARE) spare.push(block);
      else giveBack(block);
    }
    this.used = length === 0 ? 0 : this.used - done * BLOCK;
  }

  private block(index: number): Buffer {
    return (this.blocks[index] ??= spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK));
  }
}

/** ES2024's ArrayBuffer.prototype.transfer, which not every runtime that this runs on has. */
interface Transferable {
  transfer?(length: number): ArrayBufferLike;
}

/** The collector would do this some time, and where nothing happens, never. */
function giveBack({ buffer }: Uint8Array): void {
  letMemoryGo();
  (buffer as Transferable).transfer?.(0);
}
