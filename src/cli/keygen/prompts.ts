/** What `tsh-keygen` asks its user. */
import { equalBytes, utf8Bytes, utf8Text } from '../../core/util/bytes.ts';
import { fileExists } from '../../node/file-entries.ts';
import { readPassphrase } from '../../node/read-passphrase.ts';
import { readInputLine } from '../../node/standard-input.ts';
import { Exit } from './endings.ts';
import type { Run } from './run.ts';

/** Names of identity files by the first letters of the type, the default first. */
const defaultFiles: readonly (readonly [type: RegExp, file: string])[] = [
  [/^ecdsa-sk$|^sk-ecdsa/i, 'id_ecdsa_sk'],
  [/^ed25519-sk$|^sk-ssh-ed25519/i, 'id_ed25519_sk'],
  [/^ecdsa/i, 'id_ecdsa'],
  [/^rsa|^ssh-rsa/i, 'id_rsa'],
  [/^/, 'id_ed25519'],
];

/** The file that -f names, or else the one that the user says on stdin. @throws Exit where there is no answer */
export function keyFile(run: Run, question: string): string {
  const given = run.options.values.get('f');
  if (given !== undefined) return given;
  const type = run.options.values.get('t') ?? '';
  const name = defaultFiles.find(([pattern]) => pattern.test(type))?.[1] ?? '';
  const suggested = run.path(`~/.ssh/${name}`);
  run.out(`${question} (${suggested}): `);
  run.flush();
  const answer = readInputLine();
  if (answer === undefined) throw new Exit(1);
  return answer === '' ? suggested : answer;
}

/** Asks whether a file that is there is to be overwritten; true where there is none. */
export function mayOverwrite(run: Run, path: string): boolean {
  if (!fileExists(path)) return true;
  run.out(`${path} already exists.\n`);
  run.out('Overwrite (y/n)? ');
  run.flush();
  return /^y/i.test(readInputLine() ?? '');
}

/** The longest line that is taken of an answer, in bytes. */
const LONGEST_ANSWER = 1023;

/** A line that the user types at a question on stdout. @throws Exit where there is none */
export function askLine(run: Run, question: string): string {
  run.out(question);
  run.flush();
  const answer = readInputLine(LONGEST_ANSWER);
  if (answer === undefined) throw new Exit(1);
  return answer;
}

/** A secret, for the caller to wipe. */
export async function askSecret(question: string): Promise<Uint8Array> {
  return (await readPassphrase(question, { allowStdin: true })) ?? new Uint8Array(0);
}

/** The passphrase that an option gave, or undefined. The caller wipes it; what stands in the process' arguments can't be. */
export function givenPassphrase(run: Run, ...flags: readonly ('P' | 'N')[]): Uint8Array | undefined {
  for (const flag of flags) {
    const value = run.options.values.get(flag);
    if (value !== undefined) return utf8Bytes(value);
  }
  return undefined;
}

/** The comment that -C gives a key, of which as much is taken as of one that is typed. */
export function givenComment(run: Run): string | undefined {
  const value = run.options.values.get('C');
  return value === undefined ? undefined : utf8Text(utf8Bytes(value).subarray(0, LONGEST_ANSWER));
}

/** A new passphrase, typed twice; undefined where the two differ. The caller wipes it. */
export async function askTwice(question: string): Promise<Uint8Array | undefined> {
  const first = await askSecret(question);
  const second = await askSecret('Enter same passphrase again: ');
  const same = equalBytes(first, second);
  second.fill(0);
  if (same) return first;
  first.fill(0);
  return undefined;
}
