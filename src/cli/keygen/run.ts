/** What every operation of `tsh-keygen` has at hand: its options and its output. */
import { concat, utf8Bytes } from '../../core/util/bytes.ts';
import { stderrLog, type Log, type LogLevel } from '../../core/util/log.ts';
import { visibleText } from '../../core/util/vis.ts';
import { expandTilde, writeTo } from '../../node/files.ts';
import { localHostname } from '../../node/local-host.ts';
import { isatty } from '../../node/tty.ts';
import { ownUser } from '../../node/users.ts';
import { Fatal } from './endings.ts';
import type { KeygenOptions } from './options.ts';

/** As much as C's library holds for a pipe. */
const mostHeld = 4096;

/** One run of the program. */
export class Run {
  readonly options: KeygenOptions;
  /** How much is told. */
  readonly level: LogLevel;
  readonly log: Log;
  /** Takes the lines that are told as errors. */
  readonly error: (text: string) => void;
  /** Takes the lines of the log that tell what was done. */
  readonly info: (text: string) => void;

  constructor(options: KeygenOptions, level: LogLevel) {
    this.options = options;
    this.level = level;
    this.log = stderrLog({ level, write: (line) => writeTo(2, line) });
    this.error = (text) => this.log('ERROR', text);
    this.info = (text) => this.log('INFO', text);
    this.isVerbose = level !== 'INFO';
  }

  /** Whether -v was given, which also shows pictures. */
  readonly isVerbose: boolean;

  /** What stdout has not got yet, and how many bytes that is. */
  #held: Uint8Array[] = [];
  #length = 0;

  /**
   * Writes to stdout as it is: at once to a terminal, else, as C's library does, when much is held, when it is asked for or at the end.
   * What an error of status 255 finds held is lost, as it is in ssh-keygen.
   */
  out(text: string): void {
    this.outBytes(utf8Bytes(text));
  }

  /** The same with bytes, which may be of no encoding that we know; they are the run's from then on. */
  outBytes(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#length += bytes.length;
    if (this.#length > mostHeld || isatty(1)) this.flush();
  }

  /** Writes what is held. */
  flush(): void {
    if (this.#length > 0) writeTo(1, concat(...this.#held));
    this.#held = [];
    this.#length = 0;
  }

  /** Writes to stdout what may hold what others wrote: a comment, a name. */
  outVisible(text: string): void {
    this.out(visibleText(text, isUtf8Locale()));
  }

  /** The same where ssh-keygen does not ask for the locale, and programs read the text: UTF-8 stays in every one. */
  outText(text: string): void {
    this.out(visibleText(text));
  }

  /** Writes to stdout unless -q was given. */
  tell(text: string): void {
    if (!this.options.quiet) this.out(text);
  }

  /** Writes to stderr as it is, past the log. */
  complain(text: string): void {
    writeTo(2, text);
  }

  /** Writes a value as one line of JSON. */
  json(value: unknown): void {
    this.out(`${JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? one.toString() : one))}\n`);
  }

  /** The user's name, as comments have it. */
  get userName(): string {
    return ownUser()?.name ?? String(process.getuid?.() ?? '');
  }

  /** `user@host`: the comment of new keys. */
  get userAtHost(): string {
    return `${this.userName}@${localHostname()}`;
  }

  /** A path whose leading `~` is a home folder. @throws Fatal for a user who is unknown */
  path(path: string): string {
    try {
      return expandTilde(path);
    } catch (error) {
      if (ownUser() === undefined) throw new Fatal(`No user exists for uid ${process.getuid?.() ?? -1}`, { cause: error });
      throw new Fatal(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}

/** Whether the locale's text is UTF-8. */
export function isUtf8Locale(): boolean {
  const name = ['LC_ALL', 'LC_CTYPE', 'LANG'].map((one) => process.env[one]).find((value) => value !== undefined && value !== '');
  return /utf-?8/i.test(name ?? '');
}
