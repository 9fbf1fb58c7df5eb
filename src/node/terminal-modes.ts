import { readTermios, type Termios, termiosFlags, termiosLayout } from './termios.ts';

/** Terminal modes as pty-req encodes them (RFC 4254 section 8): opcode and value, in the order in which they are sent. */
export type TerminalModes = readonly (readonly [opcode: number, value: number])[];

/** RFC 4254 section 8's opcodes of control characters, with their places in Linux' c_cc. */
const characters: readonly (readonly [opcode: number, index: number])[] = [
  [1, 0], // VINTR
  [2, 1], // VQUIT
  [3, 2], // VERASE
  [4, 3], // VKILL
  [5, 4], // VEOF
  [6, 11], // VEOL
  [7, 16], // VEOL2
  [8, 8], // VSTART
  [9, 9], // VSTOP
  [10, 10], // VSUSP
  [12, 12], // VREPRINT
  [13, 14], // VWERASE
  [14, 15], // VLNEXT
  [18, 13], // VDISCARD
];

/** RFC 4254 section 8's opcodes of flags, and RFC 8160's IUTF8, with their bits on Linux. */
const flags: readonly (readonly [opcode: number, word: 'iflag' | 'oflag' | 'cflag' | 'lflag', bits: number])[] = [
  [30, 'iflag', 0o4], // IGNPAR
  [31, 'iflag', 0o10], // PARMRK
  [32, 'iflag', 0o20], // INPCK
  [33, 'iflag', 0o40], // ISTRIP
  [34, 'iflag', 0o100], // INLCR
  [35, 'iflag', 0o200], // IGNCR
  [36, 'iflag', 0o400], // ICRNL
  [37, 'iflag', 0o1000], // IUCLC
  [38, 'iflag', 0o2000], // IXON
  [39, 'iflag', 0o4000], // IXANY
  [40, 'iflag', 0o10000], // IXOFF
  [41, 'iflag', 0o20000], // IMAXBEL
  [42, 'iflag', 0o40000], // IUTF8
  [50, 'lflag', 0o1], // ISIG
  [51, 'lflag', 0o2], // ICANON
  [52, 'lflag', 0o4], // XCASE
  [53, 'lflag', 0o10], // ECHO
  [54, 'lflag', 0o20], // ECHOE
  [55, 'lflag', 0o40], // ECHOK
  [56, 'lflag', 0o100], // ECHONL
  [57, 'lflag', 0o200], // NOFLSH
  [58, 'lflag', 0o400], // TOSTOP
  [59, 'lflag', 0o100000], // IEXTEN
  [60, 'lflag', 0o1000], // ECHOCTL
  [61, 'lflag', 0o4000], // ECHOKE
  [62, 'lflag', 0o40000], // PENDIN
  [70, 'oflag', 0o1], // OPOST
  [71, 'oflag', 0o2], // OLCUC
  [72, 'oflag', 0o4], // ONLCR
  [73, 'oflag', 0o10], // OCRNL
  [74, 'oflag', 0o20], // ONOCR
  [75, 'oflag', 0o40], // ONLRET
  [90, 'cflag', 0o40], // CS7
  [91, 'cflag', 0o60], // CS8
  [92, 'cflag', 0o400], // PARENB
  [93, 'cflag', 0o1000], // PARODD
];

const TTY_OP_ISPEED = 128;
const TTY_OP_OSPEED = 129;

/** Bits per second by the low four bits of Linux' speed codes, and by those with the next bit (CBAUDEX). */
const speeds = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
const higherSpeeds = [
  0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
];
const CBAUDEX = 0o10000;

/** A character that is switched off, and what the protocol says for it. */
const disabledHere = 0;
const disabledOnWire = 255;

/** What a fresh terminal on Linux is set to, for where the real settings can't be read. */
const usualModes: TerminalModes = [
  [TTY_OP_OSPEED, 38400],
  [TTY_OP_ISPEED, 38400],
  ...Object.entries({ 1: 3, 2: 28, 3: 127, 4: 21, 5: 4, 6: 255, 7: 255, 8: 17, 9: 19, 10: 26, 12: 18, 13: 23, 14: 22, 18: 15 }).map(
    ([opcode, value]) => [Number(opcode), value] as const,
  ),
  ...flags.map(([opcode]) => [opcode, [36, 38, 42, 50, 51, 53, 54, 55, 59, 60, 61, 70, 72, 90, 91].includes(opcode) ? 1 : 0] as const),
];

/** The modes of the terminal behind a descriptor; those of a fresh one where they can't be read. */
export function terminalModes(fd: number): TerminalModes {
  const termios = readTermios(fd);
  return termios === undefined ? usualModes : modesOf(termios);
}

function modesOf(termios: Termios): TerminalModes {
  const words = new DataView(termios.buffer, termios.byteOffset, termios.byteLength);
  const modes: [number, number][] = [
    [TTY_OP_OSPEED, bitsPerSecond(words.getUint32(termiosLayout.outputSpeed, true))],
    [TTY_OP_ISPEED, bitsPerSecond(words.getUint32(termiosLayout.inputSpeed, true))],
  ];
  for (const [opcode, index] of characters) {
    const value = termios[termiosLayout.characters + index] as number;
    modes.push([opcode, value === disabledHere ? disabledOnWire : value]);
  }
  for (const [opcode, word, bits] of flags) modes.push([opcode, (termiosFlags(termios, word) & bits) === 0 ? 0 : 1]);
  return modes;
}

function bitsPerSecond(code: number): number {
  return ((code & CBAUDEX) === 0 ? speeds : higherSpeeds)[code & 0x0f] ?? 0;
}
