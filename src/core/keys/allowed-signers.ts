import { parseAbsoluteTime } from '../util/absolute-time.ts';
import { SshError } from '../util/errors.ts';
import { matchPatternList } from '../util/pattern.ts';
import { cutWord, withoutLeadingSpace } from '../util/words.ts';
import { checkCertificate } from './certificate.ts';
import type { PublicKey } from './key.ts';
import { keyType } from './key-types.ts';
import { decodePublicKey } from './public-key.ts';

/** The longest line that is read, in characters. */
const LONGEST_LINE = 64 * 1024;

/** A line of an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS). */
export interface AllowedSigner {
  /** Pattern list of the identities that the key signs for. */
  readonly principals: string;
  readonly certAuthority: boolean;
  /** Pattern list of the namespaces that it may sign in; all where absent. */
  readonly namespaces?: string;
  /** Seconds since 1970. */
  readonly validAfter?: number;
  readonly validBefore?: number;
  readonly key: PublicKey;
}

type Draft = { -readonly [K in keyof AllowedSigner]?: AllowedSigner[K] };

const options: ReadonlyMap<string, (signer: Draft, value: string) => void> = new Map([
  ['namespaces', (signer: Draft, value: string) => void (signer.namespaces = once(signer.namespaces, value, 'namespaces'))],
  [
    'valid-after',
    (signer: Draft, value: string) => void (signer.validAfter = once(signer.validAfter, time(value, 'valid-after'), 'valid-after')),
  ],
  [
    'valid-before',
    (signer: Draft, value: string) => void (signer.validBefore = once(signer.validBefore, time(value, 'valid-before'), 'valid-before')),
  ],
]);

/**
 * Reads one line, with or without its line break; undefined for a comment or an empty line.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT whose detail is the reason; what a malformed key throws
 */
export function parseAllowedSigner(line: string): AllowedSigner | undefined {
  if (line.length > LONGEST_LINE) throw invalid('line too long');
  const text = withoutLeadingSpace(line);
  if (text === '' || text.startsWith('#')) return undefined;
  const cut = cutWord(text, false);
  if (cut?.rest === undefined) throw invalid('invalid line');
  const signer: Draft = { principals: cut.word, certAuthority: false };
  let rest = cut.rest.replace(/[\r\n]+$/, '');
  const [first] = fields(rest);
  const type = keyType(first ?? '');
  if (type === undefined || type.signatureOnly) rest = readOptions(signer, rest);
  const [name, encoded] = fields(rest);
  if (name === undefined || encoded === undefined) throw invalid('invalid key');
  signer.key = decodePublicKey(name, encoded);
  if (signer.validAfter !== undefined && signer.validBefore !== undefined && signer.validAfter >= signer.validBefore) {
    throw invalid('"valid-before" time is before "valid-after"');
  }
  return signer as AllowedSigner;
}

/** What is to be allowed. */
export interface SignerUse {
  readonly key: PublicKey;
  readonly namespace: string;
  /** Seconds since 1970 at which the signature is taken to have been made. */
  readonly time: number;
}

/**
 * Checks that a line allows the key to sign as this identity, in this namespace and at this time.
 *
 * A plain key must be the line's own. A certificate must be signed by the line's key, which must be marked as an authority, be valid at
 * the time and name the identity.
 *
 * @throws SshError SSH_ERR_KEY_NOT_FOUND where the line is about others; SSH_ERR_KEY_CERT_INVALID with the reason where it is the
 *   certificate that does not hold
 */
export function checkAllowedSigner(signer: AllowedSigner, principal: string, use: SignerUse): void {
  if (matchPatternList(principal, signer.principals) !== 'match') throw notFound('principal');
  checkKeyAndUse(signer, use);
  const { certificate } = use.key;
  if (certificate !== undefined) checkCertificate(certificate, { role: 'user', principal, now: use.time });
}

/**
 * The identities by which a line knows a key in a namespace: for a plain key the line's pattern list, for a certificate those of its
 * principals that the list matches; none where the line is about others or the certificate does not hold.
 */
export function principalsOf(signer: AllowedSigner, use: SignerUse): string[] {
  try {
    checkKeyAndUse(signer, use);
    const { certificate } = use.key;
    if (certificate === undefined) return [signer.principals];
    checkCertificate(certificate, { role: 'user', now: use.time });
    return certificate.principals.filter((one) => matchPatternList(one, signer.principals) === 'match');
  } catch (error) {
    if (error instanceof SshError) return [];
    throw error;
  }
}

function checkKeyAndUse(signer: AllowedSigner, { key, namespace, time: now }: SignerUse): void {
  const own = signer.certAuthority ? key.certificate?.signatureKey : key.certificate === undefined ? key : undefined;
  if (own === undefined || Buffer.compare(own.blob, signer.key.blob) !== 0) throw notFound('key');
  if (signer.namespaces !== undefined && matchPatternList(namespace, signer.namespaces) !== 'match') throw notFound('namespace');
  if (signer.validAfter !== undefined && now < signer.validAfter) throw notFound('not yet valid');
  if (signer.validBefore !== undefined && now > signer.validBefore) throw notFound('expired');
}

function fields(text: string): string[] {
  return text.split(/[ \t]+/, 2);
}

/** Reads the options, and returns what is behind them. */
function readOptions(signer: Draft, text: string): string {
  let rest = text;
  for (;;) {
    const [matched, name = '', value] = /^([A-Za-z-]+)(?:="((?:[^"\\]|\\[^])*)")?/.exec(rest) ?? [];
    if (matched === undefined) throw invalid('invalid options');
    const key = name.toLowerCase();
    const option = options.get(key);
    if (key === 'cert-authority' && value === undefined) signer.certAuthority = true;
    else if (option !== undefined && value !== undefined) option(signer, value.replaceAll('\\"', '"'));
    else throw invalid('unknown key option');
    rest = rest.slice(matched.length);
    if (!rest.startsWith(',')) break;
    rest = rest.slice(1);
  }
  if (!/^[ \t]/.test(rest)) throw invalid('invalid options');
  return rest.replace(/^[ \t]+/, '');
}

function once<T>(had: T | undefined, value: T, name: string): T {
  if (had !== undefined) throw invalid(`multiple "${name}" clauses`);
  return value;
}

function time(text: string, name: string): number {
  try {
    return parseAbsoluteTime(text);
  } catch (error) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', `invalid "${name}" time`, { cause: error });
  }
}

function invalid(reason: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', reason);
}

function notFound(what: string): SshError {
  return new SshError('SSH_ERR_KEY_NOT_FOUND', what);
}
