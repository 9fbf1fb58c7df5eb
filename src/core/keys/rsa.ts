import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign, verify } from 'node:crypto';
import { base64url, bitLength, copyBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { DerReader, DerWriter, tags } from './asn1.ts';
import { strictly } from './malformed.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';
import { remainder } from './remainder.ts';

/** The smallest and largest modulus that is taken, in bits. */
const MINIMUM_BITS = 1024;
const MAXIMUM_BITS = 16384;

/** The digest of each signature algorithm (RFC 8332 section 3, RFC 4253 section 6.6). */
const digests: ReadonlyMap<string, string> = new Map([
  ['rsa-sha2-512', 'sha512'],
  ['rsa-sha2-256', 'sha256'],
  ['ssh-rsa', 'sha1'],
]);

/** RSA keys (RFC 4253 section 6.6, RFC 8332). */
export const rsa: KeyKind = {
  name: 'ssh-rsa',
  certificateName: 'ssh-rsa-cert-v01@openssh.com',
  shortName: 'RSA',
  signatures: [...digests.keys()].map((name) => ({ name, certificateName: `${name}-cert-v01@openssh.com` })),
  readPublic: (reader): PublicPart => {
    const [e, n] = strictly(() => [mpint.read(reader), mpint.read(reader)]);
    const bits = bitLength(n);
    checkLength(bits);
    const jwk = { kty: 'RSA', n: base64url(n), e: base64url(e) };
    let key: KeyObject | undefined;
    return {
      bits,
      verify: (algorithm, signature, data) => {
        const bytes = signature.string();
        signature.finish();
        key ??= importPublic(jwk);
        verifyRsa(algorithm, key, n.length, bytes, data);
        return {};
      },
    };
  },
  readPrivate: (reader) => {
    const { n, e, p, q } = privateParts(reader);
    checkLength(bitLength(n));
    // 1 is removed from them by clearing their last bit
    if (!isOdd(p) || !isOdd(q)) throw new SshError('SSH_ERR_INVALID_FORMAT', 'RSA private key: even prime');
    const fields = new WireWriter(n.length + 64);
    mpint.write(fields, e);
    mpint.write(fields, n);
    return fields.bytes();
  },
  signing: {
    importPrivate: (fields) => {
      const der = Buffer.from(rsaPkcs1(fields));
      try {
        return createPrivateKey({ key: der, format: 'der', type: 'pkcs1' });
      } catch (error) {
        throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'RSA private key', { cause: error });
      } finally {
        der.fill(0);
      }
    },
    generate: async (bits = 3072, racers = 1) => {
      if (!Number.isInteger(bits) || bits < MINIMUM_BITS || bits > MAXIMUM_BITS) {
        throw new SshError('SSH_ERR_KEY_LENGTH', `RSA of ${bits} bits`);
      }
      const key = await Promise.race(Array.from({ length: racers }, () => newKeyObject(bits)));
      const der = key.export({ format: 'der', type: 'pkcs1' });
      try {
        return rsaFields(der);
      } finally {
        der.fill(0);
      }
    },
    sign: (algorithm, key, data) => {
      const digest = digestOf(algorithm);
      const signature = sign(digest, data, key);
      // a fault in the computation would give the key away to whoever sees its result
      if (!verify(digest, data, createPublicKey(key), signature)) {
        throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'RSA signature: wrong as it was made');
      }
      return new WireWriter(signature.length + 4).string(signature).bytes();
    },
  },
};

/** A new key, which is looked for on a thread of its own. */
function newKeyObject(bits: number): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: bits, publicExponent: 65537 }, (error, _publicKey, key) => {
      if (error) reject(new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'RSA key generation', { cause: error }));
      else resolve(key);
    });
  });
}

/** Private fields as PKCS#1's RSAPrivateKey (RFC 8017 appendix A.1.2) in DER, in an array that the caller owns and wipes. */
export function rsaPkcs1(fields: Uint8Array): Uint8Array {
  const { n, e, d, iqmp, p, q } = privateParts(new WireReader(fields));
  const exponents = [p, q].map((prime) => {
    const less = copyBytes(prime);
    less[less.length - 1] = (less.at(-1) as number) & 0xfe;
    const exponent = remainder(d, less);
    less.fill(0);
    return exponent;
  }) as [Uint8Array, Uint8Array];
  const [dp, dq] = exponents;
  const writer = new DerWriter(n.length + e.length + d.length + 2 * (p.length + q.length) + iqmp.length + 64);
  for (const value of [iqmp, dq, dp, q, p, d, e, n, new Uint8Array(0)]) writer.integer(value);
  const der = copyBytes(writer.wrap(tags.sequence, 0).bytes());
  writer.wipe();
  dp.fill(0);
  dq.fill(0);
  return der;
}

/**
 * The private fields of PKCS#1's RSAPrivateKey, in an array that the caller owns and wipes.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT
 */
export function rsaFields(der: Uint8Array): Uint8Array {
  const reader = new DerReader(der).within(tags.sequence);
  // version 1 is for keys of more than two primes
  if (reader.integer().length !== 0) throw new SshError('SSH_ERR_INVALID_FORMAT', 'RSA private key: version');
  const [n, e, d, p, q, , , iqmp] = Array.from({ length: 8 }, () => reader.integer());
  reader.finish();
  const writer = new WireWriter(der.length + 64);
  for (const value of [n, e, d, iqmp, p, q]) mpint.write(writer, value as Uint8Array);
  return writer.take();
}

/**
 * Verifies an RSASSA-PKCS1-v1_5 signature; one that lost its leading zeros is taken, as OpenSSH does (older PuTTYs send such).
 *
 * @throws SshError SSH_ERR_KEY_BITS_MISMATCH where it is longer than the modulus, SSH_ERR_SIGNATURE_INVALID where it is not right.
 */
function verifyRsa(algorithm: string, key: KeyObject, length: number, signature: Uint8Array, data: Uint8Array): void {
  if (signature.length > length) throw new SshError('SSH_ERR_KEY_BITS_MISMATCH', 'RSA signature: too long');
  const padded = new Uint8Array(length);
  padded.set(signature, length - signature.length);
  let right = false;
  try {
    right = verify(digestOf(algorithm), data, key, padded);
  } catch (error) {
    throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'RSA signature', { cause: error });
  }
  if (!right) throw new SshError('SSH_ERR_SIGNATURE_INVALID');
}

function digestOf(algorithm: string): string {
  const digest = digests.get(algorithm);
  if (digest === undefined) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', algorithm);
  return digest;
}

function importPublic(jwk: { kty: string; n: string; e: string }): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (error) {
    throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'RSA public key', { cause: error });
  }
}

/** The numbers of private fields in OpenSSH's order, as views. */
function privateParts(reader: WireReader) {
  const [n, e, d, iqmp, p, q] = Array.from({ length: 6 }, () => mpint.read(reader)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return { n, e, d, iqmp, p, q };
}

function checkLength(bits: number): void {
  if (bits < MINIMUM_BITS || bits > MAXIMUM_BITS) throw new SshError('SSH_ERR_KEY_LENGTH', `RSA of ${bits} bits`);
}

function isOdd(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 1 && (bytes.length > 1 || bytes[0] !== 1);
}
