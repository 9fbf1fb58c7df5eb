import type { Connection } from '../core/connection/connection.ts';
import { openDirectStreamlocal, openDirectTcpip } from '../core/connection/forwarding.ts';
import { ChannelOpenError } from '../core/connection/open-error.ts';
import type { EventSink } from '../core/events.ts';
import type { Log } from '../core/util/log.ts';
import { joinStream } from '../node/channel-stream.ts';
import type { ByteStream } from '../node/socket.ts';

/** Where a forwarded connection goes to on the server's side. */
export type ForwardDestination = { readonly host: string; readonly port: number } | { readonly path: string };

/** How a destination is shown. */
export function destinationText(destination: ForwardDestination): string {
  return 'path' in destination ? destination.path : `${destination.host} port ${destination.port}`;
}

/** Carries one accepted connection through a channel to its destination; it is dropped where the server refuses. */
export async function forwardConnection(
  connection: Connection,
  stream: ByteStream,
  destination: ForwardDestination,
  around: { readonly events: EventSink; readonly log: Log },
): Promise<void> {
  const joined = joinStream(stream);
  try {
    const originator = { host: stream.remoteAddress ?? '127.0.0.1', port: stream.remotePort ?? 65535 };
    if ('path' in destination) await openDirectStreamlocal(connection, destination.path, joined);
    else await openDirectTcpip(connection, destination, originator, joined);
  } catch (error) {
    stream.destroy();
    if (!(error instanceof ChannelOpenError)) return;
    around.log('ERROR', `channel ${error.channel}: open failed: ${error.message}`);
  }
}
