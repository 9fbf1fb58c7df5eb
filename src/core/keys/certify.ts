import { randomBytes, type Random, systemRandom } from '../crypto/random.ts';
import { latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { MOST_PRINCIPALS, parseCertificate, roleNumbers } from './certificate.ts';
import type { CertificateOption, CertificateRole, PublicKey, Signer } from './key.ts';
import { kindOf } from './key-types.ts';

/** The nonce's length, by which nobody who has a key certified can foresee what is signed. */
const NONCE_LENGTH = 32;

/** The end of a validity without end. */
export const FOREVER = 2n ** 64n - 1n;

/** What a certificate is to say. */
export interface CertificateRequest {
  readonly role: CertificateRole;
  readonly serial?: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970; absent for always and {@link FOREVER}. */
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  /** Written sorted by their names, as PROTOCOL.certkeys demands. */
  readonly criticalOptions?: readonly CertificateOption[];
  readonly extensions?: readonly CertificateOption[];
}

/**
 * Certifies a key (PROTOCOL.certkeys); of a certificate the key in it. An RSA authority signs with rsa-sha2-512 unless told otherwise.
 *
 * @throws SshError SSH_ERR_KEY_CERT_INVALID_SIGN_KEY where the authority is itself a certificate; SSH_ERR_INVALID_ARGUMENT for too many
 *   principals, an empty validity, or an option that is there twice; SSH_ERR_SIGN_ALG_UNSUPPORTED and what the signer throws
 */
export async function certify(
  authority: Signer,
  key: PublicKey,
  request: CertificateRequest,
  algorithm = authority.publicKey.signatureAlgorithms[0],
  random: Random = systemRandom,
): Promise<PublicKey> {
  const { publicKey } = authority;
  const { keyId, principals, serial = 0n, validAfter = 0n, validBefore = FOREVER } = request;
  const kind = kindOf(key.plain.name);
  if (kind === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', key.name);
  if (publicKey.certificate !== undefined) throw new SshError('SSH_ERR_KEY_CERT_INVALID_SIGN_KEY');
  if (algorithm === undefined) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', publicKey.name);
  if (principals.length > MOST_PRINCIPALS) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'certificate: too many principals');
  if (validAfter >= validBefore) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'certificate: never valid');
  const fields = new WireReader(key.plain.blob);
  fields.string();
  const writer = new WireWriter(1024);
  writer.string(utf8Bytes(kind.certificateName)).string(randomBytes(random, NONCE_LENGTH)).raw(fields.rest());
  writer.uint64(serial).uint32(roleNumbers[request.role]).string(utf8Bytes(keyId));
  const names = new WireWriter();
  for (const principal of principals) names.string(utf8Bytes(principal));
  writer.string(names.bytes()).uint64(validAfter).uint64(validBefore);
  writer.string(encodeOptions(request.criticalOptions)).string(encodeOptions(request.extensions));
  writer.string(new Uint8Array(0)).string(publicKey.blob);
  writer.string(await authority.sign(writer.bytes(), algorithm));
  return parseCertificate(writer.bytes());
}

/** An option whose data is one string, as force-command has it. */
export function textOption(name: string, value: string): CertificateOption {
  return { name, data: new WireWriter().string(utf8Bytes(value)).bytes() };
}

/** An option without data. */
export function flagOption(name: string): CertificateOption {
  return { name, data: new Uint8Array(0) };
}

/** The extensions that ssh-keygen gives a user's certificate unless told otherwise. */
export const defaultExtensions: readonly CertificateOption[] = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
].map(flagOption);

function encodeOptions(options: readonly CertificateOption[] = []): Uint8Array {
  const rows = options.map(({ name, data }) => ({ name: utf8Bytes(name), data }));
  // by their bytes, as C compares
  rows.sort((a, b) => Buffer.compare(a.name, b.name));
  const names = new Set(rows.map((row) => latin1Text(row.name)));
  if (names.size < rows.length) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'certificate: an option twice');
  const writer = new WireWriter();
  for (const { name, data } of rows) writer.string(name).string(data);
  return writer.bytes();
}
