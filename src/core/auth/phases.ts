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

/** What may come to the client; anything else ends the connection, unknown numbers too. */
export const clientPhases: Readonly<Record<ClientPhase, readonly number[]>> = {
  service: [6],
  result: [51, 52, 53],
  query: [51, 52, 53, 60],
  password: [51, 52, 53, 60],
  'keyboard-interactive': [51, 52, 53, 60],
};

/** What may come to the server. */
export const serverPhases: Readonly<Record<ServerPhase, readonly number[]>> = {
  service: [5],
  // a second request for the service is granted again, as OpenSSH does
  request: [5, 50],
  // a client may give up on questions and start another try (RFC 4256 section 3.3)
  answers: [50, 61],
};

/** What becomes of a message. */
export type Verdict = 'take' | 'unimplemented' | 'end';

/** What the client does with a message number in a phase. */
export function clientVerdict(phase: ClientPhase, number: number): Verdict {
  return clientPhases[phase].includes(number) ? 'take' : 'end';
}

/**
 * What the server does with a message number in a phase: what only a server sends, an answer to no question and everything of the
 * connection protocol end the connection; numbers that nobody has assigned are answered with UNIMPLEMENTED.
 */
export function serverVerdict(phase: ServerPhase, number: number): Verdict {
  if (serverPhases[phase].includes(number)) return 'take';
  return number >= 80 || knownToServer.includes(number) ? 'end' : 'unimplemented';
}

const knownToServer = [5, 6, 50, 51, 52, 53, 60, 61, 63, 64, 65, 66];
