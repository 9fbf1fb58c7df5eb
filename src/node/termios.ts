import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { libc } from './native/libc.ts';

/**
 * A terminal's settings in the layout that Linux' tcgetattr(3) fills in: four 32-bit flag words, the line discipline, 32 control
 * characters, and the two speeds.
 */
export type Termios = Uint8Array;

/** Where the flag words stand, and the control characters begin. */
export const termiosLayout = {
  iflag: 0,
  oflag: 4,
  cflag: 8,
  lflag: 12,
  characters: 17,
  inputSpeed: 52,
  outputSpeed: 56,
  size: 60,
} as const;

/** How many control characters there are. */
const characterCount = 32;

/** When settings take effect: after what was written is out (TCSADRAIN); with unread input thrown away as well (TCSAFLUSH). */
export const termiosWhen = { drain: 1, flush: 2 } as const;

/** A flag word of the settings. */
export function termiosFlags(termios: Termios, word: 'iflag' | 'oflag' | 'cflag' | 'lflag'): number {
  return view(termios).getUint32(termiosLayout[word], true);
}

/** The settings with bits of one flag word taken out and others put in. */
export function withFlags(termios: Termios, word: 'iflag' | 'oflag' | 'cflag' | 'lflag', off: number, on = 0): Termios {
  const changed = termios.slice();
  view(changed).setUint32(termiosLayout[word], ((termiosFlags(termios, word) & ~off) | on) >>> 0, true);
  return changed;
}

/** A terminal's settings, by a native call or else by stty(1); undefined where `fd` is no terminal or its settings can't be had. */
export function readTermios(fd: number): Termios | undefined {
  const tcgetattr = libc('tcgetattr');
  if (tcgetattr !== undefined) {
    const termios = new Uint8Array(termiosLayout.size);
    return tcgetattr(fd, termios) === 0 ? termios : undefined;
  }
  if (process.platform !== 'linux') return undefined;
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: [fd, 'pipe', 'ignore'], encoding: 'latin1' });
  return status === 0 ? parseStty(stdout) : undefined;
}

/** Gives a terminal these settings; where that fails it keeps its own. */
export function writeTermios(fd: number, termios: Termios, when: keyof typeof termiosWhen): void {
  const tcsetattr = libc('tcsetattr');
  if (tcsetattr !== undefined) tcsetattr(fd, termiosWhen[when], termios);
  else {
    spawnSync('stty', [formatStty(termios)], { stdio: [fd, 'ignore', 'ignore'] });
    if (when === 'flush') dropInput(fd);
  }
}

/** stty(1) leaves unread input alone: what can be read of it at once is read. */
function dropInput(fd: number): void {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  const dropped = new Uint8Array(4096);
  try {
    const own = fs.openSync(`/dev/fd/${fd}`, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    try {
      while (fs.readSync(own, dropped) > 0);
    } finally {
      fs.closeSync(own);
    }
  } catch {
    // EAGAIN: nothing is left.
  }
  dropped.fill(0);
}

/** The form of `stty -g`: the words and characters as hexadecimal numbers; speeds are left out. */
function parseStty(text: string): Termios | undefined {
  const numbers = text
    .trim()
    .split(':')
    .map((digits) => Number.parseInt(digits, 16));
  if (numbers.length !== 4 + characterCount || numbers.some((value) => Number.isNaN(value))) return undefined;
  const termios = new Uint8Array(termiosLayout.size);
  for (const [i, value] of numbers.entries()) {
    if (i < 4) view(termios).setUint32(i * 4, value >>> 0, true);
    else termios[termiosLayout.characters + i - 4] = value;
  }
  // The speed is in the lowest four bits of the control word, all that terminals of today use.
  const speed = (numbers[2] as number) & 0x0f;
  view(termios).setUint32(termiosLayout.inputSpeed, speed, true);
  view(termios).setUint32(termiosLayout.outputSpeed, speed, true);
  return termios;
}

function formatStty(termios: Termios): string {
  const words = (['iflag', 'oflag', 'cflag', 'lflag'] as const).map((word) => termiosFlags(termios, word));
  const characters = termios.subarray(termiosLayout.characters, termiosLayout.characters + characterCount);
  return [...words, ...characters].map((value) => value.toString(16)).join(':');
}

function view(termios: Termios): DataView {
  return new DataView(termios.buffer, termios.byteOffset, termios.byteLength);
}
