import type { TerminalModeName, TerminalModes } from '../core/wire/terminal-modes.ts';
import { readTermios, type Termios, termiosFlags, termiosLayout, withFlags } from './termios.ts';

/** The control characters by their names in the protocol, with their places in Linux' c_cc. */
const characters: readonly (readonly [name: TerminalModeName, index: number])[] = [
  ['VINTR', 0],
  ['VQUIT', 1],
  ['VERASE', 2],
  ['VKILL', 3],
  ['VEOF', 4],
  ['VEOL', 11],
  ['VEOL2', 16],
  ['VSTART', 8],
  ['VSTOP', 9],
  ['VSUSP', 10],
  ['VREPRINT', 12],
  ['VWERASE', 14],
  ['VLNEXT', 15],
  ['VDISCARD', 13],
];

/** The flags by their names in the protocol, with their bits on Linux. */
const flags: readonly (readonly [name: TerminalModeName, word: 'iflag' | 'oflag' | 'cflag' | 'lflag', bits: number])[] = [
  ['IGNPAR', 'iflag', 0o4],
  ['PARMRK', 'iflag', 0o10],
  ['INPCK', 'iflag', 0o20],
  ['ISTRIP', 'iflag', 0o40],
  ['INLCR', 'iflag', 0o100],
  ['IGNCR', 'iflag', 0o200],
  ['ICRNL', 'iflag', 0o400],
  ['IUCLC', 'iflag', 0o1000],
  ['IXON', 'iflag', 0o2000],
  ['IXANY', 'iflag', 0o4000],
  ['IXOFF', 'iflag', 0o10000],
  ['IMAXBEL', 'iflag', 0o20000],
  ['IUTF8', 'iflag', 0o40000],
  ['ISIG', 'lflag', 0o1],
  ['ICANON', 'lflag', 0o2],
  ['XCASE', 'lflag', 0o4],
  ['ECHO', 'lflag', 0o10],
  ['ECHOE', 'lflag', 0o20],
  ['ECHOK', 'lflag', 0o40],
  ['ECHONL', 'lflag', 0o100],
  ['NOFLSH', 'lflag', 0o200],
  ['TOSTOP', 'lflag', 0o400],
  ['IEXTEN', 'lflag', 0o100000],
  ['ECHOCTL', 'lflag', 0o1000],
  ['ECHOKE', 'lflag', 0o4000],
  ['PENDIN', 'lflag', 0o40000],
  ['OPOST', 'oflag', 0o1],
  ['OLCUC', 'oflag', 0o2],
  ['ONLCR', 'oflag', 0o4],
  ['OCRNL', 'oflag', 0o10],
  ['ONOCR', 'oflag', 0o20],
  ['ONLRET', 'oflag', 0o40],
  ['CS7', 'cflag', 0o40],
  ['CS8', 'cflag', 0o60],
  ['PARENB', 'cflag', 0o400],
  ['PARODD', 'cflag', 0o1000],
];

/** Bits per second by the low four bits of Linux' speed codes, and by those with the next bit (CBAUDEX). */
const speeds = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
const higherSpeeds = [
  0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
];
const CBAUDEX = 0o10000;

/** A character that is switched off, and what the protocol says for it. */
const disabledHere = 0;
const disabledOnWire = 255;

const usuallyOn: readonly string[] = 'ICRNL IXON IUTF8 ISIG ICANON ECHO ECHOE ECHOK IEXTEN ECHOCTL ECHOKE OPOST ONLCR CS7 CS8'.split(' ');

/** What a fresh terminal on Linux is set to, for where the real settings can't be read. */
const usualModes: TerminalModes = {
  TTY_OP_OSPEED: 38400,
  TTY_OP_ISPEED: 38400,
  VINTR: 3,
  VQUIT: 28,
  VERASE: 127,
  VKILL: 21,
  VEOF: 4,
  VEOL: 255,
  VEOL2: 255,
  VSTART: 17,
  VSTOP: 19,
  VSUSP: 26,
  VREPRINT: 18,
  VWERASE: 23,
  VLNEXT: 22,
  VDISCARD: 15,
  ...Object.fromEntries(flags.map(([name]) => [name, usuallyOn.includes(name) ? 1 : 0])),
};

/** The modes of the terminal behind a descriptor; those of a fresh one where they can't be read. */
export function terminalModes(fd: number): TerminalModes {
  const termios = readTermios(fd);
  return termios === undefined ? usualModes : modesOf(termios);
}

/** The settings with these modes; speeds, which mean nothing to a pseudo-terminal, are left as they are. */
export function withModes(termios: Termios, modes: TerminalModes): Termios {
  let changed = new Uint8Array(termios);
  for (const [name, index] of characters) {
    const value = modes[name];
    if (value !== undefined) changed[termiosLayout.characters + index] = value === disabledOnWire ? disabledHere : value;
  }
  for (const [name, word, bits] of flags) {
    const value = modes[name];
    if (value !== undefined) changed = new Uint8Array(withFlags(changed, word, bits, value === 0 ? 0 : bits));
  }
  return changed;
}

function modesOf(termios: Termios): TerminalModes {
  const words = new DataView(termios.buffer, termios.byteOffset, termios.byteLength);
  const modes: { [K in TerminalModeName]?: number } = {
    TTY_OP_OSPEED: bitsPerSecond(words.getUint32(termiosLayout.outputSpeed, true)),
    TTY_OP_ISPEED: bitsPerSecond(words.getUint32(termiosLayout.inputSpeed, true)),
  };
  for (const [name, index] of characters) {
    const value = termios[termiosLayout.characters + index] as number;
    modes[name] = value === disabledHere ? disabledOnWire : value;
  }
  for (const [name, word, bits] of flags) modes[name] = (termiosFlags(termios, word) & bits) === 0 ? 0 : 1;
  return modes;
}

function bitsPerSecond(code: number): number {
  return ((code & CBAUDEX) === 0 ? speeds : higherSpeeds)[code & 0x0f] ?? 0;
}
