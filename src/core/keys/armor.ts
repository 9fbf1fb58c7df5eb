import { concat, utf8Bytes } from '../util/bytes.ts';

/*
 * Base64 on bytes rather than text, because text that held a private key could not be wiped.
 */

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;
const HYPHEN = 0x2d;
const LF = 0x0a;
const SPACE = 0x20;

/** The value of each byte in base64, -1 for white space and -2 for anything else: as libc takes it, and as libcrypto does. */
const values = valuesWith([0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]);
const pemValues = valuesWith([0x20, 0x09, 0x0a, 0x0d]);

function valuesWith(spaces: readonly number[]): Int8Array {
  const table = new Int8Array(256).fill(-2);
  for (const [value, byte] of ALPHABET.entries()) table[byte] = value;
  for (const space of spaces) table[space] = -1;
  return table;
}

/**
 * The bytes that base64 with its padding stands for, white space left out; undefined where it is anything else, or where bits that stand
 * for nothing are set. The caller wipes them.
 */
export function decodeBase64(text: Uint8Array): Uint8Array | undefined {
  return decode(text, values, false);
}

/**
 * The bytes in the body of a PEM block: {@link decodeBase64}, but as libcrypto, to which bits that stand for nothing mean nothing, and a
 * hyphen is the end.
 */
export function decodePem(text: Uint8Array): Uint8Array | undefined {
  const end = text.indexOf(HYPHEN);
  return decode(end < 0 ? text : text.subarray(0, end), pemValues, true);
}

function decode(text: Uint8Array, table: Int8Array, anyBits: boolean): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let digits = 0;
  let pads = 0;
  let collected = 0;
  for (const byte of text) {
    const value = table[byte] as number;
    if (value === -1) continue;
    if (byte === PAD) {
      pads++;
      continue;
    }
    if (value < 0 || pads > 0) {
      bytes.fill(0);
      return undefined;
    }
    collected = (collected << 6) | value;
    if (++digits % 4 === 0) {
      bytes[length++] = collected >> 16;
      bytes[length++] = collected >> 8;
      bytes[length++] = collected;
      collected = 0;
    }
  }
  const rest = digits % 4;
  const unused = rest === 2 ? collected & 15 : rest === 3 ? collected & 3 : 0;
  if ((digits + pads) % 4 !== 0 || pads > 2 || rest === 1 || (unused !== 0 && !anyBits)) {
    bytes.fill(0);
    return undefined;
  }
  if (rest >= 2) bytes[length++] = collected >> (rest === 2 ? 4 : 10);
  if (rest === 3) bytes[length++] = collected >> 2;
  const result = bytes.slice(0, length);
  bytes.fill(0);
  return result;
}

/** Base64 with its padding in lines of `width` characters, each ended by LF. The caller wipes it where it is secret. */
export function encodeBase64(bytes: Uint8Array, width: number): Uint8Array {
  const digits = Math.ceil(bytes.length / 3) * 4;
  const text = new Uint8Array(digits + Math.ceil(digits / width));
  let at = 0;
  let column = 0;
  const put = (digit: number): void => {
    text[at++] = digit;
    if (++column < width) return;
    text[at++] = 0x0a;
    column = 0;
  };
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const three = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    put(ALPHABET[three >> 18] as number);
    put(ALPHABET[(three >> 12) & 63] as number);
    put(left > 1 ? (ALPHABET[(three >> 6) & 63] as number) : PAD);
    put(left > 2 ? (ALPHABET[three & 63] as number) : PAD);
  }
  if (column > 0) text[at++] = 0x0a;
  return text;
}

/** A block between BEGIN and END lines (RFC 7468, RFC 1421 for its headers). What may be secret in it is never made text. */
export interface PemBlock {
  /** What BEGIN and END name. */
  readonly label: string;
  /** What stands before the first empty line, as a view; nothing where there is no such line. */
  readonly header: Uint8Array;
  /** The base64 text, as a view. */
  readonly body: Uint8Array;
  /** Whether it is laid out as libcrypto demands (see {@link bodyIsWhole}). */
  readonly isWhole: boolean;
}

/** The most blocks of a text that are looked at. */
const MOST_BLOCKS = 16;

/** The first block in a text with a label that is wanted, or undefined where there is none that ends. BEGIN stands where a line begins. */
export function findPem(text: Uint8Array, wanted: (label: string) => boolean = () => true): PemBlock | undefined {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  let at = 0;
  for (let i = 0; i < MOST_BLOCKS; i++) {
    const start = buffer.indexOf('-----BEGIN ', at);
    if (start < 0) return undefined;
    const line = lineAt(buffer, start);
    const [, label] = /^-----BEGIN ([ -,.-~]+)-----[\0- ]*$/.exec(line.text) ?? [];
    if (label !== undefined && wanted(label) && beginsLine(buffer, start)) return blockAt(buffer, label, line.next);
    at = line.next;
  }
  return undefined;
}

/** Whether a line begins here; a byte order mark may stand before the text's first. */
function beginsLine(buffer: Buffer, at: number): boolean {
  return at === 0 || buffer[at - 1] === LF || (at === 3 && buffer.toString('hex', 0, 3) === 'efbbbf');
}

function blockAt(buffer: Buffer, label: string, start: number): PemBlock | undefined {
  const end = buffer.indexOf('\n-----END ', start - 1);
  if (end < 0) return undefined;
  const last = lineAt(buffer, end + 1).text;
  const ends = new RegExp(`^-----END ${label.replace(/[^A-Za-z0-9 ]/g, '\\$&')}-----[\\0- ]*$`).test(last);
  const block = buffer.subarray(start, end + 1);
  const blank = emptyLine(block, 0);
  if (blank === undefined) return { label, header: block.subarray(0, 0), body: block, isWhole: ends && !block.includes(':') };
  const body = block.subarray(blank.next);
  return { label, header: block.subarray(0, blank.at), body, isWhole: ends && bodyIsWhole(body) };
}

/** The length of a line of base64 in PEM. */
const PEM_LINE = 64;

/**
 * Whether what stands behind an empty line in a block is as libcrypto demands it there: lines that are full, but for the last, and no
 * other empty one.
 */
function bodyIsWhole(body: Buffer): boolean {
  let hasEnded = false;
  for (let at = 0; at < body.length; ) {
    const newline = body.indexOf(LF, at);
    const next = newline < 0 ? body.length : newline + 1;
    let length = next - at;
    while (length > 0 && (body[at + length - 1] as number) <= SPACE) length--;
    if (hasEnded || length === 0 || length > PEM_LINE) return false;
    hasEnded = length < PEM_LINE;
    at = next;
  }
  return true;
}

/** Where the first line begins that holds nothing but white space, and the one behind it. */
function emptyLine(block: Buffer, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < block.length; ) {
    const newline = block.indexOf(LF, at);
    const next = newline < 0 ? block.length : newline + 1;
    if (block.subarray(at, next).every((byte) => byte <= SPACE)) return { at, next };
    at = next;
  }
  return undefined;
}

/** A block with this label, in lines of 64 characters, ended by LF. The caller wipes it where it is secret. */
export function formatPem(label: string, content: Uint8Array, headers: readonly string[] = [], width = 64): Uint8Array {
  const encoded = encodeBase64(content, width);
  const head = [`-----BEGIN ${label}-----\n`, ...headers.map((header) => `${header}\n`), ...(headers.length > 0 ? ['\n'] : [])].join('');
  const text = concat(utf8Bytes(head), encoded, utf8Bytes(`-----END ${label}-----\n`));
  encoded.fill(0);
  return text;
}

function lineAt(buffer: Buffer, at: number): { text: string; next: number } {
  const newline = buffer.indexOf('\n', at);
  const end = newline < 0 ? buffer.length : newline;
  return { text: buffer.toString('latin1', at, end).replace(/\r$/, ''), next: newline < 0 ? end : newline + 1 };
}
