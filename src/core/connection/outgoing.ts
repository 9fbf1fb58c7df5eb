import type { PacketLink } from '../transport/link.ts';
import { SshError } from '../util/errors.ts';
import { messageNumbers } from '../wire/numbers.ts';
import type { SendWindow } from './window.ts';

/** Which stream of a channel: its data, or the extended data of type 1, stderr. */
export type StreamNumber = 0 | 1;

interface Unsent {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * What a channel sends: cut to the peer's window and packet size and handed to the link without a copy. What can't go at once is copied
 * and waits, at most one write of each stream.
 */
export class Outgoing {
  /** How many bytes of data were sent. */
  sent = 0;
  readonly window: SendWindow;
  private readonly link: PacketLink;
  private readonly heads: readonly [Uint8Array, Uint8Array];
  private readonly unsent: [Unsent | undefined, Unsent | undefined] = [undefined, undefined];

  constructor(link: PacketLink, window: SendWindow, recipientChannel: number) {
    this.link = link;
    this.window = window;
    this.heads = [
      dataHead(messageNumbers.SSH_MSG_CHANNEL_DATA, recipientChannel, 9),
      dataHead(messageNumbers.SSH_MSG_CHANNEL_EXTENDED_DATA, recipientChannel, 13),
    ];
  }

  /** Whether anything waits for the window or the link. */
  get waits(): boolean {
    return this.unsent[0] !== undefined || this.unsent[1] !== undefined;
  }

  /**
   * Sends, and copies what can't be sent.
   *
   * @throws SshError SSH_ERR_NO_BUFFER_SPACE where an earlier write to the same stream still waits.
   */
  write(bytes: Uint8Array, stream: StreamNumber): void {
    if (this.unsent[stream] !== undefined) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'write to a channel that is not drained yet');
    const at = this.waits ? 0 : this.transmit(bytes, 0, stream, bytes.length);
    if (at < bytes.length) this.unsent[stream] = { bytes: new Uint8Array(bytes.subarray(at)), at: 0 };
  }

  /** Sends at most `most` bytes of what waits. */
  proceed(most: number): void {
    let left = most;
    for (const stream of [0, 1] as const) {
      const waiting = this.unsent[stream];
      if (waiting === undefined) continue;
      const at = this.transmit(waiting.bytes, waiting.at, stream, left);
      left -= at - waiting.at;
      waiting.at = at;
      if (at < waiting.bytes.length) return;
      this.unsent[stream] = undefined;
    }
  }

  /** Forgets what waits, of one stream or of both. */
  drop(stream?: StreamNumber): void {
    if (stream !== 1) this.unsent[0] = undefined;
    if (stream !== 0) this.unsent[1] = undefined;
  }

  /** Sends from `at` on what the window, the link and `most` allow; where it got to. */
  private transmit(bytes: Uint8Array, at: number, stream: StreamNumber, most: number): number {
    const { link, window } = this;
    const head = this.heads[stream];
    const end = Math.min(bytes.length, at + most);
    let from = at;
    while (from < end && link.writable) {
      const length = window.take(end - from);
      if (length === 0) break;
      putUint32(head, head.length - 4, length);
      link.sendData(head, length === bytes.length ? bytes : bytes.subarray(from, from + length));
      from += length;
    }
    this.sent += from - at;
    return from;
  }
}

/** The head of a data message with all but its data's length filled in; the stderr head's data type is 1. */
function dataHead(number: number, recipientChannel: number, length: 9 | 13): Uint8Array {
  const head = new Uint8Array(length);
  head[0] = number;
  putUint32(head, 1, recipientChannel);
  if (length === 13) putUint32(head, 5, 1);
  return head;
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
