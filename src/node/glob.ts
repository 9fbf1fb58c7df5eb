import fs from 'node:fs';
import { matchWildcards } from '../core/util/pattern.ts';
import { errnoOf } from './errno.ts';
import { findUser, ownUser } from './users.ts';

/** More files than a pattern can sensibly mean; the rest is left out. */
const mostFiles = 65_536;

/**
 * The paths that a pattern of glob(7) names, in the order of their bytes, with `~` and `~user` replaced: `*`, `?` and `[...]` within a
 * part of the path, a leading dot only by a dot. Nothing where nothing fits; undefined where a folder can't be read.
 */
export function globFiles(pattern: string): readonly string[] | undefined {
  const expanded = withHome(pattern);
  const parts = expanded.split('/').filter((part, index) => part !== '' || index === 0);
  let found: string[] = [parts[0] === '' ? '/' : ''];
  if (parts[0] === '') parts.shift();
  for (const [index, part] of parts.entries()) {
    const next: string[] = [];
    for (const folder of found) {
      if (!/[*?[\\]/.test(part)) {
        const path = folder + part;
        if (index < parts.length - 1 || fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) next.push(path);
        continue;
      }
      const names = namesIn(folder === '' ? '.' : folder);
      if (names === undefined) return undefined;
      for (const name of names) if (fits(name, part)) next.push(folder + name);
    }
    found = next.slice(0, mostFiles);
    if (index < parts.length - 1) found = found.map((path) => `${path}/`);
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Whether a file's name fits one part of a pattern. */
function fits(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  return matchWildcards(name, pattern, (character, read) => matchOne(character, pattern, read));
}

/** Where the pattern goes on if its next element fits the character. */
function matchOne(character: string, pattern: string, read: number): number | undefined {
  const element = pattern[read];
  if (element === undefined) return undefined;
  if (element === '?') return read + 1;
  if (element === '\\') return pattern[read + 1] === character ? read + 2 : undefined;
  if (element === '[') {
    const negated = pattern[read + 1] === '!' || pattern[read + 1] === '^';
    const start = read + (negated ? 2 : 1);
    const end = pattern.indexOf(']', start + 1);
    if (end > 0) return inSet(character, pattern.slice(start, end)) !== negated ? end + 1 : undefined;
  }
  return element === character ? read + 1 : undefined;
}

function inSet(character: string, set: string): boolean {
  for (let at = 0; at < set.length; at++) {
    const first = set.charAt(at);
    if (set[at + 1] === '-' && at + 2 < set.length) {
      if (character >= first && character <= set.charAt(at + 2)) return true;
      at += 2;
    } else if (first === character) {
      return true;
    }
  }
  return false;
}

function namesIn(folder: string): string[] | undefined {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    const errno = errnoOf(error);
    return errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EACCES' ? [] : undefined;
  }
}

function withHome(pattern: string): string {
  if (!pattern.startsWith('~')) return pattern;
  const slash = pattern.indexOf('/');
  const name = slash < 0 ? pattern.slice(1) : pattern.slice(1, slash);
  const home = name === '' ? ownUser()?.home : findUser(name)?.home;
  return home === undefined ? pattern : home + (slash < 0 ? '' : pattern.slice(slash));
}
