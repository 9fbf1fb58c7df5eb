/** -e and -i: keys in the forms of other programs. */
import type { PublicKey } from '../../core/keys/key.ts';
import { publicFormat } from '../../core/keys/formats.ts';
import { formatPublicKeyLine, parsePublicKey } from '../../core/keys/public-key.ts';
import { fromBase64, utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { SystemError } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';
import { formatPrivate } from './key-output.ts';
import { loadAnyPublic, type LoadedKey, loadIdentity, mustExist } from './key-input.ts';
import { askTwice, givenPassphrase, keyFile } from './prompts.ts';
import { because, Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';
import type { KeyFormat } from './options.ts';

const QUESTION = 'Enter file in which the key is';

/** The number that OpenSSL has for Ed25519, which ssh-keygen takes in no PEM. */
const OPENSSL_ED25519 = 1087;

/** The longest line of a file in the form of RFC 4716 that is read. */
const LONGEST_LINE = 1022;

/** The longest comment that fits into a line of RFC 4716 with what stands around it. */
const LONGEST_COMMENT = 60;

/** -e: writes a key to stdout in another program's form. */
export async function exportKey(run: Run): Promise<number> {
  const file = keyFile(run, QUESTION);
  mustExist(file, 'ssh-keygen: ');
  const format = run.options.format ?? 'RFC4716';
  if (format === 'PPK') return exportPpk(run, file);
  const key = await loadAnyPublic(run, file);
  run.out(await publicWriters[format](run, key));
  return 0;
}

/** -i: reads a key in another program's form and writes it to stdout in OpenSSH's. */
export async function importKey(run: Run): Promise<number> {
  const file = keyFile(run, QUESTION);
  mustExist(file, 'ssh-keygen: ');
  const format = run.options.format ?? 'RFC4716';
  const imported = await importers[format](run, file);
  if ('blob' in imported) run.out(`${formatPublicKeyLine(imported)}\n`);
  else await printPrivate(run, imported);
  return 0;
}

const publicWriters: Readonly<Record<Exclude<KeyFormat, 'PPK'>, (run: Run, key: PublicKey) => Promise<string>>> = {
  RFC4716: (run, key) => {
    const comment = `${key.bits}-bit ${key.shortName}, converted by ${run.userAtHost} from OpenSSH`;
    return writeAs('rfc4716', key, comment.slice(0, LONGEST_COMMENT));
  },
  PKCS8: (_run, key) => writePem('do_convert_to_pkcs8', 'pkcs8', key),
  PEM: (_run, key) => writePem('do_convert_to_pem', 'pem', key),
};

async function writeAs(name: string, key: PublicKey, comment: string): Promise<string> {
  return (await publicFormat(name)?.format(key, comment)) ?? '';
}

/** Of the kinds that PEM has only those are exported that ssh-keygen exports. */
async function writePem(where: string, name: string, key: PublicKey): Promise<string> {
  if (!/^(?:ssh-rsa|ecdsa-sha2-)/.test(key.plain.name)) throw new Fatal(`${where}: unsupported key type ${key.shortName}`);
  return writeAs(name, key.plain, '');
}

const importers: Readonly<Record<KeyFormat, (run: Run, file: string) => Promise<PublicKey | LoadedKey>>> = {
  RFC4716: importSsh2,
  PKCS8: (_run, file) => readPem(file, ['pkcs8', 'pem'], `do_convert_from_pkcs8: ${file} is not a recognised public key format`),
  PEM: (_run, file) => readPem(file, ['pem'], 'do_convert_from_pem: unrecognised raw private key format'),
  PPK: loadIdentity,
};

/** The key in PEM of one of the formats: libcrypto, which is asked for PKCS#8's, takes PKCS#1's as well. */
async function readPem(file: string, names: readonly string[], complaint: string): Promise<PublicKey> {
  const bytes = contents(file);
  const format = names.map((name) => publicFormat(name)).find((one) => one?.detect(bytes));
  if (format === undefined) throw new Fatal(complaint);
  try {
    const { key } = await format.parse(bytes);
    if (key.name === 'ssh-ed25519') throw new Fatal(`do_convert_from_pkcs8: unsupported pubkey type ${OPENSSL_ED25519}`);
    return key;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    throw new Fatal(complaint, { cause: error });
  }
}

function contents(file: string): Uint8Array {
  try {
    return readWholeFile(file).bytes;
  } catch (error) {
    // a folder opens and holds nothing
    if (error instanceof SystemError && error.code === 'EISDIR') return new Uint8Array(0);
    throw because(`ssh-keygen: ${file}`, error);
  }
}

/** A public key of RFC 4716, or a private one of SSH.com's program. */
async function importSsh2(_run: Run, file: string): Promise<PublicKey | LoadedKey> {
  const bytes = withLineFeeds(contents(file));
  const { isSshCom, parseSshCom } = await import('../../core/keys/ssh-com.ts');
  if (isSshCom(bytes)) {
    try {
      return parseSshCom(bytes);
    } catch (error) {
      reason(error);
      throw new Fatal('do_convert_from_ssh2: private key conversion failed', { cause: error });
    } finally {
      bytes.fill(0);
    }
  }
  const text = utf8Text(bytes);
  if (text.split('\n').some((line) => line.length > LONGEST_LINE)) throw new Fatal('input line too long.');
  // a last line that is not ended is left out
  const blob = fromBase64(bodyOf(text.slice(0, text.lastIndexOf('\n') + 1)).replace(/\s/g, ''));
  if (blob === undefined) throw new Fatal('do_convert_from_ssh2: base64 decode: invalid format');
  try {
    return parsePublicKey(blob);
  } catch (error) {
    reason(error);
    throw new Fatal('do_convert_from_ssh2: parse key: invalid format', { cause: error });
  }
}

/** The bytes with each line ended by LF, which is what older systems wrote as CR or CR LF; what was read is wiped. */
function withLineFeeds(bytes: Uint8Array): Uint8Array {
  let length = 0;
  const kept = new Uint8Array(bytes.length);
  for (const [at, byte] of bytes.entries()) {
    if (byte !== CR) kept[length++] = byte;
    else if (bytes[at + 1] !== LF) kept[length++] = LF;
  }
  bytes.fill(0);
  return kept.subarray(0, length);
}

const CR = 0x0d;
const LF = 0x0a;

/** The base64 text between what begins and ends a key of RFC 4716, and behind its headers; the BEGIN line may be missing. */
function bodyOf(text: string): string {
  let body = '';
  let continues = false;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line.startsWith('----') || line.includes(': ')) {
      if (line.includes(' END ')) break;
      continues = line.endsWith('\\');
    } else if (continues) continues = line.endsWith('\\');
    else body += line.trim();
  }
  return body;
}

/** Writes an imported private key to stdout: as PEM where it has that, like ssh-keygen, else in OpenSSH's form. */
async function printPrivate(run: Run, { key, comment = '' }: LoadedKey): Promise<void> {
  const bytes = await formatPrivate(key, 'PEM', { comment });
  key.wipe();
  run.out(utf8Text(bytes));
  bytes.fill(0);
}

async function exportPpk(run: Run, file: string): Promise<number> {
  const { key, comment } = await loadIdentity(run, file);
  const passphrase = givenPassphrase(run, 'N') ?? (await askTwice('Enter new passphrase (empty for no passphrase): '));
  try {
    if (passphrase === undefined) {
      run.out('Pass phrases do not match.  Try again.\n');
      return 1;
    }
    const bytes = await formatPrivate(key, 'PPK', { comment: comment ?? '', passphrase });
    run.out(utf8Text(bytes));
    bytes.fill(0);
    return 0;
  } catch (error) {
    throw because(`Cannot write "${file}" as PPK`, error);
  } finally {
    passphrase?.fill(0);
    key.wipe();
  }
}
