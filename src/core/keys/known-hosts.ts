import { randomBytes, type Random, systemRandom } from '../crypto/random.ts';
import { base64 } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { lowerCase, matchHostname } from '../util/pattern.ts';
import { formatHashedName, formatHashedNames, HASH_LENGTH, hashedNameMatcher, hashedNameSalt } from './hashed-name.ts';
import type { PublicKey } from './key.ts';
import { keyType } from './key-types.ts';
import { suspectLines } from './known-hosts-lines.ts';
import { decodePublicKey } from './public-key.ts';

/** The longest line that is read, in characters: several times the longest key. */
const LONGEST_LINE = 64 * 1024;

/** What a line says about its key besides whose it is. */
export type HostKeyMarker = 'cert-authority' | 'revoked';

/** A line that names hosts and their key, which is not yet decoded. */
export interface KnownHostsLine {
  readonly at: 'entry';
  readonly marker?: HostKeyMarker;
  /** The names as they stand there: patterns between commas, or one hashed name. */
  readonly hosts: string;
  readonly keyType: string;
  readonly encodedKey: string;
  readonly comment: string;
}

/** A line of known_hosts. */
export type ParsedLine =
  | KnownHostsLine
  | { readonly at: 'comment' }
  | {
      readonly at: 'invalid';
      readonly reason: string;
    };

/** Reads one line without its line break (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): only spaces and tabs separate fields. Never throws. */
export function parseKnownHostsLine(line: string): ParsedLine {
  if (line.length > LONGEST_LINE) return { at: 'invalid', reason: 'line too long' };
  let rest = line.replace(/\n$/, '').replace(/^[ \t]+/, '');
  if (rest === '' || rest.startsWith('#')) return { at: 'comment' };
  let marker: HostKeyMarker | undefined;
  if (rest.startsWith('@')) {
    const [, word, after] = /^@([^ \t]*)[ \t]+([^]*)$/.exec(rest) ?? [];
    if ((word !== 'cert-authority' && word !== 'revoked') || after === undefined || after.startsWith('@')) {
      return { at: 'invalid', reason: 'invalid marker' };
    }
    marker = word;
    rest = after;
  }
  const [, hosts, keyType, encodedKey, comment] = /^([^ \t]+)[ \t]+([^ \t]+)[ \t]+([^ \t]+)[ \t]*([^]*)$/.exec(rest) ?? [];
  if (hosts === undefined || keyType === undefined || encodedKey === undefined || comment === undefined) {
    return { at: 'invalid', reason: 'missing host key' };
  }
  // what editors of other systems put at a line's end is no part of the key
  return { at: 'entry', ...(marker && { marker }), hosts, keyType, encodedKey: encodedKey.replace(/\r$/, ''), comment };
}

/**
 * The key of a line.
 *
 * @throws SshError where it is malformed or of another type than the line declares.
 */
export function knownHostsKey(line: KnownHostsLine): PublicKey {
  return decodePublicKey(line.keyType, line.encodedKey);
}

/** Tells of the names of one line after another whether they include one. */
export type HostMatcher = (hosts: string) => boolean;

/**
 * Whether a line's names include this one: a host's name or address in lower case, as {@link knownHostsName} writes it.
 *
 * A hashed name that is malformed includes none.
 */
export function hostMatcher(name: string): HostMatcher {
  const isHashed = hashedNameMatcher(name);
  const folded = lowerCase(name);
  return (hosts) => {
    if (hosts.startsWith('|')) return isHashed(hosts);
    // most lines are of other hosts and hold no pattern
    if (!hosts.includes(folded) && !/[*?A-Z]/.test(hosts)) return false;
    return matchHostname(name, hosts) === 'match';
  };
}

/**
 * The names of a line that is in order and has no marker, without a look at its key but for the type; undefined for any other line, which
 * then has to be parsed. A file of ten thousand hosts is searched in a third of the time.
 */
export function skimHosts(line: string): string | undefined {
  if (line.length > LONGEST_LINE) return undefined;
  const [, hosts, type = ''] = /^[ \t]*([^ \t@#][^ \t]*)[ \t]+([^ \t]+)[ \t]+[^ \t\r\n]/.exec(line) ?? [];
  return keyType(type) === undefined ? undefined : hosts;
}

/** The name under which a host stands in known_hosts: in lower case, as `[host]:port` where the port is not 22. */
export function knownHostsName(host: string, port: number): string {
  const name = lowerCase(host);
  return port === 22 ? name : `[${name}]:${port}`;
}

/** A name in its hashed form, `|1|salt|hash`, with a new salt. */
export function hashHost(name: string, random: Random = systemRandom): string {
  return formatHashedName(randomBytes(random, HASH_LENGTH), name);
}

/** The same of many names. */
export function hashHosts(names: readonly string[], random: Random = systemRandom): string[] {
  return formatHashedNames(randomBytes(random, HASH_LENGTH * names.length), names);
}

/**
 * A line for these names, without a line break.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT where a name holds what would stand for other hosts or break the line.
 */
export function formatKnownHostsLine(names: readonly string[], key: PublicKey, comment = ''): string {
  for (const name of names) {
    if (!isPlainName(name) && hashedNameSalt(name) === undefined) {
      throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'host name with characters that known_hosts can not hold');
    }
  }
  return `${names.join(',')} ${key.name} ${base64(key.blob)}${comment === '' ? '' : ` ${comment}`}`;
}

/** A line's key and where it stands. */
export interface KnownHostsEntry {
  readonly marker?: HostKeyMarker;
  readonly key: PublicKey;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A known_hosts file: its name and its text. */
export interface KnownHostsFile {
  readonly file: string;
  readonly text: string;
}

/**
 * What the files say of a host by this name: every line that names it, in their order. Lines that can't be read are passed over, as
 * OpenSSH does; `skipped` is told of those that were and name the host or can't be told.
 */
export function knownHostsEntries(
  files: readonly KnownHostsFile[],
  name: string,
  skipped?: (file: string, line: number, reason: string) => void,
): KnownHostsEntry[] {
  const entries: KnownHostsEntry[] = [];
  const matches = hostMatcher(name);
  for (const { file, text } of files) {
    for (const { start, end, number } of suspectLines(text, name)) {
      const content = text.slice(start, end);
      const hosts = skimHosts(content);
      if (hosts !== undefined && !matches(hosts)) continue;
      const line = parseKnownHostsLine(content);
      if (line.at === 'invalid') skipped?.(file, number, line.reason);
      if (line.at !== 'entry' || (hosts === undefined && !matches(line.hosts))) continue;
      try {
        const key = knownHostsKey(line);
        entries.push({ ...(line.marker && { marker: line.marker }), key, file, line: number });
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        skipped?.(file, number, error.message);
      }
    }
  }
  return entries;
}

/** Whether a host's key is the one that is known: OpenSSH's HOST_OK, HOST_NEW, HOST_CHANGED and HOST_REVOKED. */
export type HostKeyStatus =
  /** The entry is of this very key or, for a certificate, of its authority. */
  | { readonly status: 'ok'; readonly entry: KnownHostsEntry }
  | { readonly status: 'new' }
  /** The host has other keys, of which the entry is the last; for certificates this never comes. */
  | { readonly status: 'changed'; readonly entry: KnownHostsEntry }
  /** The key or its authority is revoked by the entry, whatever others say. */
  | { readonly status: 'revoked'; readonly entry: KnownHostsEntry };

/** Judges a host's key by the entries of {@link knownHostsEntries}. */
export function checkHostKey(entries: readonly KnownHostsEntry[], key: PublicKey): HostKeyStatus {
  const authority = key.certificate?.signatureKey;
  for (const entry of entries) {
    if (entry.marker === 'revoked' && [key, key.plain, authority].some((one) => one !== undefined && sameKey(entry.key, one))) {
      return { status: 'revoked', entry };
    }
  }
  const marker = authority === undefined ? undefined : 'cert-authority';
  const candidates = entries.filter((entry) => entry.marker === marker);
  const entry = candidates.find((one) => sameKey(one.key, authority ?? key));
  if (entry !== undefined) return { status: 'ok', entry };
  const last = candidates.at(-1);
  return last === undefined || authority !== undefined ? { status: 'new' } : { status: 'changed', entry: last };
}

/** The first entry that is no authority's and has a key of this type, unless the key is revoked (OpenSSH's HOST_FOUND). */
export function knownKeyOfType(entries: readonly KnownHostsEntry[], keyType: string): KnownHostsEntry | undefined {
  const entry = entries.find((one) => one.marker === undefined && one.key.name === keyType);
  return entry === undefined || checkHostKey(entries, entry.key).status === 'revoked' ? undefined : entry;
}

/** Every line that has just this key and no marker, with its names as they may be shown; lines that these names fit are left out. */
export function namesOfKey(
  files: readonly KnownHostsFile[],
  key: PublicKey,
  except: readonly string[],
): { readonly file: string; readonly line: number; readonly hosts: string }[] {
  const encoded = base64(key.blob);
  const exceptions = except.map(hostMatcher);
  return files.flatMap(({ file, text }) =>
    text.split('\n').flatMap((content, index) => {
      if (!content.includes(encoded)) return [];
      const line = parseKnownHostsLine(content);
      if (line.at !== 'entry' || line.marker !== undefined || line.encodedKey !== encoded) return [];
      if (exceptions.some((matches) => matches(line.hosts))) return [];
      return [{ file, line: index + 1, hosts: line.hosts.startsWith('|') ? '[hashed name]' : line.hosts }];
    }),
  );
}

/** Whether a host's name, without a port, may be written to known_hosts: it holds nothing that has a meaning of its own there. */
export function isKnownHostsName(name: string): boolean {
  return !/[@?*#[\]|'"\\]/.test(name);
}

/** Whether a name, or a name and a port in OpenSSH's form, holds nothing that has a meaning of its own in known_hosts. */
function isPlainName(name: string): boolean {
  const [, bracketed] = /^\[(.*)\]:[0-9]+$/.exec(name) ?? [];
  const host = bracketed ?? name;
  return host !== '' && !/^[@#]|[\s\p{Cc},*?![\]|'"\\]/u.test(host);
}

function sameKey(a: PublicKey, b: PublicKey): boolean {
  return Buffer.compare(a.blob, b.blob) === 0;
}
