import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { PublicKey, Signer } from '../../../src/core/keys/key.ts';
import { string, utf8 } from '../../../src/core/wire/codec.ts';
import { decode, encode, struct } from '../../../src/core/wire/message.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';

const ed25519Blob = struct({ name: utf8, key: string });
const signatureForm = struct({ name: utf8, signature: string });
const rsaHashes: Record<string, string> = { 'rsa-sha2-512': 'sha512', 'rsa-sha2-256': 'sha256', 'ssh-rsa': 'sha1' };
const known = new Map<string, PublicKey>();

/** A signer with a fresh Ed25519 key, made without the keys floor. */
export function ed25519Key(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return signer('ssh-ed25519', ['ssh-ed25519'], encode(ed25519Blob, { name: 'ssh-ed25519', key: raw }), publicKey, privateKey);
}

/** A signer with a fresh RSA key. */
export function rsaKey(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const blob = encode(ed25519Blob, { name: 'ssh-rsa', key: utf8Bytes(JSON.stringify(publicKey.export({ format: 'jwk' }))) });
  return signer('ssh-rsa', Object.keys(rsaHashes), blob, publicKey, privateKey);
}

/** The key that a blob of one of the makers above holds. */
export function parseTestKey(blob: Uint8Array): PublicKey {
  const key = known.get(Buffer.from(blob).toString('hex'));
  if (key === undefined) throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN');
  return key;
}

/** How the tests name keys in events. */
export function describeTestKey(key: PublicKey): { keyType: string; fingerprint: string } {
  const digest = createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '');
  return { keyType: key.name, fingerprint: `SHA256:${digest}` };
}

function signer(
  name: string,
  signatureAlgorithms: readonly string[],
  blob: Uint8Array,
  publicKey: KeyObject,
  privateKey: KeyObject,
): Signer {
  const key: PublicKey = {
    name,
    shortName: 'TEST',
    blob,
    bits: 256,
    signatureAlgorithms,
    get plain() {
      return key;
    },
    verify: (signature, data, algorithm) => {
      const parts = decode(signatureForm, signature);
      if (parts.name !== algorithm) throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED');
      if (!verify(rsaHashes[algorithm], data, publicKey, parts.signature)) throw new SshError('SSH_ERR_SIGNATURE_INVALID');
      return {};
    },
  };
  known.set(Buffer.from(blob).toString('hex'), key);
  return {
    publicKey: key,
    sign: async (data, algorithm) => encode(signatureForm, { name: algorithm, signature: sign(rsaHashes[algorithm], data, privateKey) }),
  };
}
