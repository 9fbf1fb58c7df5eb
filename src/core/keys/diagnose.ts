import { latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { detectPrivateFormat, detectPublicFormat, parsePrivateKeyFile } from './formats.ts';

/** How much of a file is looked at. */
const LONGEST = 1 << 20;

const BYTE_ORDER_MARK = latin1Text(utf8Bytes('\ufeff'));
const OPENSSH_BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const OPENSSH_END = '-----END OPENSSH PRIVATE KEY-----';

/** What a private key's file may have instead, each with a sentence that says so; the first that is true is told. */
const causes: readonly { readonly found: (text: string, bytes: Uint8Array) => boolean; readonly sentence: string }[] = [
  { found: (text) => text.trim() === '', sentence: 'the file is empty' },
  {
    found: (text) => text.startsWith('\u00ff\u00fe') || text.startsWith('\u00fe\u00ff'),
    sentence: 'the file is in UTF-16; a key file is plain ASCII',
  },
  { found: (text) => text.startsWith(BYTE_ORDER_MARK), sentence: 'the file begins with a byte order mark, which an editor put there' },
  {
    found: (text) => text.startsWith('PuTTY-User-Key-File-'),
    sentence: 'this is PuTTY’s format (.ppk); import it first',
  },
  { found: (text) => text.startsWith('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY'), sentence: 'this is SSH.com’s format; import it first' },
  { found: (text) => text.includes('-----BEGIN CERTIFICATE-----'), sentence: 'this is an X.509 certificate, not a private key' },
  { found: (text) => text.includes('-----BEGIN SSH SIGNATURE-----'), sentence: 'this is a signature, not a private key' },
  {
    found: (text) => text.includes('-----BEGIN SSH1') || text.startsWith('SSH PRIVATE KEY FILE FORMAT 1.1'),
    sentence: 'this is a key of SSH protocol 1, which is gone',
  },
  {
    found: (text, bytes) =>
      !text.includes(' PRIVATE KEY') && detectPublicFormat(bytes) !== undefined && /ssh-|ecdsa-|PUBLIC KEY/.test(text),
    sentence: 'this is a public key; the private key is in the file without .pub',
  },
  { found: (text) => !text.includes('-----BEGIN '), sentence: 'there is no -----BEGIN line: this is no private key' },
  { found: (text) => text.includes('-----BEGIN DSA PRIVATE KEY'), sentence: 'this is a DSA key, which OpenSSH does not take any more' },
  {
    found: (text) => !text.includes(' PRIVATE KEY-----'),
    sentence: 'what begins here is no private key',
  },
  {
    found: (text) => /-----BEGIN [^\n]*PRIVATE KEY/.test(text) && !text.includes('-----END '),
    sentence: 'the file is cut short: its -----END line is missing',
  },
  { found: (text) => text.includes(OPENSSH_BEGIN) && text.includes('\r\n'), sentence: 'the lines end in CRLF; make them end in LF' },
  {
    found: (text) => text.includes(OPENSSH_BEGIN) && text.endsWith(OPENSSH_END),
    sentence: 'the line break behind the last line is missing',
  },
  {
    found: (text) => text.includes(OPENSSH_BEGIN) && !text.startsWith(OPENSSH_BEGIN),
    sentence: 'there is something in front of the -----BEGIN line',
  },
  {
    found: (text) => text.startsWith(OPENSSH_BEGIN) && !text.startsWith(`${OPENSSH_BEGIN}\n`),
    sentence: 'there is something behind the -----BEGIN line',
  },
  {
    found: (text) => text.includes(OPENSSH_BEGIN) && !text.includes(`\n${OPENSSH_END}\n`),
    sentence: 'there is something before or behind the -----END line',
  },
];

/**
 * One sentence on why a private key's file can't be read, or undefined where it can: what `--why` shows. It holds no secret, but may
 * hold a name from the file, such as a cipher's, which is to be escaped.
 */
export async function diagnosePrivateKey(bytes: Uint8Array, passphrase?: Uint8Array): Promise<string | undefined> {
  let fault: SshError;
  try {
    (await parsePrivateKeyFile(bytes, passphrase)).key.wipe();
    return undefined;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    fault = error;
  }
  if (fault.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE') {
    return passphrase === undefined || passphrase.length === 0
      ? 'the key is encrypted and needs its passphrase'
      : 'the passphrase is wrong, or the file is damaged';
  }
  const text = latin1Text(bytes.subarray(0, LONGEST));
  const cause = causes.find((one) => one.found(text, bytes));
  if (cause !== undefined) return cause.sentence;
  const line = badLine(text);
  if (line !== undefined) return `line ${line} is not base64`;
  const format = detectPrivateFormat(bytes)?.name ?? 'unknown';
  return `the file is damaged (${fault.detail ?? fault.message}; format ${format})`;
}

/** The number of the first line between BEGIN and END that is not base64; headers are none. */
function badLine(text: string): number | undefined {
  const lines = text.split('\n');
  const begin = lines.findIndex((line) => line.startsWith('-----BEGIN '));
  for (let i = begin + 1; i < lines.length && !lines[i]?.startsWith('-----END '); i++) {
    const line = lines[i] as string;
    if (!/^[A-Za-z0-9+/=\s]*$/.test(line) && !/^[A-Za-z-]+: /.test(line)) return i + 1;
  }
  return undefined;
}
