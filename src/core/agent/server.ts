import { readCertifiedPrivateKey } from '../keys/certified-private.ts';
import type { PublicKey } from '../keys/key.ts';
import { plainAlgorithm } from '../keys/key-types.ts';
import { parsePublicKey } from '../keys/public-key.ts';
import { equalBytes, latin1Text } from '../util/bytes.ts';
import type { Clock } from '../util/clock.ts';
import { SshError } from '../util/errors.ts';
import type { Log } from '../util/log.ts';
import { matchPatternList } from '../util/pattern.ts';
import {
  agentAddIdConstrained,
  agentAddIdentity,
  agentExtension,
  agentExtensionFailure,
  agentExtensionResponse,
  agentExtensions,
  agentFailure,
  agentIdentitiesAnswer,
  agentLock,
  agentRemoveAllIdentities,
  agentRemoveIdentity,
  agentRequestIdentities,
  agentSignFlags,
  agentSignRequest,
  agentSignResponse,
  agentSuccess,
  agentUnlock,
} from '../wire/agent-messages.ts';
import { readSignedData } from '../wire/auth-messages.ts';
import { utf8 } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type KeyConstraints, readConstraints } from './constraints.ts';
import { type KeyPurpose, permitsWay, type SessionHop, withHop } from './destinations.ts';
import { FrameReader, frame } from './frames.ts';
import type { HeldKey, Keyring } from './keyring.ts';

/** What an agent is told from outside. */
export interface AgentSettings {
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds that keys live where whoever adds them says nothing; 0 for ever. */
  readonly defaultLifetime: number;
  /** Asks the user whether a key may be used; `purpose` says what for, where that is known. */
  confirm(key: HeldKey, purpose: string | undefined): Promise<boolean>;
  /** The real path of a library that may drive a security key, or undefined; `remote` where the wish comes from another machine. */
  acceptedProvider(path: string, remote: boolean): string | undefined;
  /**
   * The applications of security keys that may sign anything, as a pattern list; keys for others sign only what SSH has signed, and no
   * login to a web site. Undefined where that is not looked at.
   */
  readonly freeApplications: string | undefined;
  /** Has a security key sign. @throws SshError where it can't or won't */
  signBySecurityKey(key: HeldKey, data: Uint8Array, purpose: string | undefined): Promise<Uint8Array>;
}

/**
 * One client's connection to an agent (RFC 9987; OpenSSH's PROTOCOL.agent): requests in, answers out, in order.
 *
 * An agent without PKCS#11: messages about tokens are refused as unknown ones are.
 */
export class AgentConnection {
  private readonly agent: AgentSettings;
  private readonly frames = new FrameReader();
  private hops: readonly SessionHop[] = [];
  /** Whether a session was to be bound, successfully or not. */
  private bindAttempted = false;

  constructor(agent: AgentSettings) {
    this.agent = agent;
  }

  /**
   * Takes bytes from the client and gives an answer to every request that they complete to `write`, one after the other. No more may be
   * given before the promise settles; the bytes are the caller's again then, and may hold secrets.
   *
   * @throws SshError where the stream makes no sense: the connection is of no use any more.
   */
  async receive(bytes: Uint8Array, write: (bytes: Uint8Array) => void): Promise<void> {
    for (const request of this.frames.read(bytes)) {
      write(frame(await this.answer(request)));
      request.fill(0);
    }
  }

  private async answer(request: Uint8Array): Promise<Uint8Array> {
    const number = request[0] ?? 0;
    const { keyring, log } = this.agent;
    log('DEBUG', `process_message: socket type ${number}`);
    if (keyring.isLocked && number !== agentUnlock.number && number !== agentRequestIdentities.number) return agentFailure.encode({});
    const handler = handlers.get(number);
    if (handler === undefined) {
      log('ERROR', `Unknown message ${number}`);
      return agentFailure.encode({});
    }
    try {
      return await handler(this, request);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      log('DEBUG', `request ${number}: ${error.message}${error.detail === undefined ? '' : ` (${error.detail})`}`);
      return (number === agentExtension.number ? agentExtensionFailure : agentFailure).encode({});
    }
  }

  /** The keys that may be shown to this client. */
  list(): Uint8Array {
    const shown = this.agent.keyring.list().filter((held) => this.permits(held, { purpose: 'show' }));
    return agentIdentitiesAnswer.encode({ identities: shown.map(({ publicKey, comment }) => ({ blob: publicKey.blob, comment })) });
  }

  async sign(request: Uint8Array): Promise<Uint8Array> {
    const { blob, data, flags } = agentSignRequest.decode(request);
    const held = this.agent.keyring.find(blob);
    if (held === undefined) throw refusal('key not found');
    const purpose = this.checkedPurpose(held, data);
    if (held.confirm && !(await this.agent.confirm(held, purpose))) throw refusal('user refused key');
    // The answer may have taken a while.
    if (this.agent.keyring.find(blob) !== held) throw refusal('the key has gone meanwhile');
    if (!held.key.canSign) return agentSignResponse.encode({ signature: await this.signBySecurityKey(held, data, purpose) });
    const signature = await held.key.sign(data, signatureAlgorithm(held.publicKey, flags));
    return agentSignResponse.encode({ signature });
  }

  private signBySecurityKey(held: HeldKey, data: Uint8Array, purpose: string | undefined): Promise<Uint8Array> {
    const { freeApplications, log } = this.agent;
    const isFree = freeApplications === undefined || matchPatternList(held.publicKey.application ?? '', freeApplications) === 'match';
    if (!isFree && !isLogin(data, held.publicKey) && !isFileSignature(data)) {
      log('ERROR', 'check_websafe_message_contents: web-origin key attempting to sign non-SSH message');
      throw refusal('not what SSH has signed');
    }
    return this.agent.signBySecurityKey(held, data, purpose);
  }

  async add(request: Uint8Array, isConstrained: boolean): Promise<Uint8Array> {
    const { keyring, defaultLifetime } = this.agent;
    const reader = new WireReader(request, 1);
    const { key, publicKey } = readCertifiedPrivateKey(reader);
    let kept = false;
    try {
      const comment = utf8.read(reader);
      if (!isConstrained) reader.finish();
      const constraints = readConstraints(reader);
      const provider = this.checkedProvider(constraints, publicKey);
      const known = keyring.find(publicKey.blob);
      if (known !== undefined && !this.permits(known, { purpose: 'show' })) throw refusal('the key is held, but not to be seen from here');
      const { confirm, destinations } = constraints;
      const lifetime = constraints.lifetime === undefined || constraints.lifetime === 0 ? defaultLifetime : constraints.lifetime;
      keyring.add({ key, publicKey, comment, confirm, destinations, provider }, lifetime === 0 ? undefined : lifetime * 1000);
      kept = true;
      return agentSuccess.encode({});
    } finally {
      if (!kept) key.wipe();
    }
  }

  remove(request: Uint8Array): Uint8Array {
    const { blob } = agentRemoveIdentity.decode(request);
    const held = this.agent.keyring.find(blob);
    if (held === undefined || !this.permits(held, { purpose: 'show' })) throw refusal('key not found');
    this.agent.keyring.remove(held);
    return agentSuccess.encode({});
  }

  removeAll(): Uint8Array {
    this.agent.keyring.clear();
    return agentSuccess.encode({});
  }

  async lock(request: Uint8Array): Promise<Uint8Array> {
    return verdict(await this.agent.keyring.lock(agentLock.decode(request).passphrase));
  }

  async unlock(request: Uint8Array): Promise<Uint8Array> {
    return verdict(await this.agent.keyring.unlock(agentUnlock.decode(request).passphrase));
  }

  extension(request: Uint8Array): Uint8Array {
    const { name, contents } = agentExtension.decode(request);
    if (name === 'query') {
      const names = new WireWriter(64);
      utf8.write(names, 'session-bind@openssh.com');
      return agentExtensionResponse.encode({ name, contents: names.bytes() });
    }
    if (name !== 'session-bind@openssh.com') {
      this.agent.log('DEBUG', `process_extension: unsupported extension "${name}"`);
      return agentFailure.encode({});
    }
    this.bindAttempted = true;
    const { hostKey, sessionId, signature, isForwarding } = agentExtensions.decode(name, contents);
    const hop = { hostKey: parsePublicKey(hostKey), sessionId: new Uint8Array(sessionId), forwarded: isForwarding };
    this.hops = withHop(this.hops, hop, signature);
    return agentSuccess.encode({});
  }

  /** Whether the key may be used by a client that is connected this way. */
  private permits(held: HeldKey, use: KeyPurpose): boolean {
    if (held.destinations === undefined) return true;
    if (this.bindAttempted && this.hops.length === 0) return false;
    return permitsWay(held.destinations, this.hops, use, this.agent.clock.seconds());
  }

  /** What a key with destinations signs for, which has to be just the login to the last hop. @throws SshError */
  private checkedPurpose(held: HeldKey, data: Uint8Array): string | undefined {
    if (held.destinations === undefined) return undefined;
    const last = this.hops.at(-1);
    if (last === undefined) throw refusal('a key with destinations on a connection without a session');
    const request = readSignedData(data);
    if (request.service !== 'ssh-connection' || !equalBytes(request.blob, held.publicKey.blob)) throw refusal('not the login of this key');
    if (!this.permits(held, { purpose: 'login', user: request.user })) throw refusal('not permitted to this destination');
    if (!equalBytes(request.sessionId, last.sessionId)) throw refusal('a login to another session');
    if (this.hops.length > 1 && request.hostKey === undefined) throw refusal('a login that names no host key');
    if (request.hostKey !== undefined && !equalBytes(request.hostKey, last.hostKey.blob)) throw refusal('a login to another host');
    return `public key authentication request for user "${request.user}" to listed host`;
  }

  private checkedProvider({ provider }: KeyConstraints, key: PublicKey): string | undefined {
    if (provider === undefined) return undefined;
    if (key.application === undefined) throw refusal('a provider for a key that is no security key');
    if (provider.toLowerCase() === 'internal') return provider;
    const accepted = this.agent.acceptedProvider(provider, this.hops.length > 0);
    if (accepted === undefined) throw refusal(`provider ${provider} is not allowed`);
    return accepted;
  }
}

/** What is done for each request, by its number; all others are refused. */
const handlers: ReadonlyMap<number, (connection: AgentConnection, request: Uint8Array) => Uint8Array | Promise<Uint8Array>> = new Map([
  [agentRequestIdentities.number, (to, request) => (agentRequestIdentities.decode(request), to.list())],
  [agentSignRequest.number, (to, request) => to.sign(request)],
  [agentAddIdentity.number, (to, request) => to.add(request, false)],
  [agentAddIdConstrained.number, (to, request) => to.add(request, true)],
  [agentRemoveIdentity.number, (to, request) => to.remove(request)],
  [agentRemoveAllIdentities.number, (to) => to.removeAll()],
  [agentLock.number, (to, request) => to.lock(request)],
  [agentUnlock.number, (to, request) => to.unlock(request)],
  [agentExtension.number, (to, request) => to.extension(request)],
] as [number, (connection: AgentConnection, request: Uint8Array) => Uint8Array | Promise<Uint8Array>][]);

/** The algorithm that a sign request's flags choose; they mean something for RSA alone, where without them it is SHA-1. */
function signatureAlgorithm(key: PublicKey, flags: number): string {
  const plain = key.plain.name;
  if (plain !== 'ssh-rsa') return plain;
  const chosen = Object.entries(agentSignFlags).find(([, flag]) => (flags & flag) !== 0);
  return plainAlgorithm(chosen?.[0] ?? plain);
}

/** Whether a key is asked to sign its login by publickey (RFC 4252 section 7). */
function isLogin(data: Uint8Array, key: PublicKey): boolean {
  return isWellFormed(() => {
    const { service, blob, algorithm } = readSignedData(data);
    return service === 'ssh-connection' && equalBytes(blob, key.blob) && key.signatureAlgorithms.includes(algorithm);
  });
}

/** Whether this is what `ssh-keygen -Y sign` has signed (PROTOCOL.sshsig). */
function isFileSignature(data: Uint8Array): boolean {
  return isWellFormed(() => {
    const reader = new WireReader(data);
    if (latin1Text(reader.take(SSHSIG.length)) !== SSHSIG) return false;
    for (const _field of ['namespace', 'reserved', 'hash algorithm', 'hash']) reader.string();
    reader.finish();
    return true;
  });
}

const SSHSIG = 'SSHSIG';

function isWellFormed(read: () => boolean): boolean {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}

function verdict(done: boolean): Uint8Array {
  return (done ? agentSuccess : agentFailure).encode({});
}

function refusal(why: string): SshError {
  return new SshError('SSH_ERR_AGENT_FAILURE', why);
}
