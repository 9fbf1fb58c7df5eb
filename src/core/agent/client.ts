import type { PublicKey, Signer } from '../keys/key.ts';
import { plainAlgorithm } from '../keys/key-types.ts';
import { parsePublicKey } from '../keys/public-key.ts';
import { concat } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { AgentConstraint } from '../wire/agent-messages.ts';
import {
  LONGEST_AGENT_MESSAGE,
  agentAddIdConstrained,
  agentAddIdentity,
  agentAddSmartcardKey,
  agentAddSmartcardKeyConstrained,
  agentConstraint,
  agentExtension,
  agentExtensions,
  agentIdentitiesAnswer,
  agentLock,
  agentRemoveAllIdentities,
  agentRemoveIdentity,
  agentRemoveSmartcardKey,
  agentRequestIdentities,
  agentSignFlags,
  agentSignRequest,
  agentSignResponse,
  agentSuccess,
  agentUnlock,
} from '../wire/agent-messages.ts';
import { utf8 } from '../wire/codec.ts';
import { encode } from '../wire/message.ts';
import { FrameReader, frame } from './frames.ts';

/** A key that an agent holds. */
export interface AgentKey {
  readonly key: PublicKey;
  readonly comment: string;
}

/** A private key for an agent: its type's name on the wire and the private fields behind it, as a PrivateKey has them. */
export interface AddedKey {
  readonly name: string;
  readonly fields: Uint8Array;
  readonly comment: string;
}

/** What binds an agent's connection to a session (PROTOCOL.agent section 1). */
export interface SessionBinding {
  readonly hostKey: Uint8Array;
  readonly sessionId: Uint8Array;
  /** The server's signature of the first key exchange's hash. */
  readonly signature: Uint8Array;
  readonly isForwarding: boolean;
}

/**
 * Talks to an agent (RFC 9987) over any stream of bytes: `write` sends, and what arrives is given to {@link receive}. Requests are sent
 * one after the other and answered in order.
 *
 * Every request throws SshError: SSH_ERR_AGENT_FAILURE where the agent refuses, SSH_ERR_AGENT_COMMUNICATION where the connection is lost,
 * SSH_ERR_INVALID_FORMAT or the like where an answer is malformed, after which the connection is of no use.
 */
export class AgentClient {
  private readonly write: (bytes: Uint8Array) => void;
  private readonly frames = new FrameReader();
  private readonly waiting: { readonly take: (answer: Uint8Array) => void; readonly fail: (error: Error) => void }[] = [];
  private over: Error | undefined;

  /** `write` may keep the bytes: they are copies, wiped by nobody. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.write = write;
  }

  /** Bytes from the agent; nothing of them is kept after this returns but an unfinished answer. */
  receive(bytes: Uint8Array): void {
    if (this.over !== undefined) return;
    try {
      for (const answer of this.frames.read(bytes)) {
        const request = this.waiting.shift();
        if (request === undefined) throw new SshError('SSH_ERR_AGENT_COMMUNICATION', 'an answer without a request');
        request.take(answer);
      }
    } catch (error) {
      this.closed(error as Error);
    }
  }

  /** The connection is over: what waits for an answer fails, as does every later request. */
  closed(error?: Error): void {
    this.over ??= error instanceof SshError ? error : new SshError('SSH_ERR_AGENT_COMMUNICATION', error?.message, { cause: error });
    for (const { fail } of this.waiting.splice(0)) fail(this.over);
  }

  /** The keys that the agent holds, in its order; those of a kind that is unknown here are left out. */
  async list(): Promise<readonly AgentKey[]> {
    const { identities } = agentIdentitiesAnswer.decode(
      expect(await this.request(agentRequestIdentities.encode({})), agentIdentitiesAnswer),
    );
    return identities.flatMap(({ blob, comment }) => {
      const key = parsed(blob);
      return key === undefined ? [] : [{ key, comment }];
    });
  }

  /** A signature over the data by a key that the agent holds, with an algorithm of the key's. */
  async sign(key: PublicKey, data: Uint8Array, algorithm: string): Promise<Uint8Array> {
    const flags = agentSignFlags[plainAlgorithm(algorithm)] ?? 0;
    const answer = await this.request(agentSignRequest.encode({ blob: key.blob, data, flags }));
    return agentSignResponse.decode(expect(answer, agentSignResponse)).signature;
  }

  /** The agent as whoever signs with one of its keys. */
  signer(publicKey: PublicKey): Signer {
    return { publicKey, sign: (data, algorithm) => this.sign(publicKey, data, algorithm) };
  }

  /** Adds a key; its bytes stay the caller's to wipe. */
  add(key: AddedKey, constraints: readonly AgentConstraint[] = []): Promise<void> {
    const bytes = concat(encode(utf8, key.name), key.fields, encode(utf8, key.comment), encodeAll(constraints));
    const request = (constraints.length === 0 ? agentAddIdentity : agentAddIdConstrained).encode({ key: bytes });
    bytes.fill(0);
    return this.done(request);
  }

  /** Removes a key. */
  remove(key: PublicKey): Promise<void> {
    return this.done(agentRemoveIdentity.encode({ blob: key.blob }));
  }

  /** Removes every key. */
  removeAll(): Promise<void> {
    return this.done(agentRemoveAllIdentities.encode({}));
  }

  /** Adds the keys of a token that a provider library drives; the pin is the caller's to wipe. */
  addToken(provider: string, pin: Uint8Array, constraints: readonly AgentConstraint[] = []): Promise<void> {
    return this.done(
      constraints.length === 0
        ? agentAddSmartcardKey.encode({ provider, pin })
        : agentAddSmartcardKeyConstrained.encode({ provider, pin, constraints: encodeAll(constraints) }),
    );
  }

  /** Removes the keys of a token. */
  removeToken(provider: string, pin: Uint8Array): Promise<void> {
    return this.done(agentRemoveSmartcardKey.encode({ provider, pin }));
  }

  /** Locks the agent: until it is unlocked with the same passphrase it lists no key and signs nothing. */
  lock(passphrase: Uint8Array): Promise<void> {
    return this.done(agentLock.encode({ passphrase }));
  }

  /** Unlocks the agent. */
  unlock(passphrase: Uint8Array): Promise<void> {
    return this.done(agentUnlock.encode({ passphrase }));
  }

  /** Tells the agent which session its connection serves, so that it can keep keys to their destinations. */
  bindSession(binding: SessionBinding): Promise<void> {
    const name = 'session-bind@openssh.com';
    return this.done(agentExtension.encode({ name, contents: agentExtensions.encode(name, binding) }));
  }

  private async done(request: Uint8Array): Promise<void> {
    const answer = await this.request(request);
    agentSuccess.decode(expect(answer, agentSuccess));
  }

  /** The answer to a request, which is wiped. */
  private request(payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((take, fail) => {
      if (this.over !== undefined) throw this.over;
      if (payload.length > LONGEST_AGENT_MESSAGE) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'a request to the agent');
      this.waiting.push({ take, fail });
      this.write(frame(payload));
      payload.fill(0);
    });
  }
}

/** OpenSSH's agent and ssh.com's say no with more than one number. */
const failures: readonly number[] = [5, 28, 30, 102];

/** The answer, if it is the one that was hoped for. */
function expect(answer: Uint8Array, { number, name }: { readonly number: number; readonly name: string }): Uint8Array {
  const first = answer[0];
  if (first === number) return answer;
  if (first !== undefined && failures.includes(first)) throw new SshError('SSH_ERR_AGENT_FAILURE', `instead of ${name}`);
  throw new SshError('SSH_ERR_INVALID_FORMAT', `agent message ${first ?? 'without a number'} instead of ${name}`);
}

function parsed(blob: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(blob);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function encodeAll(constraints: readonly AgentConstraint[]): Uint8Array {
  return concat(...constraints.map((one) => encode(agentConstraint, one)));
}
