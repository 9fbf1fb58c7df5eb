/** Standard input, read when it is asked for: lines as answers, or all of it as data. Both block, as in a program that only waits for it. */
import fs from 'node:fs';
import { errnoOf, systemError } from './errno.ts';

const chunkLength = 64 * 1024;

/** A line without its end, or undefined where the input is at its end; what follows belongs to whoever reads next. */
export function readInputLine(limit = 64 * 1024): string | undefined {
  const bytes: number[] = [];
  const byte = new Uint8Array(1);
  while (read(byte) === 1) {
    if (byte[0] === 0x0a) return Buffer.from(bytes).toString('utf8');
    if (bytes.length < limit) bytes.push(byte[0] as number);
  }
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString('utf8');
}

/** Gives the input piece by piece to its end; a piece is only good until the next. @throws SystemError */
export function readInput(take: (piece: Uint8Array) => void): void {
  const piece = new Uint8Array(chunkLength);
  for (;;) {
    const length = read(piece);
    if (length === 0) return;
    take(piece.subarray(0, length));
  }
}

/** Gives a file piece by piece to its end; a piece is only good until the next. @throws SystemError */
export function readFilePieces(path: string, take: (piece: Uint8Array) => void): void {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch (error) {
    throw systemError(error);
  }
  const piece = new Uint8Array(chunkLength);
  try {
    for (let length = fs.readSync(fd, piece); length > 0; length = fs.readSync(fd, piece)) take(piece.subarray(0, length));
  } catch (error) {
    throw systemError(error);
  } finally {
    fs.closeSync(fd);
  }
}

/** Reads on where the descriptor does not block and nothing is there yet. */
function read(bytes: Uint8Array): number {
  for (;;) {
    try {
      return fs.readSync(0, bytes);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw systemError(error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
