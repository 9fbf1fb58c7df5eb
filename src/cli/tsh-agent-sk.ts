/** How the agent has security keys sign: their users are told and asked by SSH_ASKPASS. */
import type { HeldKey } from '../core/agent/keyring.ts';
import { fingerprint } from '../core/keys/fingerprint.ts';
import { securityKeyFlags, USER_PRESENCE_REQUIRED } from '../core/keys/sk-flags.ts';
import { type SecurityKeyAccess, signInDialogue } from '../node/sk-helper.ts';

/**
 * Has a security key that the agent holds sign.
 *
 * @param purpose what for, where that is known.
 * @throws SshError where it can't or won't.
 */
export async function signBySecurityKey(
  { key, publicKey, provider }: HeldKey,
  data: Uint8Array,
  purpose: string | undefined,
  access: Omit<SecurityKeyAccess, 'provider'>,
): Promise<Uint8Array> {
  const named = `${publicKey.shortName} key ${fingerprint(publicKey, 'sha256')}`;
  const touch = (securityKeyFlags(key) & USER_PRESENCE_REQUIRED) !== 0;
  const notice = `Confirm user presence for key ${publicKey.shortName} ${fingerprint(publicKey, 'sha256')}`;
  const dialogue = {
    notice: purpose === undefined ? notice : `${notice}\n${purpose}`,
    noticeByAskpass: false,
    pinQuestion: `Enter PIN${touch ? ' and confirm user presence ' : ' '}for ${named}: `,
    pinByAskpass: true,
    failed: (error: unknown) => access.log('DEBUG', failure(error)),
  };
  try {
    return await signInDialogue(key, data, { ...access, provider: provider ?? '' }, dialogue);
  } catch (error) {
    access.log('ERROR', failure(error));
    throw error;
  }
}

function failure(error: unknown): string {
  return `process_sign_request2: sshkey_sign: ${error instanceof Error ? error.message : String(error)}`;
}
