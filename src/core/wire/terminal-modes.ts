import { SshError } from '../util/errors.ts';
import { WireReader } from './reader.ts';
import { WireWriter } from './writer.ts';

/**
 * The opcodes of encoded terminal modes by their POSIX names (RFC 4254 section 8, RFC 8160), in the order in which they are sent:
 * speeds first, as OpenSSH does.
 */
export const terminalModes = {
  TTY_OP_OSPEED: 129,
  TTY_OP_ISPEED: 128,
  VINTR: 1,
  VQUIT: 2,
  VERASE: 3,
  VKILL: 4,
  VEOF: 5,
  VEOL: 6,
  VEOL2: 7,
  VSTART: 8,
  VSTOP: 9,
  VSUSP: 10,
  VDSUSP: 11,
  VREPRINT: 12,
  VWERASE: 13,
  VLNEXT: 14,
  VFLUSH: 15,
  VSWTCH: 16,
  VSTATUS: 17,
  VDISCARD: 18,
  IGNPAR: 30,
  PARMRK: 31,
  INPCK: 32,
  ISTRIP: 33,
  INLCR: 34,
  IGNCR: 35,
  ICRNL: 36,
  IUCLC: 37,
  IXON: 38,
  IXANY: 39,
  IXOFF: 40,
  IMAXBEL: 41,
  IUTF8: 42,
  ISIG: 50,
  ICANON: 51,
  XCASE: 52,
  ECHO: 53,
  ECHOE: 54,
  ECHOK: 55,
  ECHONL: 56,
  NOFLSH: 57,
  TOSTOP: 58,
  IEXTEN: 59,
  ECHOCTL: 60,
  ECHOKE: 61,
  PENDIN: 62,
  OPOST: 70,
  OLCUC: 71,
  ONLCR: 72,
  OCRNL: 73,
  ONOCR: 74,
  ONLRET: 75,
  CS7: 90,
  CS8: 91,
  PARENB: 92,
  PARODD: 93,
} as const;

/** The name of a terminal mode that has an opcode. */
export type TerminalModeName = keyof typeof terminalModes;

/**
 * Terminal modes and their values: 0 or 1 for flags, a character's code for special characters (255 where it is off), bits per second for
 * the speeds. A mode that is absent is left as it is.
 */
export type TerminalModes = { readonly [K in TerminalModeName]?: number };

const rows = Object.entries(terminalModes) as [TerminalModeName, number][];
const namesByOpcode = new Map<number, TerminalModeName>(rows.map(([name, opcode]) => [opcode, name]));

const TTY_OP_END = 0;
/** From this opcode on arguments have no known length, so that the rest can't be read (RFC 4254 section 8). */
const FIRST_WITHOUT_ARGUMENT = 160;

/** Terminal modes as the `terminalModes` string of a pty-req (RFC 4254 section 8). */
export function encodeTerminalModes(modes: TerminalModes): Uint8Array {
  const writer = new WireWriter();
  for (const [name, opcode] of rows) {
    const value = modes[name];
    if (value !== undefined) writer.byte(opcode).uint32(value);
  }
  return writer.byte(TTY_OP_END).bytes();
}

/**
 * The terminal modes in the `terminalModes` string of a pty-req (RFC 4254 section 8).
 *
 * Unknown opcodes below 160 are skipped; one from 160 on ends the reading, as does the end of the string where TTY_OP_END is missing.
 *
 * @throws SshError SSH_ERR_MESSAGE_INCOMPLETE where an argument is cut short.
 */
export function decodeTerminalModes(bytes: Uint8Array): TerminalModes {
  const reader = new WireReader(bytes);
  const modes: { [K in TerminalModeName]?: number } = {};
  while (reader.remaining > 0) {
    const opcode = reader.byte();
    if (opcode === TTY_OP_END || opcode >= FIRST_WITHOUT_ARGUMENT) break;
    if (reader.remaining < 4) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', `terminal mode ${opcode} without its argument`);
    const value = reader.uint32();
    const name = namesByOpcode.get(opcode);
    if (name !== undefined) modes[name] = value;
  }
  return modes;
}
