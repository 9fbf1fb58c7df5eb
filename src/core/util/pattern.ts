/**
 * The wildcard patterns of configuration files and key files (ssh_config(5), PATTERNS), and the algebra of algorithm lists.
 *
 * A pattern comes from a file that someone else may have written, so the matcher is written by hand: it goes back to the last `*` only,
 * and so never takes more steps than the product of both lengths.
 */

/** What a pattern list says: `match`, `negated` where a `!` pattern matched, or `none`. */
export type ListMatch = 'match' | 'negated' | 'none';

/** OpenSSH gives up on a list that has a pattern longer than this. */
const longestPattern = 1022;

/** Whether the whole text fits a pattern in which `*` stands for any characters, none included, and `?` for just one. */
export function matchPattern(text: string, pattern: string): boolean {
  return matchWildcards(text, pattern, (character, read) => {
    const wanted = pattern[read];
    return wanted === '?' || wanted === character ? read + 1 : undefined;
  });
}

/**
 * Whether the whole text fits a pattern in which `*` stands for any characters. `element` says of what else the pattern holds at `read`
 * whether one character fits it: where the pattern goes on then, or undefined.
 */
export function matchWildcards(text: string, pattern: string, element: (character: string, read: number) => number | undefined): boolean {
  let at = 0;
  let read = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const step = pattern[read] === '*' ? undefined : element(text.charAt(at), read);
    if (pattern[read] === '*') {
      star = read++;
      resume = at;
    } else if (step !== undefined) {
      read = step;
      at++;
    } else if (star >= 0) {
      read = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[read] === '*') read++;
  return read === pattern.length;
}

/**
 * Looks a text up in a comma-separated list of patterns, each of which may be negated by `!`.
 *
 * A negated pattern that matches decides at once, wherever it stands after. `lowercase` folds the patterns; the text has to be folded by
 * the caller.
 */
export function matchPatternList(text: string, list: string, lowercase = false): ListMatch {
  let matched = false;
  for (const item of list === '' ? [] : list.split(',')) {
    const negated = item.startsWith('!');
    let pattern = negated ? item.slice(1) : item;
    if (pattern.length > longestPattern) return 'none';
    if (lowercase) pattern = lowerCase(pattern);
    if (!matchPattern(text, pattern)) continue;
    if (negated) return 'negated';
    matched = true;
  }
  return matched ? 'match' : 'none';
}

/** Looks a host name up in a pattern list, without regard to case. */
export function matchHostname(host: string, list: string): ListMatch {
  return matchPatternList(lowerCase(host), list, true);
}

/** ASCII letters in lower case, and nothing else changed: C's tolower() in the C locale. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Resolves an algorithm list of a configuration against a default: `+names` appends, `-patterns` removes, `^names` puts first, anything
 * else replaces. What stays is looked up in `all` with wildcards, so a name that is not there is dropped, and no name comes twice.
 *
 * @returns undefined for a list that negates a name, which has no meaning here.
 */
export function assembleNames(list: string | undefined, defaults: string, all: string): string | undefined {
  if (list === undefined || list === '') return defaults;
  const rest = list.slice(1);
  if (list.startsWith('-')) return withoutNames(defaults, rest);
  let wanted = list;
  if (list.startsWith('+')) wanted = joinNames(defaults, rest);
  else if (list.startsWith('^')) wanted = joinNames(rest, defaults);
  let assembled = '';
  for (const pattern of splitNames(wanted)) {
    if (pattern.startsWith('!')) return undefined;
    assembled = joinNames(assembled, keepNames(all, pattern));
  }
  return assembled;
}

/** The names of the first list that a pattern list matches, in their order. */
export function keepNames(names: string, patterns: string): string {
  return splitNames(names)
    .filter((name) => matchPatternList(name, patterns) === 'match')
    .join(',');
}

/** The names of the first list that no pattern of the second matches, in their order. */
function withoutNames(names: string, patterns: string): string {
  return splitNames(names)
    .filter((name) => matchPatternList(name, patterns) === 'none')
    .join(',');
}

/** The names of a comma-separated list; empty ones are left out. */
export function splitNames(list: string): string[] {
  return list.split(',').filter((name) => name !== '');
}

function joinNames(first: string, second: string): string {
  if (first === '') return second;
  const names = first.split(',');
  const known = new Set(names);
  for (const name of splitNames(second)) {
    if (known.has(name)) continue;
    known.add(name);
    names.push(name);
  }
  return names.join(',');
}
