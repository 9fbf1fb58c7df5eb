/** --why: what is wrong with a key file, in one line. */
import { isOpensshPrivate } from '../../core/keys/openssh-private.ts';
import { isPpk } from '../../core/keys/ppk.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { latin1Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { SystemError } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';

/** What a file looks like, told by its text; the first row that applies is the reason. */
const shapes: readonly { readonly is: (text: string, bytes: Uint8Array) => boolean; readonly told: string }[] = [
  { is: (text) => text.trim() === '', told: 'the file is empty' },
  {
    is: (text) => text.startsWith('\xef\xbb\xbf'),
    told: 'a byte order mark stands before the first line: save the file as UTF-8 without BOM',
  },
  { is: (text) => /^(?:\xff\xfe|\xfe\xff)/.test(text), told: 'the file is in UTF-16: save it as plain ASCII' },
  { is: (_text, bytes) => isPpk(bytes), told: "the file is PuTTY's (PPK): read it with -m PPK, or convert it with -i -m PPK" },
  { is: (text) => text.startsWith('---- BEGIN SSH2 PUBLIC KEY'), told: 'the file holds a public key (RFC 4716): convert it with -i' },
  { is: (text) => text.startsWith('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY'), told: "the file is SSH.com's: convert it with -i" },
  { is: isPublicLine, told: 'the file holds a public key where a private one belongs' },
  {
    is: (text) => /-----BEGIN [A-Z0-9 ]*PUBLIC KEY-----/.test(text),
    told: 'the file holds a public key in PEM where a private one belongs',
  },
  { is: (text) => text.includes('-----BEGIN CERTIFICATE-----'), told: 'the file holds an X.509 certificate, which is no SSH key' },
  { is: (text) => /-----BEGIN DSA PRIVATE KEY-----/.test(text), told: 'the key is of DSA, which is not supported any more' },
  { is: (text) => !text.includes('-----BEGIN '), told: 'no line begins a private key (-----BEGIN ... PRIVATE KEY-----)' },
  {
    is: (text) => /-----BEGIN OPENSSH PRIVATE KEY-----\r\n/.test(text),
    told: 'the lines end in CR LF, as on Windows: let them end in LF alone',
  },
  { is: (text) => !/-----END [A-Z0-9 ]+-----/.test(text), told: 'the file is cut short: its END line is missing' },
  {
    is: (text) => /-----END OPENSSH PRIVATE KEY-----[ \t]*$/.test(text),
    told: 'the last line has no line break at its end, which the format demands',
  },
  { is: (text) => /^[^-]+-----BEGIN /.test(text) && text.includes('OPENSSH PRIVATE KEY'), told: 'other text stands before the BEGIN line' },
  { is: hasForeignCharacters, told: 'between BEGIN and END stands what is not base64' },
];

/** In one line why a key file was not read: what it looks like, or else what its parser stumbled over. */
export function diagnose(path: string, error: unknown): string {
  return `${path}: ${reasonOf(path, error)}`;
}

function reasonOf(path: string, error: unknown): string {
  if (error instanceof SystemError) return `the file can't be opened: ${error.message}`;
  if (!(error instanceof SshError)) return 'the file could not be read';
  if (error.code === 'SSH_ERR_KEY_BAD_PERMISSIONS') return 'others may read the file: chmod 600 makes it private';
  let bytes: Uint8Array;
  try {
    ({ bytes } = readWholeFile(path));
  } catch (failure) {
    return failure instanceof Error ? failure.message : String(failure);
  }
  try {
    const text = latin1Text(bytes);
    const shape = shapes.find(({ is }) => is(text, bytes));
    if (shape !== undefined && error.code !== 'SSH_ERR_KEY_WRONG_PASSPHRASE') return shape.told;
    return parserReason(error, isOpensshPrivate(bytes));
  } finally {
    bytes.fill(0);
  }
}

function parserReason(error: SshError, openssh: boolean): string {
  const { detail } = error;
  if (error.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE') {
    if (detail === 'no passphrase') return 'the key is encrypted and no passphrase was given';
    return `the passphrase is wrong, or the encrypted part is damaged${openssh ? ' (its check numbers differ)' : ''}`;
  }
  if (error.code === 'SSH_ERR_KEY_UNKNOWN_CIPHER') return `the key is encrypted in a way that is not known: ${detail ?? error.message}`;
  if (error.code === 'SSH_ERR_KEY_TYPE_UNKNOWN') return `the key is of a type that is not known: ${detail ?? error.message}`;
  return `the key is damaged: ${detail ?? error.message}`;
}

function isPublicLine(text: string): boolean {
  try {
    parsePublicKeyLine(text.split('\n')[0] ?? '');
    return true;
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}

function hasForeignCharacters(text: string): boolean {
  const body = /-----BEGIN [^\n]*\n([^]*?)-----END/.exec(text)?.[1] ?? '';
  return /[^A-Za-z0-9+/=\s:,-]/.test(body);
}
