import type { Channel, ChannelHandler } from '../core/connection/channel.ts';
import type { Connection } from '../core/connection/connection.ts';
import { openDirectStreamlocal, openDirectTcpip } from '../core/connection/forwarding.ts';
import { ChannelOpenError } from '../core/connection/open-error.ts';
import type { EventSink } from '../core/events.ts';
import type { Log } from '../core/util/log.ts';
import { visibleText } from '../core/util/vis.ts';
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
  const pipe = new StreamPipe(stream);
  try {
    const originator = { host: stream.remoteAddress ?? '127.0.0.1', port: stream.remotePort ?? 65535 };
    const channel =
      'path' in destination
        ? await openDirectStreamlocal(connection, destination.path, pipe.handler)
        : await openDirectTcpip(connection, destination, originator, pipe.handler);
    pipe.start(channel);
  } catch (error) {
    stream.destroy();
    if (!(error instanceof ChannelOpenError)) return;
    around.log('ERROR', `channel ${error.channel}: open failed: ${visibleText(error.message)}`);
  }
}

/** How much is read from a stream at once. */
const PIECE = 64 * 1024;

/** Ties a byte stream to a channel, with backpressure and half-closed ends both ways. */
export class StreamPipe {
  readonly handler: ChannelHandler;
  private readonly stream: ByteStream;
  private readonly buffer = new Uint8Array(PIECE);
  private channel: Channel | undefined;
  /** Bytes that wait in the stream's output, and are owed to the channel's window. */
  private owed = 0;

  constructor(stream: ByteStream) {
    this.stream = stream;
    this.handler = {
      onData: (bytes, kind) => {
        if (kind === 0) this.fromChannel(bytes);
        else this.channel?.consumed(bytes.length);
      },
      onEof: () => stream.end(),
      onEndOfWrite: () => undefined,
      onDrain: () => stream.resume(),
      onClose: (error) => {
        if (error === undefined) stream.end();
        else stream.destroy();
      },
    };
  }

  /** Begins to read the stream into the channel. */
  start(channel: Channel): void {
    this.channel = channel;
    this.stream.start({
      space: () => this.buffer,
      filled: (length) => !channel.writable || channel.write(this.buffer.subarray(0, length)),
      ended: () => channel.eof(),
      failed: () => channel.abort(),
      drained: () => {
        const { owed } = this;
        this.owed = 0;
        channel.consumed(owed);
      },
    });
  }

  private fromChannel(bytes: Uint8Array): void {
    // the stream owns what it is given, and this view holds only now
    if (this.stream.write(bytes.slice())) this.channel?.consumed(bytes.length);
    else this.owed += bytes.length;
  }
}
