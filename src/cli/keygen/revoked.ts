/** Whether a signature's key was revoked. */
import type { PublicKey } from '../../core/keys/key.ts';
import { krlComplaint } from '../../core/keys/krl.ts';
import { isRevokedBy } from '../../files/revoked-keys.ts';
import { reason } from './endings.ts';
import type { Run } from './run.ts';

/** Whether a key is revoked by a file, a KRL or a list of keys; also where the file can't be read, because nobody can tell then. */
export function isRevoked(run: Run, file: string, key: PublicKey): boolean {
  try {
    return isRevokedBy(file, key);
  } catch (error) {
    const complaint = krlComplaint(error);
    if (complaint !== undefined) run.error(complaint);
    run.log('DEBUG3', `sig_verify: sshkey_check_revoked: ${reason(error)}`);
    return true;
  }
}
