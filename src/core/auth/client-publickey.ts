import type { AuthenticationTry } from '../events.ts';
import type { PublicKey, Signer } from '../keys/key.ts';
import { plainAlgorithm } from '../keys/key-types.ts';
import { equalBytes, latin1Text, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { authRequests, signedData, userauthPkOk } from '../wire/auth-messages.ts';
import { WireReader } from '../wire/reader.ts';
import type { Candidate } from './candidates.ts';
import type { Answer, ClientMethod, ClientSession } from './client-session.ts';
import { signatureAlgorithm } from './signature-algorithm.ts';

/** How a client authenticates with keys. */
export interface PublickeyOptions {
  /** The keys to try, in their order; asked for once, when the method is first tried. */
  readonly candidates: () => Promise<readonly Candidate[]>;
  /** The names that PubkeyAcceptedAlgorithms allows, best first, its patterns already resolved. */
  readonly accepted: readonly string[];
  /** The server's host key of the first key exchange; undefined where signatures are not to be bound to it. */
  readonly hostKey: Uint8Array | undefined;
  /** The fingerprint by which events name a key (ssh_config(5) FingerprintHash). */
  readonly fingerprint: (key: PublicKey) => string;
}

/**
 * The method publickey (RFC 4252 section 7): each try takes one key, asks the server whether it would do where its public half is known,
 * and signs. Signatures are bound to the host key (PROTOCOL section 3.3) where the server knows how.
 */
export function publickeyMethod(options: PublickeyOptions): ClientMethod {
  return new Publickey(options);
}

interface Entry {
  readonly candidate: Candidate;
  tried: boolean;
}

class Publickey implements ClientMethod {
  readonly name = 'publickey';
  private readonly options: PublickeyOptions;
  /** The keys in a ring: one that was tried goes to its end. */
  private entries: Entry[] | undefined;

  constructor(options: PublickeyOptions) {
    this.options = options;
  }

  async attempt(session: ClientSession): Promise<Answer | undefined> {
    this.entries ??= await this.prepare(session);
    for (;;) {
      const entry = this.entries.shift();
      if (entry === undefined) return undefined;
      this.entries.push(entry);
      if (entry.tried) return undefined;
      entry.tried = true;
      const { candidate } = entry;
      const answer =
        candidate.publicKey === undefined
          ? await this.tryPrivate(session, candidate)
          : await this.offer(session, candidate, candidate.publicKey);
      if (answer !== undefined) return answer;
    }
  }

  restart(): void {
    for (const entry of this.entries ?? []) entry.tried = false;
  }

  private async prepare(session: ClientSession): Promise<Entry[]> {
    const usable = (await this.options.candidates()).filter(({ publicKey, ...rest }) => {
      const reason = publicKey === undefined ? undefined : this.unusable(session, publicKey);
      if (reason !== undefined) {
        this.tell(session, { publicKey, ...rest }, { outcome: 'skipped', reason, ...(publicKey && { algorithm: publicKey.name }) });
      }
      return reason === undefined;
    });
    for (const candidate of usable) this.tell(session, candidate, { outcome: 'planned' });
    return usable.map((candidate) => ({ candidate, tried: false }));
  }

  /** Why a key need not be offered at all. */
  private unusable(session: ClientSession, key: PublicKey): string | undefined {
    const { accepted } = this.options;
    if (!key.signatureAlgorithms.some((name) => accepted.includes(name))) {
      return 'corresponding algorithm not in PubkeyAcceptedAlgorithms';
    }
    const announced = serverAlgorithms(session) !== undefined;
    return announced && this.algorithm(session, key) === undefined ? 'corresponding algorithm not supported by server' : undefined;
  }

  private algorithm(session: ClientSession, key: PublicKey): string | undefined {
    return signatureAlgorithm(key, {
      accepted: this.options.accepted,
      serverAlgorithms: serverAlgorithms(session),
      peerIdent: session.link.peerIdent,
    });
  }

  /** Asks about the key and signs if the server would take it; undefined where nothing is awaited from the server any more. */
  private async offer(session: ClientSession, candidate: Candidate, key: PublicKey): Promise<Answer | undefined> {
    const algorithm = this.algorithm(session, key);
    this.tell(session, candidate, { outcome: 'offered', ...(algorithm !== undefined && { algorithm }) });
    if (algorithm === undefined) {
      this.tell(session, candidate, { outcome: 'skipped', reason: 'no mutual signature algorithm' });
      return undefined;
    }
    session.request('publickey', authRequests.encode('publickey', { algorithm, blob: key.blob }));
    session.began('publickey');
    const answer = await session.answer('query');
    if (answer.type !== 'method') return this.judged(session, candidate, key, answer);
    const granted = userauthPkOk.decode(answer.payload);
    if (!equalBytes(granted.blob, key.blob) || !key.signatureAlgorithms.includes(granted.algorithm)) {
      throw session.inbox.refuse('USERAUTH_PK_OK names another key than the one that was offered');
    }
    this.tell(session, candidate, { outcome: 'accepted', algorithm });
    return this.signAndSend(session, candidate, key, await this.load(session, candidate));
  }

  /** Tries a key of which only the private file is there. */
  private async tryPrivate(session: ClientSession, candidate: Candidate): Promise<Answer | undefined> {
    this.tell(session, candidate, { outcome: 'trying' });
    const signer = await this.load(session, candidate);
    return signer === undefined ? undefined : this.signAndSend(session, candidate, signer.publicKey, signer);
  }

  private async load(session: ClientSession, candidate: Candidate): Promise<Signer | undefined> {
    const signer = await candidate.load();
    if (signer === undefined) this.tell(session, candidate, { outcome: 'skipped', reason: 'no private key to sign with' });
    return signer;
  }

  private async signAndSend(
    session: ClientSession,
    candidate: Candidate,
    key: PublicKey,
    signer: Signer | undefined,
  ): Promise<Answer | undefined> {
    if (signer === undefined) return undefined;
    if (!equalBytes(signer.publicKey.plain.blob, key.plain.blob)) {
      this.tell(session, candidate, { outcome: 'failed', reason: `private key ${candidate.source} contents do not match public` });
      return undefined;
    }
    const signed = await this.sign(session, candidate, key, signer);
    if (signed === undefined) return undefined;
    this.tell(session, candidate, { outcome: 'signed', algorithm: signed.algorithm }, key);
    const { hostKey } = signed;
    const fields = { algorithm: signed.algorithm, blob: key.blob, signature: signed.signature };
    if (hostKey === undefined) session.request('publickey', authRequests.encode('publickey', fields));
    else session.request(HOSTBOUND, authRequests.encode(HOSTBOUND, { ...fields, hostKey }));
    if (candidate.publicKey === undefined) session.began('publickey');
    return this.judged(session, candidate, key, await session.answer('result'));
  }

  /** Passes an answer on; a refusal is told with its key. */
  private judged(session: ClientSession, candidate: Candidate, key: PublicKey, answer: Answer): Answer {
    if (answer.type === 'failure' && !answer.partialSuccess) this.tell(session, candidate, { outcome: 'refused' }, key);
    return answer;
  }

  /** A signature by the best algorithm, or by the key's own name where the signer can't do better. */
  private async sign(session: ClientSession, candidate: Candidate, key: PublicKey, signer: Signer) {
    const best = this.algorithm(session, key);
    const own = this.options.accepted.includes(key.name) ? key.name : undefined;
    const hostKey = session.link.peerExtension('publickey-hostbound@openssh.com') === undefined ? undefined : this.options.hostKey;
    const { sessionId } = session.link;
    let reason = 'no mutual signature supported';
    for (const algorithm of new Set([best, own])) {
      if (algorithm === undefined) continue;
      const data = signedData({ sessionId, user: session.user, service: session.service, algorithm, blob: key.blob, hostKey });
      try {
        const signature = await signer.sign(data, algorithmOf(signer, algorithm));
        checkSignatureName(signature, algorithm);
        return { algorithm, signature, hostKey };
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        reason = error.message;
        if (error.code !== 'SSH_ERR_SIGN_ALG_UNSUPPORTED') break;
      }
    }
    this.tell(session, candidate, { outcome: 'failed', reason }, key);
    return undefined;
  }

  private tell(
    session: ClientSession,
    candidate: Pick<Candidate, 'source' | 'publicKey' | 'explicit' | 'agent'>,
    what: Pick<AuthenticationTry, 'outcome' | 'reason' | 'algorithm'>,
    key: PublicKey | undefined = candidate.publicKey,
  ): void {
    const { source, explicit, agent } = candidate;
    const described = key === undefined ? {} : { keyType: key.shortName, fingerprint: this.options.fingerprint(key) };
    session.emit({ type: 'authentication-try', attempt: { method: this.name, source, explicit, agent, ...described, ...what } });
  }
}

const HOSTBOUND = 'publickey-hostbound-v00@openssh.com';

/** More names than any server-sig-algs has. */
const MOST_ALGORITHMS = 1024;

/** The algorithms that the server names (RFC 8308 section 3.1); undefined where it names none. */
export function serverAlgorithms(session: ClientSession): readonly string[] | undefined {
  const value = session.link.peerExtension('server-sig-algs');
  return value === undefined ? undefined : latin1Text(value).split(',', MOST_ALGORITHMS);
}

/** The algorithm by the name that this signer takes: one that holds no certificate takes the plain name. */
function algorithmOf(signer: Signer, algorithm: string): string {
  return signer.publicKey.signatureAlgorithms.includes(algorithm) ? algorithm : plainAlgorithm(algorithm);
}

/** Agents may know less than they are asked for: one that signs RSA with SHA-1 only must not be sent on as SHA-2. */
function checkSignatureName(signature: Uint8Array, algorithm: string): void {
  const name = utf8Text(new WireReader(signature).string());
  if (name !== plainAlgorithm(algorithm)) {
    throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', `a signature of ${algorithm} was asked for, ${name} came`);
  }
}
