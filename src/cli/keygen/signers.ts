/** allowed_signers files: who may sign with which key. */
import {
  type AllowedSigner,
  checkAllowedSigner,
  parseAllowedSigner,
  principalsOf,
  type SignerUse,
} from '../../core/keys/allowed-signers.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { keyType } from '../../core/keys/key-types.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { matchPatternList } from '../../core/util/pattern.ts';
import { cutWord, withoutLeadingSpace } from '../../core/util/words.ts';
import { readWholeFile } from '../../node/files.ts';
import { endOfPrefix } from './fingerprint.ts';
import { reason } from './endings.ts';
import type { Run } from './run.ts';
import { formatTime } from './validity.ts';

const largestFile = 64 * 1024 * 1024;

/** A line, not yet read beyond the identities in front. */
interface Line {
  readonly text: string;
  /** The file and the line's number, as messages have them. */
  readonly where: string;
  /** Undefined where nothing ends them: no quote, white space nor line break. */
  readonly principals: string | undefined;
  /** What stands behind them. */
  readonly rest: string;
}

/** Whether a line of the file allows the key to sign as this identity; where it is close to that, the user is told what is missing. */
export function checkSigner(run: Run, file: string, principal: string, use: SignerUse): boolean {
  for (const line of readLines(run, file) ?? []) {
    if (!isFor(run, line, principal)) continue;
    const signer = readSigner(run, line);
    if (signer === undefined || !isAbout(signer, use.key)) continue;
    tellMatch(run, line, signer);
    if (signer.certAuthority && !certificateHolds(run, line, signer, principal, use)) return false;
    if (!isAllowed(run, line, signer, use)) continue;
    return true;
  }
  return false;
}

/** The identities of the first line that knows the key; undefined where none does. */
export function findPrincipals(run: Run, file: string, key: PublicKey, time: number): readonly string[] | undefined {
  const lines = readLines(run, file);
  if (lines === undefined) {
    run.error('sig_find_principals: sshsig_find_principal: No such file or directory');
    return undefined;
  }
  for (const line of lines) {
    const signer = readSigner(run, line);
    if (signer === undefined || !isAbout(signer, key)) continue;
    tellMatch(run, line, signer);
    if (!isInTime(run, line, signer, time)) continue;
    const { namespaces: _any, ...inAnyNamespace } = signer;
    const use = { key, namespace: '', time };
    // a line may also name a certificate itself, which then is a key like others
    const principals = signer.certAuthority ? principalsOf(inAnyNamespace, use) : [signer.principals];
    if (principals.length > 0) return principals.flatMap((list) => list.split(','));
  }
  return undefined;
}

/**
 * The lists of identities that an identity matches, in the order of the file; undefined where it can't be read, `malformed` where a line
 * that would match or that has no identities can't.
 */
export function matchPrincipals(run: Run, file: string, principal: string): readonly string[] | 'malformed' | undefined {
  const lists: string[] = [];
  const lines = readLines(run, file);
  for (const line of lines ?? []) {
    if (!isFor(run, line, principal)) continue;
    if (readSigner(run, line) === undefined || line.principals === undefined) return 'malformed';
    lists.push(line.principals);
  }
  return lines && lists;
}

/** Whether a line may be about an identity: all but those that name others. */
function isFor(run: Run, { principals, where }: Line, principal: string): boolean {
  if (principals === undefined) return true;
  if (matchPatternList(principal, principals) !== 'match') return false;
  run.log('DEBUG', `parse_principals_key_and_options: ${where}: matched principal "${principal}"`);
  return true;
}

function tellMatch(run: Run, { where }: Line, { certAuthority }: AllowedSigner): void {
  run.log('DEBUG', `${where}: matched ${certAuthority ? 'certificate CA key' : 'key'}`);
}

function readLines(run: Run, file: string): Line[] | undefined {
  let text: string;
  try {
    text = utf8Text(readWholeFile(file, largestFile).bytes);
  } catch (error) {
    run.error(`Unable to open allowed keys file "${file}": ${reason(error)}`);
    return undefined;
  }
  return text.split(/(?<=\n)/).flatMap((content, index) => {
    // C sees a line's end where there is a NUL
    const line = withoutLeadingSpace(content.replace(/\0[^]*$/, ''));
    if (line === '' || line.startsWith('#')) return [];
    const { word, rest } = cutWord(line, false) ?? {};
    return [
      {
        text: line,
        where: `${file}:${index + 1}`,
        principals: rest === undefined ? undefined : word,
        rest: rest ?? '',
      },
    ];
  });
}

/** A line's content; undefined where it can't be read, of which the user has been told. */
function readSigner(run: Run, line: Line): AllowedSigner | undefined {
  if (line.principals === undefined) {
    run.error(`${line.where}: invalid line`);
    return undefined;
  }
  const tellOptions = (): void => run.log('DEBUG3', `${line.where}: options ${optionsOf(line)}`);
  try {
    const signer = parseAllowedSigner(line.text);
    tellOptions();
    return signer;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    const problem = problemOf(line, error);
    if (problem.startsWith('bad options')) tellOptions();
    run.error(`${line.where}: ${problem}`);
    return undefined;
  }
}

/** What stands between a line's identities and its key. */
function optionsOf({ rest }: Line): string {
  const first = rest.slice(0, endOfPrefix(rest));
  return keyType(first) === undefined ? first : '';
}

/** What is wrong in a line: its key is looked at before its options. */
function problemOf(line: Line, error: SshError): string {
  const rest = line.rest.replace(/[\r\n]+$/, '');
  const isQuoted = (rest.replaceAll('\\"', '').split('"').length - 1) % 2 === 1;
  if (isQuoted && endOfPrefix(rest) === rest.length) return 'invalid options';
  if (!/[ \t]/.test(rest)) return 'missing key';
  try {
    parsePublicKeyLine(rest.slice(endOfPrefix(rest)));
    return `bad options: ${error.detail ?? error.message}`;
  } catch (failure) {
    reason(failure);
    return 'invalid key';
  }
}

/** Whether a line's key is the one, or that of its certificate's authority. */
function isAbout(signer: AllowedSigner, key: PublicKey): boolean {
  const own = signer.certAuthority ? key.certificate?.signatureKey : key;
  return own !== undefined && Buffer.compare(own.blob, signer.key.blob) === 0;
}

function isAllowed(run: Run, line: Line, signer: AllowedSigner, { namespace, time }: SignerUse): boolean {
  if (signer.namespaces !== undefined && matchPatternList(namespace, signer.namespaces) !== 'match') {
    run.error(`${line.where}: key is not permitted for use in signature namespace "${namespace}"`);
    return false;
  }
  return isInTime(run, line, signer, time);
}

function isInTime(run: Run, line: Line, { validAfter, validBefore }: AllowedSigner, time: number): boolean {
  const shown = (seconds: number): string => formatTime(BigInt(seconds));
  if (validAfter !== undefined && time < validAfter) {
    run.error(`${line.where}: key is not yet valid: verify time ${shown(time)} < valid-after ${shown(validAfter)}`);
    return false;
  }
  if (validBefore !== undefined && time > validBefore) {
    run.error(`${line.where}: key has expired: verify time ${shown(time)} > valid-before ${shown(validBefore)}`);
    return false;
  }
  return true;
}

function certificateHolds(run: Run, line: Line, signer: AllowedSigner, principal: string, use: SignerUse): boolean {
  // the line's own conditions are judged apart, each with its message
  const { namespaces: _namespaces, validAfter: _after, validBefore: _before, ...authority } = signer;
  try {
    checkAllowedSigner(authority, principal, use);
    return true;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    run.error(`${line.where}: certificate not authorized: ${error.detail ?? error.message}`);
    return false;
  }
}
