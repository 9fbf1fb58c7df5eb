import { copyBytes, latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { certifiedKindOf, plainAlgorithm } from './key-types.ts';
import type { Certificate, CertificateOption, CertificateRole, PublicKey, SignatureDetails, Signer } from './key.ts';
import type { KeyKind } from './key-kind.ts';
import { readName, readText, strictly } from './malformed.ts';
import { parsePlainKey, readPlainKey } from './plain-key.ts';

/** The roles' numbers in a certificate. */
export const roleNumbers: Readonly<Record<CertificateRole, number>> = { user: 1, host: 2 };

/** The most principals that a certificate may name, as in OpenSSH. */
export const MOST_PRINCIPALS = 256;

/** The most options of one sort: no real certificate has a tenth of them. */
const MOST_OPTIONS = 1024;

/** A key inside a certificate. */
class CertifiedKey implements PublicKey {
  readonly name: string;
  readonly shortName: string;
  readonly blob: Uint8Array;
  readonly plain: PublicKey;
  readonly certificate: Certificate;
  readonly application?: string;
  readonly signatureAlgorithms: readonly string[];

  constructor(kind: KeyKind, blob: Uint8Array, plain: PublicKey, certificate: Certificate) {
    this.name = kind.certificateName;
    this.shortName = `${kind.shortName}-CERT`;
    this.blob = blob;
    this.plain = plain;
    this.certificate = certificate;
    if (plain.application !== undefined) this.application = plain.application;
    this.signatureAlgorithms = kind.signatures.flatMap((one) => one.certificateName ?? []);
  }

  get bits(): number {
    return this.plain.bits;
  }

  verify(signature: Uint8Array, data: Uint8Array, algorithm?: string): SignatureDetails {
    if (algorithm === undefined) return this.plain.verify(signature, data);
    if (!this.signatureAlgorithms.includes(algorithm)) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', algorithm);
    return this.plain.verify(signature, data, plainAlgorithm(algorithm));
  }
}

/**
 * The certified key in a blob, of which a copy is kept. Its signature is checked; whether its signer is trusted, whether it is valid
 * now and for whom is not (see {@link checkCertificate}).
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN where it is no certificate, SSH_ERR_KEY_CERT_UNKNOWN_TYPE, SSH_ERR_KEY_CERT_INVALID_SIGN_KEY
 *   (also where a certificate signed it), SSH_ERR_SIGNATURE_INVALID, SSH_ERR_INVALID_FORMAT and what a malformed key throws.
 */
export function parseCertificate(blob: Uint8Array): PublicKey {
  const reader = new WireReader(copyBytes(blob));
  const kind = certifiedKindOf(strictly(() => readName(reader)));
  if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN');
  const nonce = strictly(() => reader.string());
  const plain = readPlainKey(kind, reader);
  const certificate = readCertificate(reader, nonce);
  if (reader.remaining > 0) throw new SshError('SSH_ERR_INVALID_FORMAT', 'certificate: more behind its end');
  return new CertifiedKey(kind, reader.bytes, plain, certificate);
}

/** Reads what stands behind the certified key, and checks the signature; what is wrong is told in OpenSSH's order. */
function readCertificate(reader: WireReader, nonce: Uint8Array): Certificate {
  const fields = strictly(() => readFields(reader));
  const { serial, keyId, validAfter, validBefore, signed, signature } = fields;
  const role = roleOf(fields.role);
  const principals = strictly(() => readPrincipals(fields.principals));
  const criticalOptions = strictly(() => readOptions(fields.criticalOptions));
  const extensions = strictly(() => readOptions(fields.extensions));
  const signatureKey = signingKey(fields.signatureKey);
  signatureKey.verify(signature, signed);
  const signatureAlgorithm = readName(new WireReader(signature));
  const validity = { validAfter, validBefore };
  const options = { criticalOptions, extensions };
  return { role, serial, keyId, principals, nonce, ...validity, ...options, signatureKey, signatureAlgorithm };
}

/** A certificate's fields behind the certified key, not looked into yet. */
interface Fields extends Pick<Certificate, 'serial' | 'keyId' | 'validAfter' | 'validBefore'> {
  readonly role: number;
  readonly principals: Uint8Array;
  readonly criticalOptions: Uint8Array;
  readonly extensions: Uint8Array;
  readonly signatureKey: Uint8Array;
  /** All that stands before the signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function readFields(reader: WireReader): Fields {
  const serial = reader.uint64();
  const role = reader.uint32();
  const keyId = readText(reader);
  const principals = reader.string();
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = reader.string();
  const extensions = reader.string();
  reader.string(); // reserved
  const signatureKey = reader.string();
  const signed = reader.bytes.subarray(0, reader.at);
  const signature = reader.string();
  return { serial, role, keyId, principals, validAfter, validBefore, criticalOptions, extensions, signatureKey, signed, signature };
}

/** What a certificate is to be valid for. */
export interface CertificateUse {
  readonly role: CertificateRole;
  /** The user or host whom it must name; absent where the caller checks principals itself. */
  readonly principal?: string;
  /** Seconds since 1970. */
  readonly now: number;
  /** Signature algorithms that its signer may have used (CASignatureAlgorithms); all where absent. */
  readonly signatureAlgorithms?: readonly string[];
  /** Decides whether a host certificate's principal, which may hold wildcards, names the host; by default they must be equal. */
  readonly matches?: (principal: string, wanted: string) => boolean;
}

/**
 * Checks that a certificate is of this role, valid now, names the principal and was signed with an accepted algorithm. The trust in its
 * signer and the critical options of a user's certificate are the caller's to judge; a host's has none.
 *
 * @throws SshError SSH_ERR_KEY_CERT_INVALID whose detail is OpenSSH's reason; SSH_ERR_SIGN_ALG_UNSUPPORTED for the signer's algorithm.
 */
export function checkCertificate(certificate: Certificate, use: CertificateUse): void {
  const { principals, validAfter, validBefore } = certificate;
  const now = BigInt(Math.floor(use.now));
  const matches = use.matches ?? ((principal, wanted) => principal === wanted);
  if (certificate.role !== use.role) throw invalid(`Certificate invalid: not a ${use.role} certificate`);
  if (now < validAfter) throw invalid('Certificate invalid: not yet valid');
  if (now >= validBefore) throw invalid('Certificate invalid: expired');
  if (principals.length === 0) throw invalid('Certificate lacks principal list');
  const { principal } = use;
  if (principal !== undefined && !principals.some((one) => matches(one, principal))) {
    throw invalid('Certificate invalid: name is not a listed principal');
  }
  if (use.role === 'host' && certificate.criticalOptions.length > 0) {
    throw invalid('Certificate contains unsupported critical options');
  }
  if (use.signatureAlgorithms !== undefined && !use.signatureAlgorithms.includes(certificate.signatureAlgorithm)) {
    throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `certificate signed with ${certificate.signatureAlgorithm}`);
  }
}

/**
 * A signer that shows a certificate instead of its plain key.
 *
 * @throws SshError SSH_ERR_KEY_CERT_MISMATCH where the certificate is another key's.
 */
export function certifiedSigner(signer: Signer, publicKey: PublicKey): Signer {
  if (publicKey.certificate === undefined) throw new SshError('SSH_ERR_EXPECTED_CERT');
  if (latin1Text(publicKey.plain.blob) !== latin1Text(signer.publicKey.plain.blob)) {
    throw new SshError('SSH_ERR_KEY_CERT_MISMATCH');
  }
  return { publicKey, sign: (data, algorithm) => signer.sign(data, plainAlgorithm(algorithm)) };
}

/** The one string that an option's data holds (force-command, source-address). @throws SshError SSH_ERR_INVALID_FORMAT */
export function optionText(option: CertificateOption): string {
  return strictly(() => {
    const reader = new WireReader(option.data);
    const value = readText(reader);
    reader.finish();
    return value;
  });
}

function invalid(reason: string): SshError {
  return new SshError('SSH_ERR_KEY_CERT_INVALID', reason);
}

function roleOf(number: number): CertificateRole {
  if (number === roleNumbers.user) return 'user';
  if (number === roleNumbers.host) return 'host';
  throw new SshError('SSH_ERR_KEY_CERT_UNKNOWN_TYPE');
}

function readPrincipals(bytes: Uint8Array): string[] {
  const reader = new WireReader(bytes);
  const principals: string[] = [];
  while (reader.remaining > 0) {
    if (principals.length === MOST_PRINCIPALS) throw new SshError('SSH_ERR_INVALID_FORMAT', 'certificate: too many principals');
    principals.push(readText(reader));
  }
  return principals;
}

function readOptions(bytes: Uint8Array): CertificateOption[] {
  const reader = new WireReader(bytes);
  const options: CertificateOption[] = [];
  while (reader.remaining > 0) {
    if (options.length === MOST_OPTIONS) throw new SshError('SSH_ERR_INVALID_FORMAT', 'certificate: too many options');
    options.push({ name: readText(reader), data: reader.string() });
  }
  return options;
}

function signingKey(blob: Uint8Array): PublicKey {
  try {
    return parsePlainKey(blob);
  } catch (error) {
    throw new SshError('SSH_ERR_KEY_CERT_INVALID_SIGN_KEY', undefined, { cause: error });
  }
}
