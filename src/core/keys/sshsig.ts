import { createHash, type Hash } from 'node:crypto';
import { concat, latin1Text, utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodeBase64, formatPem } from './armor.ts';
import type { PublicKey, SignatureDetails, Signer } from './key.ts';
import { strictly } from './malformed.ts';
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

/** The details of errors about a signature's armour, by its parts. */
export const sshsigFaults = {
  header: 'SSHSIG: no BEGIN line',
  headerEnd: 'SSHSIG: more behind BEGIN',
  footer: 'SSHSIG: no END line',
  base64: 'SSHSIG: not base64',
} as const;

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
 * @throws SshError SSH_ERR_INVALID_FORMAT where it is malformed or of a later version; SSH_ERR_MESSAGE_INCOMPLETE where its armour is cut
 *   short, {@link sshsigFaults} telling where; SSH_ERR_SIGN_ALG_UNSUPPORTED for an unknown digest; what a malformed key throws.
 */
export function parseSshsig(text: Uint8Array): Sshsig {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.length);
  if (text.length < BEGIN.length) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', sshsigFaults.header);
  if (text.length > LONGEST || latin1Text(buffer.subarray(0, BEGIN.length)) !== BEGIN) throw invalid(sshsigFaults.header);
  const headerEnd = latin1Text(buffer.subarray(BEGIN.length, BEGIN.length + 2));
  if (!/^\r?\n/.test(headerEnd)) throw invalid(sshsigFaults.headerEnd);
  if (text.length < BEGIN.length + 1 + END.length) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', sshsigFaults.footer);
  const end = buffer.indexOf(END);
  if (end < 0) throw invalid(sshsigFaults.footer);
  const blob = decodeBase64(buffer.subarray(BEGIN.length, end));
  if (blob === undefined) throw invalid(sshsigFaults.base64);
  return strictly(() => {
    const reader = new WireReader(blob);
    if (latin1Text(reader.take(MAGIC.length)) !== 'SSHSIG') throw new SshError('SSH_ERR_INVALID_FORMAT', 'SSHSIG: magic');
    if (reader.uint32() > VERSION) throw new SshError('SSH_ERR_INVALID_FORMAT', 'SSHSIG: version');
    const publicKey = parsePublicKey(reader.string());
    const namespace = utf8Text(reader.string());
    reader.string(); // reserved
    const hash = hashOf(latin1Text(reader.string()));
    const signature = reader.string();
    reader.finish();
    if (namespace === '') throw new SshError('SSH_ERR_INVALID_FORMAT', 'SSHSIG: empty namespace');
    return { publicKey, namespace, hash, signature };
  });
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
  if (sshsig.namespace !== namespace) throw new SshError('SSH_ERR_SIGNATURE_INVALID', 'namespace does not match');
  const { publicKey, signature } = sshsig;
  const algorithm = strictly(() => latin1Text(new WireReader(signature).string()));
  if (algorithm === 'ssh-rsa') throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', algorithm);
  return publicKey.plain.verify(signature, signedBytes(namespace, sshsig.hash, digest), algorithm);
}

function signedBytes(namespace: string, hash: SshsigHash, digest: Uint8Array): Uint8Array {
  const fields = new WireWriter().string(utf8Bytes(namespace)).string(new Uint8Array(0)).string(utf8Bytes(hash)).string(digest);
  return concat(MAGIC, fields.bytes());
}

function invalid(detail: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', detail);
}

function hashOf(name: string): SshsigHash {
  const hash = sshsigHashes.find((one) => one === name);
  if (hash === undefined) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `SSHSIG: digest ${name}`);
  return hash;
}
