import { bigintBytes, bigintOf, latin1Text, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeBase64 } from './armor.ts';
import type { PrivateKeyFile } from './openssh-private.ts';
import { strictly } from './malformed.ts';
import { type PrivateKey, privateKeyOf } from './private-key.ts';

/*
 * Private keys of SSH.com's (now Tectia's) programs, as far as OpenSSH imports them: RSA, not encrypted.
 */

const BEGIN = '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----';
const END = '---- END SSH2 ENCRYPTED PRIVATE KEY ----';
const MAGIC = 0x3f6ff9eb;

/** The longest number, in bits. */
const LONGEST_NUMBER = 16384;

/** Whether the text begins as SSH.com's private key files do. */
export function isSshCom(text: Uint8Array): boolean {
  return latin1Text(text.subarray(0, BEGIN.length)) === BEGIN;
}

/**
 * The private key in SSH.com's file.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT; SSH_ERR_KEY_TYPE_UNKNOWN for all but RSA; SSH_ERR_KEY_UNKNOWN_CIPHER where it is encrypted
 */
export function parseSshCom(text: Uint8Array): PrivateKeyFile {
  const { body, comment } = unfold(text);
  const blob = decodeBase64(body);
  if (blob === undefined) throw invalid('not base64');
  try {
    return { key: strictly(() => readBlob(blob)), comment };
  } finally {
    blob.fill(0);
  }
}

/** The base64 text behind the headers, as a view, and the comment. */
function unfold(text: Uint8Array): { body: Uint8Array; comment: string } {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  const end = buffer.indexOf(`\n${END}`);
  let at = buffer.indexOf('\n') + 1;
  if (!isSshCom(text) || end < 0 || at > end) throw invalid('no BEGIN or no END line');
  let comment = '';
  for (let folded = false; ; ) {
    const newline = buffer.indexOf('\n', at);
    const colon = buffer.indexOf(':', at);
    // a line of base64 holds no colon, so nothing secret becomes text here
    if (!folded && (colon < 0 || colon > newline)) break;
    const line = utf8Text(buffer.subarray(at, newline)).trimEnd();
    const [, value] = /^comment:[ \t]*"?(.*?)"?$/i.exec(line) ?? [];
    if (!folded && value !== undefined) comment = value;
    folded = line.endsWith('\\');
    at = newline + 1;
    if (at > end) throw invalid('no key');
  }
  return { body: buffer.subarray(at, end), comment };
}

function readBlob(blob: Uint8Array): PrivateKey {
  const reader = new WireReader(blob);
  if (reader.uint32() !== MAGIC) throw invalid('magic');
  reader.uint32(); // length of it all
  const type = latin1Text(reader.string());
  const cipher = latin1Text(reader.string());
  // three lengths: of the part that may be encrypted and of what is in it
  reader.take(12);
  if (cipher !== 'none') throw new SshError('SSH_ERR_KEY_UNKNOWN_CIPHER', `SSH.com: ${JSON.stringify(cipher)}`);
  if (!type.includes('rsa')) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', `SSH.com: ${JSON.stringify(type)}`);
  const e = exponent(reader);
  const [d, n, iqmp, q, p] = Array.from({ length: 5 }, () => number(reader)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const writer = new WireWriter(blob.length + 64);
  for (const value of [n, bigintBytes(BigInt(e)), d, iqmp, p, q]) mpint.write(writer, value);
  return privateKeyOf('ssh-rsa', writer.take());
}

/** The public exponent: in one byte, or in three of which the first is less than 30. */
function exponent(reader: WireReader): number {
  const first = reader.byte();
  return first >= 30 ? first : Number(bigintOf(Uint8Array.of(first, reader.byte(), reader.byte())));
}

/** A number behind its length in bits. */
function number(reader: WireReader): Uint8Array {
  const bits = reader.uint32();
  if (bits > LONGEST_NUMBER) throw invalid('number too long');
  return reader.take((bits + 7) >> 3);
}

function invalid(what: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', `SSH.com: ${what}`);
}
