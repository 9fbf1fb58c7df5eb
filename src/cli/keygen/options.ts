/** The options of `tsh-keygen`, a row per flag: what it takes and what it sets. */
import { fingerprintHashes, type FingerprintHash } from '../../core/keys/fingerprint.ts';
import { keyFileCiphers } from '../../core/keys/key-file-ciphers.ts';
import type { OptionSpec } from '../getopt.ts';
import { Fatal } from './endings.ts';
import { parseValidity, type Validity } from './validity.ts';

/** The forms of keys that `-m` names. */
export type KeyFormat = 'RFC4716' | 'PKCS8' | 'PEM' | 'PPK';

/** What a command line says, flag by flag. */
export interface KeygenOptions {
  /** The flags without a value that were given. */
  readonly given: ReadonlySet<string>;
  /** The values of flags that are taken as they are, the last of each. */
  readonly values: ReadonlyMap<string, string>;
  /** -O, in their order. */
  readonly list: readonly string[];
  /** What is left of the command line. */
  readonly operands: readonly string[];
  readonly quiet: boolean;
  readonly verbosity: number;
  readonly bits: number | undefined;
  readonly rounds: number | undefined;
  readonly hash: FingerprintHash;
  readonly format: KeyFormat | undefined;
  readonly cipher: string | undefined;
  readonly validity: Validity | undefined;
  readonly serial: bigint;
  readonly serialCounts: boolean;
  readonly host: boolean;
  readonly moduli: 'generate' | 'screen' | undefined;
  /** The last of -F, -R and -r. */
  readonly hostname: string | undefined;
  readonly json: boolean;
  readonly why: boolean;
}

/** The options while they are read. */
export interface OptionsDraft extends KeygenOptions {
  readonly given: Set<string>;
  readonly values: Map<string, string>;
  list: string[];
  operands: string[];
  quiet: boolean;
  verbosity: number;
  bits: number | undefined;
  rounds: number | undefined;
  hash: FingerprintHash;
  format: KeyFormat | undefined;
  cipher: string | undefined;
  validity: Validity | undefined;
  serial: bigint;
  serialCounts: boolean;
  host: boolean;
  moduli: 'generate' | 'screen' | undefined;
  hostname: string | undefined;
  json: boolean;
  why: boolean;
}

interface FlagRow {
  /** What its value is, in a word; absent where it has none. */
  readonly value?: string;
  /** What it does beside being noted; throws Fatal where its value is wrong. */
  apply?(draft: OptionsDraft, value: string): void;
}

const hostname: FlagRow = { value: 'hostname', apply: (draft, value) => void (draft.hostname = value) };

/** Every flag of ssh-keygen(1), and our own. */
export const keygenFlags: Readonly<Record<string, FlagRow>> = {
  A: {},
  B: {},
  H: {},
  K: {},
  L: {},
  Q: {},
  U: {},
  X: {},
  c: {},
  e: {},
  g: {},
  h: { apply: (draft) => void (draft.host = true) },
  i: {},
  k: {},
  l: {},
  o: {},
  p: {},
  q: { apply: (draft) => void (draft.quiet = true) },
  u: {},
  v: { apply: (draft) => void (draft.verbosity += 1) },
  y: {},
  C: { value: 'comment' },
  D: { value: 'pkcs11' },
  E: { value: 'hash', apply: (draft, value) => void (draft.hash = hashNamed(value)) },
  F: hostname,
  I: { value: 'identity' },
  M: { value: 'operation', apply: (draft, value) => void (draft.moduli = moduliOperation(value)) },
  N: { value: 'passphrase' },
  O: { value: 'option', apply: (draft, value) => void draft.list.push(value) },
  P: { value: 'passphrase' },
  R: hostname,
  V: { value: 'interval', apply: (draft, value) => void (draft.validity = parseValidity(value, Math.floor(Date.now() / 1000))) },
  Y: { value: 'operation' },
  Z: { value: 'cipher', apply: (draft, value) => void (draft.cipher = cipherNamed(value)) },
  a: { value: 'rounds', apply: (draft, value) => void (draft.rounds = number(value, 0x7fffffff, `Invalid number: ${value}`)) },
  b: { value: 'bits', apply: (draft, value) => void (draft.bits = number(value, 0xffffffff, `Bits has bad value ${value}`)) },
  f: { value: 'file', apply: (_draft, value) => checkFileName(value) },
  m: { value: 'format', apply: (draft, value) => void (draft.format = formatNamed(value)) },
  n: { value: 'names' },
  r: hostname,
  s: { value: 'file' },
  t: { value: 'type' },
  w: { value: 'provider' },
  z: { value: 'serial', apply: setSerial },
  '--json': { apply: (draft) => void (draft.json = true) },
  '--why': { apply: (draft) => void (draft.why = true) },
  '--help': {},
};

/** The flags as getopt takes them. */
export const keygenSpec: OptionSpec = {
  letters: Object.entries(keygenFlags)
    .filter(([flag]) => flag.length === 1)
    .map(([flag, { value }]) => (value === undefined ? flag : `${flag}:`))
    .join(''),
  words: Object.keys(keygenFlags)
    .filter((flag) => flag.startsWith('--'))
    .map((flag) => flag.slice(2)),
};

/** Options as they are where nothing is given. */
export function newOptions(): OptionsDraft {
  return {
    given: new Set(),
    values: new Map(),
    list: [],
    operands: [],
    quiet: false,
    verbosity: 0,
    bits: undefined,
    rounds: undefined,
    hash: 'sha256',
    format: undefined,
    cipher: undefined,
    validity: undefined,
    serial: 0n,
    serialCounts: false,
    host: false,
    moduli: undefined,
    hostname: undefined,
    json: false,
    why: false,
  };
}

const longestFileName = 1023;

function checkFileName(value: string): void {
  if (Buffer.byteLength(value) > longestFileName) throw new Fatal('Identity filename too long');
}

function number(value: string, most: number, complaint: string): number {
  // as strtonum(3) reads: white space in front and a sign are allowed
  const digits = /^\s*([+-]?\d+)$/.exec(value)?.[1];
  if (digits === undefined) throw new Fatal(`${complaint} (invalid)`);
  const parsed = Number(digits);
  if (parsed < 1) throw new Fatal(`${complaint} (too small)`);
  if (parsed > most) throw new Fatal(`${complaint} (too large)`);
  return parsed;
}

function hashNamed(value: string): FingerprintHash {
  const hash = fingerprintHashes.find((one) => one === value.toLowerCase());
  if (hash === undefined) throw new Fatal(`Invalid hash algorithm "${value}"`);
  return hash;
}

function cipherNamed(value: string): string {
  if (!keyFileCiphers.some(({ name }) => name === value)) throw new Fatal(`Invalid OpenSSH-format cipher '${value}'`);
  return value;
}

const formats: ReadonlyMap<string, KeyFormat> = new Map([
  ['rfc4716', 'RFC4716'],
  ['ssh2', 'RFC4716'],
  ['pkcs8', 'PKCS8'],
  ['pem', 'PEM'],
  ['ppk', 'PPK'],
]);

function formatNamed(value: string): KeyFormat {
  const format = formats.get(value.toLowerCase());
  if (format === undefined) throw new Fatal(`Unsupported conversion format "${value}"`);
  return format;
}

function moduliOperation(value: string): 'generate' | 'screen' {
  if (value === 'generate' || value === 'screen') return value;
  throw new Fatal(`Unsupported moduli option ${value}`);
}

function setSerial(draft: OptionsDraft, value: string): void {
  const counts = value.startsWith('+');
  const digits = /^\s*[+]?(\d+)$/.exec(counts ? value.slice(1) : value)?.[1];
  const text = counts ? value.slice(1) : value;
  if (digits === undefined || BigInt(digits) >= 1n << 64n) throw new Fatal(`Invalid serial number "${text}"`);
  draft.serial = BigInt(digits);
  draft.serialCounts ||= counts;
}
