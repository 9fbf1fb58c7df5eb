import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { PublicKey, Signer } from '../../../src/core/keys/key.ts';
import { parsePublicKey } from '../../../src/core/keys/public-key.ts';
import { mpint, string, utf8 } from '../../../src/core/wire/codec.ts';
import { encode, struct } from '../../../src/core/wire/message.ts';

const ed25519Blob = struct({ name: utf8, key: string });
const rsaBlob = struct({ name: utf8, e: mpint, n: mpint });
const signatureForm = struct({ name: utf8, signature: string });
const rsaHashes: Record<string, string> = { 'rsa-sha2-512': 'sha512', 'rsa-sha2-256': 'sha256', 'ssh-rsa': 'sha1' };

/** A signer with a fresh Ed25519 key, made without the keys floor. */
export function ed25519Key(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return signer(encode(ed25519Blob, { name: 'ssh-ed25519', key: raw }), privateKey);
}

/** A signer with a fresh RSA key. */
export function rsaKey(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  const blob = encode(rsaBlob, { name: 'ssh-rsa', e: Buffer.from(e, 'base64url'), n: Buffer.from(n, 'base64url') });
  return signer(blob, privateKey);
}

/** How the tests name keys in events. */
export function fingerprint(key: PublicKey): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '')}`;
}

function signer(blob: Uint8Array, privateKey: KeyObject): Signer {
  return {
    publicKey: parsePublicKey(blob),
    sign: (data, algorithm) =>
      Promise.resolve(encode(signatureForm, { name: algorithm, signature: sign(rsaHashes[algorithm], data, privateKey) })),
  };
}
