/** -k and -Q: key revocation lists made and asked. */
import { fingerprint } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { formatKrl, Krl, krlComplaint, parseKrl, type RevokedCertificates } from '../../core/keys/krl.ts';
import { parsePublicKey } from '../../core/keys/public-key.ts';
import { concat, copyBytes, hex, latin1Bytes, utf8Text } from '../../core/util/bytes.ts';
import { loadPublicKey } from '../../files/key-files.ts';
import { errnoOf, SystemError } from '../../node/errno.ts';
import { fileState } from '../../node/file-entries.ts';
import { overwriteFile, readWholeFile } from '../../node/files.ts';
import { readInput } from '../../node/standard-input.ts';
import { revokeLine } from './krl-lines.ts';
import { because, Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';

/** The largest list that is read: 128 MiB, as in OpenSSH. */
const largestKrl = 128 * 1024 * 1024;

/** -k: writes a list, or with -u adds to one. */
export function makeKrl(run: Run): number {
  const { given, values, operands, serial } = run.options;
  const file = values.get('f');
  if (file === undefined || file === '') throw new Fatal('KRL generation requires an output file');
  if (!isThere(file) && given.has('u')) throw new Fatal(`KRL "${file}" does not exist`);
  const authority = authorityOf(run);
  const krl = given.has('u') ? loadKrl(run, file) : new Krl();
  if (serial !== 0n) krl.version = serial;
  krl.comment = values.get('C') ?? krl.comment;
  for (const operand of operands) addFrom(run, krl, operand, authority);
  if (krl.generated === 0n) krl.generated = BigInt(Math.floor(Date.now() / 1000));
  try {
    overwriteFile(file, formatKrl(krl), 0o666);
  } catch (error) {
    throw because(`write ${file}`, error);
  }
  return 0;
}

/** Whether there is such a list. @throws Fatal where that can't be told */
function isThere(file: string): boolean {
  try {
    fileState(file);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw because(`Cannot access KRL "${file}"`, error);
  }
}

/** -Q: whether keys are revoked, and with -l what else the list holds. */
export function queryKrl(run: Run): number {
  const { given, values, operands, json } = run.options;
  const file = values.get('f');
  if (file === undefined || file === '') throw new Fatal('KRL checking requires an input file');
  const krl = loadKrl(run, file);
  if (given.has('l') && !json) printKrl(run, krl);
  const answers: { file: string; comment: string; revoked: boolean }[] = [];
  for (const operand of operands) {
    const { key, comment } = load(operand, `Cannot load public key ${operand}`);
    const revoked = krl.revokes(key);
    answers.push({ file: operand, comment, revoked });
    if (!json) run.outText(`${operand}${comment === '' ? '' : ` (${comment})`}: ${revoked ? 'REVOKED' : 'ok'}\n`);
  }
  if (json) run.json({ keys: answers, ...(given.has('l') && { krl: describeKrl(krl) }) });
  return answers.some(({ revoked }) => revoked) ? 1 : 0;
}

/** Whose certificates serial numbers and key IDs are about: `any` with -s NONE; undefined where none is named. */
function authorityOf(run: Run): PublicKey | 'any' | undefined {
  const name = run.options.values.get('s');
  if (name === undefined) return undefined;
  if (name.toLowerCase() === 'none') return 'any';
  const file = run.path(name);
  return load(file, `Cannot load CA public key ${file}`).key;
}

function load(file: string, complaint: string): { readonly key: PublicKey; readonly comment: string } {
  try {
    return loadPublicKey(file);
  } catch (error) {
    throw because(complaint, error);
  }
}

function loadKrl(run: Run, file: string): Krl {
  let bytes: Uint8Array;
  try {
    ({ bytes } = readWholeFile(file, largestKrl));
  } catch (error) {
    throw because(`Unable to load KRL ${file}`, error);
  }
  try {
    return parseKrl(bytes);
  } catch (error) {
    const complaint = krlComplaint(error);
    if (complaint !== undefined) run.error(complaint);
    throw because(`Invalid KRL file ${file}`, error);
  }
}

function addFrom(run: Run, krl: Krl, operand: string, authority: PublicKey | 'any' | undefined): void {
  const isStdin = operand === '-';
  const name = isStdin ? '(standard input)' : operand;
  let bytes: Uint8Array;
  if (isStdin) {
    const pieces: Uint8Array[] = [];
    readInput((piece) => void pieces.push(copyBytes(piece)));
    bytes = concat(...pieces);
  } else {
    try {
      ({ bytes } = readWholeFile(run.path(operand), largestKrl));
    } catch (error) {
      // a folder opens and holds nothing
      if (!(error instanceof SystemError) || error.code !== 'EISDIR') throw because(`fopen ${operand}`, error);
      bytes = new Uint8Array(0);
    }
  }
  run.tell(`Revoking from ${name}\n`);
  for (const [index, line] of utf8Text(bytes).split('\n').entries()) revokeLine(krl, line, `${name}:${index + 1}`, authority);
}

/** A list as text, of which most can be given to -k again. */
function printKrl(run: Run, krl: Krl): void {
  const line = (text: string): void => run.outVisible(`${text}\n`);
  line(`# KRL version ${krl.version}`);
  line(`# Generated at ${shortTime(krl.generated)}`);
  if (krl.comment !== '') line(`# Comment: ${krl.comment}`);
  line('');
  for (const key of [...krl.keys].sort()) {
    try {
      const parsed = parsePublicKey(latin1Bytes(key));
      line(`hash: ${fingerprint(parsed)} # ${parsed.name}`);
    } catch (error) {
      run.error(`parse KRL key: ${reason(error)}`);
    }
  }
  for (const digest of [...krl.sha256].sort()) line(`hash: SHA256:${hex(latin1Bytes(digest))}`);
  for (const digest of [...krl.sha1].sort()) line(`# hash SHA1:${hex(latin1Bytes(digest))}`);
  for (const revoked of krl.certificates) printCertificates(line, revoked);
}

function printCertificates(line: (text: string) => void, { authority, serials, keyIds }: RevokedCertificates): void {
  line('');
  line(authority === undefined ? '# Wildcard CA' : `# CA key ${authority.name} ${fingerprint(authority)}`);
  for (const { first, last } of serials.ranges) line(`serial: ${first}${first === last ? '' : `-${last}`}`);
  // of all that is shown here only they may not hold a line break
  for (const keyId of [...keyIds].sort())
    line(`id: ${keyId.replace(/[\t\n\r]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`)}`);
}

function describeKrl(krl: Krl): Readonly<Record<string, unknown>> {
  return {
    version: krl.version,
    generated: krl.generated,
    comment: krl.comment,
    keys: [...krl.keys]
      .map((key) => keyOf(key))
      .map((key) => (key === undefined ? null : { type: key.name, fingerprint: fingerprint(key) })),
    sha256: [...krl.sha256].map((digest) => hex(latin1Bytes(digest))),
    sha1: [...krl.sha1].map((digest) => hex(latin1Bytes(digest))),
    certificates: krl.certificates.map(({ authority, serials, keyIds }) => ({
      authority: authority === undefined ? null : fingerprint(authority),
      serials: serials.ranges.map(({ first, last }) => [first, last]),
      keyIds: [...keyIds],
    })),
  };
}

function keyOf(blob: string): PublicKey | undefined {
  try {
    return parsePublicKey(latin1Bytes(blob));
  } catch {
    return undefined;
  }
}

/** Seconds in the 400 years after which the calendar repeats itself. */
const CYCLE_YEARS = 400n;
const CYCLE_SECONDS = 146_097n * 86_400n;

/** The last year that C has: its number stands in an int, counted from 1900. */
const LAST_YEAR = (1n << 31n) - 1n + 1900n;

/** YYYYMMDDTHHMMSS in the system's time zone, of a number that C takes for a signed one; years beyond those of Date are counted on. */
function shortTime(seconds: bigint): string {
  const time = BigInt.asIntN(64, seconds);
  const cycles = time / CYCLE_SECONDS;
  const date = new Date(Number(time % CYCLE_SECONDS) * 1000);
  const year = BigInt(date.getFullYear()) + cycles * CYCLE_YEARS;
  if (year > LAST_YEAR || year < LAST_YEAR - (1n << 32n) + 1n) return '<INVALID>';
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}${two(date.getMonth() + 1)}${two(date.getDate())}T${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
