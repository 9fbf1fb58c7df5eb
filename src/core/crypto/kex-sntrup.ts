import type { KexAlgorithm } from './kex.ts';
import { curve25519, X25519_BYTES } from './kex-curve25519.ts';
import { hybrid } from './kex-hybrid.ts';
import { SNTRUP761_CIPHERTEXT_BYTES, SNTRUP761_KEY_BYTES, sntrup761 } from './sntrup761.ts';

/** sntrup761x25519-sha512, also known by its @openssh.com name (draft-ietf-sshm-ntruprime-ssh section 3). */
export async function sntrup761x25519(): Promise<KexAlgorithm> {
  return hybrid(
    'sha512',
    { algorithm: await kem(), valueBytes: SNTRUP761_KEY_BYTES, replyBytes: SNTRUP761_CIPHERTEXT_BYTES },
    { algorithm: curve25519, valueBytes: X25519_BYTES, replyBytes: X25519_BYTES },
  );
}

/** sntrup761 in the shape of a key exchange; the hybrid has seen to the lengths of the peer's values. */
async function kem(): Promise<KexAlgorithm> {
  const primitive = await sntrup761();
  return {
    keypair: (random) => {
      const { publicKey, secretKey } = primitive.keypair(random);
      return {
        value: publicKey,
        decapsulate: (ciphertext) => {
          try {
            return primitive.decapsulate(ciphertext, secretKey);
          } finally {
            secretKey.fill(0);
          }
        },
      };
    },
    encapsulate: (publicKey, random) => {
      const { ciphertext, secret } = primitive.encapsulate(publicKey, random);
      return { value: ciphertext, secret };
    },
  };
}
