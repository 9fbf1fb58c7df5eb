import { nullOpener } from '../crypto/packet-null.ts';
import type { PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import type { EventSink } from '../events.ts';
import type { PublicKey } from '../keys/key.ts';
import { latin1Bytes, latin1Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { debugMessage, disconnectMessage, extInfo, ping, pong, unimplementedMessage } from '../wire/transport-messages.ts';
import { Compressor } from './compression.ts';
import { clientExtensions, PeerExtensions, serverExtensions } from './ext-info.ts';
import { type Ident, IdentError, identLine, IdentReader, identRefusal } from './ident.ts';
import { type HostKeyProof, KeyExchange } from './key-exchange.ts';
import type { PacketHandler, PacketLink } from './link.ts';
import type { Agreement } from './negotiate.ts';
import { type Phase, type TransportVerdict, verdictOn, maySendDuringKex } from './phases.ts';
import { PacketReader } from './packet.ts';
import { DisconnectError, disconnectReason } from './disconnect.ts';
import { Outbound } from './outbound.ts';
import { RekeySchedule } from './rekey.ts';
import type { TransportConfig, TransportSurroundings } from './transport-config.ts';

const USERAUTH_SUCCESS = 52;

/** The transport protocol of one connection, in either role, without input or output of its own (RFC 4253). */
export class Transport implements PacketLink {
  readonly role: 'client' | 'server';
  handler: PacketHandler = nobody;
  private readonly config: TransportConfig;
  private readonly io: TransportSurroundings;
  private readonly events: EventSink;
  private readonly reader: PacketReader;
  private readonly out: Outbound;
  private readonly kex: KeyExchange;
  private readonly schedule: RekeySchedule;
  private readonly extensions = new PeerExtensions();
  private readonly identReader: IdentReader;
  private peer: Ident | undefined;
  private phase: Phase = 'ident';
  private authenticated = false;
  /** Whether the handler above is not done with a message. */
  private pending = false;
  /** Whether reading was stopped, and is to be resumed. */
  private stopped = false;
  private processing = false;
  private peerGone: Error | undefined;
  private agreement: Agreement | undefined;
  private inflate: Compressor | undefined;
  private started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(config: TransportConfig, io: TransportSurroundings) {
    this.role = config.role;
    this.config = config;
    this.io = io;
    this.events = io.events;
    this.reader = new PacketReader(nullOpener);
    this.out = new Outbound(io.random, io.write, config.tracePackets ? io.events : undefined);
    this.identReader = new IdentReader(config.role, io.events);
    this.schedule = new RekeySchedule(config.rekeyLimit, io.clock, () => {
      if (this.authenticated && this.phase === 'open') this.kex.start();
    });
    const own = latin1Bytes(config.ident);
    const idents = (): { client: Uint8Array; server: Uint8Array } => {
      const peer = this.peer?.bytes ?? new Uint8Array(0);
      return config.role === 'client' ? { client: own, server: peer } : { client: peer, server: own };
    };
    this.kex = new KeyExchange(config, {
      random: io.random,
      events: io.events,
      sendNow: (payload) => {
        this.seal(payload);
        this.flush();
      },
      proceed: () => {
        this.proceed();
      },
      sealWith: (sealer, agreement) => {
        this.newSealer(sealer, agreement);
      },
      openWith: (opener, agreement) => {
        this.newOpener(opener, agreement);
      },
      get idents() {
        return idents();
      },
    });
    this.kex.failed = (error) => {
      this.fail(error);
    };
  }

  /** Sends the identification and exchanges keys; settles when everything is encrypted, or with the error that ended it. */
  start(): Promise<void> {
    this.events({ type: 'ident-sent', ident: this.config.ident });
    this.out.raw(latin1Bytes(identLine(this.config.ident)));
    this.flush();
    this.kex.prepare();
    return new Promise((resolve, reject) => {
      this.started = { resolve, reject };
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
    return this.agreement;
  }

  /** Bytes that went over the wire in each direction. */
  get transferred(): { readonly sent: number; readonly received: number } {
    return { sent: this.out.total, received: this.reader.total };
  }

  get writable(): boolean {
    return this.out.open && !this.kex.held && this.phase !== 'closed';
  }

  /** Where the next bytes from the peer belong. */
  space(): Uint8Array {
    return this.reader.space();
  }

  /** Says that `count` bytes arrived in {@link space}; false: read nothing more until `resume` is called. */
  filled(count: number): boolean {
    if (this.phase === 'closed') return false;
    this.reader.filled(count);
    this.proceed();
    this.stopped = !this.ready;
    return !this.stopped;
  }

  /** Takes bytes from the peer, whatever their number; for callers that have no buffer of ours to fill. */
  receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.phase !== 'closed'; ) {
      const space = this.reader.space();
      const part = bytes.subarray(at, at + space.length);
      space.set(part);
      at += part.length;
      this.filled(part.length);
    }
  }

  /** Says that the peer sends no more; `error` where the way to it broke. */
  ended(error?: Error): void {
    this.peerGone = error ?? new SshError('SSH_ERR_CONN_CLOSED');
    if (this.ready) this.fail(this.peerGone);
  }

  /** Says that what waited in the output is sent. */
  drained(): void {
    this.out.open = true;
    if (this.writable) this.handler.drained();
  }

  send(payload: Uint8Array, padTo?: number): void {
    const number = payload[0] as number;
    if (this.phase === 'closed') return;
    if (this.kex.held && !maySendDuringKex(number)) {
      this.hold(payload);
      return;
    }
    this.seal(payload, undefined, padTo);
    if (number === USERAUTH_SUCCESS && this.role === 'server') this.afterAuthentication();
    if (!this.processing) this.out.flushSoon();
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    if (this.phase === 'closed') return;
    if (this.kex.held) {
      this.hold(head, data);
      return;
    }
    this.seal(head, data);
    if (!this.processing) this.out.flushSoon();
  }

  flush(): void {
    this.out.flush();
  }

  peerExtension(name: string): Uint8Array | undefined {
    return this.extensions.get(name);
  }

  /** Begins a new key exchange, where none is under way. */
  rekey(): void {
    if (this.phase === 'open') this.kex.start();
  }

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
    if (reason !== undefined && this.phase !== 'ident') this.farewell(reason, cause.message);
    this.close(cause);
  }

  private farewell(reasonCode: number, description: string): void {
    this.events({ type: 'disconnected', by: 'own', reason: reasonCode, description });
    this.out.seal(disconnectMessage.encode({ reasonCode, description, languageTag: '' }));
  }

  private close(error: Error | undefined): void {
    this.flush();
    this.phase = 'closed';
    this.schedule.stop();
    this.reader.wipe();
    this.out.wipe();
    this.inflate?.close();
    this.io.end();
    this.started?.reject(error ?? new SshError('SSH_ERR_DISCONNECTED'));
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
      while (this.ready && (this.phase === 'ident' ? this.readIdent() : this.readPacket()));
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

  private readIdent(): boolean {
    const { used, ident } = this.identReader.read(this.reader.bytes());
    this.reader.skip(used);
    if (ident === undefined) return false;
    this.peer = ident;
    this.events({ type: 'ident-received', ident: ident.line, major: ident.major, minor: ident.minor, software: ident.software });
    this.phase = 'kexinit';
    this.kex.start();
    return true;
  }

  private readPacket(): boolean {
    const { reader } = this;
    const { sequence } = reader;
    const packet = reader.next();
    if (packet === undefined) return false;
    const payload = this.inflate === undefined ? packet : this.inflate.turn(packet);
    const number = payload[0];
    if (number === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'a packet without a message');
    if (reader.sequence === 0 && this.kex.initial)
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'sequence numbers came round before the first keys');
    if (this.config.tracePackets) this.events({ type: 'packet', sent: false, number });
    const verdict = verdictOn(number, this.phase, this.kex.isStrict);
    // the data path is never asynchronous, so its payload need not be copied
    if (verdict === 'upward') this.upward(bulk.has(number) ? payload : payload.slice(), sequence);
    else if (verdict === 'refuse') throw outOfPlace(number, this.phase);
    else if (verdict === 'unimplemented') this.unimplemented(sequence);
    else if (verdict !== 'drop') this.own[verdict](payload, sequence);
    this.rekeyWhenDue();
    return true;
  }

  private upward(payload: Uint8Array, sequence: number): void {
    const number = payload[0];
    const answer = this.handler.message(payload);
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
    if (number === USERAUTH_SUCCESS && this.role === 'client') this.afterAuthentication();
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
      if (!this.kex.held) this.seal(pong.encode(ping.decode(payload)));
    },
  };

  private newSealer(sealer: PacketSealer, agreement: Agreement): void {
    const first = this.agreement === undefined;
    this.agreement = agreement;
    const { sequence } = this.out;
    this.out.rekey(sealer, agreement.strict);
    const { cipher } = agreement[this.role === 'client' ? 'clientToServer' : 'serverToClient'];
    const blocks = this.schedule.sealed(sealer);
    this.events({ type: 'new-keys', sent: true, cipher, blocks, sequence, strict: agreement.strict, rekey: !first });
    if (first && agreement.peerTakesExtInfo) this.sendExtInfo();
    this.compressWhenAgreed();
    this.release();
  }

  private newOpener(opener: PacketOpener, agreement: Agreement): void {
    const { sequence } = this.reader;
    this.reader.rekey(opener, agreement.strict);
    const { cipher } = agreement[this.role === 'client' ? 'serverToClient' : 'clientToServer'];
    const blocks = this.schedule.opened(opener);
    this.events({ type: 'new-keys', sent: false, cipher, blocks, sequence, strict: agreement.strict, rekey: this.phase === 'rekey' });
    this.phase = 'open';
    this.compressWhenAgreed();
    this.started?.resolve();
    this.started = undefined;
  }

  private sendExtInfo(): void {
    const extensions = this.config.role === 'client' ? clientExtensions : serverExtensions(this.config.signatureAlgorithms);
    this.seal(extInfo.encode({ extensions }));
    this.events({ type: 'ext-info', sent: true, extensions: extensions.map(({ name, value }) => ({ name, value: latin1Text(value) })) });
  }

  private afterAuthentication(): void {
    this.authenticated = true;
    this.compressWhenAgreed();
  }

  /** zlib@openssh.com starts with what follows USERAUTH_SUCCESS, and with each later exchange's keys as agreed then. */
  private compressWhenAgreed(): void {
    if (!this.authenticated || this.agreement === undefined) return;
    const [sent, received] =
      this.role === 'client' ? (['clientToServer', 'serverToClient'] as const) : (['serverToClient', 'clientToServer'] as const);
    if (this.agreement[sent].compression !== 'none') this.out.compress();
    if (this.agreement[received].compression !== 'none') this.inflate ??= new Compressor('inflate');
  }

  private seal(head: Uint8Array, data?: Uint8Array, padTo?: number): void {
    this.out.seal(head, data, padTo);
    this.rekeyWhenDue();
  }

  private rekeyWhenDue(): void {
    if (this.phase !== 'open' || !this.authenticated || this.kex.held) return;
    if (this.schedule.exceeded(this.out.usage, this.reader.usage)) this.kex.start();
  }

  private hold(head: Uint8Array, data?: Uint8Array): void {
    try {
      this.out.hold(head, data);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends what was held back during a key exchange. */
  private release(): void {
    for (const payload of this.out.release()) this.send(payload);
    if (this.writable) this.handler.drained();
  }
}

/** Messages whose handlers are the data path: CHANNEL_DATA and CHANNEL_EXTENDED_DATA. */
const bulk: ReadonlySet<number> = new Set([94, 95]);

function outOfPlace(number: number, phase: Phase): SshError {
  return new SshError('SSH_ERR_PROTOCOL_ERROR', `message ${String(number)} is out of place (${phase})`);
}

/** Receives what comes before anyone asked for it: nothing may. */
const nobody: PacketHandler = {
  message: () => false,
  drained: () => undefined,
  closed: () => undefined,
};
