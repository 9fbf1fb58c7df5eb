import type { PublicKey } from '../keys/key.ts';
import { equalBytes } from '../util/bytes.ts';
import { authRequests, userauthPkOk } from '../wire/auth-messages.ts';
import type { Answer, ClientMethod, ClientSession } from './client-session.ts';
import { serverAlgorithms } from './client-publickey.ts';
import { signatureAlgorithm } from './signature-algorithm.ts';

/** Keys about which the server is asked whether the user may log in with them. */
export interface KeyProbe {
  readonly keys: readonly PublicKey[];
  /** Told of each key's answer as it comes. */
  judged(key: PublicKey, welcome: boolean): void;
  /** Told once all have been: what it throws ends the authentication. */
  finished(): void;
  /** Whether the server has turned this key down: it need not be offered again. */
  refused(key: PublicKey): boolean;
}

/**
 * The method publickey with questions before it (RFC 4252 section 7): the server says which keys would do, and nothing is signed, so that
 * no private half and no passphrase is needed. The server counts each key that it turns down as a failure. Then `method` takes over.
 */
export function probingMethod(probe: KeyProbe, accepted: readonly string[], method: ClientMethod): ClientMethod {
  return new Probing(probe, accepted, method);
}

class Probing implements ClientMethod {
  readonly name: string;
  private readonly probe: KeyProbe;
  private readonly accepted: readonly string[];
  private readonly method: ClientMethod;
  private asked = false;

  constructor(probe: KeyProbe, accepted: readonly string[], method: ClientMethod) {
    this.name = method.name;
    this.probe = probe;
    this.accepted = accepted;
    this.method = method;
  }

  async attempt(session: ClientSession): Promise<Answer | undefined> {
    if (this.asked) return this.method.attempt(session);
    this.asked = true;
    let last: Answer | undefined;
    for (const key of this.probe.keys) {
      const answer = await this.ask(session, key);
      // a server that lets the user in unasked has told nothing of the keys
      if (answer?.type === 'success') return answer;
      this.probe.judged(key, answer?.type === 'method');
      last = answer?.type === 'failure' ? answer : undefined;
    }
    this.probe.finished();
    return last ?? this.method.attempt(session);
  }

  restart(): void {
    this.method.restart?.();
  }

  /** The server's answer; undefined where it could not be asked. */
  private async ask(session: ClientSession, key: PublicKey): Promise<Answer | undefined> {
    const { accepted } = this;
    const algorithm = signatureAlgorithm(key, {
      accepted,
      serverAlgorithms: serverAlgorithms(session),
      peerIdent: session.link.peerIdent,
    });
    if (algorithm === undefined) return undefined;
    session.request('publickey', authRequests.encode('publickey', { algorithm, blob: key.blob }));
    session.began('publickey');
    const answer = await session.answer('query');
    if (answer.type === 'method' && !equalBytes(userauthPkOk.decode(answer.payload).blob, key.blob)) {
      throw session.inbox.refuse('USERAUTH_PK_OK names another key than the one that was asked about');
    }
    return answer;
  }
}
