import { createECDH } from 'node:crypto';
import { fromHex } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { KexAlgorithm, KexKeypair } from './kex.ts';
import type { Random } from './random.ts';
import { randomBytes } from './random.ts';

/** A NIST curve as ECDH needs it. */
interface Curve {
  /** OpenSSL's name for it. */
  readonly name: string;
  /** The length of a coordinate, and of the secret. */
  readonly bytes: number;
  /** The group's order n: private scalars are 1 to n - 1. */
  readonly order: Uint8Array;
}

const p256: Curve = {
  name: 'prime256v1',
  bytes: 32,
  order: fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
};

const p384: Curve = {
  name: 'secp384r1',
  bytes: 48,
  order: fromHex('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
};

const p521: Curve = {
  name: 'secp521r1',
  bytes: 66,
  order: fromHex(
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
  ),
};

/** ECDH on NIST P-256 (RFC 5656 section 4); also the classical half of mlkem768nistp256-sha256. */
export const ecdhNistp256: KexAlgorithm = ecdh(p256);
/** ECDH on NIST P-384. */
export const ecdhNistp384: KexAlgorithm = ecdh(p384);
/** ECDH on NIST P-521. */
export const ecdhNistp521: KexAlgorithm = ecdh(p521);

/** The length of P-256's public values: uncompressed points. */
export const NISTP256_VALUE_BYTES = 1 + 2 * p256.bytes;

/** ECDH on one curve: public values are uncompressed points, the secret is the shared point's x coordinate at its full length. */
function ecdh(curve: Curve): KexAlgorithm {
  return {
    keypair: (random) => keypair(curve, random),
    encapsulate: (peerValue, random) => {
      const own = keypair(curve, random);
      return { value: own.value, secret: own.decapsulate(peerValue) };
    },
  };
}

function keypair(curve: Curve, random: Random): KexKeypair {
  const own = createECDH(curve.name);
  const scalar = privateScalar(curve, random);
  own.setPrivateKey(scalar);
  scalar.fill(0);
  return {
    value: new Uint8Array(own.getPublicKey()),
    decapsulate: (peerValue) => {
      checkForm(curve, peerValue);
      try {
        return new Uint8Array(own.computeSecret(peerValue));
      } catch (cause) {
        throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', `ECDH public value is not on ${curve.name} (RFC 5656 section 4)`, { cause });
      }
    },
  };
}

/** A uniform scalar from 1 to n - 1, by drawing again until there is one (FIPS 186-5 section A.2.2). */
function privateScalar({ bytes, order }: Curve, random: Random): Uint8Array {
  const topBits = 0xff >> Math.clz32((order[0] as number) << 24);
  for (;;) {
    const scalar = randomBytes(random, bytes);
    scalar[0] = (scalar[0] as number) & topBits;
    if (Buffer.compare(scalar, order) < 0 && scalar.some((value) => value !== 0)) return scalar;
  }
}

/** Only uncompressed points are taken; the point at infinity has another form, and so is not. */
function checkForm({ name, bytes }: Curve, point: Uint8Array): void {
  if (point.length === 1 + 2 * bytes && point[0] === 4) return;
  throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', `ECDH public value is no uncompressed point of ${name} (RFC 5656 section 4)`);
}
