/**
 * One channel (RFC 4254 section 5), from its opening until both sides have closed it; the same for both roles.
 *
 * Data moves by callbacks and explicit credit. What comes in is handed on at once as a view; the window is credited when its owner says
 * that it was consumed. What goes out is cut to the peer's window and packet size and handed to the link; what the window or the link can't
 * take is copied, at most one write of each stream, and the writer waits for `onDrain`. No channel waits for another one.
 */
import type { EventSink } from '../events.ts';
import { utf8Text } from '../util/bytes.ts';
import type { PacketLink } from '../transport/link.ts';
import { SshError } from '../util/errors.ts';
import {
  type ChannelRequestName,
  type ChannelRequestValues,
  channelClose,
  channelEof,
  channelFailure,
  channelRequest,
  channelRequests,
  channelSuccess,
  channelWindowAdjust,
} from '../wire/connection-messages.ts';
import { AnswerQueue, type IncomingRequest } from './answer-queue.ts';
import { Outgoing, type StreamNumber } from './outgoing.ts';
import { ReplyQueue } from './reply-queue.ts';
import type { ReceiveWindow, SendWindow } from './window.ts';

/** What the owner of a channel is told. Every part is optional: data that nobody takes is consumed, requests that nobody answers fail. */
export interface ChannelHandler {
  /** The channel is open; before anything else. */
  onOpen?(channel: Channel): void;
  /** Data; a view that holds only during the call. Its length is to be given to {@link Channel.consumed} sooner or later. */
  onData?(bytes: Uint8Array, stream: StreamNumber): void;
  /** In place of `onData`: all that one read brought of one stream, in order; otherwise like it. What else happens is told after it. */
  onRun?(pieces: readonly Uint8Array[], stream: StreamNumber): void;
  /** The peer sends no more data. */
  onEof?(): void;
  /** The peer reads no more of the data (eow@openssh.com): what waited was dropped, and writing throws from now on, but for stderr. */
  onEndOfWrite?(): void;
  /** What waited is sent and there is room again, after a write that returned false. */
  onDrain?(): void;
  /** A request; whether it was granted. The next one comes after this one is answered. */
  onRequest?(request: IncomingRequest): boolean | Promise<boolean>;
  /** The channel is over, once: in good order, or with the connection and its error. What was not sent by now never will be. */
  onClose?(error: Error | undefined): void;
}

/** What a channel needs of its connection. */
export interface ChannelHost {
  readonly link: PacketLink;
  readonly events: EventSink;
  /** Whether the peer understands OpenSSH's own messages. */
  readonly peerIsOpenSsh: boolean;
  /** Calls {@link Channel.proceed} once the link has room. */
  waitForLink(channel: Channel): void;
  /** Calls {@link Channel.handOver} once what is being read has been worked through. */
  handOverLater(channel: Channel): void;
  /** Calls {@link Channel.tellConsumed} after what is being read has been worked through. */
  adjustLater(channel: Channel): void;
  /** The channel is closed on both sides: its number is free. */
  release(channel: Channel): void;
  /** Ends the connection for an error that no message's handler can throw. */
  fail(error: unknown): void;
}

/** Never added to: a run is a list of its own. */
const noRun: Uint8Array[] = [];

/** One open channel. */
export class Channel {
  /** The channel's number on this side, as OpenSSH prints it. */
  readonly id: number;
  readonly type: string;
  /** Who is told of what happens; may be exchanged. */
  handler: ChannelHandler;
  /** How many bytes of data came. */
  received = 0;

  private readonly host: ChannelHost;
  private readonly peerId: number;
  private readonly receiveWindow: ReceiveWindow;
  private readonly outgoing: Outgoing;
  /** Data of one stream that came with the present read, for `onRun`. */
  private run = noRun;
  private runStream: StreamNumber = 0;
  private readonly replies: ReplyQueue;
  private readonly answers: AnswerQueue<boolean>;
  private drainWanted = false;
  private eofWanted = false;
  private closeWanted = false;
  private eofSent = false;
  private eofReceived = false;
  private closeSent = false;
  private over = false;
  private peerStopped = false;
  private reading = true;

  /** Made by the connection once both sides know the channel. */
  constructor(
    host: ChannelHost,
    ends: { readonly id: number; readonly peerId: number; readonly type: string },
    windows: { readonly receive: ReceiveWindow; readonly send: SendWindow },
    handler: ChannelHandler,
  ) {
    this.host = host;
    this.id = ends.id;
    this.peerId = ends.peerId;
    this.type = ends.type;
    this.receiveWindow = windows.receive;
    this.outgoing = new Outgoing(host.link, windows.send, ends.peerId);
    this.handler = handler;
    this.replies = new ReplyQueue(ends.id, host.events);
    this.answers = new AnswerQueue(`channel ${ends.id}`, (error) => {
      host.fail(error);
    });
  }

  /** Whether data may be written: not after `eof`, `close`, the peer's end-of-write, or the channel's end. */
  get writable(): boolean {
    return this.mayWrite(0);
  }

  /** Whether a stream may be written; stderr may be after the peer's end-of-write, which is about stdout. */
  mayWrite(stream: StreamNumber): boolean {
    return this.sending && (stream === 1 || !this.peerStopped);
  }

  /** Whether both sides have closed the channel or the connection is gone. */
  get closed(): boolean {
    return this.over;
  }

  /** Whether the peer has said that it sends no more data. */
  get ended(): boolean {
    return this.eofReceived;
  }

  /** Whether it is closed, or will be once what was written is sent. */
  get closing(): boolean {
    return this.closeWanted || this.over;
  }

  /** How many bytes of data were sent. */
  get sent(): number {
    return this.outgoing.sent;
  }

  /** How many bytes of the peer's data wait to be consumed. */
  get unread(): number {
    return this.receiveWindow.waiting;
  }

  /** How many bytes the peer takes at present: what is written beyond it is copied and waits. */
  get room(): number {
    return this.outgoing.window.available;
  }

  /**
   * Sends data. The bytes are the caller's again when this returns: what can't be sent now was copied.
   *
   * Returns false where the caller is to stop until `onDrain` (or `onClose`, or `onEndOfWrite`: one of them always comes).
   *
   * @throws SshError SSH_ERR_CONN_CLOSED where the stream may not be written ({@link mayWrite}), SSH_ERR_NO_BUFFER_SPACE where an earlier write
   * to it still waits.
   */
  write(bytes: Uint8Array, stream: StreamNumber = 0): boolean {
    if (!(stream === 1 ? this.sending : this.writable))
      throw new SshError('SSH_ERR_CONN_CLOSED', `write to channel ${this.id} after its end`);
    this.outgoing.write(bytes, stream);
    if (!this.outgoing.waits && this.outgoing.window.available > 0 && this.host.link.writable) return true;
    this.drainWanted = true;
    if (!this.host.link.writable) this.host.waitForLink(this);
    return false;
  }

  /** The same for what somebody waits for: it has gone out when this returns, not only at the end of the present turn. */
  writeNow(bytes: Uint8Array): boolean {
    const { link } = this.host;
    link.cork();
    try {
      return this.write(bytes);
    } finally {
      link.flush();
    }
  }

  /** Says that no more data follows what was written (RFC 4254 section 5.3); once is enough. */
  eof(): void {
    if (!this.sending) return;
    this.eofWanted = true;
    this.settle();
  }

  /** Closes the channel after what was written (RFC 4254 section 5.3); `onClose` follows when the peer has closed it too. */
  close(): void {
    if (this.closeWanted || this.over) return;
    this.closeWanted = true;
    this.reading = false;
    this.settle();
  }

  /** Closes the channel and drops what was written but not sent. */
  abort(): void {
    this.outgoing.drop();
    this.close();
    // a close that was wanted before waited for what is dropped now
    this.settle();
  }

  /** Closes the channel without waiting for anything: it is over here at once, `onClose` included; the peer may take its time. */
  abandon(): void {
    this.abort();
    this.end(undefined);
  }

  /** Says that so many bytes of what `onData` brought are done with: the peer may send as many more. */
  consumed(length: number): void {
    this.receiveWindow.credit(length);
    if (this.receiveWindow.due) this.host.adjustLater(this);
  }

  /**
   * Reads no more data but stderr: what still comes is dropped and consumed, and an OpenSSH peer is told so (eow@openssh.com, for sessions
   * only), as when the program that reads the output has gone. What was handed out before is still to be consumed by its owner.
   */
  stopReading(): void {
    if (!this.reading || this.over) return;
    this.reading = false;
    if (this.type === 'session' && this.host.peerIsOpenSsh && !this.eofReceived) this.send('eow@openssh.com', {});
  }

  /** Makes a channel request that wants no reply. Nothing happens on a channel that is closed. */
  send<K extends ChannelRequestName>(name: K, values: ChannelRequestValues[K]): void {
    this.sendRequest(name, false, channelRequests.encode(name, values));
  }

  /**
   * Makes a channel request; whether it was granted.
   *
   * @throws SshError SSH_ERR_CONN_CLOSED where the channel ends before the reply; SSH_ERR_NO_BUFFER_SPACE where too many wait.
   */
  ask<K extends ChannelRequestName>(name: K, values: ChannelRequestValues[K]): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.closeSent || this.over) throw new SshError('SSH_ERR_CONN_CLOSED', `${name} request on closed channel ${this.id}`);
      resolve(this.replies.expect(name));
      this.sendRequest(name, true, channelRequests.encode(name, values));
    });
  }

  /** The link or the window has room: sends what waits, at most `most` bytes; whether it wants the link's room again. */
  proceed(most: number): boolean {
    this.outgoing.proceed(most);
    if (this.outgoing.waits) return this.outgoing.window.available > 0;
    this.settle();
    if (!this.drainWanted || this.outgoing.window.available === 0 || !this.sending) return false;
    if (!this.host.link.writable) return true;
    this.drainWanted = false;
    this.handler.onDrain?.();
    return false;
  }

  /** Sends the window adjust that is due, if one still is. */
  tellConsumed(): void {
    if (this.closeSent || this.over || this.eofReceived) return;
    const bytesToAdd = this.receiveWindow.takeAdjust();
    if (bytesToAdd > 0) this.host.link.send(channelWindowAdjust.encode({ recipientChannel: this.peerId, bytesToAdd }));
  }

  /** Data came; of no known stream, or after the end, it is dropped, as by OpenSSH. @throws SshError where it overran window or packet. */
  receiveData(bytes: Uint8Array, stream: StreamNumber | undefined): void {
    this.receiveWindow.debit(bytes.length);
    this.received += bytes.length;
    const wanted = (stream === 1 ? !this.closeWanted : this.reading) && !this.eofReceived;
    const { handler } = this;
    if (!wanted || stream === undefined) this.consumed(bytes.length);
    else if (handler.onRun !== undefined) this.collect(bytes, stream);
    else if (handler.onData !== undefined) handler.onData(bytes, stream);
    else this.consumed(bytes.length);
  }

  /** Hands on the data that was collected: the next thing that is told comes after it, or what it lies in is overwritten. */
  handOver(): void {
    const { run } = this;
    if (run.length === 0) return;
    this.run = noRun;
    this.handler.onRun?.(run, this.runStream);
  }

  /** The peer has more room. @throws SshError where its window passes 2^32-1. */
  receiveAdjust(bytesToAdd: number): void {
    this.outgoing.window.adjust(bytesToAdd);
    if (this.over || (!this.outgoing.waits && !this.drainWanted)) return;
    this.host.waitForLink(this);
  }

  /** The peer sends no more. */
  receiveEof(): void {
    this.handOver();
    if (this.eofReceived) return;
    this.eofReceived = true;
    this.host.events({ type: 'channel-eof', channel: this.id, by: 'peer' });
    if (!this.closeWanted) this.handler.onEof?.();
  }

  /** The peer is done with the channel: so are we. */
  receiveClose(): void {
    this.handOver();
    this.outgoing.drop();
    this.sendClose();
    this.end(undefined);
    this.host.release(this);
  }

  /** The peer makes a request. @throws SshError where too many wait for their answer. */
  receiveRequest(name: string, wantReply: boolean, body: Uint8Array): void {
    this.handOver();
    if (this.closeSent) return;
    this.host.events({ type: 'channel-request', channel: this.id, request: name, by: 'peer' });
    if (name === 'eow@openssh.com') this.receiveEndOfWrite(body);
    const request: IncomingRequest = { name, wantReply, body: new Uint8Array(body) };
    this.answers.add(
      body.length,
      () => (name === 'eow@openssh.com' ? true : (this.handler.onRequest?.(request) ?? false)),
      (granted) => {
        if (!wantReply || this.closeSent || this.over) return;
        this.host.link.send((granted ? channelSuccess : channelFailure).encode({ recipientChannel: this.peerId }));
      },
    );
  }

  /** The reply to the oldest request that waits; one that nobody waits for is dropped. */
  receiveReply(success: boolean): void {
    this.handOver();
    this.replies.receive(success);
  }

  /** The connection is gone, or both sides have closed. */
  end(error: Error | undefined): void {
    if (this.over) return;
    this.handOver();
    this.over = true;
    this.receiveWindow.end();
    this.outgoing.drop();
    this.answers.stop();
    this.replies.end();
    this.host.events({ type: 'channel-closed', channel: this.id, kind: this.type, received: this.received, sent: this.outgoing.sent });
    this.handler.onClose?.(error);
  }

  private collect(bytes: Uint8Array, stream: StreamNumber): void {
    if (stream !== this.runStream) this.handOver();
    this.runStream = stream;
    if (this.run.length > 0) this.run.push(bytes);
    else {
      this.run = [bytes];
      this.host.handOverLater(this);
    }
  }

  private receiveEndOfWrite(body: Uint8Array): void {
    channelRequests.decode('eow@openssh.com', body);
    if (this.peerStopped || this.eofSent) return;
    this.peerStopped = true;
    this.outgoing.drop(0);
    this.handler.onEndOfWrite?.();
    this.settle();
  }

  private get sending(): boolean {
    return !(this.eofWanted || this.closeWanted || this.over);
  }

  /** Sends EOF and CLOSE once they are wanted and nothing waits before them. */
  private settle(): void {
    if (this.outgoing.waits || this.over) return;
    if (this.eofWanted && !this.eofSent && !this.closeSent) {
      this.eofSent = true;
      this.host.events({ type: 'channel-eof', channel: this.id, by: 'own' });
      this.host.link.send(channelEof.encode({ recipientChannel: this.peerId }));
    }
    if (this.closeWanted) this.sendClose();
  }

  private sendClose(): void {
    if (this.closeSent) return;
    this.closeSent = true;
    this.closeWanted = true;
    this.host.link.send(channelClose.encode({ recipientChannel: this.peerId }));
  }

  private sendRequest(requestType: string, wantReply: boolean, body: Uint8Array): void {
    if (this.closeSent || this.over) return;
    const detail = named.has(requestType) ? { detail: utf8Text(body.subarray(4)) } : {};
    this.host.events({ type: 'channel-request', channel: this.id, request: requestType, by: 'own', ...detail });
    this.host.link.send(channelRequest.encode({ recipientChannel: this.peerId, requestType, wantReply, body }));
  }
}

/** Requests whose body is one name that people know them by: the command, the subsystem. */
const named: ReadonlySet<string> = new Set(['exec', 'subsystem']);
