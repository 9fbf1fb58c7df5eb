/** -Q: what this program knows. */
import { keyNamesOf } from '../config/algorithm-lists.ts';
import { cipherNames, compressionNames, kexNames, macNames } from '../core/crypto/names.ts';

/** The lists of -Q by their names, in the order of `-Q help`. */
const queries: Readonly<Record<string, () => readonly string[]>> = {
  cipher: () => cipherNames,
  'cipher-auth': () => cipherNames.filter((name) => name.includes('gcm') || name.startsWith('chacha20')),
  compression: () => compressionNames,
  kex: () => kexNames,
  key: () => keyNamesOf({}),
  'key-cert': () => keyNamesOf({ certificates: true }),
  'key-plain': () => keyNamesOf({ certificates: false }),
  'key-sig': () => keyNamesOf({ signatures: true }),
  mac: () => macNames,
  'protocol-version': () => ['2'],
  sig: () => keyNamesOf({ certificates: false, signatures: true }),
};

/** Names that `-Q help` leaves out. */
const hidden: Readonly<Record<string, string>> = { 'key-ca-sign': 'sig' };

/** Keywords of ssh_config(5) that stand for a list, in lower case. */
const keywords: Readonly<Record<string, string>> = {
  ciphers: 'cipher',
  macs: 'mac',
  kexalgorithms: 'kex',
  hostkeyalgorithms: 'key-sig',
  hostbasedkeytypes: 'key-sig',
  hostbasedacceptedalgorithms: 'key-sig',
  pubkeyacceptedkeytypes: 'key-sig',
  pubkeyacceptedalgorithms: 'key-sig',
  casignaturealgorithms: 'sig',
};

/** The names of all lists. */
export const queryNames: readonly string[] = Object.keys(queries);

/** What `-Q name` prints, line by line; undefined for a name that is no list. */
function answerQuery(name: string): readonly string[] | undefined {
  if (name === 'help') return queryNames;
  const list = own(queries, name) ?? own(queries, own(hidden, name) ?? own(keywords, name.toLowerCase()) ?? '');
  return list?.();
}

/**
 * Answers `-Q name` on `write`.
 *
 * @returns the exit status; where it isn't 0, `complain` has been given the line to log.
 */
export function runQuery(name: string, write: (text: string) => void, complain: (line: string) => void): number {
  const lines = answerQuery(name);
  if (lines === undefined) {
    complain(`Unsupported query "${name}"`);
    return 255;
  }
  for (const line of lines) write(`${line}\n`);
  return 0;
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
