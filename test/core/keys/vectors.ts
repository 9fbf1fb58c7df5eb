import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseOpensshPrivate } from '../../../src/core/keys/openssh-private.ts';
import { parsePublicKeyLine, type PublicKeyLine } from '../../../src/core/keys/public-key.ts';
import type { PrivateKey } from '../../../src/core/keys/private-key.ts';
import { SshError, type SshErrorCode } from '../../../src/core/util/errors.ts';

const folder = fileURLToPath(new URL('../../vectors/keys/', import.meta.url));

/** Types of which there is a key without a passphrase: the names of the files that make-keys.sh writes. */
export const plainKeys = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-1024', 'rsa-2048'] as const;

/** A file that OpenSSH's ssh-keygen wrote (test/vectors/make-keys.sh). */
export function keyFile(name: string): Uint8Array {
  return readFileSync(folder + name);
}

export function keyText(name: string): string {
  return readFileSync(folder + name, 'utf8');
}

export function publicKeyFile(name: string): PublicKeyLine {
  return parsePublicKeyLine(keyText(name));
}

export async function privateKeyFile(name: string): Promise<PrivateKey> {
  return (await parseOpensshPrivate(keyFile(name))).key;
}

/** The code of the SshError that something throws; undefined where it returns, and anything else goes through. */
export function errorCode(run: () => unknown): SshErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
}

/** The same of a promise. */
export async function rejection(promise: Promise<unknown>): Promise<SshErrorCode | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
}
