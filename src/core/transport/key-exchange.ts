import { type CipherRow, ciphers } from '../crypto/ciphers.ts';
import type { KexName } from '../crypto/names.ts';
import type { DirectionKeys, PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import { createOpener, createSealer, keyLengths, prepare } from '../crypto/packet-protection.ts';
import { type Random, randomBytes } from '../crypto/random.ts';
import type { EventSink } from '../events.ts';
import { fingerprint } from '../keys/fingerprint.ts';
import type { PublicKey, Signer } from '../keys/key.ts';
import { equalBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { Message } from '../wire/message.ts';
import { kexInit, newKeys } from '../wire/transport-messages.ts';
import { deriveKeys } from './derive.ts';
import {
  type EarlyKeypair,
  exchangeAsClient,
  exchangeAsServer,
  type ExchangeContext,
  type ExchangeResult,
  prepareKeypair,
} from './exchange.ts';
import type { ModuliSource } from './gex.ts';
import {
  type AgreedProtection,
  type Agreement,
  negotiate,
  NegotiationError,
  offerOf,
  type Proposal,
  proposalMessage,
} from './negotiate.ts';

/** What a client needs to exchange keys. */
export interface ClientKexConfig {
  readonly role: 'client';
  readonly proposal: Proposal;
  /** Whether this host key is the one of the server that was meant; throws where it is not. Called when a key is first seen on the connection. */
  readonly verifyHostKey: (hostKey: PublicKey, agreement: Agreement) => Promise<void>;
}

/** What a server needs to exchange keys. */
export interface ServerKexConfig {
  readonly role: 'server';
  readonly proposal: Proposal;
  /** The host key for an algorithm of the proposal. */
  readonly hostKey: (algorithm: string) => Signer | undefined;
  readonly moduli: ModuliSource;
}

/** The host key of the first exchange, and its signature of the session identifier. */
export interface HostKeyProof {
  readonly hostKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** How the exchange of keys reaches the rest of the transport. */
export interface KexPort {
  readonly random: Random;
  readonly events: EventSink;
  /** Sends a payload at once, whatever else is being held back. */
  sendNow(payload: Uint8Array): void;
  /** Reads on, now that a message is waited for or the exchange is over. */
  proceed(): void;
  /** Own NEWKEYS is sent: from here on the new keys protect. */
  sealWith(sealer: PacketSealer, agreement: Agreement): void;
  /** The peer's NEWKEYS came: what follows is opened with the new keys. */
  openWith(opener: PacketOpener, agreement: Agreement): void;
  /** The identification strings of both sides without their ends. */
  idents(): { readonly client: Uint8Array; readonly server: Uint8Array };
}

type State =
  | { readonly at: 'idle' }
  /** Own KEXINIT is sent, the peer's not here yet. */
  | { readonly at: 'sent'; readonly own: Uint8Array }
  /** Both are here; `waiter` is set while the exchange waits for a message. */
  | { readonly at: 'running'; waiter: Waiter | undefined; skip: boolean }
  /** The connection has ended. */
  | { readonly at: 'over'; readonly error: Error };

interface Waiter {
  readonly number: number;
  readonly name: string;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** The key exchanges of one connection, one after the other (RFC 4253 sections 7 to 9). */
export class KeyExchange {
  /** The first exchange's hash; empty before it. */
  sessionId: Uint8Array = new Uint8Array(0);
  /** The host key that the peer proved to have. */
  hostKey: PublicKey | undefined;
  /** How the first exchange's host key was proved. */
  proof: HostKeyProof | undefined;
  private readonly config: ClientKexConfig | ServerKexConfig;
  private readonly port: KexPort;
  private readonly events: EventSink;
  private state: State = { at: 'idle' };
  private strict: boolean | undefined;
  private early: EarlyKeypair | undefined;

  constructor(config: ClientKexConfig | ServerKexConfig, port: KexPort) {
    this.config = config;
    this.port = port;
    this.events = port.events;
  }

  /** Whether what is no part of the exchange must wait: before the first keys, and from own KEXINIT to own NEWKEYS. */
  held = true;

  /** Whether the peer's KEXINIT is here and its NEWKEYS not yet. */
  get running(): boolean {
    return this.state.at === 'running';
  }

  /** Whether the exchange is at work and can take no message. */
  get busy(): boolean {
    return this.state.at === 'running' && this.state.waiter === undefined;
  }

  /** Whether no keys were agreed on yet. */
  get initial(): boolean {
    return this.sessionId.length === 0;
  }

  /** Whether strict key exchange is on, once that is known. */
  get isStrict(): boolean {
    return this.strict === true;
  }

  /** Makes a client's key pair for its first method while the network is waited for. */
  prepare(): void {
    const first = this.config.proposal.kex[0];
    if (this.config.role === 'client' && first !== undefined) this.early = prepareKeypair(first as KexName, this.port.random);
  }

  /** Sends the own KEXINIT, where that is not done yet. */
  start(): void {
    if (this.state.at !== 'idle') return;
    const own = proposalMessage(this.config.proposal, this.config.role, randomBytes(this.port.random, 16), this.initial);
    this.state = { at: 'sent', own };
    this.held = true;
    this.port.sendNow(own);
    this.events({ type: 'kexinit', by: 'own', offer: offerOf(kexInit.decode(own)), rekey: !this.initial });
  }

  /**
   * Takes the peer's KEXINIT. `sequence` is the number of its packet.
   *
   * @throws SshError where it is malformed, comes while an exchange is running, or has nothing in common with ours.
   */
  peerKexInit(payload: Uint8Array, sequence: number): void {
    if (this.state.at === 'running') throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'SSH_MSG_KEXINIT during a key exchange');
    this.start();
    if (this.state.at !== 'sent') return;
    const own = this.state.own;
    const peer = payload.slice();
    const peerInit = kexInit.decode(peer);
    this.events({ type: 'kexinit', by: 'peer', offer: offerOf(peerInit), rekey: !this.initial });
    const client = this.config.role === 'client';
    const [clientInit, serverInit] = client ? [own, peer] : [peer, own];
    const agreement = this.negotiate(client ? kexInit.decode(own) : peerInit, client ? peerInit : kexInit.decode(own));
    if (this.initial) {
      this.strict = agreement.strict;
      if (agreement.strict && sequence !== 0) {
        throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'strict KEX violation: KEXINIT was not the first packet');
      }
    }
    this.events({ type: 'agreed', algorithms: agreement, rekey: !this.initial });
    this.state = { at: 'running', waiter: undefined, skip: agreement.guessedWrong };
    const context = this.context(agreement, clientInit, serverInit);
    this.run(context, agreement).catch((error: unknown) => {
      this.failed(error);
    });
  }

  /** Ends the exchange that is under way, wherever it stands: it sends nothing more, and wipes what it holds. */
  stop(error: Error): void {
    const { state } = this;
    this.state = { at: 'over', error };
    if (state.at === 'running') state.waiter?.reject(error);
  }

  /** Set by the transport: what becomes of an exchange that failed. */
  failed: (error: unknown) => void = () => undefined;

  /**
   * Takes a message of the exchange: one of the numbers 30 to 49, or NEWKEYS.
   *
   * @throws SshError where it is not the one that is waited for.
   */
  message(payload: Uint8Array): void {
    const { state } = this;
    const number = payload[0] as number;
    if (state.at !== 'running') throw new SshError('SSH_ERR_PROTOCOL_ERROR', `message ${String(number)} outside of a key exchange`);
    if (state.skip) {
      // the peer's guess of a method was wrong: its first packet is not meant any more (RFC 4253 section 7.1)
      state.skip = false;
      return;
    }
    const { waiter } = state;
    if (waiter?.number !== number)
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', `message ${String(number)} where ${waiter?.name ?? 'none'} was expected`);
    state.waiter = undefined;
    waiter.resolve(payload.slice());
  }

  private negotiate(client: ReturnType<typeof kexInit.decode>, server: ReturnType<typeof kexInit.decode>): Agreement {
    try {
      return negotiate(client, server, this.config.role, isAuthenticated, this.strict);
    } catch (error) {
      if (error instanceof NegotiationError) this.events({ type: 'no-match', what: error.message, own: error.own, peer: error.peer });
      throw error;
    }
  }

  private context(agreement: Agreement, clientKexInit: Uint8Array, serverKexInit: Uint8Array): ExchangeContext {
    const { random, events } = this.port;
    const idents = this.port.idents();
    return {
      peer: {
        send: (payload) => {
          this.check();
          this.port.sendNow(payload);
        },
        next: (expected) => this.next(expected),
      },
      random,
      events,
      method: agreement.kex,
      hostKeyAlgorithm: agreement.hostKey,
      clientIdent: idents.client,
      serverIdent: idents.server,
      clientKexInit,
      serverKexInit,
      needBytes: Math.max(strength(agreement.clientToServer), strength(agreement.serverToClient)),
    };
  }

  private next<T>(expected: Message<T>): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.check();
      if (this.state.at !== 'running') return;
      this.state.waiter = { number: expected.number, name: expected.name, resolve, reject };
      this.port.proceed();
    });
  }

  /** @throws Error the one that ended the connection while the exchange was at work */
  private check(): void {
    if (this.state.at === 'over') throw this.state.error;
  }

  private async run(context: ExchangeContext, agreement: Agreement): Promise<void> {
    const result =
      this.config.role === 'client' ? await this.asClient(this.config, context, agreement) : await this.asServer(this.config, context);
    const opener = await this.changeSealer(result, agreement);
    try {
      await this.next(newKeys);
      this.check();
    } catch (error) {
      opener.wipe();
      throw error;
    }
    this.state = { at: 'idle' };
    this.port.openWith(opener, agreement);
    this.port.proceed();
  }

  /** Sends NEWKEYS and changes the keys of what is sent; gives back what will open the peer's packets. */
  private async changeSealer(result: ExchangeResult, agreement: Agreement): Promise<PacketOpener> {
    const { clientToServer, serverToClient } = agreement;
    try {
      await prepare(clientToServer.cipher, clientToServer.mac);
      await prepare(serverToClient.cipher, serverToClient.mac);
      this.check();
      if (this.initial) {
        this.sessionId = result.exchangeHash;
        this.proof = { hostKey: result.hostKeyBlob, signature: result.signature };
      }
      const [sending, receiving] =
        this.config.role === 'client' ? (['clientToServer', 'serverToClient'] as const) : (['serverToClient', 'clientToServer'] as const);
      const opener = this.directionKeys(receiving, agreement, result, createOpener);
      this.port.sendNow(newKeys.encode({}));
      this.held = false;
      this.port.sealWith(this.directionKeys(sending, agreement, result, createSealer), agreement);
      return opener;
    } finally {
      result.secret.fill(0);
    }
  }

  private async asClient(config: ClientKexConfig, context: ExchangeContext, agreement: Agreement): Promise<ExchangeResult> {
    const early = this.early;
    this.early = undefined;
    const result = await exchangeAsClient(context, early);
    const { hostKey } = result;
    const known = this.hostKey !== undefined && equalBytes(this.hostKey.blob, hostKey.blob);
    if (!known) {
      const { name, bits } = hostKey;
      this.events({
        type: 'host-key',
        algorithm: agreement.hostKey,
        keyType: name,
        bits,
        fingerprint: fingerprint(hostKey.plain, 'sha256'),
      });
      await config.verifyHostKey(hostKey, agreement);
    }
    this.hostKey = hostKey;
    return result;
  }

  private async asServer(config: ServerKexConfig, context: ExchangeContext): Promise<ExchangeResult> {
    const signer = config.hostKey(context.hostKeyAlgorithm);
    if (signer === undefined) throw new SshError('SSH_ERR_NO_HOSTKEY_LOADED', context.hostKeyAlgorithm);
    this.hostKey = signer.publicKey;
    return await exchangeAsServer(context, signer, config.moduli);
  }

  private directionKeys<T>(
    direction: 'clientToServer' | 'serverToClient',
    agreement: Agreement,
    result: ExchangeResult,
    create: (cipher: AgreedProtection['cipher'], mac: AgreedProtection['mac'], keys: DirectionKeys) => T,
  ): T {
    const { cipher, mac } = agreement[direction];
    const keys = deriveKeys(direction, keyLengths(cipher, mac), result.hash, result.secret, result.exchangeHash, this.sessionId);
    const made = create(cipher, mac, keys);
    for (const key of [keys.key, keys.iv, keys.macKey]) key.fill(0);
    return made;
  }
}

function isAuthenticated(cipher: string): boolean {
  return rowOf(cipher)?.authenticated === true;
}

/** The strength in bytes that a direction needs of the key exchange: OpenSSH's dh_need. */
function strength({ cipher, mac }: AgreedProtection): number {
  const row = rowOf(cipher);
  const { key, iv, macKey } = keyLengths(cipher, mac);
  return Math.max(row?.securityBytes ?? key, row?.blockBytes ?? 0, iv, macKey);
}

function rowOf(cipher: string): CipherRow | undefined {
  return (ciphers as Readonly<Record<string, CipherRow>>)[cipher];
}
