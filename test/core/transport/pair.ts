import type { TshEvent } from '../../../src/core/events.ts';
import type { BulkCiphers } from '../../../src/core/crypto/packet-bulk.ts';
import type { Signer } from '../../../src/core/keys/key.ts';
import type { PrivateKey } from '../../../src/core/keys/private-key.ts';
import type { ClientKexConfig } from '../../../src/core/transport/key-exchange.ts';
import type { Proposal } from '../../../src/core/transport/negotiate.ts';
import type { RekeyLimit } from '../../../src/core/transport/rekey.ts';
import type { TransportConfig } from '../../../src/core/transport/transport-config.ts';
import type { Clock } from '../../../src/core/util/clock.ts';
import { group14 } from '../../../src/core/crypto/dh-groups.ts';
import { Transport } from '../../../src/core/transport/transport.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { fixedRandom } from '../crypto/fixed-random.ts';
import { privateKeyFile } from '../keys/vectors.ts';

export type Role = 'client' | 'server';
export const roles = ['client', 'server'] as const;

/** The host key of all servers here. */
export const hostKey: PrivateKey = await privateKeyFile('ed25519');

/** A plain proposal of one algorithm each. */
export const plain: Proposal = {
  kex: ['curve25519-sha256'],
  hostKey: ['ssh-ed25519'],
  ciphers: ['aes128-ctr'],
  macs: ['hmac-sha2-256'],
  compression: ['none'],
};

/** How what one end writes is cut into what the other receives. */
export type Cut = 'whole' | 'bytes' | 'random';

/** A clock that stands until it is told how much time has passed. */
export class FakeClock implements Clock {
  private time = 0;
  private timers: { at: number; fire: () => void }[] = [];

  now(): number {
    return this.time;
  }

  seconds(): number {
    return 1_700_000_000 + this.time / 1000;
  }

  after(delayMs: number, fire: () => void): { stop(): void } {
    const timer = { at: this.time + delayMs, fire };
    this.timers.push(timer);
    return { stop: () => void (this.timers = this.timers.filter((one) => one !== timer)) };
  }

  /** How many timers run. */
  get running(): number {
    return this.timers.length;
  }

  pass(ms: number): void {
    this.time += ms;
    for (;;) {
      const due = this.timers.find(({ at }) => at <= this.time);
      if (due === undefined) return;
      this.timers = this.timers.filter((one) => one !== due);
      due.fire();
    }
  }
}

export interface EndOptions {
  readonly proposal?: Partial<Proposal>;
  readonly rekeyLimit?: RekeyLimit;
  readonly verifyHostKey?: ClientKexConfig['verifyHostKey'];
  /** Where ciphers come from once much has been moved. */
  readonly bulk?: BulkCiphers | undefined;
  /** What the server proves itself with. */
  readonly signer?: () => Signer;
}

/** The configuration of a transport in a test. */
export function configOf(role: Role, options: EndOptions = {}): TransportConfig {
  const common = {
    proposal: { ...plain, ...options.proposal },
    ident: `SSH-2.0-tsh_${role}`,
    rekeyLimit: options.rekeyLimit ?? { bytes: 0, seconds: 0 },
    tracePackets: false,
  };
  return role === 'client'
    ? { ...common, role, verifyHostKey: options.verifyHostKey ?? (() => Promise.resolve()) }
    : { ...common, role, hostKey: options.signer ?? (() => hostKey), moduli: () => group14, signatureAlgorithms: ['ssh-ed25519'] };
}

/** One transport, and all that becomes of it. */
export class End {
  readonly transport: Transport;
  readonly events: TshEvent[] = [];
  /** Copies of the messages that came up. */
  readonly messages: Uint8Array[] = [];
  /** What it wrote and nobody has taken yet. */
  readonly outbox: Uint8Array[] = [];
  /** How many times it said that it has ended; more than once is wrong. */
  endings = 0;
  error: Error | undefined;
  /** What `start` came to. */
  started: 'no' | 'yes' | Error = 'no';
  /** What to do with a message; it is remembered anyway. */
  onMessage: (payload: Uint8Array) => undefined | boolean | Promise<void> = () => undefined;
  /** What to do when the output has room. */
  onDrained = () => {};
  /** Whether its output takes more. */
  open = true;
  resumed = 0;
  ended = false;

  constructor(config: TransportConfig, clock: Clock, seed: string, bulk: BulkCiphers = () => undefined) {
    this.transport = new Transport(config, {
      random: fixedRandom(`${seed} ${config.role}`),
      clock,
      bulk,
      events: (event) => void this.events.push(event),
      write: (bytes) => {
        if (this.ended) throw new Error('written after the end');
        this.outbox.push(bytes);
        return this.open;
      },
      resume: () => {
        this.resumed++;
      },
      end: () => void (this.ended = true),
    });
    this.transport.handler = {
      message: (payload) => {
        this.messages.push(Uint8Array.from(payload));
        return this.onMessage(payload);
      },
      drained: () => {
        this.onDrained();
      },
      closed: (error) => {
        this.endings++;
        this.error = error;
      },
    };
  }

  start(): void {
    this.transport.start().then(
      () => (this.started = 'yes'),
      (error: unknown) => (this.started = error as Error),
    );
  }

  /** The code of the error that ended it. */
  get code(): string | undefined {
    return this.error instanceof SshError ? this.error.code : this.error?.name;
  }

  get detail(): string | undefined {
    return this.error instanceof SshError ? this.error.detail : this.error?.message;
  }

  /** All that it wrote and nobody has taken yet. */
  take(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.outbox.splice(0)));
  }

  /** The events of a type. */
  of<T extends TshEvent['type']>(type: T): Extract<TshEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<TshEvent, { type: T }> => event.type === type);
  }
}

export interface PairOptions {
  readonly both?: EndOptions;
  readonly client?: EndOptions;
  readonly server?: EndOptions;
  readonly cut?: Cut;
  /** What becomes of the bytes that an end wrote at once, on their way. */
  readonly tamper?: (from: Role, bytes: Uint8Array) => Uint8Array;
}

/** Lets all promises and finished work of other threads come to their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A client and a server in memory. Nothing moves but in {@link step}. */
export class Pair {
  readonly clock = new FakeClock();
  readonly client: End;
  readonly server: End;
  private readonly options: PairOptions;
  private readonly dice = fixedRandom('cut');
  /** What a stopped end is to get when it reads on. */
  private readonly waiting: Record<Role, Uint8Array[]> = { client: [], server: [] };

  constructor(options: PairOptions = {}) {
    this.options = options;
    const end = (role: Role): End => {
      const own = { ...options.both, ...options[role] };
      return new End(configOf(role, own), this.clock, 'pair', own.bulk);
    };
    this.client = end('client');
    this.server = end('server');
  }

  /** Exchanges keys. */
  async connect(): Promise<void> {
    this.client.start();
    this.server.start();
    await this.until(() => this.client.started === 'yes' && this.server.started === 'yes');
  }

  /** Exchanges keys, and authenticates as far as the transport can tell. */
  async authenticate(): Promise<void> {
    await this.connect();
    this.client.transport.send(Uint8Array.of(50));
    await this.until(() => this.server.messages.length === 1);
    this.server.transport.send(Uint8Array.of(52));
    await this.until(() => this.client.messages.length === 1);
    for (const role of roles) this[role].messages.length = 0;
  }

  /** Carries what each end has written to the other, once. */
  step(): void {
    for (const [from, to] of [
      ['client', 'server'],
      ['server', 'client'],
    ] as const) {
      const waiting = this.waiting[to];
      for (const bytes of this[from].outbox.splice(0)) waiting.push(...this.cut(this.options.tamper?.(from, bytes) ?? bytes));
      const target = this[to];
      while (waiting.length > 0 && !target.ended) {
        if (!target.transport.receive(waiting.shift() as Uint8Array)) break;
      }
      if (this[from].ended && !target.ended && waiting.length === 0) target.transport.ended();
    }
  }

  /** Goes on until something is the case; if both ends are over before it is, that is an error. */
  async until(what: () => boolean): Promise<void> {
    while (!what()) {
      if (this.client.ended && this.server.ended) {
        const told = [this.client, this.server].map(({ error, detail }) => `${String(error)}: ${String(detail)}`);
        throw new Error(`both ends are over: ${told.join(' / ')}`);
      }
      this.step();
      await turn();
    }
  }

  /** Goes on until both have ended. */
  async over(): Promise<void> {
    await this.until(() => this.client.ended && this.server.ended);
  }

  private cut(bytes: Uint8Array): Uint8Array[] {
    const { cut = 'whole' } = this.options;
    if (cut === 'whole') return [bytes];
    const parts: Uint8Array[] = [];
    const size = new Uint8Array(1);
    for (let at = 0; at < bytes.length; at += size[0] as number) {
      if (cut === 'bytes') size[0] = 1;
      else this.dice.fill(size);
      if (size[0] === 0) size[0] = 1;
      parts.push(bytes.subarray(at, at + (size[0] as number)));
    }
    return parts;
  }
}
