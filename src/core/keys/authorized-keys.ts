import type { PublicKey } from './key.ts';
import { closingQuote } from './key-options.ts';
import { keyType } from './key-types.ts';
import { decodePublicKey } from './public-key.ts';

/** The longest line that is read, in characters, as OpenSSH's SSH_MAX_PUBKEY_BYTES doubled for its options. */
const LONGEST_LINE = 64 * 1024;

/** A line that authorizes a key, which is not yet decoded, as its options are not yet read. */
export interface AuthorizedKeyLine {
  readonly at: 'key';
  /** The options in front, as {@link import('./key-options.ts').parseKeyOptions} reads them; empty for none. */
  readonly options: string;
  readonly keyType: string;
  readonly encodedKey: string;
  readonly comment: string;
}

/** A line of authorized_keys. */
export type AuthorizedKeysLine = AuthorizedKeyLine | { readonly at: 'comment' } | { readonly at: 'invalid' };

/** Reads one line of authorized_keys without its line break (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Never throws. */
export function parseAuthorizedKeysLine(line: string): AuthorizedKeysLine {
  if (line.length > LONGEST_LINE) return { at: 'invalid' };
  const text = line.replace(/\r?\n?$/, '').replace(/^[ \t]+/, '');
  if (text === '' || text.startsWith('#')) return { at: 'comment' };
  const bare = keyAt(text);
  if (bare !== undefined) return { at: 'key', options: '', ...bare };
  const end = endOfOptions(text);
  const key = keyAt(text.slice(end).replace(/^[ \t]+/, ''));
  return key === undefined ? { at: 'invalid' } : { at: 'key', options: text.slice(0, end), ...key };
}

/**
 * The key of a line.
 *
 * @throws SshError where it is malformed or of another type than the line declares.
 */
export function authorizedKey(line: AuthorizedKeyLine): PublicKey {
  return decodePublicKey(line.keyType, line.encodedKey);
}

function keyAt(text: string): { keyType: string; encodedKey: string; comment: string } | undefined {
  const [, name = '', encodedKey = '', comment = ''] = /^([^ \t]+)[ \t]+([^ \t]+)[ \t]*([^]*)$/.exec(text) ?? [];
  const type = keyType(name);
  return type === undefined || type.signatureOnly ? undefined : { keyType: name, encodedKey, comment };
}

/** Where the first space or tab stands that is not in quotes. */
function endOfOptions(text: string): number {
  let at = 0;
  while (at < text.length && text[at] !== ' ' && text[at] !== '\t') {
    if (text[at] === '"') {
      const end = closingQuote(text, at);
      if (end < 0) return text.length;
      at = end;
    } else if (text[at] === '\\' && text[at + 1] === '"') {
      at++;
    }
    at++;
  }
  return at;
}
