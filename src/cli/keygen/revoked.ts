/** Lists of revoked keys: KRLs, and files of plain keys. */
import type { PublicKey } from '../../core/keys/key.ts';
import { isKrl, parseKrl } from '../../core/keys/krl.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { readWholeFile } from '../../node/files.ts';
import { reason } from './endings.ts';
import type { Run } from './run.ts';

/** The largest list that is read: 128 MiB, as in OpenSSH. */
export const largestKrl = 128 * 1024 * 1024;

/** Whether a key is revoked by a file; also where the file can't be read, because nobody can tell then. */
export function isRevoked(run: Run, file: string, key: PublicKey): boolean {
  try {
    const { bytes } = readWholeFile(file, largestKrl);
    return isKrl(bytes) ? parseKrl(bytes).revokes(key) : isInLines(utf8Text(bytes), key);
  } catch (error) {
    run.log('DEBUG3', `sig_verify: sshkey_check_revoked: ${reason(error)}`);
    return true;
  }
}

function isInLines(text: string, key: PublicKey): boolean {
  const same = (one: PublicKey | undefined, other: PublicKey): boolean => one !== undefined && Buffer.compare(one.blob, other.blob) === 0;
  return text.split('\n').some((line) => {
    if (line.trim() === '' || line.startsWith('#')) return false;
    try {
      const revoked = parsePublicKeyLine(line).key;
      return same(key, revoked) || same(key.plain, revoked) || same(key.certificate?.signatureKey, revoked);
    } catch (error) {
      if (error instanceof SshError) return false;
      throw error;
    }
  });
}
