import { createHmac } from 'node:crypto';
import { base64, fromBase64, utf8Bytes } from '../util/bytes.ts';
import { isModuleLoaded, knownHostsModule, moduleLookingFor } from './known-hosts-module.ts';

/*
 * Host names as HashKnownHosts writes them: `|1|salt|hash`, of which the hash is the name's HMAC-SHA1 (RFC 2104) with the salt as its key.
 */

/** The bytes of a hash, and of a salt. */
export const HASH_LENGTH = 20;

const BEGIN = '|1|';

/** The whole of a hashed name: behind its beginning 28 digits of base64, a bar, and 28 more. */
const LENGTH = 60;

/** How many names node:crypto is asked about before the module is worth its making. */
const FEW = 64;

/** A name in its hashed form. */
export function formatHashedName(salt: Uint8Array, name: string): string {
  // node:crypto takes longer to load than all else that a look-up does
  const [hashed] = isModuleLoaded() && isShort(name) ? hashByModule(salt, [name]) : [];
  if (hashed !== undefined) return hashed;
  const hash = createHmac('sha1', salt).update(utf8Bytes(name)).digest();
  return `${BEGIN}${base64(salt)}|${base64(hash)}`;
}

/** Many names in their hashed form; the salts stand one behind the other. */
export function formatHashedNames(salts: Uint8Array, names: readonly string[]): string[] {
  const batch = names.length > FEW ? knownHostsModule().salts.length / HASH_LENGTH : 1;
  const hashed: string[] = [];
  for (let at = 0; at < names.length; at += batch) {
    const some = names.slice(at, at + batch);
    const theirs = salts.subarray(at * HASH_LENGTH, (at + some.length) * HASH_LENGTH);
    const byModule = batch > 1 && some.every(isShort);
    for (const one of byModule ? hashByModule(theirs, some) : hashOneByOne(theirs, some)) hashed.push(one);
  }
  return hashed;
}

/** Whether the module takes a name: it has to be one line and, with its padding, one block. */
function isShort(name: string): boolean {
  return /^[ -~]{0,55}$/.test(name);
}

function hashByModule(salts: Uint8Array, names: readonly string[]): string[] {
  const module = knownHostsModule();
  encoder.encodeInto(`${names.join('\n')}\n`, module.lines);
  module.salts.set(salts);
  module.name = undefined;
  module.exports.hashNames(names.length);
  const all = module.hashed.toString('latin1', 0, names.length * LENGTH);
  return names.map((_name, index) => all.slice(index * LENGTH, (index + 1) * LENGTH));
}

const encoder = new TextEncoder();

function hashOneByOne(salts: Uint8Array, names: readonly string[]): string[] {
  return names.map((name, index) => formatHashedName(salts.subarray(index * HASH_LENGTH, (index + 1) * HASH_LENGTH), name));
}

/** The salt of a hashed name, where it is one. */
export function hashedNameSalt(hosts: string): Uint8Array | undefined {
  return /\|[A-Za-z0-9+/]{27}=$/.test(hosts) && hosts.length === LENGTH ? leadingSalt(hosts) : undefined;
}

/** Whether a line's names begin as a hashed one and have no salt of the right length: such a line can't be asked whose it is. */
export function isMalformedHashedName(hosts: string): boolean {
  return hosts.startsWith('|') && leadingSalt(hosts) === undefined;
}

/** The salt that names begin with, whatever stands behind it. */
function leadingSalt(hosts: string): Uint8Array | undefined {
  const [, encoded = ''] = /^\|1\|([^|]*)\|/.exec(hosts) ?? [];
  const salt = fromBase64(encoded);
  return salt?.length === HASH_LENGTH ? salt : undefined;
}

/**
 * A function that tells of one hashed name after another whether it is this name's; what is malformed is nobody's.
 *
 * A file of many is what a module of our own is for: it takes a microsecond each, node:crypto several to begin with.
 */
export function hashedNameMatcher(name: string): (hashed: string) => boolean {
  const isExactly = (hashed: string): boolean => {
    const salt = hashedNameSalt(hashed);
    return salt !== undefined && formatHashedName(salt, name) === hashed;
  };
  let asked = 0;
  const bytes = utf8Bytes(name);
  return (hashed) => {
    if (hashed.length !== LENGTH) return false;
    const module = ++asked > FEW ? moduleLookingFor(name, bytes) : undefined;
    if (module !== undefined) {
      module.field.write(hashed, 0, LENGTH, 'latin1');
      if (module.exports.matches() === 0) return false;
    }
    return isExactly(hashed);
  };
}
