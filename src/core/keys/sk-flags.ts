import { WireReader } from '../wire/reader.ts';
import type { PrivateKey } from './private-key.ts';

/** The flag of a security key that signs only when somebody touches it (PROTOCOL.u2f). */
export const USER_PRESENCE_REQUIRED = 0x01;

/** The flag of one that signs only for a user whom it has verified, by a PIN or a fingerprint. */
export const USER_VERIFICATION_REQUIRED = 0x04;

/** How many strings stand before the flags: the public key's fields and the application. */
const fieldsBefore: Readonly<Record<string, number>> = {
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
};

/** The flags that a security key signs with (PROTOCOL.u2f, private keys); 0 for a key that is none. */
export function securityKeyFlags(key: PrivateKey): number {
  const strings = fieldsBefore[key.publicKey.name];
  if (strings === undefined) return 0;
  const reader = new WireReader(key.fields);
  for (let i = 0; i < strings; i++) reader.string();
  return reader.byte();
}
