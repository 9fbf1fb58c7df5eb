/** Joins the parts into one new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A copy of the bytes: what slice() of a Buffer is not. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Whether two byte strings are equal, in a time that depends on their lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A byte that is not UTF-8, as {@link utf8Text} keeps it: a half of a pair, which no text holds alone. */
const strayByte = /[\udc80-\udcff]/u;
const strayBase = 0xdc00;

/** The UTF-8 bytes of a text, the inverse of {@link utf8Text}. */
export function utf8Bytes(text: string): Uint8Array {
  if (!strayByte.test(text)) return encoder.encode(text);
  const parts = Array.from(text, (character) =>
    strayByte.test(character) ? Uint8Array.of(character.charCodeAt(0) - strayBase) : encoder.encode(character),
  );
  return concat(...parts);
}

/** The text that UTF-8 bytes hold; each byte that is not UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF, so that none is lost. */
export function utf8Text(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  return text.includes(REPLACEMENT) ? textWithStrays(bytes) : text;
}

/** What stands for bytes that are not UTF-8, or for itself. */
const REPLACEMENT = '\ufffd';

function textWithStrays(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text += length === 0 ? String.fromCharCode(strayBase + (bytes[at] as number)) : decoder.decode(bytes.subarray(at, at + length));
    at += length === 0 ? 1 : length;
  }
  return text;
}

/** How many bytes a character at this place has; 0 where there is none in UTF-8. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  // A wrong sequence is replaced: by one U+FFFD or more, which is the character itself only where its three bytes stand.
  const character = decoder.decode(bytes.subarray(at, at + length));
  const isReplacement = first === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
  return character.includes(REPLACEMENT) && !isReplacement ? 0 : length;
}

/** Text of one character per byte (ISO 8859-1), the inverse of {@link latin1Bytes}. */
export function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** One byte per character, of which only the low eight bits count. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
}

/** Lower-case hexadecimal digits, two per byte. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The bytes that hexadecimal digits stand for; white space is skipped. */
export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
}

/** Base64 (RFC 4648 section 4), with padding and without line breaks. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * The bytes of a base64 text without white space, or undefined where it is not base64 with its padding or where bits that stand for
 * nothing are set.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (text.endsWith('=') && !text.endsWith(bytes.toString('base64', bytes.length - (bytes.length % 3)))) return undefined;
  return new Uint8Array(bytes);
}

/** Base64 for URLs (RFC 4648 section 5), without padding. */
export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** Unsigned big-endian bytes without their leading zeros. */
export function trimZeros(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  return start === 0 ? bytes : bytes.subarray(start);
}

/** The value of unsigned big-endian bytes. */
export function bigintOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`);
}

/** A non-negative value as big-endian bytes: `length` of them, or as few as it takes. */
export function bigintBytes(value: bigint, length?: number): Uint8Array {
  let digits = value === 0n ? '' : value.toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  return fromHex(length === undefined ? digits : digits.padStart(length * 2, '0'));
}

/** How many bits an unsigned big-endian number has. */
export function bitLength(magnitude: Uint8Array): number {
  const bytes = trimZeros(magnitude);
  return bytes.length === 0 ? 0 : bytes.length * 8 - Math.clz32(bytes[0] as number) + 24;
}

/** How many bits of the bytes are set. */
export function bitsSet(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  }
  return count;
}
