/** A keyword cut off a configuration line, and what follows it. */
export interface Delimited {
  readonly word: string;
  /** The rest after the white space or the one `=` that ended the word; undefined where nothing ended it. */
  readonly rest: string | undefined;
}

/**
 * Splits a line into words as a configuration file quotes them: white space ends a word, `"` and `'` hold it together, a backslash
 * protects a quote, a backslash and outside quotes a space, and stands for itself before anything else.
 *
 * @param stopAtComment whether a word that begins with `#` ends the line.
 * @returns undefined where a quote is left open.
 */
export function splitWords(line: string, stopAtComment = false): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (isBlank(line[at])) at++;
    if (at >= line.length || (stopAtComment && line[at] === '#')) return words;
    let word = '';
    let quote = '';
    for (; at < line.length; at++) {
      const character = line[at] as string;
      if (character === '\\') {
        const next = line[at + 1];
        if (next === "'" || next === '"' || next === '\\' || (quote === '' && next === ' ')) {
          word += next;
          at++;
        } else {
          word += character;
        }
      } else if (quote === '' && isBlank(character)) {
        break;
      } else if (quote === '' && (character === '"' || character === "'")) {
        quote = character;
      } else if (quote !== '' && character === quote) {
        quote = '';
      } else {
        word += character;
      }
    }
    if (quote !== '') return undefined;
    words.push(word);
  }
}

/**
 * Cuts the first word off a configuration line: it ends at white space or at one `=` with white space around it, or at the closing quote
 * of a part in double quotes.
 *
 * @param equals false where `=` is a character like others.
 * @returns undefined where a quote is left open.
 */
export function cutWord(line: string, equals = true): Delimited | undefined {
  const end = line.search(equals ? /[ \t\r\n"=]/ : /[ \t\r\n"]/);
  if (end < 0) return { word: line, rest: undefined };
  if (line[end] === '"') {
    const close = line.indexOf('"', end + 1);
    if (close < 0) return undefined;
    return { word: line.slice(0, end) + line.slice(end + 1, close), rest: withoutLeadingSpace(line.slice(close + 1)) };
  }
  const word = line.slice(0, end);
  let rest = withoutLeadingSpace(line.slice(end + 1));
  if (equals && line[end] !== '=' && rest.startsWith('=')) rest = withoutLeadingSpace(rest.slice(1));
  return { word, rest };
}

/** A text without the white space that it begins with. */
export function withoutLeadingSpace(text: string): string {
  return text.replace(/^[ \t\r\n]+/, '');
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
