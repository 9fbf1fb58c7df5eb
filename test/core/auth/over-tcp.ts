import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { ServerAuthentication } from '../../../src/core/auth/server.ts';
import type { TshEvent } from '../../../src/core/events.ts';
import type { PublicKey, Signer } from '../../../src/core/keys/key.ts';
import type { TransportConfig } from '../../../src/core/transport/transport-config.ts';
import { authenticateUser } from '../../../src/core/auth/server.ts';
import { defaultCiphers, defaultKex, defaultMacs, defaultSignatures } from '../../../src/core/crypto/names.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { disconnectMessage } from '../../../src/core/wire/transport-messages.ts';
import { Transport } from '../../../src/core/transport/transport.ts';
import { systemClock } from '../../../src/node/clock.ts';

const common = {
  proposal: { kex: defaultKex, hostKey: ['ssh-ed25519'], ciphers: defaultCiphers, macs: defaultMacs, compression: ['none'] },
  rekeyLimit: { bytes: 0, seconds: 0 },
  tracePackets: false,
};

/** A transport as the client of a server on loopback, keys exchanged; any host key will do. */
export async function clientOf(port: number, emit: (event: TshEvent) => void): Promise<{ transport: Transport; hostKey: PublicKey }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let hostKey: PublicKey | undefined;
  const verifyHostKey = (key: PublicKey) => {
    hostKey = key;
    return Promise.resolve();
  };
  const transport = transportOver(socket, { ...common, role: 'client', ident: 'SSH-2.0-tsh_test', verifyHostKey }, emit);
  await transport.start();
  if (hostKey === undefined) throw new Error('no host key was seen');
  return { transport, hostKey };
}

/** How each connection of {@link serveUsers} ended. */
export interface Served {
  readonly port: number;
  readonly events: TshEvent[];
  readonly hostKey: PublicKey;
  close(): void;
}

/** A server on loopback that authenticates and then says good-bye: it shows that a client got in. */
export async function serveUsers(
  hostKey: Signer,
  how: Omit<ServerAuthentication<string>, 'clock' | 'emit' | 'succeeded'>,
): Promise<Served> {
  const events: TshEvent[] = [];
  const emit = (event: TshEvent) => void events.push(event);
  const server = createServer({ noDelay: true }, (socket) => {
    const config: TransportConfig = {
      ...common,
      role: 'server',
      ident: 'SSH-2.0-tsh_test',
      hostKey: () => hostKey,
      moduli: () => {
        throw new Error('no groups here');
      },
      signatureAlgorithms: defaultSignatures,
    };
    const transport = transportOver(socket, config, emit);
    const succeeded = (user: string) => {
      transport.send(disconnectMessage.encode({ reasonCode: 11, description: `welcome ${user}`, languageTag: '' }));
      transport.flush();
    };
    const over = (error: unknown) => {
      emit({ type: 'stopped', code: 'test', message: String(error) });
    };
    authenticateUser(transport, { ...how, clock: systemClock, emit, succeeded }).catch(over);
    transport.start().catch(over);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, events, hostKey: hostKey.publicKey, close: () => void server.close() };
}

function transportOver(socket: Socket, config: TransportConfig, events: (event: TshEvent) => void): Transport {
  const transport = new Transport(config, {
    random: systemRandom,
    clock: systemClock,
    events,
    write: (bytes) => socket.write(bytes),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
  });
  socket.on('data', (bytes) => {
    transport.receive(bytes);
  });
  socket.on('drain', () => {
    transport.drained();
  });
  socket.on('end', () => {
    transport.ended();
  });
  socket.on('error', (error) => {
    transport.ended(error);
  });
  return transport;
}
