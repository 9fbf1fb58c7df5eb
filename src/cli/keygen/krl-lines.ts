/** The lines of a file that says what to revoke (ssh-keygen(1), KEY REVOCATION LISTS). */
import { rawFingerprint } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import type { Krl } from '../../core/keys/krl.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { base64, fromBase64, latin1Text } from '../../core/util/bytes.ts';
import { because, Fatal } from './endings.ts';

/** What a line is about: where it stands, what it says behind its word, and whose certificates it means. */
interface RevokedLine {
  readonly krl: Krl;
  readonly where: string;
  readonly text: string;
  readonly authority: PublicKey | 'any' | undefined;
}

/** The words in front; a line without one is a key or a certificate. */
const words: readonly { readonly word: string; readonly revoke: (line: RevokedLine) => void }[] = [
  { word: 'serial:', revoke: revokeSerials },
  { word: 'id:', revoke: revokeKeyId },
  { word: 'hash:', revoke: revokeHash },
  { word: 'key:', revoke: (line) => line.krl.revokeKey(keyIn(line)) },
  { word: 'sha1:', revoke: (line) => line.krl.sha1.add(latin1Text(rawFingerprint(keyIn(line), 'sha1'))) },
  { word: 'sha256:', revoke: (line) => line.krl.sha256.add(latin1Text(rawFingerprint(keyIn(line), 'sha256'))) },
  { word: '', revoke: (line) => line.krl.revoke(keyIn(line)) },
];

/** Adds what a line says to a list. @throws Fatal with ssh-keygen's complaint */
export function revokeLine(krl: Krl, line: string, where: string, authority: PublicKey | 'any' | undefined): void {
  const content = line.replace(/^[ \t]+/, '').replace(/[ \t]*(?:#[^]*)?$/, '');
  if (content === '') return;
  const row = words.find(({ word }) => content.toLowerCase().startsWith(word));
  row?.revoke({ krl, where, text: content.slice(row.word.length).replace(/^[ \t]+/, ''), authority });
}

function keyIn({ text, where }: RevokedLine): PublicKey {
  try {
    return parsePublicKeyLine(text).key;
  } catch (error) {
    throw because(`${where}: invalid key`, error);
  }
}

function revokedBy({ krl, authority }: RevokedLine, how: string): ReturnType<Krl['revokedBy']> {
  if (authority === undefined) throw new Fatal(`revoking certificates by ${how} requires specification of a CA key`);
  return krl.revokedBy(authority === 'any' ? undefined : authority);
}

const MOST = (1n << 64n) - 1n;

function revokeSerials(line: RevokedLine): void {
  const { text, where } = line;
  const revoked = revokedBy(line, 'serial number');
  const [, digits = '', , last] = /^([^-]*)(-([^]*))?$/.exec(text) ?? [];
  const first = serial(digits, digits === '' ? '' : text, where);
  const end = last === undefined ? first : serial(last, last, where);
  if (last !== undefined && end <= first) throw new Fatal(`${where}: invalid serial range ${first}:${end}`);
  if (first === 0n) throw new Fatal('update_krl_from_file: revoke serial failed');
  revoked.serials.add(first, end);
}

/** A number as strtoull(3) reads it: decimal, in hexadecimal or octal. */
function serial(text: string, shown: string, where: string): bigint {
  const [, sixteen, eight, ten] = /^\s*\+?(?:0x([0-9a-f]+)|0([0-7]+)|(\d+))$/i.exec(text) ?? [];
  if (sixteen === undefined && eight === undefined && ten === undefined) throw new Fatal(`${where}: invalid serial "${shown}"`);
  const value = BigInt(sixteen !== undefined ? `0x${sixteen}` : eight !== undefined ? `0o${eight}` : (ten ?? '0'));
  if (value > MOST) throw new Fatal(`${where}: serial out of range`);
  return value;
}

function revokeKeyId(line: RevokedLine): void {
  revokedBy(line, 'key ID').keyIds.add(line.text);
}

const SHA256_LENGTH = 32;

function revokeHash({ krl, text, where }: RevokedLine): void {
  const [, encoded] = /^SHA256:(.*)$/i.exec(text) ?? [];
  if (encoded === undefined) throw new Fatal(`${where}: unsupported hash algorithm`);
  const digest = fromBase64(encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '='));
  // bits behind the last byte must be zero
  if (digest === undefined || base64(digest).replace(/=+$/, '') !== encoded.replace(/=+$/, ''))
    // the one complaint that names standard input as the command line does
    throw new Fatal(`${where.replace(/^\(standard input\):/, '-:')}: decode hash failed: invalid format`);
  if (digest.length !== SHA256_LENGTH) throw new Fatal('update_krl_from_file: revoke key failed: invalid format');
  krl.sha256.add(latin1Text(digest));
}
