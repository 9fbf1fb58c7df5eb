import type { PacketHandler, PacketLink } from '../../../src/core/transport/link.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';

/** One end of a pair of links without a transport between them: what one end sends, the other's handler gets, one message at a time. */
export class FakeLink implements PacketLink {
  readonly role: 'client' | 'server';
  sessionId: Uint8Array = new Uint8Array(32).fill(7);
  peerIdent = 'SSH-2.0-tsh_test';
  readonly writable = true;
  handler: PacketHandler;
  /** What the peer is taken to have said in EXT_INFO. */
  readonly extensions = new Map<string, string>();
  /** Every payload that was sent, and what each was to be padded to. */
  readonly sent: Uint8Array[] = [];
  readonly padded: (number | undefined)[] = [];
  /** The numbers of the messages that were answered with UNIMPLEMENTED. */
  readonly unimplemented: number[] = [];
  /** What DISCONNECT said, where this end sent one. */
  disconnected: { readonly reason: number; readonly description: string } | undefined;
  peer!: FakeLink;
  private readonly queue: Uint8Array[] = [];
  private busy = false;
  private over = false;

  constructor(role: 'client' | 'server') {
    this.role = role;
    this.handler = recorder().handler;
  }

  send(payload: Uint8Array, padTo?: number): void {
    if (this.over) return;
    this.sent.push(payload.slice());
    this.padded.push(padTo);
    this.peer.deliver(payload.slice());
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.send(new Uint8Array([...head, ...data]));
  }

  flush(): void {
    // all is sent at once
  }

  cork(): void {
    // all is sent at once
  }

  peerExtension(name: string): Uint8Array | undefined {
    const value = this.extensions.get(name);
    return value === undefined ? undefined : utf8Bytes(value);
  }

  disconnect(reason: number, description: string): void {
    if (this.over) return;
    this.disconnected = { reason, description };
    this.end(undefined);
    this.peer.end(new SshError('SSH_ERR_DISCONNECTED', description));
  }

  /** Ends the connection as the loss of it does. */
  end(error: Error | undefined): void {
    if (this.over) return;
    this.over = true;
    this.queue.length = 0;
    this.handler.closed(error);
  }

  private deliver(payload: Uint8Array): void {
    if (this.over) return;
    this.queue.push(payload);
    if (!this.busy) void this.pump();
  }

  private async pump(): Promise<void> {
    this.busy = true;
    try {
      await Promise.resolve();
      for (let payload = this.queue.shift(); payload !== undefined; payload = this.queue.shift()) {
        const result = this.handler.message(payload);
        if (result === false) this.unimplemented.push(payload[0] as number);
        if (result instanceof Promise) await result;
        this.handler.caughtUp?.();
        // a payload is a view that holds only until now
        payload.fill(0xdd);
      }
    } catch (error) {
      this.end(error as Error);
      this.peer.end(new SshError('SSH_ERR_CONN_CLOSED'));
    } finally {
      this.busy = false;
    }
  }
}

/** Two ends of one connection. */
export function linkPair(): { readonly client: FakeLink; readonly server: FakeLink } {
  const client = new FakeLink('client');
  const server = new FakeLink('server');
  client.peer = server;
  server.peer = client;
  return { client, server };
}

/** A handler that keeps what it gets. */
export function recorder(): {
  readonly handler: PacketHandler;
  readonly messages: Uint8Array[];
  readonly ended: (Error | undefined)[];
  /** After how many messages it was told that it has caught up, each time. */
  readonly caughtUp: number[];
  next(): Promise<Uint8Array>;
} {
  const messages: Uint8Array[] = [];
  const ended: (Error | undefined)[] = [];
  const caughtUp: number[] = [];
  const waiting: ((payload: Uint8Array) => void)[] = [];
  let read = 0;
  return {
    messages,
    ended,
    caughtUp,
    handler: {
      message: (payload) => {
        messages.push(payload.slice());
        const take = waiting.shift();
        if (take !== undefined) take(messages[read++] as Uint8Array);
      },
      caughtUp: () => void caughtUp.push(messages.length),
      drained: () => undefined,
      closed: (error) => void ended.push(error),
    },
    next: () =>
      new Promise((take) => {
        const message = messages[read];
        if (message === undefined) waiting.push(take);
        else {
          read++;
          take(message);
        }
      }),
  };
}
