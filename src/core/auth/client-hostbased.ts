import type { PublicKey } from '../keys/key.ts';
import { authRequests, hostbasedData } from '../wire/auth-messages.ts';
import type { Answer, ClientMethod, ClientSession } from './client-session.ts';

/** How a client lets its machine vouch for the user. */
export interface HostbasedOptions {
  /** The machine's own public keys, certificates first; asked for once, when the method is first tried. */
  readonly keys: () => readonly PublicKey[];
  /** The names that HostbasedAcceptedAlgorithms allows, best first, its patterns already resolved. */
  readonly accepted: readonly string[];
  /** The machine's name as the server can look it up. */
  readonly clientHost: () => Promise<string>;
  /** The user's name here. */
  readonly clientUser: string;
  /** A signature, its whole encoding, by the private half of a host key; undefined where there is none to be had, which has been told. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array | undefined>;
  /** The fingerprint by which events name a key (ssh_config(5) FingerprintHash). */
  readonly fingerprint: (key: PublicKey) => string;
}

/**
 * The method hostbased (RFC 4252 section 9): each try signs with one of the machine's host keys, in the order of the algorithms that the user
 * accepts. The user can't read those keys: who signs checks what it signs.
 */
export function hostbasedMethod(options: HostbasedOptions): ClientMethod {
  return new Hostbased(options);
}

class Hostbased implements ClientMethod {
  readonly name = METHOD;
  private readonly options: HostbasedOptions;
  private keys: PublicKey[] | undefined;
  /** How many of the accepted algorithms have no key left. */
  private passed = 0;

  constructor(options: HostbasedOptions) {
    this.options = options;
  }

  async attempt(session: ClientSession): Promise<Answer | undefined> {
    const { options } = this;
    const note = (level: 'debug1' | 'debug2' | 'error', text: string): void => session.emit({ type: 'note', level, text });
    const next = this.next(session);
    if (next === undefined) {
      note('debug1', 'No more client hostkeys for hostbased authentication.');
      return undefined;
    }
    const { key, algorithm } = next;
    const fingerprint = options.fingerprint(key);
    const tell = (outcome: 'offered' | 'signed' | 'refused' | 'failed', reason?: string): void =>
      session.emit({
        type: 'authentication-try',
        attempt: { method: METHOD, source: key.name, keyType: key.shortName, fingerprint, algorithm, outcome, ...(reason && { reason }) },
      });
    note('debug1', `userauth_hostbased: trying hostkey ${key.name} ${fingerprint} using sigalg ${algorithm}`);
    // as in DNS, where a name that ends so is whole
    const clientHost = `${await options.clientHost()}.`;
    note('debug2', `userauth_hostbased: chost ${clientHost}`);
    const fields = { algorithm, blob: key.blob, clientHost, clientUser: options.clientUser };
    const { sessionId } = session.link;
    const signature = await options.sign(hostbasedData({ ...fields, sessionId, user: session.user, service: session.service }));
    if (signature === undefined) {
      note('error', `sign using hostkey ${key.name} ${fingerprint} failed`);
      tell('failed', 'ssh-keysign gave no signature');
      return undefined;
    }
    tell('signed');
    session.request(METHOD, authRequests.encode(METHOD, { ...fields, signature }));
    session.began(METHOD);
    const answer = await session.answer('result');
    if (answer.type === 'failure' && !answer.partialSuccess) tell('refused');
    return answer;
  }

  /** Takes the next key, and the algorithm to sign with. */
  private next(session: ClientSession): { readonly key: PublicKey; readonly algorithm: string } | undefined {
    const { accepted, keys } = this.options;
    this.keys ??= [...keys()];
    for (; this.passed < accepted.length; this.passed++) {
      const algorithm = accepted[this.passed] as string;
      session.emit({ type: 'note', level: 'debug3', text: `userauth_hostbased: trying key type ${algorithm}` });
      const at = this.keys.findIndex((key) => key.signatureAlgorithms.includes(algorithm));
      const [key] = at < 0 ? [] : this.keys.splice(at, 1);
      if (key !== undefined) return { key, algorithm };
    }
    return undefined;
  }
}

const METHOD = 'hostbased';
