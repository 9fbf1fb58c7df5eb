import type { Channel, ChannelHandler } from '../core/connection/channel.ts';
import type { StreamNumber } from '../core/connection/outgoing.ts';
import type { ByteReceiver } from './inlet.ts';
import type { ByteStream } from './socket.ts';
import { WaitingBytes } from './waiting-bytes.ts';

/** How much is read at once. */
const readSize = 256 * 1024;

/** What every stream is read into: the channel sends or copies it before the next read. */
let readBuffer: Uint8Array | undefined;

/**
 * The receiver that passes what a stream brings on to a channel, and stops reading while the channel takes no more: the channel's `onDrain`
 * is then to resume the stream. The rest of the receiver is the caller's.
 */
export function channelFeed(channel: Channel, number: StreamNumber, rest: Omit<ByteReceiver, 'space' | 'filled'>): ByteReceiver {
  return {
    space: () => (readBuffer ??= new Uint8Array(readSize)),
    filled: (length) => channel.mayWrite(number) && channel.write((readBuffer as Uint8Array).subarray(0, length), number),
    ...rest,
  };
}

/** Writes a channel's data to a stream; the peer may send as much again as the stream has taken. */
export class ChannelDrain {
  private readonly channel: Channel;
  private readonly stream: ByteStream;
  private readonly waiting = new WaitingBytes();
  private owed = 0;

  constructor(channel: Channel, stream: ByteStream) {
    this.channel = channel;
    this.stream = stream;
  }

  /** Writes a copy: the pieces are views of the transport's buffer, and the stream keeps what it is given. */
  write(pieces: readonly Uint8Array[]): void {
    let room = true;
    let length = 0;
    for (const bytes of this.waiting.copy(pieces)) {
      room = this.stream.write(bytes);
      length += bytes.length;
    }
    this.settle();
    if (room) this.channel.consumed(length);
    else this.owed += length;
  }

  /** The stream has taken everything. */
  drained(): void {
    const { owed } = this;
    this.owed = 0;
    this.settle();
    if (owed > 0) this.channel.consumed(owed);
  }

  /** What the stream has taken, or drops, is memory for others. */
  settle(): void {
    this.waiting.keep(this.stream.pending);
  }
}

/**
 * Joins a channel and a stream, as forwarding does: what comes from the one goes to the other, each end of data is passed on, and when both
 * have ended, or either breaks, so has the other. The stream is read from when the channel is open.
 */
export function joinStream(stream: ByteStream): ChannelHandler {
  let channel: Channel | undefined;
  let drain: ChannelDrain | undefined;
  let streamEnded = false;
  let channelEnded = false;
  const endTogether = (): void => {
    if (streamEnded && channelEnded) channel?.close();
  };
  return {
    onOpen: (opened) => {
      channel = opened;
      drain = new ChannelDrain(opened, stream);
      stream.start(
        channelFeed(opened, 0, {
          ended: () => {
            streamEnded = true;
            opened.eof();
            endTogether();
          },
          failed: () => {
            opened.abort();
          },
          drained: () => {
            drain?.drained();
          },
        }),
      );
    },
    onRun: (pieces) => drain?.write(pieces),
    onDrain: () => {
      stream.resume();
    },
    onEof: () => {
      channelEnded = true;
      stream.end();
      endTogether();
    },
    onClose: (error) => {
      if (error === undefined) stream.destroySoon(() => drain?.settle());
      else stream.destroy();
    },
  };
}
