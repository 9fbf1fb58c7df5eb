import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import tty from 'node:tty';
import { libc } from './native/libc.ts';
import { readTermios, termiosLayout, withFlags, writeTermios } from './termios.ts';

/** Whether a descriptor is a terminal. Most that are none can be told without node:tty, which loads all that sockets need. */
export function isatty(fd: number): boolean {
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev === fs.statSync('/dev/null').rdev) return false;
  } catch {
    // where there is no /dev/null, or not even the descriptor
  }
  return tty.isatty(fd);
}

/** A terminal's size in characters, and in pixels where the terminal tells (else 0). */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

/** What raw mode takes out: the terminal hands on every byte as it is typed and shows every byte as it comes. */
const raw = {
  // ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF off, IGNPAR on
  iflag: { off: 0o40 | 0o100 | 0o200 | 0o400 | 0o1000 | 0o2000 | 0o4000 | 0o10000, on: 0o4 },
  // ISIG ICANON ECHO ECHOE ECHOK ECHONL IEXTEN off
  lflag: { off: 0o1 | 0o2 | 0o10 | 0o20 | 0o40 | 0o100 | 0o100000, on: 0 },
  // OPOST off
  oflag: { off: 0o1, on: 0 },
} as const;
const VTIME = 5;
const VMIN = 6;
const TIOCGWINSZ = 0x5413;

/** Signals that end a process unless it says otherwise, and before which a terminal has to be put right. */
const endingSignals: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'];

/**
 * Puts the terminal behind a descriptor into raw mode, and back when the returned function is called or the process ends: by exit, by an
 * uncaught error or by a signal (which then takes its usual course). A descriptor that is no terminal is left alone.
 */
export function enterRawMode(fd: number): () => void {
  const before = readTermios(fd);
  if (before === undefined) return () => {};
  let termios = before;
  for (const word of ['iflag', 'lflag', 'oflag'] as const) termios = withFlags(termios, word, raw[word].off, raw[word].on);
  termios[termiosLayout.characters + VMIN] = 1;
  termios[termiosLayout.characters + VTIME] = 0;
  writeTermios(fd, termios, 'drain');
  return restoreAtEnd(() => writeTermios(fd, before, 'drain'));
}

/**
 * Has `restore` called once: when the returned function is, or when the process ends or is told to by a signal. Where nobody else listens
 * to that signal, it is sent once more and then ends the process as ever.
 */
export function restoreAtEnd(restore: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    once();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  let done = false;
  const once = (): void => {
    if (done) return;
    done = true;
    process.removeListener('exit', once);
    for (const signal of endingSignals) process.removeListener(signal, onSignal);
    restore();
  };
  process.on('exit', once);
  for (const signal of endingSignals) process.on(signal, onSignal);
  return once;
}

/** The size of the terminal behind a descriptor, all zeros where it is none. */
export function terminalSize(fd: number): TerminalSize {
  const ioctl = libc('ioctl');
  if (ioctl !== undefined) {
    const winsize = new Uint16Array(4);
    if (ioctl(fd, TIOCGWINSZ, new Uint8Array(winsize.buffer)) !== 0) return noSize;
    const [rows = 0, columns = 0, widthPixels = 0, heightPixels = 0] = winsize;
    return { columns, rows, widthPixels, heightPixels };
  }
  const { status, stdout } = spawnSync('stty', ['size'], { stdio: [fd, 'pipe', 'ignore'], encoding: 'latin1' });
  const [rows = 0, columns = 0] = status === 0 ? stdout.split(' ').map(Number) : [];
  return { columns, rows, widthPixels: 0, heightPixels: 0 };
}

const noSize: TerminalSize = { columns: 0, rows: 0, widthPixels: 0, heightPixels: 0 };

/** Calls `resized` whenever the terminal's size may have changed (SIGWINCH), until the returned function is called. */
export function onResize(resized: () => void): () => void {
  process.on('SIGWINCH', resized);
  return () => {
    process.removeListener('SIGWINCH', resized);
  };
}
