/**
 * What authentication and the connection protocol see of the transport: payloads out, payloads in, one at a time.
 *
 * Payloads handed to a handler are views that hold only until it returns (for a promise: until that settles), but for those of CHANNEL_DATA
 * and CHANNEL_EXTENDED_DATA, which hold until the handler's `caughtUp`.
 */
export interface PacketLink {
  /** Which side this is; only authentication may ask. */
  readonly role: 'client' | 'server';
  /** The session identifier: the first key exchange's hash (RFC 4253 section 7.2). */
  readonly sessionId: Uint8Array;
  /** The peer's identification string without its line end. */
  readonly peerIdent: string;
  /**
   * Sends a payload; during a key exchange it is queued, bounded, and sent after it. The payload is copied or sealed before this returns.
   * With `padTo` the packet gets enough padding to make its payload and padding a multiple of so many bytes: it hides a password's length.
   */
  send(payload: Uint8Array, padTo?: number): void;
  /**
   * Sends a message whose payload is `head` and then `data` without joining them first: the data path. Flushing is left to the end of the
   * turn or to {@link flush}.
   */
  sendData(head: Uint8Array, data: Uint8Array): void;
  /** Hands what is sealed to the output now; otherwise it goes at the end of the present turn. */
  flush(): void;
  /** Says that {@link flush} is called before the present turn ends: what is sent meanwhile need not see to it. */
  cork(): void;
  /** False while more output waits than is good: writers then wait for the handler's `drained`. */
  readonly writable: boolean;
  /** Where the messages go from now on: service messages (5, 6) and numbers from 50 on; the rest is the transport's own. */
  handler: PacketHandler;
  /** Whether the peer named this extension in its EXT_INFO (RFC 8308), and its value. */
  peerExtension(name: string): Uint8Array | undefined;
  /** Ends the connection with SSH_MSG_DISCONNECT; afterwards nothing is sent or handed up but `closed`. */
  disconnect(reason: number, description: string): void;
}

/** The layer above the transport. */
export interface PacketHandler {
  /**
   * One message; `payload[0]` is its number. A promise stops the reading of further messages until it settles.
   * What it throws ends the connection. Returning false says that the number is unknown here: the transport answers UNIMPLEMENTED.
   */
  message(payload: Uint8Array): void | boolean | Promise<void>;
  /**
   * In place of `message`: one CHANNEL_DATA, whose payload is `bytes[start, end)`, number and all. It holds as long as one that `message`
   * is given.
   */
  data?(bytes: Uint8Array, start: number, end: number): void;
  /**
   * All that was read has been handed up, or must be done with now: the data of earlier messages is overwritten next. Comes after each
   * read, before what it made this side send goes out, and before `closed`.
   */
  caughtUp?(): void;
  /** The output has room again. */
  drained(): void;
  /** The connection is over; undefined where it ended in good order. */
  closed(error: Error | undefined): void;
}

/** Receives what comes before anyone asked for it: nothing may. */
export const nobody: PacketHandler = {
  message: () => false,
  drained: () => undefined,
  closed: () => undefined,
};
