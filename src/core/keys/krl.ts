import { createHash } from 'node:crypto';
import { bigintBytes, latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError, type SshErrorCode } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import type { PublicKey } from './key.ts';
import { readText } from './malformed.ts';
import { parsePublicKey } from './public-key.ts';
import { SerialSet, type SerialRange } from './serial-set.ts';

/*
 * Key revocation lists (OpenSSH's PROTOCOL.krl). Keys are revoked by themselves or a digest; certificates by their authority and their
 * serial number or key ID, or for any authority by them.
 */

const MAGIC = 'SSHKRL\n\0';
const VERSION = 1;

/** Sections, and the subsections of the one on certificates. */
const sections = { certificates: 1, key: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const;
const subsections = { list: 0x20, range: 0x21, bitmap: 0x22, keyId: 0x23, extension: 0x39 } as const;

/** Certificates that are revoked for one authority, or for any where there is none. */
export interface RevokedCertificates {
  readonly authority: PublicKey | undefined;
  readonly serials: SerialSet;
  readonly keyIds: Set<string>;
}

/** A key revocation list. */
export class Krl {
  version = 0n;
  /** Seconds since 1970. */
  generated = 0n;
  /** None is defined; those of a list that was read are written again. */
  flags = 0n;
  comment = '';
  /** Blobs of plain keys, one character per byte. */
  readonly keys = new Set<string>();
  /** Digests of plain keys' blobs, one character per byte. */
  readonly sha1 = new Set<string>();
  readonly sha256 = new Set<string>();
  readonly certificates: RevokedCertificates[] = [];

  /** What is revoked for an authority; for any authority where it is undefined. */
  revokedBy(authority: PublicKey | undefined): RevokedCertificates {
    const same = (one: PublicKey | undefined): boolean =>
      one === authority || (one !== undefined && authority !== undefined && Buffer.compare(one.blob, authority.blob) === 0);
    let revoked = this.certificates.find((one) => same(one.authority));
    if (revoked === undefined) {
      revoked = { authority, serials: new SerialSet(), keyIds: new Set() };
      this.certificates.push(revoked);
    }
    return revoked;
  }

  /** Revokes a key itself; of a certificate the certificate by its serial number or, where that is 0, by its key ID. */
  revoke(key: PublicKey): void {
    const { certificate } = key;
    if (certificate === undefined) this.revokeKey(key);
    else if (certificate.serial === 0n) this.revokedBy(certificate.signatureKey).keyIds.add(certificate.keyId);
    else this.revokedBy(certificate.signatureKey).serials.add(certificate.serial);
  }

  /** Revokes a key itself, of a certificate the key in it. */
  revokeKey(key: PublicKey): void {
    this.keys.add(latin1Text(key.plain.blob));
  }

  /** Whether a key is revoked, plain or, for a certificate, in any way: the key in it, the certificate or its authority's key. */
  revokes(key: PublicKey): boolean {
    if (this.revokesPlain(key.plain)) return true;
    const { certificate } = key;
    if (certificate === undefined) return false;
    if (this.revokesPlain(certificate.signatureKey)) return true;
    const { serial, keyId, signatureKey } = certificate;
    return this.certificates.some(
      ({ authority, serials, keyIds }) =>
        (authority === undefined || Buffer.compare(authority.blob, signatureKey.blob) === 0) &&
        // 0 is the number of those that have none
        (keyIds.has(keyId) || (serial !== 0n && serials.has(serial))),
    );
  }

  private revokesPlain({ blob }: PublicKey): boolean {
    const digest = (hash: string): string => latin1Text(createHash(hash).update(blob).digest());
    return (
      this.keys.has(latin1Text(blob)) ||
      (this.sha1.size > 0 && this.sha1.has(digest('sha1'))) ||
      (this.sha256.size > 0 && this.sha256.has(digest('sha256')))
    );
  }
}

/** Whether the bytes begin as a key revocation list does. */
export function isKrl(bytes: Uint8Array): boolean {
  return latin1Text(bytes.subarray(0, MAGIC.length)) === MAGIC;
}

/**
 * Reads a key revocation list. Signatures, which older ones may hold, are passed over, as OpenSSH 10 does.
 *
 * @throws SshError SSH_ERR_KRL_BAD_MAGIC; SSH_ERR_INVALID_FORMAT where it is malformed, also for a section that is not known;
 *   SSH_ERR_MESSAGE_INCOMPLETE or SSH_ERR_STRING_TOO_LARGE where it is cut short; SSH_ERR_INVALID_ARGUMENT for serial numbers that none
 *   has; SSH_ERR_FEATURE_UNSUPPORTED for a critical extension; what a malformed authority's key throws
 */
export function parseKrl(bytes: Uint8Array): Krl {
  if (!isKrl(bytes)) throw new SshError('SSH_ERR_KRL_BAD_MAGIC');
  const krl = new Krl();
  const reader = new WireReader(bytes, MAGIC.length);
  const version = reader.uint32();
  if (version !== VERSION) throw told(`ssh_krl_from_blob: unsupported KRL format version ${version}`);
  readHeader(krl, reader);
  while (reader.remaining > 0) {
    const type = reader.byte();
    const section = new WireReader(reader.string());
    if (type === sections.signature) {
      reader.string();
      continue;
    }
    const read = sectionReaders.get(type);
    if (read === undefined) throw told(`Unsupported KRL section ${type}`);
    read(krl, section);
    if (section.remaining > 0) throw told('KRL section contains unparsed data');
  }
  return krl;
}

/** What OpenSSH says of some faults of a list besides their error; undefined of most. */
export function krlComplaint(error: unknown): string | undefined {
  return error instanceof KrlError ? error.detail : undefined;
}

/** A fault of which OpenSSH says more than its error: the detail. */
class KrlError extends SshError {}

function told(complaint: string, code: SshErrorCode = 'SSH_ERR_INVALID_FORMAT', options?: ErrorOptions): KrlError {
  return new KrlError(code, complaint, options);
}

function readHeader(krl: Krl, reader: WireReader): void {
  try {
    krl.version = reader.uint64();
    krl.generated = reader.uint64();
    krl.flags = reader.uint64();
    reader.string(); // reserved
    krl.comment = readText(reader);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    throw told(`ssh_krl_from_blob: parse KRL header: ${error.message}`, error.code, { cause: error });
  }
}

/** A key revocation list as the bytes of its file. */
export function formatKrl(krl: Krl): Uint8Array {
  const writer = new WireWriter(1024);
  writer.raw(utf8Bytes(MAGIC)).uint32(VERSION).uint64(krl.version).uint64(krl.generated).uint64(krl.flags);
  writer.string(new Uint8Array(0)).string(utf8Bytes(krl.comment));
  for (const { authority, serials, keyIds } of krl.certificates) {
    const section = new WireWriter(1024).string(authority?.blob ?? new Uint8Array(0)).string(new Uint8Array(0));
    writeSerials(section, serials.ranges);
    if (keyIds.size > 0) {
      const ids = new WireWriter();
      for (const keyId of [...keyIds].sort()) ids.string(utf8Bytes(keyId));
      section.byte(subsections.keyId).string(ids.bytes());
    }
    writer.byte(sections.certificates).string(section.bytes());
  }
  for (const [type, blobs] of [
    [sections.key, krl.keys],
    [sections.sha1, krl.sha1],
    [sections.sha256, krl.sha256],
  ] as const) {
    if (blobs.size === 0) continue;
    const section = new WireWriter(1024);
    for (const blob of [...blobs].sort()) section.string(Buffer.from(blob, 'latin1'));
    writer.byte(type).string(section.bytes());
  }
  return writer.bytes();
}

const sectionReaders: ReadonlyMap<number, (krl: Krl, section: WireReader) => void> = new Map([
  [sections.certificates, readCertificates],
  [
    sections.key,
    (krl: Krl, section: WireReader) => {
      readBlobs(section, krl.keys);
    },
  ],
  [
    sections.sha1,
    (krl: Krl, section: WireReader) => {
      readBlobs(section, krl.sha1, 20);
    },
  ],
  [
    sections.sha256,
    (krl: Krl, section: WireReader) => {
      readBlobs(section, krl.sha256, 32);
    },
  ],
  [
    sections.extension,
    (_krl: Krl, section: WireReader) => {
      readExtension(section, { whole: 'extension section', part: 'section' });
    },
  ],
]);

function readBlobs(section: WireReader, blobs: Set<string>, length?: number): void {
  while (section.remaining > 0) {
    const blob = section.string();
    if (length !== undefined && blob.length !== length) throw told('blob_section: bad length');
    blobs.add(latin1Text(blob));
  }
}

/** Passes over an extension that is not critical; where it stands is named in two ways. */
function readExtension(section: WireReader, { whole, part }: { readonly whole: string; readonly part: string }): void {
  let name: string;
  let critical: boolean;
  try {
    name = readText(section);
    critical = section.byte() !== 0;
    section.string();
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    throw told(`KRL has invalid ${whole}`, 'SSH_ERR_INVALID_FORMAT', { cause: error });
  }
  if (section.remaining > 0) throw told(`KRL has invalid ${whole}: trailing data`);
  if (critical) throw told(`KRL contains unsupported critical ${part} "${name}"`, 'SSH_ERR_FEATURE_UNSUPPORTED');
}

function readCertificates(krl: Krl, section: WireReader): void {
  const authority = section.string();
  section.string(); // reserved
  const key = authority.length === 0 ? undefined : parsePublicKey(authority);
  while (section.remaining > 0) {
    const type = section.byte();
    const data = new WireReader(section.string());
    const read = subsectionReaders.get(type);
    if (read === undefined) throw told(`Unsupported KRL certificate section ${type}`);
    read(() => krl.revokedBy(key), data);
    if (data.remaining > 0) throw told('KRL certificate section contains unparsed data');
  }
}

/** @throws SshError SSH_ERR_INVALID_ARGUMENT for numbers that no certificate has: 0 is that of those without one */
function addSerials({ serials }: RevokedCertificates, first: bigint, last: bigint = first): void {
  if (first > last || first === 0n) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'KRL: serial numbers');
  serials.add(first, last);
}

/** Readers of what is revoked of an authority's certificates, which has an entry from its first one on. */
const subsectionReaders: ReadonlyMap<number, (revoked: () => RevokedCertificates, data: WireReader) => void> = new Map([
  [
    subsections.list,
    (revoked: () => RevokedCertificates, data: WireReader) => {
      while (data.remaining > 0) addSerials(revoked(), data.uint64());
    },
  ],
  [
    subsections.range,
    (revoked: () => RevokedCertificates, data: WireReader) => {
      const first = data.uint64();
      addSerials(revoked(), first, data.uint64());
    },
  ],
  [subsections.bitmap, readBitmap],
  [
    subsections.keyId,
    (revoked: () => RevokedCertificates, data: WireReader) => {
      while (data.remaining > 0) revoked().keyIds.add(readText(data));
    },
  ],
  [
    subsections.extension,
    (_revoked: () => RevokedCertificates, data: WireReader) => {
      readExtension(data, { whole: 'certificate extension subsection', part: 'certificate subsection' });
    },
  ],
]);

/** A bitmap is one number: its lowest bit stands for the serial number of its offset. */
function readBitmap(revoked: () => RevokedCertificates, data: WireReader): void {
  const offset = data.uint64();
  const raw = mpint.read(data);
  let first: number | undefined;
  // one more than there are, so that the last run ends
  for (let bit = 0; bit <= raw.length * 8; bit++) {
    const byte = raw[raw.length - 1 - (bit >> 3)] ?? 0;
    if (((byte >> (bit & 7)) & 1) === 1) {
      first ??= bit;
    } else if (first !== undefined) {
      const last = offset + BigInt(bit - 1);
      if (last >= 2n ** 64n) throw told('parse_revoked_certs: bitmap wraps u64');
      addSerials(revoked(), offset + BigInt(first), last);
      first = undefined;
    }
  }
}

/** The bits that a serial number takes in a list, and a section of its own besides. */
const LIST_BITS = 64n;
const SECTION_BITS = 8n + 32n + 64n;

/**
 * Writes serial numbers in sections that take little room: neighbours that are close go into one bitmap, long runs into ranges, and what
 * is left into a list.
 */
function writeSerials(section: WireWriter, ranges: readonly SerialRange[]): void {
  let list: bigint[] = [];
  const flush = (): void => {
    if (list.length === 0) return;
    const data = new WireWriter(list.length * 8);
    for (const serial of list) data.uint64(serial);
    section.byte(subsections.list).string(data.bytes());
    list = [];
  };
  for (let i = 0; i < ranges.length; ) {
    const group = closeRanges(ranges, i);
    i += group.length;
    const { first } = group[0] as SerialRange;
    const { last } = group.at(-1) as SerialRange;
    const count = group.reduce((sum, range) => sum + range.last - range.first + 1n, 0n);
    const asList = count * LIST_BITS;
    const asRanges = BigInt(group.length) * (SECTION_BITS + LIST_BITS);
    const asBitmap = last - first + 1n + SECTION_BITS;
    if (asList <= asRanges && asList <= asBitmap) {
      for (const range of group) for (let serial = range.first; serial <= range.last; serial++) list.push(serial);
      continue;
    }
    flush();
    if (asRanges <= asBitmap) {
      for (const range of group) {
        section.byte(subsections.range).string(new WireWriter(16).uint64(range.first).uint64(range.last).bytes());
      }
    } else {
      const bits = group.reduce((map, range) => map | (((1n << (range.last - range.first + 1n)) - 1n) << (range.first - first)), 0n);
      const data = new WireWriter(Number(asBitmap >> 3n) + 32).uint64(first);
      mpint.write(data, bigintBytes(bits));
      section.byte(subsections.bitmap).string(data.bytes());
    }
  }
  flush();
}

/** How far the last number of a bitmap may be from its first: as many bits are read back. */
const WIDEST_GROUP = 16383n;

/** The ranges from one on that lie so close to each other that a bitmap over them pays. */
function closeRanges(ranges: readonly SerialRange[], start: number): SerialRange[] {
  const { first } = ranges[start] as SerialRange;
  let end = start + 1;
  for (; end < ranges.length; end++) {
    const gap = (ranges[end] as SerialRange).first - (ranges[end - 1] as SerialRange).last;
    if (gap > LIST_BITS || (ranges[end] as SerialRange).last - first > WIDEST_GROUP) break;
  }
  return ranges.slice(start, end);
}
