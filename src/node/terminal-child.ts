import fs from 'node:fs';
import { spawn } from 'node:child_process';
import { ReadStream } from 'node:tty';
import type { TerminalModes } from '../core/wire/terminal-modes.ts';
import { errnoOf, systemError } from './errno.ts';
import { openPty, type Pty, resizePty } from './native/pty.ts';
import type { ByteReceiver } from './inlet.ts';
import type { ByteStream } from './socket.ts';
import type { ChildEnd } from './spawn.ts';
import { withModes } from './terminal-modes.ts';
import { readTermios, writeTermios } from './termios.ts';
import type { TerminalSize } from './tty.ts';

/** The kernel takes no more at once into a terminal's input. */
const pieceSize = 4096;
/** How long to wait before a terminal whose input is full is tried again, in milliseconds. */
const retryMs = 5;
const endOfFile = 4;

/** Opens the terminal itself, and so gets it as controlling terminal: a session leader that was handed it would not. */
const starter = 'p=$1; shift; exec "$@" <"$p" >"$p" 2>&1';

/** A terminal of the server's, with at most one program on it. */
export class ServerTerminal implements ByteStream {
  /** The terminal's name, as SSH_TTY has it. */
  readonly path: string;
  private readonly pty: Pty;
  private readonly reading: ReadStream;
  private receiver: ByteReceiver | undefined;
  /** Whether the receiver wants no more until {@link resume}; what was read all the same is held. */
  private stopped = false;
  private held: Uint8Array | undefined;
  private readonly unwritten: Uint8Array[] = [];
  private retry: NodeJS.Timeout | undefined;
  /** Whether the program has ended. */
  private ended = false;
  private over = false;

  private constructor(pty: Pty) {
    this.pty = pty;
    this.path = pty.path;
    this.reading = new ReadStream(pty.master);
    this.reading.pause();
    // EIO says that nobody has the terminal open; the program's end is told by its process
    this.reading.on('error', () => undefined);
  }

  /** Opens a terminal of this size with these modes; undefined where that can't be had. */
  static open(size: TerminalSize, modes: TerminalModes): ServerTerminal | undefined {
    const pty = openPty();
    if (pty === undefined) return undefined;
    const termios = readTermios(pty.slave);
    if (termios !== undefined) writeTermios(pty.slave, withModes(termios, modes), 'drain');
    resizePty(pty.master, size);
    return new ServerTerminal(pty);
  }

  /**
   * Starts a program on the terminal, in a session of its own; settles `ended` when it has ended and all that it wrote was handed on.
   *
   * @throws SystemError where it can't be started.
   */
  async run(
    program: string,
    args: readonly string[],
    options: { readonly env: Readonly<Record<string, string>>; readonly folder: string },
  ): Promise<{ readonly ended: Promise<ChildEnd>; readonly kill: (signal: NodeJS.Signals) => void }> {
    const child = spawn('/bin/sh', ['-c', starter, 'sh', this.path, program, ...args], {
      cwd: options.folder,
      env: options.env,
      detached: true,
      stdio: 'ignore',
    });
    const ended = new Promise<ChildEnd>((resolve) => {
      child.once('exit', (status, signal) => {
        resolve({ status, signal });
        this.ended = true;
        this.drain();
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        reject(systemError(error));
      });
    });
    return {
      ended,
      kill: (signal) => {
        if (child.pid === undefined || this.ended) return;
        try {
          process.kill(-child.pid, signal);
        } catch {
          // it has just ended
        }
      },
    };
  }

  /** Tells the terminal its new size. */
  resize(size: TerminalSize): void {
    if (!this.over) resizePty(this.pty.master, size);
  }

  start(receiver: ByteReceiver): void {
    this.receiver = receiver;
    this.reading.on('data', (chunk: Buffer) => {
      // a stream that is paused may still bring what it had read before
      if (this.stopped) this.held = Buffer.concat([this.held ?? new Uint8Array(0), chunk]);
      else if (!this.take(chunk)) this.reading.pause();
    });
    this.reading.resume();
  }

  resume(): void {
    const { held } = this;
    this.held = undefined;
    this.stopped = false;
    if (this.over || (held !== undefined && !this.take(held))) return;
    if (this.ended) this.drain();
    else this.reading.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.over) return true;
    this.unwritten.push(bytes);
    if (this.retry === undefined) this.writeOn();
    return this.unwritten.length === 0;
  }

  get pending(): number {
    return this.unwritten.reduce((sum, { length }) => sum + length, 0);
  }

  /** A terminal has no end of input but the character that means it. */
  end(): void {
    this.write(Uint8Array.of(endOfFile));
  }

  /** Hangs up: what runs on the terminal gets SIGHUP. */
  destroy(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.retry);
    this.unwritten.length = 0;
    this.reading.destroy();
    fs.closeSync(this.pty.slave);
  }

  destroySoon(gone?: () => void): void {
    this.destroy();
    gone?.();
  }

  /** Nobody reads any more: the terminal hangs up. */
  closeReading(): void {
    this.destroy();
  }

  /** Hands on by copying; false where the receiver wants a pause. */
  private take(bytes: Uint8Array): boolean {
    for (let rest = bytes; rest.length > 0; ) {
      const { receiver } = this;
      if (receiver === undefined || this.over) return false;
      const space = receiver.space();
      const length = Math.min(space.length, rest.length);
      space.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      if (!receiver.filled(length)) {
        this.stopped = true;
        if (rest.length > 0) this.held = new Uint8Array(rest);
        return false;
      }
    }
    return true;
  }

  /** The program has ended: what is left of its output is read, and then the terminal is closed. */
  private drain(): void {
    if (this.stopped || this.over) return;
    this.reading.pause();
    // what the stream had read already comes by its event
    while (!this.hasStopped() && this.reading.read() !== null);
    if (this.hasStopped()) return;
    const buffer = new Uint8Array(pieceSize);
    for (;;) {
      let length = 0;
      try {
        length = fs.readSync(this.pty.master, buffer);
      } catch {
        // EAGAIN or EIO: there is no more
      }
      if (length === 0) break;
      if (!this.take(buffer.subarray(0, length))) return;
    }
    const { receiver } = this;
    this.destroy();
    receiver?.ended();
  }

  private hasStopped(): boolean {
    return this.stopped;
  }

  private writeOn(): void {
    for (let next = this.unwritten[0]; next !== undefined; next = this.unwritten[0]) {
      try {
        const written = fs.writeSync(this.pty.master, next, 0, Math.min(next.length, pieceSize));
        if (written === next.length) this.unwritten.shift();
        else this.unwritten[0] = next.subarray(written);
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') {
          this.retry = setTimeout(() => {
            this.retry = undefined;
            this.writeOn();
            if (this.unwritten.length === 0) this.receiver?.drained();
          }, retryMs);
        } else {
          // nobody is there to read it
          this.unwritten.length = 0;
        }
        return;
      }
    }
  }
}
