import { Connection, type ConnectionOptions } from '../../../src/core/connection/connection.ts';
import type { PacketHandler, PacketLink } from '../../../src/core/transport/link.ts';

const nobody: PacketHandler = { message: () => false, drained: () => undefined, closed: () => undefined };

/** One end of a link in memory: what it sends waits until the test delivers it. */
export class FakeLink implements PacketLink {
  readonly role: 'client' | 'server';
  readonly sessionId = new Uint8Array(32);
  readonly peerIdent: string;
  handler: PacketHandler = nobody;
  /** What was sent and not delivered yet. */
  readonly outbox: Uint8Array[] = [];
  /** Everything that was ever sent. */
  readonly sent: Uint8Array[] = [];
  /** How many messages the outbox holds before the link is full. */
  capacity = Infinity;
  /** Numbers that the handler did not know. */
  readonly unknown: number[] = [];
  disconnected: { readonly reason: number; readonly description: string } | undefined;
  /** What the handler threw: it ended the connection. */
  error: unknown;
  /** Whether it was told to wait for a flush. */
  corked = false;
  private over = false;

  constructor(role: 'client' | 'server', peerIdent = 'SSH-2.0-OpenSSH_10.0') {
    this.role = role;
    this.peerIdent = peerIdent;
  }

  get writable(): boolean {
    return this.outbox.length < this.capacity;
  }

  send(payload: Uint8Array): void {
    if (this.over) return;
    const copy = new Uint8Array(payload);
    this.outbox.push(copy);
    this.sent.push(copy);
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.send(Buffer.concat([head, data]));
  }

  flush(): void {
    // nothing is held back
    this.corked = false;
  }

  cork(): void {
    this.corked = true;
  }

  peerExtension(): Uint8Array | undefined {
    return undefined;
  }

  disconnect(reason: number, description: string): void {
    if (this.over) return;
    this.disconnected = { reason, description };
    this.close(undefined);
  }

  /** Ends the connection as a transport does. */
  close(error: Error | undefined): void {
    if (this.over) return;
    this.over = true;
    this.handler.closed(error);
  }

  /**
   * Hands a payload up, in memory that is overwritten afterwards, as the transport's receive buffer is; as a Buffer, whose `slice` is no copy.
   */
  receive(payload: Uint8Array): void {
    this.receiveAll([payload]);
  }

  /** The same for payloads that one read brings. */
  receiveAll(payloads: readonly Uint8Array[]): void {
    const views = payloads.map((payload) => Buffer.from(payload));
    try {
      for (const view of views) {
        if (this.over) return;
        if (this.handler.message(view) === false) this.unknown.push(view[0] as number);
      }
      this.handler.caughtUp?.();
    } catch (error) {
      this.error = error;
      this.handler.caughtUp?.();
      this.close(error as Error);
    }
    for (const view of views) view.fill(0xee);
  }
}

/** Two connections joined in memory. */
export class LinkPair {
  readonly clientLink: FakeLink;
  readonly serverLink: FakeLink;
  readonly client: Connection;
  readonly server: Connection;

  constructor(clientOptions: ConnectionOptions = {}, serverOptions: ConnectionOptions = {}, peerIdent?: string) {
    this.clientLink = new FakeLink('client', peerIdent);
    this.serverLink = new FakeLink('server', peerIdent);
    this.client = new Connection(this.clientLink, clientOptions);
    this.server = new Connection(this.serverLink, serverOptions);
    this.clientLink.handler = this.client;
    this.serverLink.handler = this.server;
  }

  /** Delivers one message in one direction; false where there is none. */
  step(from: 'client' | 'server'): boolean {
    const [source, target] = from === 'client' ? [this.clientLink, this.serverLink] : [this.serverLink, this.clientLink];
    const full = !source.writable;
    const payload = source.outbox.shift();
    if (payload === undefined) return false;
    target.receive(payload);
    if (full && source.writable) source.handler.drained();
    return true;
  }

  /** Delivers everything, and what comes of it, until nothing moves. */
  async run(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      while (this.step('client') || this.step('server')) quiet = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** One connection whose peer is the test: it reads what was sent and hands in what it likes. */
export function alone(options: ConnectionOptions = {}, peerIdent?: string): { link: FakeLink; connection: Connection } {
  const link = new FakeLink('server', peerIdent);
  const connection = new Connection(link, options);
  link.handler = connection;
  return { link, connection };
}
