/** Keys of security keys, which sign by the program that drives the hardware. */
import { fingerprint } from '../../core/keys/fingerprint.ts';
import type { Signer } from '../../core/keys/key.ts';
import type { PrivateKey } from '../../core/keys/private-key.ts';
import { securityKeyFlags, USER_PRESENCE_REQUIRED, USER_VERIFICATION_REQUIRED } from '../../core/keys/sk-flags.ts';
import { SshError } from '../../core/util/errors.ts';
import { askSecret } from './prompts.ts';
import type { Run } from './run.ts';

/** The library where neither -w nor SSH_SK_PROVIDER names one: the one that the program has built in. */
const BUILT_IN = 'internal';

/** A signer for messages: the key itself, or its hardware, whose user is told to touch it and asked for its PIN where it wants one. */
export function messageSigner(run: Run, key: PrivateKey): Signer {
  const { publicKey } = key;
  return bySecurityKey(run, key, `Enter PIN for ${publicKey.shortName} key: `, async (sign) => {
    if ((securityKeyFlags(key) & USER_PRESENCE_REQUIRED) !== 0) {
      run.complain(`Confirm user presence for key ${publicKey.shortName} ${fingerprint(publicKey, run.options.hash)}\n`);
    }
    try {
      return await sign();
    } catch (error) {
      if (error instanceof SshError) run.error(`Couldn't sign message: ${error.message}`);
      throw error;
    }
  });
}

/** A signer for certificates: the authority's key itself, or its hardware. */
export function authoritySigner(run: Run, key: PrivateKey): Signer {
  return bySecurityKey(run, key, 'Enter PIN for CA key: ', (sign) => sign());
}

/** The key itself where it can sign; else a signer by its hardware, whose PIN is asked for before `around` is given the signing to do. */
function bySecurityKey(
  run: Run,
  key: PrivateKey,
  pinQuestion: string,
  around: (sign: () => Promise<Uint8Array>) => Promise<Uint8Array>,
): Signer {
  if (key.canSign) return key;
  const { options, log, level } = run;
  const provider = options.values.get('w') ?? process.env['SSH_SK_PROVIDER'] ?? BUILT_IN;
  return {
    publicKey: key.publicKey,
    sign: async (data) => {
      const { signWithSecurityKey } = await import('../../node/sk-helper.ts');
      const pin = (securityKeyFlags(key) & USER_VERIFICATION_REQUIRED) === 0 ? undefined : await askSecret(pinQuestion);
      try {
        return await around(() => signWithSecurityKey(key, data, { provider, log, level }, pin));
      } finally {
        pin?.fill(0);
      }
    },
  };
}
