import { messageNumbers as numbers } from '../wire/numbers.ts';

/**
 * Which messages may come in which phase of authentication.
 *
 * A phase is the point where one side waits for the other. Numbers 60 and 61 mean something else in each method, so a phase that expects
 * one of them names it. The transport keeps 1 to 4, 7 to 49 and 192 to 193 to itself; all else is judged here.
 */

/** Where the client waits. */
export type ClientPhase = 'service' | 'result' | 'query' | 'password' | 'keyboard-interactive';

/** Where the server waits. */
export type ServerPhase = 'service' | 'request' | 'answers';

const failureSuccessBanner = [numbers.SSH_MSG_USERAUTH_FAILURE, numbers.SSH_MSG_USERAUTH_SUCCESS, numbers.SSH_MSG_USERAUTH_BANNER];

/** USERAUTH_PK_OK, USERAUTH_PASSWD_CHANGEREQ or USERAUTH_INFO_REQUEST, as the method has it. */
const METHOD_REPLY = 60;
const INFO_RESPONSE = 61;

/** What may come to the client; anything else ends the connection, unknown numbers too. */
export const clientPhases: Readonly<Record<ClientPhase, readonly number[]>> = {
  service: [numbers.SSH_MSG_SERVICE_ACCEPT],
  result: failureSuccessBanner,
  query: [...failureSuccessBanner, METHOD_REPLY],
  password: [...failureSuccessBanner, METHOD_REPLY],
  'keyboard-interactive': [...failureSuccessBanner, METHOD_REPLY],
};

/** What may come to the server. */
export const serverPhases: Readonly<Record<ServerPhase, readonly number[]>> = {
  service: [numbers.SSH_MSG_SERVICE_REQUEST],
  // a second request for the service is granted again, as OpenSSH does
  request: [numbers.SSH_MSG_SERVICE_REQUEST, numbers.SSH_MSG_USERAUTH_REQUEST],
  // a client may give up on questions and start another try (RFC 4256 section 3.3)
  answers: [numbers.SSH_MSG_USERAUTH_REQUEST, INFO_RESPONSE],
};

/** What becomes of a message. */
export type Verdict = 'take' | 'unimplemented' | 'end';

/** What the client does with a message number in a phase. */
export function clientVerdict(phase: ClientPhase, number: number): Verdict {
  return clientPhases[phase].includes(number) ? 'take' : 'end';
}

/** The first number of the connection protocol (RFC 4250 section 4.1.1). */
const CONNECTION = 80;

const knownBelowConnection: readonly number[] = [
  ...Object.values(numbers).filter((number) => number < CONNECTION),
  METHOD_REPLY,
  INFO_RESPONSE,
];

/**
 * What the server does with a message number in a phase: what only a server sends, an answer to no question and everything from the
 * connection protocol on end the connection; numbers below that nobody has assigned are answered with UNIMPLEMENTED.
 */
export function serverVerdict(phase: ServerPhase, number: number): Verdict {
  if (serverPhases[phase].includes(number)) return 'take';
  return number >= CONNECTION || knownBelowConnection.includes(number) ? 'end' : 'unimplemented';
}
