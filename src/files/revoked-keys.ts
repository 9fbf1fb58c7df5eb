import type { PublicKey } from '../core/keys/key.ts';
import { isKrl, parseKrl } from '../core/keys/krl.ts';
import { parsePublicKeyLine } from '../core/keys/public-key.ts';
import { equalBytes, utf8Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { readWholeFile } from '../node/files.ts';

/** Far more than the largest real list. */
const largestFile = 256 * 1024 * 1024;

/**
 * Whether a file of revoked keys, a KRL or public keys one per line, has this key or, for a certificate, its authority's.
 *
 * @throws SystemError where it can't be read; SshError where a line or the KRL is malformed: what it revokes can't be known then.
 */
export function isRevokedBy(file: string, key: PublicKey): boolean {
  const { bytes } = readWholeFile(file, largestFile);
  if (isKrl(bytes)) return parseKrl(bytes).revokes(key);
  const suspects = [key.plain, ...(key.certificate === undefined ? [] : [key.certificate.signatureKey])];
  return listedKeys(utf8Text(bytes)).some((listed) => suspects.some((one) => equalBytes(one.blob, listed.plain.blob)));
}

function listedKeys(text: string): PublicKey[] {
  return text.split('\n').flatMap((line) => {
    if (/^[ \t]*(?:#|$)/.test(line.replace(/\r$/, ''))) return [];
    try {
      return [parsePublicKeyLine(line).key];
    } catch (error) {
      // a key that is too short to be used needs no revoking
      if (error instanceof SshError && error.code === 'SSH_ERR_KEY_LENGTH') return [];
      throw error;
    }
  });
}
