import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { concat } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { KexAlgorithm, KexKeypair } from './kex.ts';
import type { Random } from './random.ts';
import { randomBytes, systemRandom } from './random.ts';

/** The length of X25519's public values and secrets. */
export const X25519_BYTES = 32;

/** X25519 as a key exchange (RFC 8731 section 3); also the classical half of the hybrids. */
export const curve25519: KexAlgorithm = {
  keypair: (random) => keypair(random),
  encapsulate: (peerValue, random) => {
    const own = keypair(random);
    return { value: own.value, secret: own.decapsulate(peerValue) };
  },
};

function keypair(random: Random): KexKeypair {
  const { privateKey, publicKey } = freshKey(random);
  const { x } = publicKey.export({ format: 'jwk' });
  return {
    value: new Uint8Array(Buffer.from(x as string, 'base64url')),
    decapsulate: (peerValue) => agree(privateKey, peerValue),
  };
}

/** DER of a PKCS #8 X25519 private key (RFC 8410 section 7) up to its 32 bytes. */
const PKCS8_HEAD = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

/**
 * A private scalar and its public value. Every connection pays for this at its start: OpenSSL's own generator takes a tenth of the time
 * that Node 20 needs to read a private key, so that only a given source of randomness takes the longer way.
 */
function freshKey(random: Random): { privateKey: KeyObject; publicKey: KeyObject } {
  if (random === systemRandom) return generateKeyPairSync('x25519');
  const scalar = randomBytes(random, X25519_BYTES);
  const der = Buffer.from(concat(PKCS8_HEAD, scalar));
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  scalar.fill(0);
  der.fill(0);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function agree(privateKey: KeyObject, peerValue: Uint8Array): Uint8Array {
  if (peerValue.length !== X25519_BYTES) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', `X25519 public value: ${peerValue.length} bytes where ${X25519_BYTES} are due`);
  }
  const x = Buffer.from(peerValue).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  let secret: Buffer | undefined;
  try {
    secret = diffieHellman({ privateKey, publicKey });
  } catch {
    // OpenSSL refuses to give an all-zero result; other builds give it, and it is refused here.
  }
  if (secret === undefined || secret.every((value) => value === 0)) {
    throw new SshError('SSH_ERR_KEY_INVALID_EC_VALUE', 'X25519 public value of small order (RFC 8731 section 3)');
  }
  return new Uint8Array(secret.buffer, secret.byteOffset, secret.length);
}
