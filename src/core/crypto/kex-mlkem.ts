import type { KexAlgorithm } from './kex.ts';
import { curve25519, X25519_BYTES } from './kex-curve25519.ts';
import { ecdhNistp256, NISTP256_VALUE_BYTES } from './kex-ecdh.ts';
import type { HybridPart } from './kex-hybrid.ts';
import { hybrid } from './kex-hybrid.ts';
import { MLKEM768_CIPHERTEXT_BYTES, MLKEM768_KEY_BYTES, mlkem768 } from './mlkem768.ts';

/** mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex section 2). */
export async function mlkem768x25519(): Promise<KexAlgorithm> {
  return hybrid('sha256', await kem(), { algorithm: curve25519, valueBytes: X25519_BYTES, replyBytes: X25519_BYTES });
}

/** mlkem768nistp256-sha256: the curve's secret is the shared point's x coordinate at its full 32 bytes. */
export async function mlkem768nistp256(): Promise<KexAlgorithm> {
  return hybrid('sha256', await kem(), {
    algorithm: ecdhNistp256,
    valueBytes: NISTP256_VALUE_BYTES,
    replyBytes: NISTP256_VALUE_BYTES,
  });
}

async function kem(): Promise<HybridPart> {
  return { algorithm: await mlkem768(), valueBytes: MLKEM768_KEY_BYTES, replyBytes: MLKEM768_CIPHERTEXT_BYTES };
}
