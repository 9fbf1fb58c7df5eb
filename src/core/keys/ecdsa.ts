import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { base64url, concat, copyBytes, equalBytes, fromHex, trimZeros, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { DerReader, DerWriter, tags } from './asn1.ts';
import { readName } from './malformed.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';

/** A curve: its SSH name, JWK's name, its object identifier's content, the bytes of a coordinate and the digest that goes with it (RFC 5656 sections 6.2.1, 10.1). */
export interface Curve {
  readonly name: string;
  readonly jwk: string;
  readonly oid: Uint8Array;
  readonly bits: number;
  readonly size: number;
  readonly digest: string;
}

/** The curves of RFC 5656 section 10.1. */
export const curves: readonly Curve[] = [
  { name: 'nistp256', jwk: 'P-256', oid: fromHex('2a8648ce3d030107'), bits: 256, size: 32, digest: 'sha256' },
  { name: 'nistp384', jwk: 'P-384', oid: fromHex('2b81040022'), bits: 384, size: 48, digest: 'sha384' },
  { name: 'nistp521', jwk: 'P-521', oid: fromHex('2b81040023'), bits: 521, size: 66, digest: 'sha512' },
];

/** ECDSA keys, a kind for each curve (RFC 5656). */
export const ecdsaKinds: readonly KeyKind[] = curves.map(ecdsaKind);

function ecdsaKind(curve: Curve): KeyKind {
  const name = `ecdsa-sha2-${curve.name}`;
  const certificateName = `${name}-cert-v01@openssh.com`;
  return {
    name,
    certificateName,
    shortName: 'ECDSA',
    signatures: [{ name, certificateName }],
    readPublic: (reader): PublicPart => {
      const key = readEcdsaPublicKey(curve, reader);
      return {
        bits: curve.bits,
        verify: (_algorithm, signature, data) => {
          const bytes = signature.string();
          signature.finish();
          verifyEcdsa(curve, key, bytes, data);
          return {};
        },
      };
    },
    readPrivate: (reader) => {
      const start = reader.at;
      readEcdsaPublicKey(curve, reader);
      const fields = copyBytes(reader.bytes.subarray(start, reader.at));
      const secret = mpint.read(reader);
      if (secret.length === 0 || secret.length > curve.size) {
        throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', 'ECDSA private key: out of range');
      }
      return fields;
    },
    signing: {
      importPrivate: (fields) => {
        const { secret, point } = privateParts(fields);
        // without its public key, which is then made anew: that shows whether the two belong together
        const der = sec1(curve, secret, undefined);
        try {
          const key = createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: 'der', type: 'sec1' });
          if (!equalBytes(pointOf(curve, createPublicKey(key)), point)) {
            throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', 'ECDSA private key: its public key is of another');
          }
          return key;
        } catch (error) {
          if (error instanceof SshError) throw error;
          throw new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'ECDSA private key', { cause: error });
        } finally {
          der.fill(0);
        }
      },
      generate: (bits = curve.bits) => {
        if (bits !== curve.bits) return Promise.reject(new SshError('SSH_ERR_KEY_LENGTH', `ECDSA of ${bits} bits`));
        const pair = generateKeyPairSync('ec', { namedCurve: curve.jwk });
        const der = pair.privateKey.export({ format: 'der', type: 'sec1' });
        try {
          return Promise.resolve(ecdsaFields(der).fields);
        } finally {
          der.fill(0);
        }
      },
      sign: (_algorithm, key, data) => {
        const raw = sign(curve.digest, data, { key, dsaEncoding: 'ieee-p1363' });
        const parts = new WireWriter(160);
        mpint.write(parts, raw.subarray(0, curve.size));
        mpint.write(parts, raw.subarray(curve.size));
        return new WireWriter(160).string(parts.bytes()).bytes();
      },
    },
  };
}

/** The longest point that OpenSSH reads: that of nistp521. */
const LONGEST_POINT = 133;

/**
 * Reads a curve's name and a point (RFC 5656 section 3.1), which must be of the curve.
 *
 * @throws SshError SSH_ERR_EC_CURVE_MISMATCH, SSH_ERR_ECPOINT_TOO_LARGE, SSH_ERR_INVALID_FORMAT, or what the reader throws.
 */
export function readEcdsaPublicKey(curve: Curve, reader: WireReader): KeyObject {
  const name = readName(reader);
  if (name !== curve.name) throw new SshError('SSH_ERR_EC_CURVE_MISMATCH');
  const point = reader.string();
  if (point.length === 0 || point.length > LONGEST_POINT) throw new SshError('SSH_ERR_ECPOINT_TOO_LARGE');
  // only the uncompressed form, as OpenSSH
  if (point.length !== 1 + 2 * curve.size || point[0] !== 4) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', `ECDSA point on ${curve.name}: not of the uncompressed form`);
  }
  const x = base64url(point.subarray(1, 1 + curve.size));
  const y = base64url(point.subarray(1 + curve.size));
  try {
    // the import checks that the point is on the curve and not at infinity
    return createPublicKey({ key: { kty: 'EC', crv: curve.jwk, x, y }, format: 'jwk' });
  } catch (error) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', `ECDSA point on ${curve.name}`, { cause: error });
  }
}

/**
 * Verifies an ECDSA signature: r and s as mpints (RFC 5656 section 3.1.2).
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT or another of the reader's where it is malformed, SSH_ERR_SIGNATURE_INVALID where it is not right.
 */
export function verifyEcdsa(curve: Curve, key: KeyObject, signature: Uint8Array, data: Uint8Array): void {
  const reader = new WireReader(signature);
  const raw = new Uint8Array(2 * curve.size);
  for (const end of [curve.size, 2 * curve.size]) {
    const value = mpint.read(reader);
    if (value.length > curve.size) throw new SshError('SSH_ERR_SIGNATURE_INVALID');
    raw.set(value, end - value.length);
  }
  reader.finish();
  if (!verify(curve.digest, data, { key, dsaEncoding: 'ieee-p1363' }, raw)) {
    throw new SshError('SSH_ERR_SIGNATURE_INVALID');
  }
}

/**
 * Private fields as SEC1's ECPrivateKey (RFC 5915) in DER, in an array that the caller owns and wipes.
 *
 * With `named` false the curve is left out, as PKCS#8 has it beside the key.
 */
export function ecdsaSec1(curve: Curve, fields: Uint8Array, named = true): Uint8Array {
  const { secret, point } = privateParts(fields);
  return sec1(curve, secret, point, named);
}

/**
 * The curve and the private fields of SEC1's ECPrivateKey; the curve is the one given where the key names none. The caller owns and
 * wipes the fields.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT
 */
export function ecdsaFields(der: Uint8Array, given?: Curve): { readonly curve: Curve; readonly fields: Uint8Array } {
  const reader = new DerReader(der).within(tags.sequence);
  reader.integer();
  const secret = reader.element(tags.octetString);
  const curve = reader.next(tags.explicit0) ? curveOf(reader.within(tags.explicit0).element(tags.oid)) : given;
  if (curve === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'ECPrivateKey: no curve');
  const point = reader.next(tags.explicit1)
    ? reader.within(tags.explicit1).element(tags.bitString).subarray(1)
    : derivePoint(curve, secret);
  reader.finish();
  const writer = new WireWriter(256).string(utf8Bytes(curve.name)).string(point);
  mpint.write(writer, secret);
  return { curve, fields: writer.take() };
}

/**
 * The curve of an object identifier's content.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT
 */
export function curveOf(oid: Uint8Array): Curve {
  const curve = curves.find((one) => equalBytes(one.oid, oid));
  if (curve === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'unknown curve');
  return curve;
}

/** The private key's number and point, as views of its fields, which were read before. */
function privateParts(fields: Uint8Array): { secret: Uint8Array; point: Uint8Array } {
  const reader = new WireReader(fields);
  reader.string();
  const point = reader.string();
  return { secret: mpint.read(reader), point };
}

function sec1(curve: Curve, secret: Uint8Array, point: Uint8Array | undefined, named = true): Uint8Array {
  const padded = new Uint8Array(curve.size);
  const number = trimZeros(secret);
  if (number.length > curve.size) throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE');
  padded.set(number, curve.size - number.length);
  const writer = new DerWriter(300);
  if (point !== undefined) {
    const mark = writer.length;
    writer.element(tags.bitString, Uint8Array.of(0), point).wrap(tags.explicit1, mark);
  }
  if (named) {
    const mark = writer.length;
    writer.element(tags.oid, curve.oid).wrap(tags.explicit0, mark);
  }
  writer.element(tags.octetString, padded).integer(Uint8Array.of(1)).wrap(tags.sequence, 0);
  const der = copyBytes(writer.bytes());
  padded.fill(0);
  writer.wipe();
  return der;
}

function derivePoint(curve: Curve, secret: Uint8Array): Uint8Array {
  const der = Buffer.from(sec1(curve, secret, undefined));
  try {
    return pointOf(curve, createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'sec1' })));
  } catch (error) {
    throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', 'ECDSA private key', { cause: error });
  } finally {
    der.fill(0);
  }
}

function pointOf(curve: Curve, key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = concat(Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url'));
  if (point.length !== 1 + 2 * curve.size) throw new SshError('SSH_ERR_LIBCRYPTO_ERROR');
  return point;
}
