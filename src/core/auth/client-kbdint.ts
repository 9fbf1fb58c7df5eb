import { visibleText } from '../util/vis.ts';
import { authRequests, userauthInfoRequest, userauthInfoResponse } from '../wire/auth-messages.ts';
import { PASSWORD_PADDING, refused } from './client-password.ts';
import type { ClientMethod, ClientSession, Prompt } from './client-session.ts';

/** How a client answers a server's questions. */
export interface KeyboardInteractiveOptions {
  readonly prompt: Prompt;
  /** The host as prompts name it: HostKeyAlias where there is one. */
  readonly host: string;
  /** How often the method is tried (ssh_config(5) NumberOfPasswordPrompts). */
  readonly mostTries: number;
  /** The devices to ask for (ssh_config(5) KbdInteractiveDevices); empty for the server's choice. */
  readonly devices: readonly string[];
}

/** The method keyboard-interactive (RFC 4256). */
export function keyboardInteractiveMethod(options: KeyboardInteractiveOptions): ClientMethod {
  let tries = 0;
  let asked = false;
  return {
    name: METHOD,
    attempt: async (session) => {
      // a server that asked nothing the first time has no questions for this user
      if (tries++ >= options.mostTries || (tries > 1 && !asked)) return undefined;
      session.emit({ type: 'authentication-try', attempt: { method: METHOD, outcome: 'offered' } });
      session.request(METHOD, authRequests.encode(METHOD, { languageTag: '', submethods: options.devices.join(',') }));
      session.began(METHOD);
      for (let rounds = 0; ; rounds++) {
        const answer = await session.answer('keyboard-interactive');
        if (answer.type !== 'method') return refused(session, answer, METHOD);
        if (rounds === MOST_ROUNDS) throw session.inbox.refuse('the server asks questions without end');
        asked = true;
        await respond(session, options, answer.payload);
      }
    },
  };
}

const METHOD = 'keyboard-interactive';

/** How many rounds of questions one try may have. */
const MOST_ROUNDS = 1024;

async function respond(session: ClientSession, { prompt, host }: KeyboardInteractiveOptions, payload: Uint8Array): Promise<void> {
  const { name, instruction, prompts } = userauthInfoRequest.decode(payload);
  for (const text of [name, instruction]) {
    if (text !== '') session.emit({ type: 'note', level: 'info', text });
  }
  const responses: Uint8Array[] = [];
  // the user and host stand before each question, so that a server cannot pass it off as one of the client's own
  for (const one of prompts) {
    const text = visibleText(`(${session.user}@${host}) ${one.prompt}`);
    responses.push((await prompt(text, one.echo)) ?? new Uint8Array(0));
  }
  const response = userauthInfoResponse.encode({ responses });
  for (const one of responses) one.fill(0);
  session.link.send(response, PASSWORD_PADDING);
  response.fill(0);
}
