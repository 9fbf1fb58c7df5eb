/**
 * What a cipher of node:crypto puts out lies in new memory, which belongs to nobody once it is copied to its place. The collector would
 * let tens of megabytes of it pile up, each piece of it memory that is cold; given back at once, the next piece is the same memory again.
 */

/** A buffer of a runtime that lets its memory go; ES2024. */
interface Transferable {
  transfer?(length: number): ArrayBufferLike;
}

/** Less than this is not worth a call, in bytes. */
const WORTH_GIVING_BACK = 4096;

/** Copies a cipher's output to `at`; whoever calls this has no more use for `output`. */
export function place(output: Uint8Array, target: Uint8Array, at: number): void {
  target.set(output, at);
  giveBack(output);
}

/** Gives the memory of a cipher's output back, where the runtime lets it and nothing else can lie in it. */
export function giveBack(output: Uint8Array): void {
  const { buffer } = output;
  if (output.length >= WORTH_GIVING_BACK && output.length === buffer.byteLength) (buffer as Transferable).transfer?.(0);
}
