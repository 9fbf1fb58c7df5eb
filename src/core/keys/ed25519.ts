import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { base64url, equalBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { WireWriter } from '../wire/writer.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';

const PUBLIC_LENGTH = 32;
const SECRET_LENGTH = 64;
const SIGNATURE_LENGTH = 64;

/** What stands before the 32 bytes of the seed in a PKCS#8 private key (RFC 8410 section 7). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Ed25519 keys (RFC 8709). */
export const ed25519: KeyKind = {
  name: 'ssh-ed25519',
  certificateName: 'ssh-ed25519-cert-v01@openssh.com',
  shortName: 'ED25519',
  tellsWireErrors: true,
  signatures: [{ name: 'ssh-ed25519', certificateName: 'ssh-ed25519-cert-v01@openssh.com' }],
  readPublic: (reader): PublicPart => {
    const key = ed25519PublicKey(reader.string());
    return {
      bits: 256,
      verify: (_algorithm, signature, data) => {
        const bytes = signature.string();
        signature.finish();
        verifyEd25519(key(), bytes, data);
        return {};
      },
    };
  },
  readPrivate: (reader) => {
    const key = reader.string();
    const secret = reader.string();
    if (key.length !== PUBLIC_LENGTH || secret.length !== SECRET_LENGTH) {
      throw new SshError('SSH_ERR_INVALID_FORMAT', 'Ed25519 private key: wrong length');
    }
    return new WireWriter(64).string(key).bytes();
  },
  signing: {
    importPrivate: (fields) => {
      const der = Buffer.concat([PKCS8_HEADER, ed25519Seed(fields)]);
      try {
        const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
        const derived = publicKeyOf(createPublicKey(key));
        for (const at of [4, SEED_AT + 32]) {
          if (!equalBytes(derived, fields.subarray(at, at + PUBLIC_LENGTH))) {
            throw new SshError('SSH_ERR_INVALID_FORMAT', 'Ed25519 private key: its public key is of another');
          }
        }
        return key;
      } finally {
        der.fill(0);
      }
    },
    generate: (bits = 256) => {
      if (bits !== 256) return Promise.reject(new SshError('SSH_ERR_KEY_LENGTH', `Ed25519 of ${bits} bits`));
      const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
      try {
        return Promise.resolve(ed25519Fields(der.subarray(PKCS8_HEADER.length)));
      } finally {
        der.fill(0);
      }
    },
    sign: (_algorithm, key, data) => new WireWriter(80).string(sign(null, data, key)).bytes(),
  },
};

/** Where the seed stands in the private fields. */
const SEED_AT = 4 + PUBLIC_LENGTH + 4;

/** The seed in private fields, which were read before, as a view. */
export function ed25519Seed(fields: Uint8Array): Uint8Array {
  // two strings: the public key, then the seed with the public key behind it
  return fields.subarray(SEED_AT, SEED_AT + 32);
}

/** The private key's fields (public key; seed and public key) that belong to a seed of 32 bytes. */
export function ed25519Fields(seed: Uint8Array): Uint8Array {
  const der = Buffer.concat([PKCS8_HEADER, seed]);
  const secret = new Uint8Array(SECRET_LENGTH);
  try {
    const key = publicKeyOf(createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })));
    secret.set(seed);
    secret.set(key, seed.length);
    return new WireWriter(128).string(key).string(secret).take();
  } finally {
    der.fill(0);
    secret.fill(0);
  }
}

/**
 * Checks an Ed25519 public key's length and returns a function that imports it when it is first needed.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT
 */
export function ed25519PublicKey(bytes: Uint8Array): () => KeyObject {
  if (bytes.length !== PUBLIC_LENGTH) throw new SshError('SSH_ERR_INVALID_FORMAT', 'Ed25519 public key: wrong length');
  const x = base64url(bytes);
  let key: KeyObject | undefined;
  return () => {
    key ??= createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return key;
  };
}

/**
 * Verifies an Ed25519 signature (RFC 8032).
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT where it is longer than a signature, SSH_ERR_SIGNATURE_INVALID where it is not right.
 */
export function verifyEd25519(key: KeyObject, signature: Uint8Array, data: Uint8Array): void {
  if (signature.length > SIGNATURE_LENGTH) throw new SshError('SSH_ERR_INVALID_FORMAT', 'Ed25519 signature: too long');
  if (signature.length !== SIGNATURE_LENGTH || !verify(null, data, key, signature)) {
    throw new SshError('SSH_ERR_SIGNATURE_INVALID');
  }
}

/** The 32 bytes of a public key: what it exports as SPKI ends in them. */
function publicKeyOf(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_LENGTH);
}
