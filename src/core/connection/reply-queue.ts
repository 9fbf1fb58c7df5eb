import type { EventSink } from '../events.ts';
import { SshError } from '../util/errors.ts';

/** The most of a channel's requests that may wait for their reply. */
const MOST_PENDING_REQUESTS = 256;

/** A channel's requests that wait for their replies, which come in the order of the requests (RFC 4254 section 5.4). */
export class ReplyQueue {
  private readonly channel: number;
  private readonly events: EventSink;
  private readonly waiting: ((success: boolean | undefined) => void)[] = [];

  constructor(channel: number, events: EventSink) {
    this.channel = channel;
    this.events = events;
  }

  /**
   * Waits for the reply to a request that is about to be made; whether it was granted.
   *
   * @throws SshError SSH_ERR_CONN_CLOSED where the channel ends before; SSH_ERR_NO_BUFFER_SPACE where too many wait, at once.
   */
  expect(request: string): Promise<boolean> {
    const { channel } = this;
    if (this.waiting.length >= MOST_PENDING_REQUESTS)
      throw new SshError('SSH_ERR_NO_BUFFER_SPACE', `channel ${channel}: too many requests wait`);
    return new Promise((resolve, reject) => {
      this.waiting.push((success) => {
        if (success === undefined) {
          reject(new SshError('SSH_ERR_CONN_CLOSED', `channel ${channel} ended before the reply to ${request}`));
          return;
        }
        this.events({ type: 'channel-reply', channel, request, success });
        resolve(success);
      });
    });
  }

  /** The reply to the oldest; one that nobody waits for is dropped. */
  receive(success: boolean): void {
    this.waiting.shift()?.(success);
  }

  /** No more replies come. */
  end(): void {
    for (const reply of this.waiting.splice(0)) reply(undefined);
  }
}
