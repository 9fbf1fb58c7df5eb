import type { PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import type { EventSink } from '../events.ts';
import type { PublicKey } from '../keys/key.ts';
import { latin1Bytes, latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { messageNumbers } from '../wire/numbers.ts';
import { debugMessage, disconnectMessage, extInfo, ping, pong, unimplementedMessage } from '../wire/transport-messages.ts';
import { clientExtensions, PeerExtensions, serverExtensions } from './ext-info.ts';
import { type Ident, IdentError, identLine, identRefusal } from './ident.ts';
import { Inbound } from './inbound.ts';
import { type HostKeyProof, KeyExchange } from './key-exchange.ts';
import { nobody, type PacketHandler, type PacketLink } from './link.ts';
import type { Agreement } from './negotiate.ts';
import { maySendDuringKex, outOfPlace, type Phase, type TransportVerdict, verdictOn } from './phases.ts';
import { DisconnectError, disconnectReason } from './disconnect.ts';
import { Outbound } from './outbound.ts';
import { Protection } from './protection.ts';
import { RekeySchedule } from './rekey.ts';
import type { TransportConfig, TransportSurroundings } from './transport-config.ts';

const {
  SSH_MSG_USERAUTH_SUCCESS: USERAUTH_SUCCESS,
  SSH_MSG_CHANNEL_DATA: CHANNEL_DATA,
  SSH_MSG_CHANNEL_EXTENDED_DATA: CHANNEL_EXTENDED_DATA,
} = messageNumbers;
/** After this sequence number they begin again. */
const LAST_SEQUENCE = 0xffffffff;

/** The transport protocol of one connection, in either role, without input or output of its own (RFC 4253). */
export class Transport implements PacketLink {
  readonly role: 'client' | 'server';
  handler: PacketHandler = nobody;
  private readonly config: TransportConfig;
  private readonly io: TransportSurroundings;
  private readonly events: EventSink;
  private readonly in: Inbound;
  private readonly out: Outbound;
  private readonly kex: KeyExchange;
  private readonly protection: Protection;
  private readonly extensions = new PeerExtensions();
  private peer: Ident | undefined;
  private phase: Phase = 'ident';
  /** Whether the handler above is not done with a message. */
  private pending = false;
  /** Whether reading was stopped, and is to be resumed. */
  private stopped = false;
  private processing = false;
  private peerGone: Error | undefined;
  private started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(config: TransportConfig, io: TransportSurroundings) {
    this.role = config.role;
    this.config = config;
    this.io = io;
    this.events = io.events;
    this.in = new Inbound(config.role, io.events, (bytes, start, end, sequence) => this.receivePacket(bytes, start, end, sequence));
    this.out = new Outbound(io.random, io, config.tracePackets ? io.events : undefined);
    const schedule = new RekeySchedule(config.rekeyLimit, io.clock, () => this.rekeyWhenDue());
    this.protection = new Protection(config.role, this.out, this.in, schedule, io.events, io.bulk);
    const own = latin1Bytes(config.ident);
    this.kex = new KeyExchange(config, {
      random: io.random,
      events: io.events,
      sendNow: (payload) => {
        this.seal(payload);
        this.flush();
      },
      proceed: () => this.proceed(),
      sealWith: (sealer, agreement) => this.newSealer(sealer, agreement),
      openWith: (opener, agreement) => this.newOpener(opener, agreement),
      idents: () => {
        const peer = this.peer?.bytes ?? new Uint8Array(0);
        return config.role === 'client' ? { client: own, server: peer } : { client: peer, server: own };
      },
    });
    this.kex.failed = (error) => this.fail(error);
  }

  /** Sends the identification and exchanges keys; settles when everything is encrypted, or with the error that ended it. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.started = { resolve, reject };
      this.out.raw(latin1Bytes(identLine(this.config.ident)));
      this.events({ type: 'ident-sent', ident: this.config.ident });
      this.flush();
      this.kex.prepare();
    });
  }

  get sessionId(): Uint8Array {
    return this.kex.sessionId;
  }

  get peerIdent(): string {
    return this.peer?.line ?? '';
  }

  /** How the server proved its host key in the first exchange; what authentication binds to. */
  get hostKeyProof(): HostKeyProof | undefined {
    return this.kex.proof;
  }

  /** The host key that was used, once keys are exchanged. */
  get hostKey(): PublicKey | undefined {
    return this.kex.hostKey;
  }

  /** What was agreed on in the last exchange. */
  get agreed(): Agreement | undefined {
    return this.protection.agreement;
  }

  /** Bytes that went over the wire in each direction. */
  get transferred(): { readonly sent: number; readonly received: number } {
    return { sent: this.out.total, received: this.in.total };
  }

  get writable(): boolean {
    return this.out.open && !this.kex.held && this.phase !== 'closed';
  }

  /** Where the next bytes from the peer belong; empty where it did not stop when it was told to, and as much waits as may. */
  space(): Uint8Array {
    return this.in.space();
  }

  /** Says that `count` bytes arrived in {@link space}; false: read nothing more until `resume` is called. */
  filled(count: number): boolean {
    if (this.phase === 'closed') return false;
    this.in.filled(count);
    this.proceed();
    this.stopped = !this.ready;
    return !this.stopped;
  }

  /**
   * Takes bytes from the peer, for callers that have no buffer of ours to fill; false as with {@link filled}. A caller that goes on
   * regardless ends the connection once a MiB waits.
   */
  receive(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length && this.phase !== 'closed'; ) {
      const space = this.in.space();
      if (space.length === 0) this.fail(new SshError('SSH_ERR_NO_BUFFER_SPACE', 'too much from the peer while a message is being handled'));
      const part = bytes.subarray(at, at + space.length);
      space.set(part);
      at += part.length;
      this.filled(part.length);
    }
    return this.phase !== 'closed' && !this.stopped;
  }

  /** Says that the peer sends no more; `error` where the way to it broke. */
  ended(error?: Error): void {
    this.peerGone = error ?? new SshError('SSH_ERR_CONN_CLOSED');
    if (this.ready) this.fail(this.peerGone);
  }

  /** Says that what waited in the output is sent. */
  drained(): void {
    this.out.drained();
    if (this.writable) this.handler.drained();
  }

  send(payload: Uint8Array, padTo = 0): void {
    const number = payload[0] as number;
    if (this.phase === 'closed') return;
    if (this.kex.held && !maySendDuringKex(number)) {
      this.hold(payload, undefined, padTo);
      return;
    }
    this.seal(payload, undefined, padTo);
    if (number === USERAUTH_SUCCESS && this.role === 'server') this.protection.begin();
    if (!this.processing) this.out.flushSoon();
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    if (this.phase === 'closed') return;
    if (this.kex.held) {
      this.hold(head, data, 0);
      return;
    }
    this.seal(head, data);
    if (!this.processing) this.out.flushSoon();
  }

  flush(): void {
    this.out.flush();
  }

  cork(): void {
    this.out.cork();
  }

  peerExtension(name: string): Uint8Array | undefined {
    return this.extensions.get(name);
  }

  /** Begins a new key exchange, where none is under way. */
  rekey(): void {
    if (this.phase === 'open') this.kex.start();
  }

  /** Says that somebody is going to wait for many small messages: what makes them faster is loaded now, at the next of them. */
  readonly hasten = (): void => this.protection.hasten();

  disconnect(reason: number, description: string): void {
    if (this.phase === 'closed') return;
    this.farewell(reason, description);
    this.close(undefined);
  }

  /** Ends the connection for an error; the peer is told where it can be. */
  fail(error: unknown): void {
    if (this.phase === 'closed') return;
    const cause = error instanceof Error ? error : new SshError('SSH_ERR_INTERNAL_ERROR', String(error));
    if (cause instanceof IdentError) this.out.raw(latin1Bytes(identRefusal[cause.refusal]));
    const reason = disconnectReason(cause);
    if (reason !== undefined) this.farewell(reason, cause.message);
    this.close(cause);
  }

  private farewell(reasonCode: number, description: string): void {
    if (this.phase === 'ident') return;
    this.events({ type: 'disconnected', by: 'own', reason: reasonCode, description });
    this.out.seal(disconnectMessage.encode({ reasonCode, description, languageTag: '' }));
  }

  private close(error: Error | undefined): void {
    if (this.phase === 'ident') this.in.tellUnidentified();
    this.phase = 'closed';
    this.handler.caughtUp?.();
    this.flush();
    const cause = error ?? new SshError('SSH_ERR_DISCONNECTED');
    this.kex.stop(cause);
    this.protection.wipe();
    this.io.end();
    this.started?.reject(cause);
    this.started = undefined;
    this.handler.closed(error);
  }

  /** Whether a message could be handled now. */
  private get ready(): boolean {
    return this.phase !== 'closed' && !this.pending && !this.kex.busy;
  }

  /** Handles what waits, one message at a time; stops where a message's handler is not done, and is called again when it is. */
  private proceed(): void {
    if (this.processing) return;
    this.processing = true;
    try {
      if (this.ready && this.phase === 'ident') this.readIdent();
      if (this.ready && this.phase !== 'ident') this.in.each();
      if (this.phase !== 'closed') this.handler.caughtUp?.();
    } catch (error) {
      this.fail(error);
    } finally {
      this.processing = false;
    }
    this.flush();
    if (!this.ready) return;
    if (this.peerGone !== undefined) {
      this.fail(this.peerGone);
    } else if (this.stopped) {
      this.stopped = false;
      this.io.resume();
    }
  }

  private readIdent(): void {
    const ident = this.in.ident();
    if (ident === undefined) return;
    this.peer = ident;
    this.events({ type: 'ident-received', ident: ident.line, major: ident.major, minor: ident.minor, software: ident.software });
    this.phase = 'kexinit';
    this.kex.start();
  }

  /** Takes one message; whether the next one can be handled now. */
  private receivePacket(bytes: Uint8Array, start: number, end: number, sequence: number): boolean {
    const number = bytes[start] as number;
    if (sequence === LAST_SEQUENCE && this.kex.initial)
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'sequence numbers came round before the first keys');
    if (this.config.tracePackets) this.events({ type: 'packet', sent: false, number });
    const verdict = verdictOn(number, this.phase, this.kex.isStrict);
    const { handler } = this;
    if (verdict === 'upward' && number === CHANNEL_DATA && handler.data !== undefined) {
      handler.data(bytes, start, end);
      if (this.in.reuses) handler.caughtUp?.();
      if (!this.protection.openedEnough) return this.ready;
    } else if (verdict === 'upward') this.upward(bytes.subarray(start, end), sequence);
    else if (verdict === 'refuse') throw outOfPlace(number, this.phase);
    else if (verdict === 'unimplemented') this.unimplemented(sequence);
    else if (verdict !== 'drop') this.own[verdict](bytes.subarray(start, end), sequence);
    this.rekeyWhenDue();
    return this.ready;
  }

  private upward(payload: Uint8Array, sequence: number): void {
    const number = payload[0] as number;
    // before it is handed up: what its handler sends at once is compressed already
    if (number === USERAUTH_SUCCESS && this.role === 'client') this.protection.begin();
    // the data path is never asynchronous, so its payload need not be copied
    const data = number === CHANNEL_DATA || number === CHANNEL_EXTENDED_DATA;
    const answer = this.handler.message(data ? payload : payload.slice());
    if (this.in.reuses) this.handler.caughtUp?.();
    if (answer === false) {
      this.unimplemented(sequence);
    } else if (answer instanceof Promise) {
      this.pending = true;
      answer.then(
        () => {
          this.pending = false;
          this.proceed();
        },
        (error: unknown) => {
          this.fail(error);
        },
      );
    }
  }

  private unimplemented(sequenceNumber: number): void {
    this.seal(unimplementedMessage.encode({ sequenceNumber }));
  }

  /** The transport's own messages. */
  private readonly own: Readonly<Record<TransportVerdict, (payload: Uint8Array, sequence: number) => void>> = {
    disconnect: (payload) => {
      const { reasonCode, description } = disconnectMessage.decode(payload);
      this.events({ type: 'disconnected', by: 'peer', reason: reasonCode, description });
      this.close(new DisconnectError(reasonCode, description));
    },
    ignore: () => undefined,
    debug: (payload) => {
      const { alwaysDisplay, message } = debugMessage.decode(payload);
      this.events({ type: 'peer-debug', text: message, alwaysDisplay });
    },
    extInfo: (payload) => {
      // it has its place before authentication only; RFC 8308 section 2.4
      if (this.protection.authenticated) return;
      this.events({ type: 'ext-info', sent: false, extensions: this.extensions.take(payload) });
    },
    kexInit: (payload, sequence) => {
      this.phase = this.phase === 'kexinit' ? 'exchange' : 'rekey';
      this.kex.peerKexInit(payload, sequence);
    },
    exchange: (payload) => {
      this.kex.message(payload);
    },
    ping: (payload) => {
      // never queued: a peer that floods us gets no answer before it has authenticated, and none during an exchange
      if (this.protection.authenticated && !this.kex.held) this.seal(pong.encode(ping.decode(payload)));
    },
  };

  private newSealer(sealer: PacketSealer, agreement: Agreement): void {
    const first = this.agreed === undefined;
    this.protection.newSealer(sealer, agreement);
    if (first && agreement.peerTakesExtInfo) this.sendExtInfo();
    this.release();
  }

  private newOpener(opener: PacketOpener, agreement: Agreement): void {
    this.protection.newOpener(opener, agreement, this.phase === 'rekey');
    this.phase = 'open';
    this.started?.resolve();
    this.started = undefined;
  }

  private sendExtInfo(): void {
    const extensions = this.config.role === 'client' ? clientExtensions : serverExtensions(this.config.signatureAlgorithms);
    this.seal(extInfo.encode({ extensions }));
    this.events({ type: 'ext-info', sent: true, extensions: extensions.map(({ name, value }) => ({ name, value: latin1Text(value) })) });
  }

  private seal(head: Uint8Array, data?: Uint8Array, padTo?: number): void {
    if (this.out.overrun) this.fail(new SshError('SSH_ERR_NO_BUFFER_SPACE', 'the peer does not read the answers that it asks for'));
    else if (this.phase !== 'closed') {
      const fault = this.out.seal(head, data, padTo);
      if (fault !== undefined) this.fail(fault);
    }
    this.rekeyWhenDue();
  }

  private rekeyWhenDue(): void {
    if (this.phase === 'open' && !this.kex.held && this.protection.exceeded) this.kex.start();
  }

  private hold(head: Uint8Array, data: Uint8Array | undefined, padTo: number): void {
    if (this.out.hold(head, data, padTo)) return;
    this.fail(new SshError('SSH_ERR_NO_BUFFER_SPACE', 'too much to send during a key exchange'));
  }

  /** Sends what was held back during a key exchange. */
  private release(): void {
    for (const { payload, padTo } of this.out.release()) this.send(payload, padTo);
    if (this.writable) this.handler.drained();
  }
}
