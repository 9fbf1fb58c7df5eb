import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { Signer } from '../core/keys/key.ts';
import type { PrivateKey } from '../core/keys/private-key.ts';
import type { Log, LogLevel } from '../core/util/log.ts';

/** How keys that live in hardware are used. */
export interface SecurityKeyPlan {
  /** SecurityKeyProvider: a library, or `internal`; undefined where there is none, and the keys are left alone. */
  readonly provider: string | undefined;
  /** The variable that should have named it, where it is not set. */
  readonly unset: string | undefined;
  readonly batchMode: boolean;
  readonly fingerprintHash: FingerprintHash;
  /** How much the program that drives them tells. */
  readonly level: LogLevel;
}

/** SecurityKeyProvider, which may name a variable. */
export function securityKeyProvider(
  value: string | undefined,
  variable: (name: string) => string | undefined,
): Pick<SecurityKeyPlan, 'provider' | 'unset'> {
  if (value === undefined || value.length < 2 || !value.startsWith('$')) return { provider: value, unset: undefined };
  const provider = variable(value.slice(1));
  return { provider, unset: provider === undefined ? value : undefined };
}

/** A signer for a key whose file was loaded: the key itself, or its hardware, whose user is told to touch it and asked for its PIN. */
export function signerOf(path: string, key: PrivateKey, plan: SecurityKeyPlan, log: Log): Signer {
  if (key.canSign) return key;
  const { publicKey } = key;
  return {
    publicKey,
    sign: async (data) => {
      const { signInDialogue } = await import('../node/sk-helper.ts');
      const access = { provider: plan.provider ?? '', log, level: plan.level };
      return signInDialogue(key, data, access, {
        notice: `Confirm user presence for key ${publicKey.shortName} ${fingerprint(publicKey, plan.fingerprintHash)}`,
        noticeByAskpass: plan.batchMode,
        pinQuestion: `Enter PIN for ${publicKey.shortName} key ${path}: `,
        pinByAskpass: false,
        failed: (error) => log('DEBUG', `identity_sign: sshkey_sign: ${error instanceof Error ? error.message : String(error)}`),
      });
    },
  };
}
