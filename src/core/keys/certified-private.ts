import { concat, copyBytes, equalBytes, latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { parseCertificate } from './certificate.ts';
import type { PublicKey } from './key.ts';
import { certifiedKindOf } from './key-types.ts';
import { strictly } from './malformed.ts';
import { type PrivateKey, privateKeyOf, readPrivateKey } from './private-key.ts';

/** A private key and the public key that it answers for: its own, or a certificate of it. */
export interface CertifiedPrivateKey {
  readonly key: PrivateKey;
  /** The certificate, or the key's own public key. */
  readonly publicKey: PublicKey;
}

/**
 * How many of a plain key's private fields a certificate makes superfluous: they stand at the front, and in the public key too, for RSA
 * the other way round. Each is a string or mpint, which begin with their length.
 */
const leadingFields: Readonly<Record<string, number>> = {
  'ssh-ed25519': 0,
  'sk-ssh-ed25519@openssh.com': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 2,
  'ssh-rsa': 2,
};

/**
 * A private key's fields behind its certificate's type name, as agent messages have them (RFC 9987, PROTOCOL.agent): the certificate, then
 * what of the private fields does not follow from it. The caller owns and wipes them.
 */
export function certifiedFields(certificate: PublicKey, key: PrivateKey): Uint8Array {
  const reader = new WireReader(key.fields);
  for (let skipped = leadingFields[key.publicKey.name] ?? 0; skipped > 0; skipped--) reader.string();
  const rest = reader.rest();
  const writer = new WireWriter(certificate.blob.length + rest.length + 8).string(certificate.blob).raw(rest);
  const fields = writer.take();
  writer.wipe();
  return fields;
}

/**
 * Reads a private key as agent messages have it: plain, or with its certificate. The fields are copied; the caller wipes what it read from.
 *
 * @throws SshError as readPrivateKey; SSH_ERR_KEY_CERT_MISMATCH where the certificate is another key's.
 */
export function readCertifiedPrivateKey(reader: WireReader): CertifiedPrivateKey {
  return strictly(() => {
    const start = reader.at;
    const name = latin1Text(reader.string());
    const kind = certifiedKindOf(name);
    if (kind === undefined) {
      const plain = new WireReader(reader.bytes, start);
      const key = readPrivateKey(plain);
      reader.take(plain.at - reader.at);
      return { key, publicKey: key.publicKey };
    }
    const certificate = parseCertificate(copyBytes(reader.string()));
    if (certificate.name !== name) throw new SshError('SSH_ERR_KEY_CERT_MISMATCH', `${certificate.name} as ${name}`);
    const front = publicFront(certificate.plain, leadingFields[kind.name] ?? 0);
    const bytes = concat(front, new WireReader(reader.bytes, reader.at).rest());
    try {
      const whole = new WireReader(bytes);
      kind.readPrivate(whole);
      reader.take(whole.at - front.length);
      const key = privateKeyOf(kind.name, copyBytes(bytes.subarray(0, whole.at)));
      // An Ed25519 key's public half stands in both.
      if (!equalBytes(key.publicKey.blob, certificate.plain.blob)) throw new SshError('SSH_ERR_KEY_CERT_MISMATCH', name);
      return { key, publicKey: certificate };
    } finally {
      bytes.fill(0);
    }
  });
}

/** The fields at the front of the private ones, from the public key. */
function publicFront(key: PublicKey, count: number): Uint8Array {
  const reader = new WireReader(key.blob);
  reader.string();
  const fields = Array.from({ length: count }, () => {
    const start = reader.at;
    reader.string();
    return reader.bytes.subarray(start, reader.at);
  });
  return concat(...(key.name === 'ssh-rsa' ? fields.reverse() : fields));
}
