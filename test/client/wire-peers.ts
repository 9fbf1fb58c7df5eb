import { once } from 'node:events';
import net from 'node:net';

/** A listener on a loopback port of its own. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens, and gives each connection to `accept`; closing drops them all. */
export async function listen(accept: (socket: net.Socket) => void): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One connection through a {@link relay}. */
export interface Relayed {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** How many bytes have come from the server. */
  fromServer: number;
}

/** What a {@link relay} does to what passes. */
export interface Meddling {
  /** Changes, or drops by an empty buffer, what the server sends. */
  readonly fromServer?: (bytes: Buffer, relayed: Relayed) => Buffer;
  readonly fromClient?: (bytes: Buffer, relayed: Relayed) => Buffer;
}

/** Listens and passes everything on to a port, as it is or meddled with. */
export function relay(port: number, { fromServer = same, fromClient = same }: Meddling): Promise<Listener> {
  return listen((client) => {
    const server = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const relayed: Relayed = { client, server, fromServer: 0 };
    client.on('data', (bytes) => void server.write(fromClient(bytes, relayed)));
    server.on('data', (bytes) => {
      relayed.fromServer += bytes.length;
      const passed = fromServer(bytes, relayed);
      // by then it may have been ended
      if (passed.length > 0) client.write(passed);
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    server.on('error', () => client.destroy());
  });
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
