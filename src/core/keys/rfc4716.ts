import { base64, fromBase64 } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { PublicKey } from './key.ts';
import { parsePublicKey, type PublicKeyLine } from './public-key.ts';

const BEGIN = '---- BEGIN SSH2 PUBLIC KEY ----';
const END = '---- END SSH2 PUBLIC KEY ----';
const LINE = 70;

/** The longest text that is read, in characters. */
const LONGEST = 256 * 1024;

/** Whether the text holds a public key in the form of RFC 4716. */
export function isRfc4716(text: string): boolean {
  return text.includes(BEGIN);
}

/**
 * The public key in the form of RFC 4716, with the value of its Comment header.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT and what a malformed key throws
 */
export function parseRfc4716(text: string): PublicKeyLine {
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END, start);
  if (start < 0 || end < 0 || end - start > LONGEST) throw new SshError('SSH_ERR_INVALID_FORMAT', 'RFC 4716: no BEGIN or END line');
  const lines = text.slice(start + BEGIN.length, end).split(/\r\n|\n|\r/);
  let comment = '';
  let body = '';
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i] as string;
    if (!line.includes(':')) {
      body += line.trim();
      continue;
    }
    // a header goes on in the next line where it ends in a backslash
    while (line.endsWith('\\') && i + 1 < lines.length) line = line.slice(0, -1) + (lines[++i] as string);
    const [, name = '', value = ''] = /^([^:]*):[ \t]*([^]*)$/.exec(line) ?? [];
    if (name.toLowerCase() === 'comment') comment = value.trim().replace(/^"([^]*)"$/, '$1');
  }
  const blob = fromBase64(body);
  if (blob === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'RFC 4716: not base64');
  return { key: parsePublicKey(blob), comment };
}

/** A public key in the form of RFC 4716; each line ends in LF. The comment has no line break and stands in quotes. */
export function formatRfc4716(key: PublicKey, comment: string): string {
  const lines = base64(key.blob).match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `${[BEGIN, `Comment: "${comment}"`, ...lines, END].join('\n')}\n`;
}
