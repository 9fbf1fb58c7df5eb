import { channelTypes } from '../wire/connection-messages.ts';
import type { Channel, ChannelHandler } from './channel.ts';
import type { Connection, IncomingOpen } from './connection.ts';
import { prohibited } from './open-error.ts';

/** One end of a TCP connection: a name or an address as text, and a port. */
export interface TcpEnd {
  readonly host: string;
  readonly port: number;
}

/**
 * Asks the peer to connect to a host and port (RFC 4254 section 7.2): the local half of `-L`, `-W` and jump hosts.
 *
 * @throws what {@link Connection.open} throws.
 */
export function openDirectTcpip(connection: Connection, target: TcpEnd, originator: TcpEnd, handler: ChannelHandler): Promise<Channel> {
  return connection.open(
    'direct-tcpip',
    { hostToConnect: target.host, portToConnect: target.port, originatorAddress: originator.host, originatorPort: originator.port },
    handler,
  );
}

/**
 * Asks the peer to connect to a Unix domain socket (PROTOCOL section 2.4).
 *
 * @throws what {@link Connection.open} throws.
 */
export function openDirectStreamlocal(connection: Connection, socketPath: string, handler: ChannelHandler): Promise<Channel> {
  return connection.open('direct-streamlocal@openssh.com', { socketPath, reservedText: new Uint8Array(0), reservedNumber: 0 }, handler);
}

/** Where the peer wants to be connected to. */
export type ForwardTarget =
  | { readonly kind: 'tcp'; readonly end: TcpEnd; readonly originator: TcpEnd }
  | { readonly kind: 'local'; readonly path: string };

/** Who decides on a forwarding and who carries it out. */
export interface Forwarder {
  /** Whether the target is allowed (PermitOpen, no-port-forwarding and their like); where not, the peer learns no more than that. */
  permits(target: ForwardTarget): boolean;
  /** Connects to the target, and accepts or refuses the channel when that has come to something. */
  connect(target: ForwardTarget, open: IncomingOpen): void;
}

/**
 * The channel types by which a peer asks to be connected to something, for ConnectionOptions.accept. A port that is none is refused.
 *
 * The functions throw SshError where the message is malformed: the connection ends.
 */
export function acceptForwards(forwarder: Forwarder): Readonly<Record<string, (open: IncomingOpen) => void>> {
  const decide = (target: ForwardTarget, open: IncomingOpen): void => {
    if (!forwarder.permits(target)) open.refuse(prohibited);
    else forwarder.connect(target, open);
  };
  return {
    'direct-tcpip': (open) => {
      const asked = channelTypes.decode('direct-tcpip', open.body);
      const end = { host: asked.hostToConnect, port: asked.portToConnect };
      const originator = { host: asked.originatorAddress, port: asked.originatorPort };
      if (end.port > LARGEST_PORT || originator.port > LARGEST_PORT) open.refuse(prohibited);
      else decide({ kind: 'tcp', end, originator }, open);
    },
    'direct-streamlocal@openssh.com': (open) => {
      decide({ kind: 'local', path: channelTypes.decode('direct-streamlocal@openssh.com', open.body).socketPath }, open);
    },
  };
}

const LARGEST_PORT = 0xffff;
