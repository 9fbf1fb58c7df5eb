/** What an escape does with the session. */
export type EscapeAction =
  | 'terminate'
  | 'break'
  | 'commandLine'
  | 'rekey'
  | 'quieter'
  | 'louder'
  | 'suspend'
  | 'list'
  | 'background'
  | 'help';

/** One escape: the character after the escape character, and how `~?` tells of it (two may share a line). */
interface EscapeRow {
  readonly character: string;
  readonly action: EscapeAction;
  readonly help?: readonly [characters: string, text: string];
}

/** The escapes, in the order of `~?`. */
const escapes: readonly EscapeRow[] = [
  { character: '.', action: 'terminate', help: ['.', 'terminate connection (and any multiplexed sessions)'] },
  { character: 'B', action: 'break', help: ['B', 'send a BREAK to the remote system'] },
  { character: 'C', action: 'commandLine', help: ['C', 'open a command line'] },
  { character: 'R', action: 'rekey', help: ['R', 'request rekey'] },
  { character: 'V', action: 'quieter', help: ['V/v', 'decrease/increase verbosity (LogLevel)'] },
  { character: 'v', action: 'louder' },
  { character: '\x1a', action: 'suspend', help: ['^Z', 'suspend ssh'] },
  { character: '#', action: 'list', help: ['#', 'list forwarded connections'] },
  { character: '&', action: 'background' },
  { character: '?', action: 'help', help: ['?', 'this message'] },
];

const CR = 0x0d;
const LF = 0x0a;

/** What became of a piece of input. */
export interface Escaped {
  /** What is to be sent, in order; a part is a view of the input. */
  readonly forward: readonly Uint8Array[];
  /** What the escapes in it ask for, in order. */
  readonly actions: readonly EscapeAction[];
}

/**
 * Finds escapes in what the user types (ssh(1), ESCAPE CHARACTERS): the escape character counts only right after a line's end, and at the
 * start. Escape and escape again sends it once; an unknown character sends both.
 */
export class EscapeFilter {
  private readonly escape: number;
  private lineStart = true;
  private pending = false;

  /** `escape` is the escape character's code. */
  constructor(escape: number) {
    this.escape = escape;
  }

  /** Takes a piece of input that is to be sent as it is, as most are; false where it has to be taken apart by {@link filter}. */
  passes(input: Uint8Array): boolean {
    if (this.pending || input.length === 0 || input.includes(this.escape)) return false;
    const last = input[input.length - 1];
    this.lineStart = last === CR || last === LF;
    return true;
  }

  /** Takes a piece of input apart. */
  filter(input: Uint8Array): Escaped {
    const forward: Uint8Array[] = [];
    const actions: EscapeAction[] = [];
    let from = 0;
    for (let at = 0; at < input.length; at++) {
      const byte = input[at] as number;
      if (this.pending) {
        this.pending = false;
        this.lineStart = false;
        if (byte === this.escape) continue;
        const row = escapes.find(({ character }) => character.charCodeAt(0) === byte);
        if (row === undefined) {
          // both go on; the escape character was held back
          forward.push(Uint8Array.of(this.escape));
          this.lineStart = byte === CR || byte === LF;
        } else {
          actions.push(row.action);
          this.lineStart = true;
          from = at + 1;
        }
      } else if (this.lineStart && byte === this.escape) {
        if (at > from) forward.push(input.subarray(from, at));
        from = at + 1;
        this.pending = true;
      } else {
        this.lineStart = byte === CR || byte === LF;
      }
    }
    if (from < input.length) forward.push(input.subarray(from));
    return { forward, actions };
  }

  /** The text of `~?`, its lines ended for a terminal in raw mode; `~C` is told of only where it opens a command line. */
  help(commandLine: boolean): string {
    const escape = printed(String.fromCharCode(this.escape));
    const told = escapes.flatMap(({ action, help }) => (help === undefined || (action === 'commandLine' && !commandLine) ? [] : [help]));
    const lines = [...told, [escape, 'send the escape character by typing it twice'] as const].map(
      ([characters, text]) => ` ${escape}${characters.padEnd(3)} - ${text}`,
    );
    const note = '(Note that escapes are only recognized immediately after newline.)';
    return `${[`${escape}?`, 'Supported escape sequences:', ...lines, note].join('\r\n')}\r\n`;
  }
}

/** A character as it is typed: control characters as ^X. */
function printed(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x20 ? `^${String.fromCharCode(code + 0x40)}` : character;
}
