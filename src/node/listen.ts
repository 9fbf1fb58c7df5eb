import net from 'node:net';
import { systemError } from './errno.ts';
import { type SocketStream, wrapSocket } from './socket.ts';

/** A listening socket. */
export interface Listener {
  /** The port that it listens on, which the system chose where 0 was asked for; 0 for a unix socket. */
  readonly port: number;
  /** The address or path that it listens on. */
  readonly address: string;
  /** Stops listening; accepted connections stay. A unix socket's file is removed. */
  close(): void;
}

/** Where to listen. */
export type ListenTarget =
  | { readonly address: string; readonly port: number; readonly backlog?: number }
  | { readonly path: string; readonly backlog?: number }
  /** A socket that another program has made and listens on already. */
  | { readonly fd: number };

/** As many waiting connections as OpenSSH's listeners allow. */
const defaultBacklog = 128;

/**
 * Listens on one numeric address or a unix socket's path; an IPv6 address takes no IPv4 connections. Nagle's delay is off on accepted
 * sockets, and nothing is read from them before they are started.
 *
 * @param accepted gets each connection.
 * @param failed gets what went wrong later; the listener goes on where it can.
 * @throws SystemError EADDRINUSE, EACCES, EADDRNOTAVAIL and the like.
 */
export function listen(
  target: ListenTarget,
  accepted: (stream: SocketStream) => void,
  failed: (error: Error) => void = () => {},
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) => accepted(wrapSocket(socket)));
    const refused = (error: Error): void => reject(systemError(error));
    server.once('error', refused);
    const backlog = ('backlog' in target ? target.backlog : undefined) ?? defaultBacklog;
    const options: net.ListenOptions & { fd?: number } =
      'fd' in target
        ? { fd: target.fd }
        : 'path' in target
          ? { path: target.path, backlog }
          : { host: target.address, port: target.port, ipv6Only: net.isIPv6(target.address), backlog };
    server.listen(options, () => {
      server.removeListener('error', refused);
      server.on('error', (error) => failed(systemError(error)));
      const bound = server.address();
      const close = (): void => {
        server.close();
      };
      if (bound === null || typeof bound === 'string') resolve({ port: 0, address: bound ?? '', close });
      else resolve({ port: bound.port, address: bound.address, close });
    });
  });
}
