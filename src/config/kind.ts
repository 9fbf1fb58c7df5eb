/**
 * Kinds of configuration values: how the arguments of a keyword are read, how several of its lines add up, how `-G` shows the value.
 */
import { parseSeconds } from '../core/util/time.ts';
import { parseLogLevel, type Log, type LogLevel } from '../core/util/log.ts';
import type { Environment } from '../core/util/percent.ts';
import { lowerCase } from '../core/util/pattern.ts';

/** A line that can't be used. `text` is what follows `FILE line N: ` in OpenSSH's message. */
export class LineError extends Error {
  readonly text: string;
  /** Whether OpenSSH stops here, where for others it goes on to the end of the file to find more of them. */
  readonly isFatal: boolean;

  constructor(text: string, isFatal = false) {
    super(text);
    this.name = 'LineError';
    this.text = text;
    this.isFatal = isFatal;
  }
}

/** The port of a TCP service by its name, or undefined where there is none. */
export type ServicePort = (name: string) => number | undefined;

/** What values are looked up in while a line is read. */
export interface Lookups {
  readonly servicePort: ServicePort;
  readonly variable: Environment;
  readonly log: Log;
}

/** What follows a keyword on its line: the words one by one, or the raw rest at once. */
export class Arguments {
  /** The keyword as it was written, in lower case: messages repeat it. */
  readonly keyword: string;
  /** The line after the keyword, as it was written. */
  readonly raw: string;
  /** Whether the value comes from the command line, not from a file. */
  readonly isCommandLine: boolean;
  /** Where hints go that do not make the line wrong; texts get `FILE line N: ` in front. */
  readonly log: Log;
  readonly lookups: Lookups;
  readonly #words: readonly string[];
  #next = 0;

  constructor(line: { keyword: string; raw: string; words: readonly string[]; isCommandLine: boolean; log: Log; lookups: Lookups }) {
    this.keyword = line.keyword;
    this.raw = line.raw;
    this.#words = line.words;
    this.isCommandLine = line.isCommandLine;
    this.log = line.log;
    this.lookups = line.lookups;
  }

  /** The next word, or undefined after the last. */
  next(): string | undefined {
    return this.#words[this.#next++];
  }

  /** The next word, which must be there and hold something. */
  required(complaint = 'Missing argument.'): string {
    const word = this.next();
    if (word === undefined || word === '') throw new LineError(complaint);
    return word;
  }

  /** How many words are left. */
  get left(): number {
    return Math.max(0, this.#words.length - this.#next);
  }

  /** The words that are left, which count as read. */
  all(): string[] {
    const words = this.#words.slice(this.#next);
    this.#next = this.#words.length;
    return words;
  }

  /** The raw rest of the line without a leading `=`; all words count as read. */
  rest(): string {
    this.#next = this.#words.length;
    return this.raw.replace(/^[ \t\r\n=]+/, '');
  }
}

/** How values of one type are written in a configuration file. */
export interface Kind<T> {
  /**
   * Reads the arguments of one line. `undefined` means that the line is right but sets nothing.
   *
   * @throws LineError where they are wrong.
   */
  read(args: Arguments): T | undefined;
  /** Adds a line's value to what was there, if anything; without this the first value stays. */
  append?(before: T | undefined, value: T): T;
  /** The lines that `-G` shows, each without the keyword; none where nothing is shown. */
  format(value: T): readonly string[];
  /** Words to offer in a shell's completion. */
  readonly words?: readonly string[];
  /** The names that its value is a list of, for the same. */
  readonly names?: () => readonly string[];
}

/** `yes` or `no`. */
export const flag: Kind<boolean> = {
  read: (args) => choose(args, flagWords()) === 'yes',
  format: (value) => [value ? 'yes' : 'no'],
  words: ['yes', 'no'],
};

function flagWords(): Readonly<Record<string, 'yes' | 'no'>> {
  return { yes: 'yes', true: 'yes', no: 'no', false: 'no' };
}

/** One of several words, each with the word that stands for it as value and in `-G`. */
export function choice<const V extends string>(words: Readonly<Record<string, V>>): Kind<V> {
  return { read: (args) => choose(args, words), format: (value) => [value], words: Object.keys(words) };
}

function choose<V extends string>(args: Arguments, words: Readonly<Record<string, V>>): V {
  const word = args.next();
  if (word === undefined) throw new LineError('missing argument.');
  // OpenSSH complains twice here.
  if (word === '') args.log('ERROR', 'missing argument.');
  const key = lowerCase(word);
  const value = Object.hasOwn(words, key) ? words[key] : undefined;
  if (value === undefined) throw new LineError(`unsupported option "${word}".`);
  return value;
}

/** A whole number from 0 to 2^31-1. */
export const int: Kind<number> = {
  read: (args) => {
    const word = args.next();
    if (word === undefined || word === '') throw new LineError('integer value missing.');
    return parseInteger(word);
  },
  format: (value) => [String(value)],
};

/** Reads a decimal number of 0 to 2^31-1. */
export function parseInteger(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (digits === null) throw new LineError('integer value invalid.');
  const value = Number(text);
  if (value < 0) throw new LineError('integer value too small.');
  if (value > 0x7fffffff) throw new LineError('integer value too large.');
  return value === 0 ? 0 : value;
}

/** Seconds; `none` sets nothing. `shownAsNone` is the value that `-G` shows as `none`. */
export function time(shownAsNone?: number): Kind<number> {
  return {
    read: (args) => {
      const word = args.next();
      if (word === undefined || word === '') throw new LineError('missing time value.');
      if (word === 'none') return undefined;
      const value = parseSeconds(word);
      if (value === undefined) throw new LineError('invalid time value.');
      return value;
    },
    format: (value) => [value === shownAsNone ? 'none' : String(value)],
  };
}

/** One word. */
export const string: Kind<string> = { read: (args) => args.required(), format: (value) => [value] };

/** The rest of the line as it stands, quotes included: a command for a shell. */
export const command: Kind<string> = {
  read: (args) => {
    const text = args.rest();
    if (text === '') throw new LineError('Missing argument.');
    return text;
  },
  format: (value) => [value],
};

/** Words that later lines add to, each shown on its own line; `most` is how many there may be, of `what`. */
export function accumulate(what: string, most: number): Kind<readonly string[]> {
  return {
    read: (args) => [args.required()],
    append: (before = [], value) => {
      if (before.length >= most) throw new LineError(`Too many ${what} files specified (max ${most}).`);
      return before.some((known) => known === value[0]) ? before : [...before, ...value];
    },
    format: (value) => value,
  };
}

/** Words on one line, all shown on one; `none` must stand alone. `most` is how many there may be. */
export function list(most: number): Kind<readonly string[]> {
  return {
    read: (args) => {
      const words: string[] = [];
      for (let word = args.next(); word !== undefined; word = args.next()) {
        if (word === '') throw new LineError(`keyword ${args.keyword} empty argument`);
        if (lowerCase(word) === 'none' && (words.length > 0 || args.left > 0)) {
          throw new LineError(`keyword ${args.keyword} "none" argument must appear alone.`);
        }
        if (words.length >= most) throw new LineError(`too many ${args.keyword} entries.`);
        words.push(word);
      }
      if (words.length === 0) throw new LineError(`no ${args.keyword} specified`);
      return words;
    },
    format: (value) => [value.length === 0 ? 'none' : value.join(' ')],
  };
}

/** A level of the log. */
export const logLevel: Kind<LogLevel> = {
  read: (args) => {
    const word = args.next();
    const level = parseLogLevel(word ?? '');
    if (level === undefined) throw new LineError(`unsupported log level '${word ?? '<NONE>'}'`);
    return level;
  },
  // OpenSSH knows this level by two names and shows the first.
  format: (value) => [value === 'QUIET' ? 'SILENT' : value],
  words: ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG1', 'DEBUG2', 'DEBUG3'],
};
