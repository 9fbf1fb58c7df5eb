import { createHash, type Hash } from 'node:crypto';
import { concat, latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError, type SshErrorCode } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeBase64, formatPem } from './armor.ts';
import type { PublicKey, SignatureDetails, Signer } from './key.ts';
import { readName, readText } from './malformed.ts';
import { parsePublicKey } from './public-key.ts';

/*
 * SSHSIG (OpenSSH's PROTOCOL.sshsig): a signature over a file, bound to a namespace, so that none for one purpose serves another.
 */

const MAGIC = utf8Bytes('SSHSIG');
const VERSION = 1;
const LABEL = 'SSH SIGNATURE';
const BEGIN = `-----BEGIN ${LABEL}-----`;
const END = `\n-----END ${LABEL}-----`;
const LINE = 70;

/** The longest armoured signature that is read, in bytes, as in OpenSSH (1 MiB). */
const LONGEST = 1 << 20;

/** The digests that a message may be hashed with; the first is the default. */
export const sshsigHashes = ['sha512', 'sha256'] as const;

/** The details of errors about a signature, by what is wrong; in the order in which OpenSSH finds them. */
export const sshsigFaults = {
  header: 'SSHSIG: no BEGIN line',
  headerEnd: 'SSHSIG: more behind BEGIN',
  footer: 'SSHSIG: no END line',
  base64: 'SSHSIG: not base64',
  preamble: 'SSHSIG: magic or version',
  laterVersion: 'SSHSIG: a later version',
  frame: 'SSHSIG: lengths of the fields',
  hash: 'SSHSIG: digest',
  fields: 'SSHSIG: public key or namespace',
  trailing: 'SSHSIG: more behind its end',
  rsaName: 'SSHSIG: name of the RSA algorithm',
  rsaAlgorithm: 'SSHSIG: RSA algorithm',
} as const;

/** A fault of a signature, which its detail names. */
export class SshsigError extends SshError {
  /** What is not supported: a version, a digest's name, an algorithm's; empty of other faults. */
  readonly found: string;

  constructor(code: SshErrorCode, fault: string, found = '', options?: ErrorOptions) {
    super(code, fault, options);
    this.found = found;
  }
}

/** A digest's name in SSHSIG. */
export type SshsigHash = (typeof sshsigHashes)[number];

/** A signature over a message in a namespace. */
export interface Sshsig {
  readonly publicKey: PublicKey;
  readonly namespace: string;
  readonly hash: SshsigHash;
  /** The signature's whole encoding: algorithm name and blob. */
  readonly signature: Uint8Array;
}

/** A digest of a message, to which it is given piece by piece: what {@link signMessage} and {@link verifySshsig} take. */
export function messageDigest(hash: SshsigHash): Hash {
  return createHash(hash);
}

/**
 * Reads an armoured signature.
 *
 * @throws SshsigError with one of {@link sshsigFaults}: SSH_ERR_INVALID_FORMAT where it is malformed or of a later version;
 *   SSH_ERR_MESSAGE_INCOMPLETE where it is cut short; SSH_ERR_SIGN_ALG_UNSUPPORTED for an unknown digest; what a malformed key throws.
 */
export function parseSshsig(text: Uint8Array): Sshsig {
  const blob = dearmor(text);
  const frame = faulty('frame', () => {
    const reader = readPreamble(blob);
    for (let i = 0; i < FIELDS_BEFORE_HASH; i++) reader.string();
    const name = readName(reader);
    reader.string();
    return name;
  });
  const hash = sshsigHashes.find((one) => one === frame);
  if (hash === undefined) throw new SshsigError('SSH_ERR_SIGN_ALG_UNSUPPORTED', sshsigFaults.hash, frame);
  return faulty('fields', () => {
    const reader = readPreamble(blob);
    const publicKey = parsePublicKey(reader.string());
    const namespace = readText(reader);
    reader.string(); // reserved
    reader.string(); // the digest's name
    const signature = reader.string();
    if (reader.remaining > 0) throw new SshsigError('SSH_ERR_INVALID_FORMAT', sshsigFaults.trailing);
    return { publicKey, namespace, hash, signature };
  });
}

/** The key that an armoured signature says to be made with: nothing behind it is looked at. @throws SshsigError as {@link parseSshsig} */
export function sshsigPublicKey(text: Uint8Array): PublicKey {
  const blob = dearmor(text);
  return faulty('fields', () => parsePublicKey(readPreamble(blob).string()));
}

/** The fields of a signature before the digest's name: key, namespace and what is reserved. */
const FIELDS_BEFORE_HASH = 3;

function dearmor(text: Uint8Array): Uint8Array {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  if (text.length < BEGIN.length) throw new SshsigError('SSH_ERR_MESSAGE_INCOMPLETE', sshsigFaults.header);
  if (text.length > LONGEST || latin1Text(buffer.subarray(0, BEGIN.length)) !== BEGIN) throw invalid('header');
  const [headerEnd] = /^\r?\n/.exec(latin1Text(buffer.subarray(BEGIN.length, BEGIN.length + 2))) ?? [];
  if (headerEnd === undefined) throw invalid('headerEnd');
  const start = BEGIN.length + headerEnd.length;
  if (text.length < start + END.length) throw new SshsigError('SSH_ERR_MESSAGE_INCOMPLETE', sshsigFaults.footer);
  const end = buffer.indexOf(END, start);
  if (end < 0) throw invalid('footer');
  const blob = decodeBase64(buffer.subarray(start, end));
  if (blob === undefined) throw invalid('base64');
  return blob;
}

/** A cursor behind a signature's magic and version. */
function readPreamble(blob: Uint8Array): WireReader {
  const reader = new WireReader(blob);
  const version = faulty('preamble', () => {
    if (latin1Text(reader.take(MAGIC.length)) !== 'SSHSIG') throw invalid('preamble');
    return reader.uint32();
  });
  if (version > VERSION) throw new SshsigError('SSH_ERR_INVALID_FORMAT', sshsigFaults.laterVersion, String(version));
  return reader;
}

/** What `read` returns; its errors that name no fault of a signature yet are of this one. */
function faulty<T>(fault: keyof typeof sshsigFaults, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SshError) || error instanceof SshsigError) throw error;
    throw new SshsigError(error.code, sshsigFaults[fault], '', { cause: error });
  }
}

/** A signature in its armour, each line ended by LF. */
export function formatSshsig(sshsig: Sshsig): string {
  const writer = new WireWriter().raw(MAGIC).uint32(VERSION).string(sshsig.publicKey.blob);
  writer.string(utf8Bytes(sshsig.namespace)).string(new Uint8Array(0)).string(utf8Bytes(sshsig.hash)).string(sshsig.signature);
  return latin1Text(formatPem(LABEL, writer.bytes(), [], LINE));
}

/**
 * Signs a message by its digest; RSA keys sign with rsa-sha2-512.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT for an empty namespace, and what the signer throws
 */
export async function signMessage(signer: Signer, namespace: string, hash: SshsigHash, digest: Uint8Array): Promise<Sshsig> {
  if (namespace === '') throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'SSHSIG: empty namespace');
  const { publicKey } = signer;
  const [algorithm] = publicKey.signatureAlgorithms;
  if (algorithm === undefined) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', publicKey.name);
  return { publicKey, namespace, hash, signature: await signer.sign(signedBytes(namespace, hash, digest), algorithm) };
}

/**
 * Checks that the signature is right for the message, by its digest, and was made for the namespace. Who the key belongs to is not
 * checked (see allowed-signers.ts), nor whether it or its certificate may sign now.
 *
 * @throws SshError SSH_ERR_SIGNATURE_INVALID; SSH_ERR_SIGN_ALG_UNSUPPORTED for SHA-1; SSH_ERR_INVALID_FORMAT
 */
export function verifySshsig(sshsig: Sshsig, namespace: string, digest: Uint8Array): SignatureDetails {
  if (sshsig.namespace !== namespace || namespace === '') throw new SshError('SSH_ERR_SIGNATURE_INVALID', 'namespace does not match');
  const { signature } = sshsig;
  const publicKey = sshsig.publicKey.plain;
  if (publicKey.name === 'ssh-rsa') {
    const algorithm = faulty('rsaName', () => readName(new WireReader(signature)));
    if (!rsaAlgorithms.includes(algorithm)) {
      throw new SshsigError('SSH_ERR_SIGN_ALG_UNSUPPORTED', sshsigFaults.rsaAlgorithm, algorithm);
    }
  }
  return publicKey.verify(signature, signedBytes(namespace, sshsig.hash, digest));
}

/** What RSA keys may sign with: not with SHA-1. */
const rsaAlgorithms: readonly string[] = ['rsa-sha2-512', 'rsa-sha2-256'];

function signedBytes(namespace: string, hash: SshsigHash, digest: Uint8Array): Uint8Array {
  const fields = new WireWriter().string(utf8Bytes(namespace)).string(new Uint8Array(0)).string(utf8Bytes(hash)).string(digest);
  return concat(MAGIC, fields.bytes());
}

function invalid(fault: keyof typeof sshsigFaults): SshsigError {
  return new SshsigError('SSH_ERR_INVALID_FORMAT', sshsigFaults[fault]);
}
