/**
 * Text that came from elsewhere, made safe for a terminal: no escape sequence of a peer may reach it.
 */
import { utf8Bytes, utf8Text } from './bytes.ts';

/**
 * Makes a text safe for a line of the log: bytes that are not printable ASCII become `\ooo`, a backslash is doubled; tab, newline,
 * carriage return, backspace and bell stay (as in OpenSSH's log).
 */
export function visibleLog(text: string): string {
  return /^[\t-\n\r\x07\b\x20-\x5b\x5d-\x7e]*$/.test(text) ? text : mapBytes(text, logByte);
}

/**
 * Makes a text safe to be shown as it is: UTF-8 that can be printed stays, and so do tab, newline and carriage return; every other byte
 * becomes `\ooo`.
 *
 * @param utf8 whether the terminal takes UTF-8; where it does not, only ASCII stays.
 */
export function visibleText(text: string, utf8 = true): string {
  let visible = '';
  for (const character of text) {
    if (isPrintable(character, utf8)) visible += character;
    else for (const byte of utf8Bytes(character)) visible += octal(byte);
  }
  return visible;
}

/** {@link visibleText} of bytes, of which those that are no UTF-8 become `\ooo` one by one. */
export function visibleBytes(bytes: Uint8Array, utf8 = true): string {
  return visibleText(utf8Text(bytes), utf8);
}

function isPrintable(character: string, utf8: boolean): boolean {
  if (character >= ' ' && character <= '~') return true;
  if (character === '\n' || character === '\t' || character === '\r') return true;
  if (!utf8 || character <= '\x7f') return false;
  // Control, unassigned and surrogate characters, and what breaks a line or turns its direction: the last a C library would print.
  return !/[\p{Cc}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(character);
}

function mapBytes(text: string, map: (byte: number) => string): string {
  let mapped = '';
  for (const byte of utf8Bytes(text)) mapped += map(byte);
  return mapped;
}

function logByte(byte: number): string {
  if (byte === 0x5c) return '\\\\';
  if ((byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === 0x07 || byte === 0x08)
    return String.fromCharCode(byte);
  return octal(byte);
}

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`;
}
