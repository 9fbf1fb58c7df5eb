import { authRequests, userauthInfoRequest, userauthInfoResponse, userauthRequest } from '../wire/auth-messages.ts';
import type { Values } from '../wire/message.ts';
import type { boolean, utf8 } from '../wire/codec.ts';
import type { ServerMethod, ServerOutcome, ServerRequest } from './server-session.ts';

/** What a device asks at once. */
export interface Questions {
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly Values<{ readonly prompt: typeof utf8; readonly echo: typeof boolean }>[];
}

/** Something that asks a user questions: a password check, PAM, one-time codes. */
export interface KeyboardInteractiveDevice<Grant> {
  /** Its name in AuthenticationMethods after a colon, and in a client's wish. */
  readonly name: string;
  /**
   * Asks until it knows; undefined where the answers won't do. An unknown user is asked the same. The answers are wiped when this settles,
   * and `ask` never settles where the client gave up.
   */
  readonly run: (user: string, known: boolean, ask: Ask) => Promise<Grant | undefined>;
}

/** Sends questions and gives as many answers. */
export type Ask = (questions: Questions) => Promise<readonly Uint8Array[]>;

/** The method keyboard-interactive (RFC 4256). Each device is run at most once a request, in its order or the client's choice of them. */
export function serverKeyboardInteractive<Grant>(devices: readonly KeyboardInteractiveDevice<Grant>[]): ServerMethod<Grant> {
  return {
    name: 'keyboard-interactive',
    requests: ['keyboard-interactive'],
    attempt: async (request) => {
      const { submethods } = authRequests.decode('keyboard-interactive', request.body);
      const wanted = submethods === '' ? undefined : submethods.split(',', MOST_DEVICES);
      for (const device of devices) {
        if (wanted !== undefined && !wanted.includes(device.name)) continue;
        const outcome = await runDevice(device, request);
        if (outcome.type !== 'refused') return outcome;
      }
      return { type: 'refused', reason: 'no device let the user in' };
    },
  };
}

/** More names than any wish has. */
const MOST_DEVICES = 32;

/** How many rounds of questions one device may ask. */
const MOST_ROUNDS = 128;

async function runDevice<Grant>(device: KeyboardInteractiveDevice<Grant>, request: ServerRequest): Promise<ServerOutcome<Grant>> {
  const { user, known, link, inbox } = request;
  const answers: Uint8Array[] = [];
  let rounds = 0;
  return new Promise((conclude, fail) => {
    const ask: Ask = (questions) => {
      if (++rounds > MOST_ROUNDS) throw inbox.refuse('too many rounds of questions');
      link.send(userauthInfoRequest.encode({ ...questions, languageTag: '' }));
      return new Promise((answered) => {
        inbox
          .next('answers')
          .then((payload) => {
            if (payload[0] === userauthRequest.number) {
              conclude({ type: 'abandoned', payload });
              return;
            }
            const { responses } = userauthInfoResponse.decode(payload);
            if (responses.length !== questions.prompts.length) {
              throw inbox.refuse(`${responses.length} answers to ${questions.prompts.length} questions`);
            }
            // the message is gone when the next is asked for
            const copies = responses.map((one) => one.slice());
            for (const one of responses) one.fill(0);
            answers.push(...copies);
            answered(copies);
          })
          .catch(fail);
      });
    };
    device
      .run(user, known, ask)
      .then((grant) => {
        for (const answer of answers) answer.fill(0);
        conclude(
          grant === undefined || !known
            ? { type: 'refused', reason: 'the answers are wrong' }
            : { type: 'accepted', grant, device: device.name },
        );
      })
      .catch(fail);
  });
}
