/** -l and -B: fingerprints of the keys in a file of any sort; -r: those of a host for the DNS. */
import { bubbleBabble, fingerprint, fingerprintHashes, randomArt } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { formatSshfp, sshfpHashes, sshfpRecords } from '../../core/keys/sshfp.ts';
import { concat, copyBytes, utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { loadPublicKey } from '../../files/key-files.ts';
import { SystemError } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';
import { readInput } from '../../node/standard-input.ts';
import { hostKeyKinds } from './key-type.ts';
import { fileExists } from '../../node/file-entries.ts';
import { becauseOf, loadIdentity, mustExist, readPrivateFile } from './key-input.ts';
import { keyFile } from './prompts.ts';
import { because, Fatal } from './endings.ts';
import type { Run } from './run.ts';

const largestFile = 64 * 1024 * 1024;

/** What is shown of a key. */
interface Shown {
  readonly key: PublicKey;
  readonly comment: string | undefined;
  readonly line?: number;
}

/** Shows the fingerprint of every key in a file: of a private or public key, of authorized_keys, of known_hosts. */
export async function showFingerprints(run: Run): Promise<number> {
  const file = keyFile(run, 'Enter file in which the key is');
  const name = file === '-' ? '(stdin)' : file;
  const lines = readLines(file);
  const [first = ''] = lines;
  if (file !== '-' && /^[ \t]*[^# \t].*PRIVATE KEY/.test(first)) {
    show(run, [await privateFingerprint(run, file)]);
    return 0;
  }
  const keys = lines.flatMap((text, index) => {
    const found = keyInLine(text);
    if (found === undefined) run.log('DEBUG', `${name}:${index + 1}: not a public key`);
    return found === undefined || found === 'nothing' ? [] : [{ ...found, line: index + 1 }];
  });
  if (keys.length === 0) throw await becauseNone(run, file, `${name} is not a public key file.`);
  show(run, keys);
  return 0;
}

/** -r: the host's keys, or that of a file, as SSHFP records. */
export function showRecords(run: Run): number {
  const { given, list, hostname = '', values } = run.options;
  const invalid = list.find((option) => !/^hashalg=/i.test(option));
  if (invalid !== undefined) {
    run.error(`Invalid option "${invalid}"`);
    return 0;
  }
  const hash = recordHash(list);
  const file = values.get('f');
  const showRecordsOf = (path: string): void => {
    let key: PublicKey;
    try {
      ({ key } = loadPublicKey(path));
    } catch (error) {
      throw because(`Failed to read v2 public key from "${path}"`, error);
    }
    // a certificate has no number of its own
    const lines = (key.certificate === undefined ? sshfpRecords(key) : [])
      .filter(({ type }) => hash === undefined || type === hash)
      .map((record) => formatSshfp(hostname, record, given.has('g')));
    if (lines.length === 0) run.error('export_dns_rr: unsupported algorithm and/or digest_type');
    for (const line of lines) run.out(`${line}\n`);
  };
  const files = file === undefined ? hostKeyKinds.map((kind) => kind.file) : [file];
  const existing = files.filter(fileExists);
  if (file !== undefined) mustExist(file);
  if (existing.length === 0) throw new Fatal('no keys found.');
  for (const one of existing) showRecordsOf(one);
  return 0;
}

/** The digest that -O asks for, by its number in SSHFP; 0 for one that has none. */
function recordHash(list: readonly string[]): number | undefined {
  let type: number | undefined;
  for (const option of list) {
    const [, name] = /^hashalg=(.*)$/i.exec(option) ?? [];
    const hash = fingerprintHashes.find((one) => one === name?.toLowerCase());
    if (hash === undefined) throw new Fatal('Unsupported hash algorithm');
    type = sshfpHashes.find((one) => one.name === hash)?.type ?? 0;
  }
  return type;
}

function show(run: Run, keys: readonly Shown[]): void {
  const { given, hash, json } = run.options;
  const babble = given.has('B');
  if (json) {
    run.json(keys.map(({ key, comment, line }) => ({ ...describeKey(run, key), comment: comment ?? null, ...(line && { line }) })));
    return;
  }
  for (const { key, comment } of keys) {
    const shown = babble ? bubbleBabble(key) : fingerprint(key, hash);
    run.outVisible(`${key.bits} ${shown} ${comment ?? 'no comment'} (${key.shortName})\n`);
    if (run.isVerbose) run.out(`${randomArt(key, hash)}\n`);
  }
}

/** A key as JSON tells of it. */
export function describeKey(run: Run, key: PublicKey): Readonly<Record<string, unknown>> {
  return { type: key.name, name: key.shortName, bits: key.bits, fingerprint: fingerprint(key, run.options.hash) };
}

/** The lines of a file, or of stdin for `-`. @throws Fatal */
export function readLines(file: string): string[] {
  let bytes: Uint8Array;
  if (file === '-') {
    const pieces: Uint8Array[] = [];
    readInput((piece) => void pieces.push(copyBytes(piece)));
    bytes = concat(...pieces);
  } else {
    try {
      bytes = readWholeFile(file, largestFile).bytes;
    } catch (error) {
      // a folder opens and holds nothing
      if (error instanceof SystemError && error.code === 'EISDIR') return [];
      throw because(`ssh-keygen: ${file}`, error);
    }
  }
  const lines = utf8Text(bytes).split('\n');
  bytes.fill(0);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

async function becauseNone(run: Run, file: string, message: string): Promise<Fatal> {
  if (!run.options.why || file === '-') return new Fatal(message);
  const { key } = await loadIdentity(run, file);
  key.wipe();
  return becauseOf(run, message, file, new SshError('SSH_ERR_INVALID_FORMAT'));
}

/** The public key beside or in a private key's file; its comment may stand only in the private part. */
async function privateFingerprint(run: Run, file: string): Promise<Shown> {
  let key: PublicKey | undefined;
  let comment: string | undefined;
  let failure: unknown;
  try {
    ({ key, comment } = loadPublicKey(file));
  } catch (error) {
    run.log('DEBUG', because(`load public "${file}"`, error).message);
    failure = error;
  }
  if (comment === undefined || comment === '') {
    comment = undefined;
    try {
      const loaded = await readPrivateFile(run, file, undefined);
      loaded.key.wipe();
      key ??= loaded.key.publicKey;
      comment = loaded.comment;
    } catch (error) {
      run.log('DEBUG', because(`load private "${file}"`, error).message);
    }
  }
  if (key === undefined) {
    if (run.options.why) await becauseOf(run, '', file, failure);
    throw new Fatal(`${file} is not a key file.`);
  }
  return { key, comment };
}

/** The key in a line, behind a host's name, options or a number where there are any; undefined where there is none. */
function keyInLine(line: string): Shown | 'nothing' | undefined {
  const text = line.replace(/^[ \t]+|\0[^]*$/g, '');
  if (text === '' || text.startsWith('#')) return 'nothing';
  const bare = keyAt(text);
  if (bare !== undefined) return bare;
  // a number began the keys of protocol 1
  if (/^[+-]?0*[1-9]\d*[ \t]/.test(text)) return undefined;
  const end = endOfPrefix(text);
  if (end >= text.length) return 'nothing';
  const prefix = text.slice(0, end);
  const found = keyAt(text.slice(end + 1));
  return found && { key: found.key, comment: found.comment ?? prefix };
}

function keyAt(text: string): Shown | undefined {
  try {
    const { key, comment } = parsePublicKeyLine(text);
    return { key, comment: comment === '' || comment.startsWith('#') ? undefined : comment };
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/** Where the first space or tab stands that is not in quotes. */
export function endOfPrefix(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (!quoted && (character === ' ' || character === '\t')) return at;
    if (character === '\\' && text[at + 1] === '"') at++;
    else if (character === '"') quoted = !quoted;
  }
  return text.length;
}
