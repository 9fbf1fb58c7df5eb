import { trimZeros, utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { WireReader } from './reader.ts';
import type { WireWriter } from './writer.ts';

/** One data type of the wire: how it is read and how it is written. */
export interface Codec<T> {
  read(reader: WireReader): T;
  write(writer: WireWriter, value: T): void;
}

/** One byte (RFC 4251 section 5). */
export const byte: Codec<number> = {
  read: (reader) => reader.byte(),
  write: (writer, value) => void writer.byte(value),
};

/** A boolean: any byte but 0 is true. */
export const boolean: Codec<boolean> = {
  read: (reader) => reader.byte() !== 0,
  write: (writer, value) => void writer.byte(value ? 1 : 0),
};

/** An unsigned 32-bit number. */
export const uint32: Codec<number> = {
  read: (reader) => reader.uint32(),
  write: (writer, value) => void writer.uint32(value),
};

/** An unsigned 64-bit number. */
export const uint64: Codec<bigint> = {
  read: (reader) => reader.uint64(),
  write: (writer, value) => void writer.uint64(value),
};

/** A string of arbitrary bytes; read as a view of the message. */
export const string: Codec<Uint8Array> = {
  read: (reader) => reader.string(),
  write: (writer, value) => void writer.string(value),
};

/** A string that holds text in UTF-8; bytes that are not come and go as {@link utf8Text} keeps them. */
export const utf8: Codec<string> = {
  read: (reader) => utf8Text(reader.string()),
  write: (writer, value) => void writer.string(utf8Bytes(value)),
};

/**
 * A string that holds printable US-ASCII: the names of the protocol (RFC 4251 section 6).
 *
 * Reading throws SSH_ERR_INVALID_FORMAT at any other byte.
 */
export const ascii: Codec<string> = {
  read: (reader) => asciiText(reader.string()),
  write: (writer, value) => void writer.string(utf8Bytes(value)),
};

/** The longest mpint that is taken, in bytes: 16384 bits, as OpenSSH's SSHBUF_MAX_BIGNUM. */
const LONGEST_MPINT = 16384 / 8;

/**
 * A non-negative mpint as its unsigned big-endian bytes without leading zeros (zero is no bytes).
 *
 * Reading throws SSH_ERR_BIGNUM_IS_NEGATIVE and SSH_ERR_BIGNUM_TOO_LARGE; needless leading zeros are let pass, as OpenSSH does.
 */
export const mpint: Codec<Uint8Array> = {
  read: (reader) => {
    const bytes = reader.string();
    if (bytes.length > 0 && (bytes[0] as number) & 0x80) throw new SshError('SSH_ERR_BIGNUM_IS_NEGATIVE');
    if (bytes.length > LONGEST_MPINT + 1 || (bytes.length === LONGEST_MPINT + 1 && bytes[0] !== 0)) {
      throw new SshError('SSH_ERR_BIGNUM_TOO_LARGE');
    }
    return trimZeros(bytes);
  },
  write: (writer, value) => {
    const bytes = trimZeros(value);
    const sign = bytes.length > 0 && ((bytes[0] as number) & 0x80) !== 0;
    writer.uint32(bytes.length + (sign ? 1 : 0));
    if (sign) writer.byte(0);
    writer.raw(bytes);
  },
};

/** The most names that one name-list may hold: far above any real one, far below what costs time. */
const MOST_NAMES = 4096;

/** A name-list: names separated by commas; an empty list has none. Reading throws SSH_ERR_INVALID_FORMAT where a name is not ASCII. */
export const nameList: Codec<readonly string[]> = {
  read: (reader) => {
    const text = asciiText(reader.string());
    if (text === '') return [];
    const names = text.split(',', MOST_NAMES + 1);
    if (names.length > MOST_NAMES) throw new SshError('SSH_ERR_INVALID_FORMAT');
    return names;
  },
  write: (writer, value) => void writer.string(utf8Bytes(value.join(','))),
};

/** All bytes up to the end of the message, as a view. */
export const rest: Codec<Uint8Array> = {
  read: (reader) => reader.rest(),
  write: (writer, value) => void writer.raw(value),
};

function asciiText(bytes: Uint8Array): string {
  for (const value of bytes) {
    if (value < 0x20 || value > 0x7e) throw new SshError('SSH_ERR_INVALID_FORMAT');
  }
  return utf8Text(bytes);
}
