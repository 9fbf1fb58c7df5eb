import net from 'node:net';
import { defaultCiphers, defaultKex, defaultMacs, defaultSignatures } from '../../src/core/crypto/names.ts';
import { systemRandom } from '../../src/core/crypto/random.ts';
import type { Signer } from '../../src/core/keys/key.ts';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { Transport } from '../../src/core/transport/transport.ts';
import { systemClock } from '../../src/node/clock.ts';

/** Where in a connection a hostile server acts: after it has answered this message of the client, or in place of the answer. */
export type Moment = 'service' | 'userauth' | 'session' | 'exec';

/** What a hostile server does. */
export interface Hostility {
  /** When {@link act} is called; true: in place of the answer. */
  readonly at?: Moment;
  readonly instead?: boolean;
  readonly act?: (link: HostileLink) => void;
  /** How it signs: one that never does stalls the key exchange. */
  readonly sign?: Signer['sign'];
  /** The host key that it shows, and the algorithms that it offers for it. */
  readonly shown?: Uint8Array;
  readonly algorithms?: readonly string[];
  /** Sees what the client says after the command began. */
  readonly message?: (payload: Uint8Array, link: HostileLink) => void;
  /** The window that it grants. */
  readonly window?: number;
}

/** One connection of a hostile server. */
export interface HostileLink {
  readonly transport: Transport;
  readonly socket: net.Socket;
  /** Sends at once, whatever the state is. */
  say(...payloads: readonly Uint8Array[]): void;
  /** Says the same again and again, as fast as the client takes it, until this many bytes are said. */
  flood(payload: Uint8Array, bytes: number, then?: () => void): void;
}

/** A server that follows the protocol, lets everyone in and runs nothing, until it is told to misbehave. */
export class HostileServer {
  readonly port: number;
  readonly hostKey: PrivateKey;
  hostility: Hostility = {};
  private readonly ident: string;
  private readonly server: net.Server;
  private readonly sockets: Set<net.Socket>;

  private constructor(server: net.Server, sockets: Set<net.Socket>, hostKey: PrivateKey, ident: string) {
    this.ident = ident;
    this.server = server;
    this.sockets = sockets;
    this.hostKey = hostKey;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (socket) => this.serve(socket));
  }

  static async start(ident = 'SSH-2.0-hostile'): Promise<HostileServer> {
    const hostKey = await generatePrivateKey('ssh-ed25519');
    const sockets = new Set<net.Socket>();
    const server = net.createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HostileServer(server, sockets, hostKey, ident);
  }

  /** Drops every connection. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.drop();
    this.server.close();
  }

  private serve(socket: net.Socket): void {
    this.sockets.add(socket);
    const { hostility, hostKey } = this;
    const sign: Signer['sign'] = hostility.sign ?? ((data, algorithm) => hostKey.sign(data, algorithm));
    const transport = new Transport(
      {
        role: 'server',
        ident: this.ident,
        proposal: {
          kex: defaultKex,
          hostKey: hostility.algorithms ?? ['ssh-ed25519'],
          ciphers: defaultCiphers,
          macs: defaultMacs,
          compression: ['none'],
        },
        rekeyLimit: { bytes: 0, seconds: 0 },
        tracePackets: false,
        hostKey: () => ({ publicKey: { ...hostKey.publicKey, blob: hostility.shown ?? hostKey.publicKey.blob }, sign }),
        moduli: () => {
          throw new Error('no groups here');
        },
        signatureAlgorithms: defaultSignatures,
      },
      {
        random: systemRandom,
        clock: systemClock,
        events: () => undefined,
        write: (bytes) => socket.write(bytes),
        resume: () => void socket.resume(),
        end: () => void socket.end(),
      },
    );
    const link: HostileLink = {
      transport,
      socket,
      say: (...payloads) => {
        for (const payload of payloads) transport.send(payload);
        transport.flush();
      },
      flood: (payload, bytes, then) => {
        let left = bytes;
        const more = (): void => {
          while (left > 0 && !socket.destroyed) {
            left -= payload.length;
            transport.send(payload);
            transport.flush();
            if (socket.writableNeedDrain) {
              socket.once('drain', more);
              return;
            }
          }
          if (left <= 0) then?.();
        };
        more();
      },
    };
    transport.handler = {
      message: (payload) => {
        this.answer(payload, link, hostility);
        return true;
      },
      drained: () => undefined,
      closed: () => undefined,
    };
    socket.on('data', (bytes) => transport.receive(bytes));
    socket.on('drain', () => transport.drained());
    socket.on('end', () => transport.ended());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    transport.start().catch(() => undefined);
  }

  private answer(payload: Uint8Array, link: HostileLink, hostility: Hostility): void {
    const number = payload[0] ?? 0;
    hostility.message?.(payload, link);
    const answers: Readonly<Record<number, readonly [Moment, Uint8Array]>> = {
      5: ['service', bytes(6, text('ssh-userauth'))],
      50: ['userauth', bytes(52)],
      90: ['session', bytes(91, uint32(0), uint32(0), uint32(hostility.window ?? 2 ** 20), uint32(2 ** 15))],
      98: ['exec', bytes(99, uint32(0))],
    };
    const row = answers[number];
    if (row === undefined) return;
    const [moment, answer] = row;
    const acts = moment === hostility.at;
    if (!acts || hostility.instead !== true) link.say(answer);
    if (acts) hostility.act?.(link);
  }
}

/** The parts one behind the other; a number is a byte. */
export function bytes(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)));
}

/** A uint32 on the wire. */
export function uint32(value: number): Uint8Array {
  const encoded = Buffer.alloc(4);
  encoded.writeUInt32BE(value >>> 0);
  return encoded;
}

/** A string on the wire. */
export function text(value: string | Uint8Array): Uint8Array {
  const body = Buffer.from(value);
  return Buffer.concat([uint32(body.length), body]);
}
