import type { EventSink } from '../core/events.ts';
import { utf8Bytes } from '../core/util/bytes.ts';
import { type Listener, listen } from '../node/listen.ts';
import type { SocketStream } from '../node/socket.ts';
import { serveClient, type ServedClient, type ServerRules } from './connection.ts';

/** Where a server listens and how many clients it takes. */
export interface ListenerOptions {
  /** A numeric address. */
  readonly address: string;
  /** 0 for any free port. */
  readonly port: number;
  /** How many clients may be there without having logged in; more are turned away (MaxStartups). */
  readonly mostStartups: number;
  /** How many clients may be there at all. */
  readonly mostClients: number;
}

/** A server that runs. */
export interface Server {
  readonly address: string;
  readonly port: number;
  /** How many clients are connected. */
  readonly clients: number;
  /** Takes no more clients and ends those that are there. */
  close(): Promise<void>;
}

/**
 * Listens and serves every client that comes, each by itself: what goes wrong with one is told by its events and ends no other.
 *
 * @throws SystemError where it can't listen.
 */
export async function startServer(
  options: ListenerOptions,
  rules: ServerRules,
  events: (client: { readonly address: string; readonly port: number }) => EventSink,
): Promise<Server> {
  const clients = new Set<ServedClient>();
  let startups = 0;
  const accept = (stream: SocketStream): void => {
    if (startups >= options.mostStartups || clients.size >= options.mostClients) {
      stream.write(utf8Bytes('Exceeded MaxStartups\r\n'));
      stream.destroySoon();
      return;
    }
    startups++;
    const client = serveClient(stream, rules, events({ address: stream.remoteAddress ?? 'UNKNOWN', port: stream.remotePort ?? 0 }));
    clients.add(client);
    void client.authenticated.then(() => {
      startups--;
    });
    void client.closed.then(() => {
      clients.delete(client);
    });
  };
  const listener: Listener = await listen({ address: options.address, port: options.port }, accept);
  return {
    address: listener.address,
    port: listener.port,
    get clients() {
      return clients.size;
    },
    close: async () => {
      listener.close();
      const closing = [...clients].map((client) => {
        client.end();
        return client.closed;
      });
      await Promise.all(closing);
    },
  };
}
