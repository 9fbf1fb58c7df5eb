import type { EventSink } from '../events.ts';
import { latin1Text, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';

/** The most lines that a server may send before its identification; OpenSSH's SSH_MAX_PRE_BANNER_LINES. */
const MOST_LINES = 1024;
/** The longest line that is taken, in bytes without its end; OpenSSH's SSH_MAX_BANNER_LEN. */
const LONGEST_LINE = 8192;
/** The longest identification that is sent, with CR and LF (RFC 4253 section 4.2). */
const LONGEST_SENT = 255;

/** The peer's identification string, taken apart. */
export interface Ident {
  /** The whole line without its end: it goes into the exchange hash. */
  readonly line: string;
  readonly bytes: Uint8Array;
  readonly major: number;
  readonly minor: number;
  readonly software: string;
}

/** What is sent to a peer whose identification can't be used; plain text, as there are no packets yet. */
export const identRefusal = {
  invalid: 'Invalid SSH identification string.\r\n',
  version: 'Protocol major versions differ.\r\n',
  none: 'No SSH identification string received.\r\n',
} as const;

/** A refused identification: which sentence the peer is told. */
export class IdentError extends SshError {
  readonly refusal: keyof typeof identRefusal;

  constructor(refusal: keyof typeof identRefusal, code: 'SSH_ERR_INVALID_FORMAT' | 'SSH_ERR_NO_PROTOCOL_VERSION', detail: string) {
    super(code, detail);
    this.refusal = refusal;
  }
}

/**
 * An own identification as it is sent, CR and LF included.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT where it is longer than 255 bytes or holds what it must not.
 */
export function identLine(ident: string): string {
  if (ident.length + 2 > LONGEST_SENT || !/^SSH-2\.0-[\x21-\x7e][\x20-\x7e]*$/.test(ident))
    throw new SshError('SSH_ERR_INVALID_ARGUMENT', ident);
  return `${ident}\r\n`;
}

/**
 * Finds the peer's identification in what arrives first (RFC 4253 section 4.2): a server may send other lines before it, a client not.
 * A CR before the line's end is optional.
 */
export class IdentReader {
  private readonly role: 'client' | 'server';
  private readonly events: EventSink;
  private lines = 0;

  constructor(role: 'client' | 'server', events: EventSink) {
    this.role = role;
    this.events = events;
  }

  /**
   * Looks at the bytes that wait, and says how many of them are done with and the identification once it is there.
   *
   * @throws IdentError where the peer speaks no SSH, too much before it, or another version.
   */
  read(bytes: Uint8Array): { used: number; ident?: Ident } {
    let used = 0;
    for (;;) {
      const newline = bytes.indexOf(0x0a, used);
      let end = newline < 0 ? bytes.length : newline;
      if (newline >= 0 && end > used && bytes[end - 1] === 0x0d) end--;
      const line = bytes.subarray(used, end);
      this.check(line, newline >= 0);
      if (newline < 0) return { used };
      used = newline + 1;
      if (line.length > 4 && latin1Text(line.subarray(0, 4)) === 'SSH-') return { used, ident: parseIdent(line) };
      this.otherLine(line);
    }
  }

  private check(line: Uint8Array, whole: boolean): void {
    // a CR that ends what has arrived so far may be half of a line end
    const inner = !whole && line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line;
    if (inner.length > LONGEST_LINE) throw this.invalid('banner line too long');
    if (inner.includes(0x00) || inner.includes(0x0d)) throw this.invalid('banner line contains invalid characters');
  }

  private otherLine(line: Uint8Array): void {
    const text = utf8Text(line);
    if (this.role === 'server') throw this.invalid(`client sent invalid protocol identifier "${text.slice(0, 256)}"`);
    this.events({ type: 'note', level: 'debug1', text: `kex_exchange_identification: banner line ${String(this.lines)}: ${text}` });
    this.events({ type: 'before-ident', text: latin1Text(line) });
    if (++this.lines < MOST_LINES) return;
    const detail = `kex_exchange_identification: No SSH version received in first ${String(MOST_LINES)} lines from server`;
    this.events({ type: 'note', level: 'error', text: detail });
    throw new IdentError('none', 'SSH_ERR_INVALID_FORMAT', detail);
  }

  private invalid(detail: string): IdentError {
    const text = `kex_exchange_identification: ${detail}`;
    this.events({ type: 'note', level: 'verbose', text });
    return new IdentError('invalid', 'SSH_ERR_INVALID_FORMAT', text);
  }
}

/** @throws IdentError where the line is no identification of version 2.0 or 1.99. */
function parseIdent(bytes: Uint8Array): Ident {
  const line = latin1Text(bytes);
  const parts = /^SSH-(\d{1,9})\.(\d{1,9})-([^\n]+)$/.exec(line);
  if (parts === null) {
    throw new IdentError('invalid', 'SSH_ERR_INVALID_FORMAT', `Bad remote protocol version identification: '${line.slice(0, 100)}'`);
  }
  const major = Number(parts[1]);
  const minor = Number(parts[2]);
  if (major !== 2 && !(major === 1 && minor === 99)) {
    throw new IdentError('version', 'SSH_ERR_NO_PROTOCOL_VERSION', `Protocol major versions differ: 2 vs. ${String(major)}`);
  }
  return { line, bytes: bytes.slice(), major, minor, software: parts[3] as string };
}
