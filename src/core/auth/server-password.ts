import { authRequests, userauthPasswdChangereq } from '../wire/auth-messages.ts';
import type { ServerMethod } from './server-session.ts';

/** What a password check found. */
export type PasswordVerdict<Grant> =
  | { readonly type: 'right'; readonly grant: Grant }
  | { readonly type: 'wrong' }
  /** Right, but it must be changed first. */
  | { readonly type: 'expired'; readonly prompt: string };

/** How a server takes passwords. The bytes are wiped when a promise settles. */
export interface ServerPasswordOptions<Grant> {
  /** Checks a password; for an unknown user it does as much work and says 'wrong'. */
  readonly check: (user: string, password: Uint8Array, known: boolean) => Promise<PasswordVerdict<Grant>>;
  /** Changes a password; undefined where that is not offered. */
  readonly change?: (user: string, password: Uint8Array, newPassword: Uint8Array, known: boolean) => Promise<PasswordVerdict<Grant>>;
}

/** The method password (RFC 4252 section 8). */
export function serverPassword<Grant>({ check, change }: ServerPasswordOptions<Grant>): ServerMethod<Grant> {
  return {
    name: 'password',
    requests: ['password'],
    attempt: async ({ body, user, known, link }) => {
      const { password, newPassword } = authRequests.decode('password', body);
      try {
        if (newPassword !== undefined && change === undefined) return { type: 'refused', reason: 'passwords are not changed here' };
        const verdict = await (newPassword === undefined || change === undefined
          ? check(user, password, known)
          : change(user, password, newPassword, known));
        if (verdict.type === 'wrong' || !known) return { type: 'refused', reason: 'the password is wrong' };
        if (verdict.type === 'right') return { type: 'accepted', grant: verdict.grant };
        if (change === undefined) return { type: 'refused', reason: 'the password has expired' };
        link.send(userauthPasswdChangereq.encode({ prompt: verdict.prompt, languageTag: '' }));
        return { type: 'postponed' };
      } finally {
        password.fill(0);
        newPassword?.fill(0);
      }
    },
  };
}
