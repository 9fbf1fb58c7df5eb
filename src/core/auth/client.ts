import type { EventSink } from '../events.ts';
import type { PacketLink } from '../transport/link.ts';
import { authRequests } from '../wire/auth-messages.ts';
import { serviceAccept, serviceRequest } from '../wire/transport-messages.ts';
import type { Answer, ClientMethod } from './client-session.ts';
import { ClientSession } from './client-session.ts';
import { MethodChoice } from './methods.ts';

/** How a client authenticates. */
export interface ClientAuthentication {
  readonly user: string;
  /** The host as messages name it: HostKeyAlias is not used here. */
  readonly host: string;
  /** The methods that may be tried, best first, each once: those of client-publickey.ts, client-password.ts and client-kbdint.ts. */
  readonly methods: readonly ClientMethod[];
  readonly emit: EventSink;
  /**
   * The user is in. Called before another message is read: it gives the link its next handler (and lets a transport begin what waits
   * for this moment, as delayed compression does).
   */
  readonly succeeded: (method: string) => void;
}

/** The server lets the user in by none of the methods that are left. The message is what OpenSSH prints. */
export class PermissionDenied extends Error {
  /** What the server said could go on. */
  readonly methods: readonly string[];

  constructor(user: string, host: string, methods: readonly string[]) {
    super(`${user}@${host}: Permission denied (${methods.join(',')}).`);
    this.name = 'PermissionDenied';
    this.methods = methods;
  }
}

/**
 * Authenticates the user to the server (RFC 4252): asks for the service, tries "none" to learn the methods, then goes through them.
 * It takes the link's handler for that time.
 *
 * @throws PermissionDenied when nothing is left to try: the connection stays open. SshError where the server breaks the protocol or the
 * connection ends, and whatever a prompt or a loader throws; after these the connection is over.
 */
export async function authenticate(link: PacketLink, how: ClientAuthentication): Promise<void> {
  const session = new ClientSession(link, how.user, how.emit);
  try {
    await requestService(session);
    const method = await tryMethods(session, how);
    how.emit({ type: 'authenticated', user: how.user, method });
    how.succeeded(method);
  } catch (error) {
    if (!(error instanceof PermissionDenied)) session.inbox.fail(error);
    throw error;
  } finally {
    session.inbox.release();
  }
}

async function requestService(session: ClientSession): Promise<void> {
  session.link.send(serviceRequest.encode({ serviceName: 'ssh-userauth' }));
  const payload = await session.inbox.next('service');
  // some old servers name no service
  const name = payload.length === 1 ? '' : serviceAccept.decode(payload).serviceName;
  session.emit({ type: 'service', name, accepted: true });
}

/** The name of the method that let the user in. */
async function tryMethods(session: ClientSession, how: ClientAuthentication): Promise<string> {
  const choice = new MethodChoice(how.methods.map((method) => method.name));
  let last: ClientMethod = none;
  let answer = await none.attempt(session);
  for (;;) {
    if (answer?.type === 'success') {
      session.emit({ type: 'authentication-try', attempt: { method: last.name, outcome: 'succeeded' } });
      return last.name;
    }
    const canContinue = report(session, how, last, answer);
    for (;;) {
      const next = choice.choose(canContinue);
      const method = how.methods.find((one) => one.name === next?.method);
      if (next === undefined || method === undefined) {
        session.emit({ type: 'note', level: 'debug1', text: 'No more authentication methods to try.' });
        throw new PermissionDenied(how.user, how.host, canContinue);
      }
      if (next.changed) session.emit({ type: 'authentication-method', method: next.method });
      last = method;
      answer = await method.attempt(session);
      if (answer !== undefined) break;
      session.emit({ type: 'note', level: 'debug2', text: 'we did not send a packet, disable method' });
      choice.disable(method.name);
    }
  }
}

/** Tells of a failure and gives the methods that can go on. */
function report(session: ClientSession, how: ClientAuthentication, last: ClientMethod, answer: Answer | undefined): readonly string[] {
  if (answer?.type !== 'failure') throw session.inbox.refuse(`an answer of ${last.name} where its end was awaited`);
  const { methods, partialSuccess } = answer;
  if (partialSuccess) {
    session.emit({ type: 'authentication-try', attempt: { method: last.name, outcome: 'partial' } });
    for (const method of how.methods) method.restart?.();
  }
  session.emit({ type: 'authentication-methods', canContinue: methods, partialSuccess });
  return methods;
}

/** The request that lets nobody in but tells what would (RFC 4252 section 5.2). */
const none: ClientMethod = {
  name: 'none',
  attempt: (session) => {
    session.request('none', authRequests.encode('none', {}));
    return session.answer('result');
  },
};
