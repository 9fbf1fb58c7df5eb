import fs from 'node:fs';
import net from 'node:net';
import type { Writable } from 'node:stream';
import tty from 'node:tty';
import { BusyPipe } from './busy-pipe.ts';
import { blockAgainAtExit, closerOf, descriptorKind, handleOf, reopenNonBlocking } from './descriptors.ts';
import { errnoOf, systemError } from './errno.ts';
import { WaitingBytes } from './waiting-bytes.ts';

/** Where a session's output goes: this process' stdout or stderr, or any descriptor. */
export interface Sink {
  /** Writes; `bytes` are the caller's again at once. False says that some of them wait for a slow reader: {@link onDrain} follows. */
  write(bytes: Uint8Array): boolean;
  /** The same for bytes that lie in pieces, of `length` bytes together where the caller knows it, by one call of the system. */
  writeAll(pieces: readonly Uint8Array[], length?: number): boolean;
  /** Called when all that waited is written. */
  onDrain: () => void;
  /** Called once when writing is over before its end: EPIPE where the reader has gone. What is written afterwards is dropped. */
  onClosed: (error: Error) => void;
  /** Calls `done` when all is written, or can't be; nothing may be written afterwards. */
  end(done: () => void): void;
}

/**
 * Output to a descriptor which never blocks the event loop where its reader is slow.
 *
 * Most bytes are written at once by write(2). Pipes and terminals are opened a second time for that, so that they can be non-blocking for
 * this process alone; a socket has to be made non-blocking itself until the process ends. Where neither can be had, writing blocks.
 */
export function openSink(fd: number): Sink {
  const kind = descriptorKind(fd);
  if (kind === 'file') return new DescriptorSink(fd, kind, false);
  const reopened = kind === 'socket' ? undefined : reopenNonBlocking(fd, 'write');
  const sink = new DescriptorSink(reopened ?? fd, kind, reopened !== undefined);
  if (kind === 'socket') sink.prepareSocket();
  return sink;
}

class DescriptorSink implements Sink {
  onDrain: () => void = () => {};
  onClosed: (error: Error) => void = () => {};
  private readonly fd: number;
  private readonly kind: 'terminal' | 'pipe' | 'socket' | 'file';
  private readonly owned: boolean;
  /** Writes what write(2) does not take at once; made when that first happens. */
  private queue: Writable | undefined;
  /** What the queue holds. */
  private readonly waiting = new WaitingBytes();
  private closeQueue: () => void = () => {};
  private ended: (() => void) | undefined;
  private closed = false;
  private finished = false;
  private readonly busy: BusyPipe | undefined;

  constructor(fd: number, kind: 'terminal' | 'pipe' | 'socket' | 'file', owned: boolean) {
    this.fd = fd;
    this.kind = kind;
    this.owned = owned;
    if (kind === 'pipe') this.busy = new BusyPipe(fd);
  }

  /** Makes an inherited socket non-blocking, which opening the queue does. */
  prepareSocket(): void {
    blockAgainAtExit(this.openQueue());
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed) return true;
    if (this.queued) return this.enqueue([bytes]);
    let at = 0;
    try {
      while (at < bytes.length) at += fs.writeSync(this.fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return this.enqueue([bytes.subarray(at)]);
      this.close(error);
    }
    return true;
  }

  writeAll(pieces: readonly Uint8Array[], length = lengthOf(pieces)): boolean {
    if (this.closed) return true;
    let rest = pieces;
    let left = length;
    this.busy?.begin(length);
    try {
      while (!this.queued && left > 0) {
        const [first] = rest;
        const written = rest.length === 1 && first !== undefined ? fs.writeSync(this.fd, first) : fs.writevSync(this.fd, rest);
        left -= written;
        if (left === 0) return true;
        rest = after(rest, written);
        // a pipe that did not take all is full
        if (this.busy?.full() === false) break;
      }
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') {
        this.close(error);
        return true;
      }
    }
    return left === 0 || this.enqueue(rest);
  }

  end(done: () => void): void {
    if (this.queued && !this.closed) {
      this.ended = done;
      return;
    }
    this.finish();
    done();
  }

  /** Whether something waits for the reader. */
  private get queued(): boolean {
    return this.queue !== undefined && this.queue.writableLength > 0;
  }

  /** Copies what has to wait. */
  private enqueue(pieces: readonly Uint8Array[]): boolean {
    const queue = (this.queue ??= this.openQueue());
    // True where the reader made room meanwhile and all was written at once: no 'drain' follows then.
    let written = true;
    for (const bytes of this.waiting.copy(pieces)) written = queue.write(bytes);
    this.waiting.keep(queue.writableLength);
    return written;
  }

  private openQueue(): Writable {
    const queue = this.kind === 'terminal' ? terminalQueue(this.fd) : pipeQueue(this.fd);
    queue.on('error', (error) => this.close(error));
    queue.on('drain', () => {
      this.waiting.keep(queue.writableLength);
      if (this.ended === undefined) this.onDrain();
      else this.end(this.ended);
    });
    this.queue = queue;
    this.closeQueue = closerOf(queue, this.fd);
    return queue;
  }

  private close(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    const { ended } = this;
    this.finish();
    if (ended !== undefined) ended();
    else this.onClosed(systemError(error));
  }

  /** The descriptors that the process was started with stay open: a later file must not take the number of stdout. */
  private finish(): void {
    const again = this.finished;
    this.closed = true;
    this.finished = true;
    // its number may be another file's by now
    if (!this.owned || again) return;
    if (this.queue === undefined) fs.closeSync(this.fd);
    else this.closeQueue();
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** What follows the first `count` bytes of the pieces. */
function after(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [i, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(i + 1)];
    left -= piece.length;
  }
  return [];
}

function pipeQueue(fd: number): Writable {
  // With such a high-water mark 'drain' tells of every time that nothing waits any more.
  const options = { fd, readable: false, writable: true, writableHighWaterMark: 1 };
  return new net.Socket(options);
}

function terminalQueue(fd: number): Writable {
  const stream = new tty.WriteStream(fd);
  // Terminals are made blocking by WriteStream: a stopped one (^S) would then stop the whole process.
  handleOf(stream)?.setBlocking?.(false);
  return stream;
}
