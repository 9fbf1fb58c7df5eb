import { createHash } from 'node:crypto';
import { equalBytes, fromHex, hex } from '../util/bytes.ts';
import type { PublicKey } from './key.ts';

/** An SSHFP record (RFC 4255, RFC 6594, RFC 7479, RFC 8709): the numbers of key type and digest, and the digest itself. */
export interface Sshfp {
  readonly algorithm: number;
  readonly type: number;
  readonly fingerprint: Uint8Array;
}

/** The numbers of key types; security keys have none of their own. */
const algorithms: readonly (readonly [name: RegExp, number: number])[] = [
  [/^ssh-rsa$/, 1],
  [/^ecdsa-sha2-/, 3],
  [/^ssh-ed25519$/, 4],
];

/** The digests by their numbers. */
export const sshfpHashes = [
  { name: 'sha1', type: 1 },
  { name: 'sha256', type: 2 },
] as const;

/** A key's records, one for each digest; none for a type that has no number. A certificate's are its certified key's. */
export function sshfpRecords(key: PublicKey): Sshfp[] {
  const algorithm = algorithms.find(([pattern]) => pattern.test(key.plain.name))?.[1];
  if (algorithm === undefined) return [];
  return sshfpHashes.map(({ name: hash, type }) => ({
    algorithm,
    type,
    fingerprint: createHash(hash).update(key.plain.blob).digest(),
  }));
}

/** A record as a line of a zone file, without a line break; `generic` writes it for servers that do not know the type (RFC 3597). */
export function formatSshfp(host: string, record: Sshfp, generic = false): string {
  const { algorithm, type, fingerprint } = record;
  const two = (number: number): string => number.toString(16).padStart(2, '0');
  return generic
    ? `${host} IN TYPE44 \\# ${fingerprint.length + 2} ${two(algorithm)} ${two(type)} ${hex(fingerprint)}`
    : `${host} IN SSHFP ${algorithm} ${type} ${hex(fingerprint)}`;
}

/** Reads a record's data as it comes in a DNS answer; undefined where it is cut short. */
export function parseSshfp(data: Uint8Array): Sshfp | undefined {
  const [algorithm, type] = data;
  if (algorithm === undefined || type === undefined || data.length < 3) return undefined;
  return { algorithm, type, fingerprint: data.subarray(2) };
}

/** Reads a record's data as text: two numbers and hexadecimal digits; undefined where it is not that. */
export function parseSshfpText(text: string): Sshfp | undefined {
  const [, algorithm, type, digits] = /^(\d{1,3})[ \t]+(\d{1,3})[ \t]+([0-9a-fA-F \t]+)$/.exec(text.trim()) ?? [];
  if (algorithm === undefined || type === undefined || digits === undefined) return undefined;
  return { algorithm: Number(algorithm), type: Number(type), fingerprint: fromHex(digits) };
}

/** Whether one of the records is this key's. A record of another digest or type says nothing. */
export function sshfpMatches(records: readonly Sshfp[], key: PublicKey): boolean {
  const own = sshfpRecords(key);
  return records.some((record) =>
    own.some((one) => one.algorithm === record.algorithm && one.type === record.type && equalBytes(one.fingerprint, record.fingerprint)),
  );
}
