import { equalBytes } from '../util/bytes.ts';
import { authRequests, userauthPasswdChangereq } from '../wire/auth-messages.ts';
import type { Answer, ClientMethod, ClientSession, Prompt } from './client-session.ts';

/** How a client authenticates with passwords. */
export interface PasswordOptions {
  readonly prompt: Prompt;
  /** The host as prompts name it: HostKeyAlias where there is one. */
  readonly host: string;
  /** How often the user is asked (ssh_config(5) NumberOfPasswordPrompts). */
  readonly mostPrompts: number;
}

/** The method password with the change of an expired one (RFC 4252 section 8). */
export function passwordMethod(options: PasswordOptions): ClientMethod {
  let tries = 0;
  return {
    name: METHOD,
    attempt: async (session) => {
      if (tries++ >= options.mostPrompts) return undefined;
      if (tries > 1) session.emit({ type: 'note', level: 'error', text: 'Permission denied, please try again.' });
      const password = (await options.prompt(`${session.user}@${options.host}'s password: `, false)) ?? new Uint8Array(0);
      send(session, { password });
      session.began(METHOD);
      let answer = await session.answer('password');
      for (let changes = 0; answer.type === 'method'; changes++) {
        if (changes === MOST_CHANGES) throw session.inbox.refuse('the server asks for a new password over and over');
        const changed = await change(session, options, answer.payload);
        if (!changed) return undefined;
        answer = await session.answer('password');
      }
      return refused(session, answer);
    },
  };
}

/** Tells of a refusal and passes the answer on. */
export function refused(session: ClientSession, answer: Answer, method = METHOD): Answer {
  if (answer.type === 'failure' && !answer.partialSuccess) {
    session.emit({ type: 'authentication-try', attempt: { method, outcome: 'refused' } });
  }
  return answer;
}

const METHOD = 'password';

/** What hides a password's length: OpenSSH pads such packets to a multiple of so many bytes. */
export const PASSWORD_PADDING = 64;

/** How often one try may be answered with the demand for another new password. */
const MOST_CHANGES = 16;

function send(session: ClientSession, body: { readonly password: Uint8Array; readonly newPassword?: Uint8Array }): void {
  session.emit({ type: 'authentication-try', attempt: { method: METHOD, outcome: 'offered' } });
  session.request(METHOD, authRequests.encode(METHOD, body), PASSWORD_PADDING);
  body.password.fill(0);
  body.newPassword?.fill(0);
}

/** Asks for the old and a new password and sends them; false where the user gave up. */
async function change(session: ClientSession, { prompt, host }: PasswordOptions, payload: Uint8Array): Promise<boolean> {
  const text = userauthPasswdChangereq.decode(payload).prompt;
  if (text !== '') session.emit({ type: 'note', level: 'info', text });
  // OpenSSH cuts long names in these prompts
  const who = `${session.user.slice(0, 30)}@${host.slice(0, 128)}'s`;
  const password = (await prompt(`Enter ${who} old password: `, false)) ?? new Uint8Array(0);
  for (;;) {
    const newPassword = await prompt(`Enter ${who} new password: `, false);
    if (newPassword === undefined) {
      password.fill(0);
      return false;
    }
    const again = (await prompt(`Retype ${who} new password: `, false)) ?? new Uint8Array(0);
    const same = equalBytes(newPassword, again);
    again.fill(0);
    if (same) {
      send(session, { password, newPassword });
      return true;
    }
    newPassword.fill(0);
    session.emit({ type: 'note', level: 'info', text: 'Mismatch; try again, EOF to quit.' });
  }
}
