import { concat } from '../core/util/bytes.ts';
import type { Channel, ChannelHandler } from '../core/connection/channel.ts';
import { openSink, type Sink } from '../node/local-output.ts';
import { openSource, type Source } from '../node/local-input.ts';

/** What the user types on its way to the channel: what is to be sent of it, which may be nothing. */
export type InputFilter = (input: Uint8Array) => Uint8Array;

/** A terminal gives no more than this at once, in bytes. */
const mostTyped = 4096;

/**
 * This process' stdin, stdout and stderr at the two ends of a channel: what comes is written at once, and the peer may send as much again
 * as was written; where the channel takes no more, stdin is not read.
 */
export class SessionIo {
  /** What of a channel's handler this is. */
  readonly handler: ChannelHandler;
  private channel: Channel | undefined;
  private source: Source | undefined;
  private readonly sinks: readonly [Sink, Sink];
  /** Bytes of each stream that wait for a slow reader, and are owed to the peer's window. */
  private readonly owed = [0, 0];
  private readonly gone = [false, false];
  /** Whether something else reads the terminal. */
  private held = false;
  /** What came while it was not known yet whether, or when, it may be shown. */
  private withheld: (readonly [bytes: Uint8Array, stream: 0 | 1])[] = [];
  private withholders = 0;

  constructor() {
    this.sinks = [openSink(1), openSink(2)];
    for (const [stream, sink] of this.sinks.entries()) {
      sink.onDrain = () => {
        this.pay(stream);
      };
      sink.onClosed = () => {
        this.lost(stream);
      };
    }
    this.handler = {
      onRun: (pieces, stream) => {
        this.received(pieces, stream);
      },
      onDrain: () => {
        if (!this.held) this.source?.resume();
      },
      onEndOfWrite: () => {
        this.source?.close();
      },
    };
  }

  /** Begins to pass output on; input waits for {@link read}. */
  attach(channel: Channel): void {
    this.channel = channel;
  }

  /** Reads stdin into the channel through the filter; its end, which the filter's owner hears of before, is the channel's EOF. */
  read(fd: number, filter: InputFilter, ending: () => void = () => undefined): void {
    const { channel } = this;
    if (channel === undefined) return;
    const source = openSource(fd);
    this.source = source;
    source.start({
      data: (input) => {
        this.send(filter(input));
      },
      end: () => {
        ending();
        channel.eof();
      },
      error: () => {
        ending();
        channel.eof();
      },
      room: () => channel.room,
    });
  }

  /** Sends bytes as input that has passed the filter; stdin is not read while there is no room for more. */
  send(bytes: Uint8Array): void {
    const { channel } = this;
    if (bytes.length === 0 || channel?.writable !== true) return;
    // what is typed at once: the rest of this turn of the event loop takes as long as all that is done here
    const more = bytes.length <= mostTyped ? channel.writeNow(bytes) : channel.write(bytes);
    if (!more) this.source?.pause();
  }

  /** Shows nothing of what comes until it is told by the function that it gets whether to show or to drop all that. */
  withhold(): (show: boolean) => void {
    this.withholders++;
    return (show) => {
      this.withholders--;
      // where somebody else withholds it still, it is not shown yet
      if (show && this.withholders > 0) return;
      for (const [bytes, stream] of this.withheld.splice(0)) {
        if (show) this.received([bytes], stream);
        else this.channel?.consumed(bytes.length);
      }
    };
  }

  /** Leaves stdin alone for a while, or goes on with it. */
  holdInput(held: boolean): void {
    this.held = held;
    if (held) this.source?.pause();
    else if (this.channel?.writable === true) this.source?.resume();
  }

  /** Stops reading stdin. */
  stopInput(): void {
    this.source?.close();
  }

  /** Stops reading stdin, and tells the peer that this was all. */
  endInput(): void {
    this.stopInput();
    this.channel?.eof();
  }

  /** Writes a text of our own to the terminal's stderr, in order with the session's. */
  tell(text: string): void {
    this.sinks[1].write(new TextEncoder().encode(text));
  }

  /** Calls `done` once everything that came is written. */
  finish(done: () => void): void {
    this.sinks[0].end(() => {
      this.sinks[1].end(done);
    });
  }

  private received(pieces: readonly Uint8Array[], stream: 0 | 1): void {
    if (this.withholders > 0) {
      // concat copies: the pieces are views of what the next packets overwrite
      this.withheld.push([concat(...pieces), stream]);
      return;
    }
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (this.gone[stream] === true || this.sinks[stream].writeAll(pieces, length)) this.channel?.consumed(length);
    else this.owed[stream] = (this.owed[stream] ?? 0) + length;
  }

  private pay(stream: number): void {
    const owed = this.owed[stream] ?? 0;
    this.owed[stream] = 0;
    if (owed > 0) this.channel?.consumed(owed);
  }

  /** Nobody reads this output any more: the peer is told to stop, or what it still sends is dropped. */
  private lost(stream: number): void {
    this.gone[stream] = true;
    this.pay(stream);
    if (stream === 0) this.channel?.stopReading();
  }
}
