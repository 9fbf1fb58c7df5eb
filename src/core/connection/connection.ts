/**
 * The connection protocol (RFC 4254) above one transport: the table of channels, their opening, and global requests. It does not know
 * which side it is: that shows only in which channel types are accepted and which global requests are answered.
 */
import type { EventSink } from '../events.ts';
import type { PacketHandler, PacketLink } from '../transport/link.ts';
import type { Clock } from '../util/clock.ts';
import { SshError } from '../util/errors.ts';
import {
  type ChannelType,
  type ChannelTypeValues,
  channelClose,
  channelEof,
  channelFailure,
  channelOpen,
  channelOpenConfirmation,
  channelOpenFailure,
  channelRequest,
  channelSuccess,
  channelTypes,
  channelWindowAdjust,
} from '../wire/connection-messages.ts';
import { disconnectReasons, messageNumbers as numbers } from '../wire/numbers.ts';
import { Channel, type ChannelHandler, type ChannelHost } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import { type GlobalAnswers, GlobalRequests } from './global-requests.ts';
import { Path, WindowGrowth } from './growth.ts';
import { ChannelOpenError, prohibited, type Refusal, tooMany, unknownType } from './open-error.ts';
import { PACKET_SIZE, ReceiveWindow, SendWindow, WINDOW_SIZE } from './window.ts';

/** A channel that the peer asks for; it is to be accepted or refused once, at once or later. */
export interface IncomingOpen {
  readonly type: string;
  /** What follows in SSH_MSG_CHANNEL_OPEN; it may be kept. */
  readonly body: Uint8Array;
  /** Opens the channel. @throws SshError SSH_ERR_CONN_CLOSED where the connection has ended meanwhile. */
  accept(handler: ChannelHandler): Channel;
  /** Refuses the channel. */
  refuse(refusal: Refusal): void;
}

/** What a connection takes from its peer, and how much of it. */
export interface ConnectionOptions {
  /** Who is asked for a channel, by type: any other type is refused. */
  readonly accept?: Readonly<Record<string, (open: IncomingOpen) => void>>;
  /** Who answers a global request, by name: any other is refused. */
  readonly globals?: GlobalAnswers;
  /** The most channels at one time, those of both sides together; 10000 as in OpenSSH. */
  readonly mostChannels?: number;
  /** What each channel's window begins with, in bytes. */
  readonly windowSize?: number;
  /** What tells how long the path is: windows grow with it. Without it they stay as they are. */
  readonly clock?: Clock;
  /** Where the events of channels and requests go. */
  readonly events?: EventSink;
  /** Told of messages, once for all that one read brought: the peer is alive. */
  readonly heard?: () => void;
  /** The connection is over; every channel has been told before. */
  readonly closed?: (error: Error | undefined) => void;
}

/** The most channels of a connection where its options say nothing. */
const MOST_CHANNELS = 10_000;

/** A role-blind connection: hand it to a link as its handler. */
export class Connection implements PacketHandler, ChannelHost {
  readonly link: PacketLink;
  readonly peerIsOpenSsh: boolean;
  readonly events: EventSink;
  /** The requests that concern the whole connection. */
  readonly globals: GlobalRequests;
  private readonly options: ConnectionOptions;
  private readonly table: ChannelTable;
  private readonly waiting = new Set<Channel>();
  private readonly adjusts = new Set<Channel>();
  /** Channels with data of the present read, each once: an array, for that comes with every echo. */
  private readonly collecting: Channel[] = [];
  private readonly path: Path | undefined;
  private over = false;
  private readonly idlers: (() => void)[] = [];
  /** Whether a message came since {@link caughtUp}. */
  private spoken = false;

  constructor(link: PacketLink, options: ConnectionOptions = {}) {
    this.link = link;
    this.options = options;
    this.events = options.events ?? (() => undefined);
    this.path = options.clock === undefined ? undefined : new Path(options.clock);
    this.table = new ChannelTable(options.mostChannels ?? MOST_CHANNELS);
    this.peerIsOpenSsh = /^SSH-[0-9.]+-(OpenSSH|tsh)_/.test(link.peerIdent);
    this.globals = new GlobalRequests(link, options.globals ?? {}, this.events, (error) => {
      this.fail(error);
    });
  }

  /** The open channels, by their numbers. */
  get channels(): readonly Channel[] {
    return this.table.channels;
  }

  /** Settles when no channel is open or asked for, or the connection is over. */
  async idle(): Promise<void> {
    // one that was given up here is over, whenever the peer closes it
    if (this.table.size > this.channels.filter(({ closed }) => closed).length)
      await new Promise<void>((settle) => this.idlers.push(settle));
  }

  /** Whether the connection is over. */
  get ended(): boolean {
    return this.over;
  }

  /**
   * Asks the peer for a channel. The handler hears of everything from the channel's first data on.
   *
   * @throws ChannelOpenError where the peer refuses, or this side has too many channels; SshError SSH_ERR_CONN_CLOSED where the connection ends.
   */
  open<K extends ChannelType>(type: K, values: ChannelTypeValues[K], handler: ChannelHandler): Promise<Channel> {
    return new Promise((opened, failed) => {
      if (this.over) throw new SshError('SSH_ERR_CONN_CLOSED', `opening a ${type} channel`);
      const receive = this.receiveWindow();
      const id = this.table.place({ at: 'opening', own: { type, handler, receive, opened, failed, askedMs: this.path?.now() } });
      if (id === undefined) throw new ChannelOpenError(tooMany.reason, tooMany.description, this.table.size);
      this.events({ type: 'channel-open', channel: id, kind: type, by: 'own' });
      this.link.send(
        channelOpen.encode({
          channelType: type,
          senderChannel: id,
          initialWindowSize: receive.size,
          maximumPacketSize: receive.packetSize,
          body: channelTypes.encode(type, values),
        }),
      );
    });
  }

  /** Tells an OpenSSH peer that this side opens no further session; others might break off (PROTOCOL section 2.2). */
  sendNoMoreSessions(): void {
    if (this.peerIsOpenSsh) this.globals.send('no-more-sessions@openssh.com', {});
  }

  message(payload: Uint8Array): void | boolean {
    this.spoken = true;
    const number = payload[0] as number;
    if (number === numbers.SSH_MSG_CHANNEL_DATA) {
      this.data(payload, 0, payload.length);
      return;
    }
    const receive = Connection.receivers[number];
    if (receive === undefined) return false;
    receive(this, payload);
  }

  /** Parsed by hand: the data path allocates nothing but the view. */
  data(bytes: Uint8Array, start: number, end: number): void {
    this.spoken = true;
    const length = end - start - 9;
    if (length < 0 || uint32At(bytes, start + 5) !== length) throw malformed('SSH_MSG_CHANNEL_DATA', length < 0);
    this.table.open(uint32At(bytes, start + 1), 'data').receiveData(bytes.subarray(start + 9, end), 0);
  }

  caughtUp(): void {
    if (this.spoken) this.options.heard?.();
    this.spoken = false;
    const { collecting } = this;
    for (let i = 0; i < collecting.length; i++) collecting[i]?.handOver();
    collecting.length = 0;
    if (this.adjusts.size > 0) this.sendAdjusts();
    if (this.waiting.size > 0) this.drained();
  }

  drained(): void {
    // one packet of each in turn, so that no channel starves while others are busy
    for (const channel of this.waiting) {
      if (!this.link.writable) return;
      this.waiting.delete(channel);
      if (channel.proceed(PACKET_SIZE)) this.waiting.add(channel);
    }
  }

  closed(error: Error | undefined): void {
    if (this.over) return;
    this.over = true;
    this.globals.end(error);
    this.waiting.clear();
    this.adjusts.clear();
    this.collecting.length = 0;
    for (const slot of this.table.clear()) {
      if (slot.at === 'open') slot.channel.end(error);
      else if (slot.at === 'opening')
        slot.own.failed(new SshError('SSH_ERR_CONN_CLOSED', `before the ${slot.own.type} channel was open`, { cause: error }));
    }
    this.wakeIdlers();
    this.options.closed?.(error);
  }

  waitForLink(channel: Channel): void {
    this.waiting.add(channel);
  }

  handOverLater(channel: Channel): void {
    this.collecting.push(channel);
  }

  adjustLater(channel: Channel): void {
    // one adjust for all of one read: it is worked through before microtasks run
    if (this.adjusts.size === 0) queueMicrotask(this.sendAdjusts);
    this.adjusts.add(channel);
  }

  release(channel: Channel): void {
    this.waiting.delete(channel);
    this.adjusts.delete(channel);
    this.free(channel.id);
  }

  fail(error: unknown): void {
    if (this.over) return;
    const text = error instanceof SshError ? (error.detail ?? error.message) : 'internal error';
    this.link.disconnect(disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR, text);
  }

  private free(id: number): void {
    this.table.free(id);
    if (this.table.size === 0) this.wakeIdlers();
  }

  private wakeIdlers(): void {
    for (const settle of this.idlers.splice(0)) settle();
  }

  private receiveWindow(): ReceiveWindow {
    const { path } = this;
    return new ReceiveWindow(this.options.windowSize ?? WINDOW_SIZE, PACKET_SIZE, path === undefined ? undefined : new WindowGrowth(path));
  }

  private readonly sendAdjusts = (): void => {
    const due = [...this.adjusts];
    this.adjusts.clear();
    for (const channel of due) channel.tellConsumed();
  };

  private receiveExtendedData(payload: Uint8Array): void {
    if (payload.length < 13 || uint32At(payload, 9) !== payload.length - 13)
      throw malformed('SSH_MSG_CHANNEL_EXTENDED_DATA', payload.length < 13);
    const channel = this.table.open(uint32At(payload, 1), 'extended data');
    if (channel.ended) throw new SshError('SSH_ERR_PROTOCOL_ERROR', `Received extended_data after EOF on channel ${channel.id}.`);
    channel.receiveData(payload.subarray(13), uint32At(payload, 5) === 1 ? 1 : undefined);
  }

  private receiveOpen(payload: Uint8Array): void {
    const asked = channelOpen.decode(payload);
    const send = new SendWindow(asked.initialWindowSize, asked.maximumPacketSize);
    const refuse = ({ reason, description }: Refusal): void => {
      this.link.send(channelOpenFailure.encode({ recipientChannel: asked.senderChannel, reason, description, languageTag: '' }));
    };
    const accept = this.options.accept;
    const acceptor = accept !== undefined && Object.hasOwn(accept, asked.channelType) ? accept[asked.channelType] : undefined;
    if (acceptor === undefined) {
      refuse(channelTypes.has(asked.channelType) ? prohibited : unknownType);
      return;
    }
    const id = this.table.place({ at: 'asked' });
    if (id === undefined) {
      refuse(tooMany);
      return;
    }
    this.events({ type: 'channel-open', channel: id, kind: asked.channelType, by: 'peer' });
    let answered = false;
    acceptor({
      type: asked.channelType,
      body: new Uint8Array(asked.body),
      accept: (handler) => {
        if (answered || this.over) throw new SshError('SSH_ERR_CONN_CLOSED', `accepting a ${asked.channelType} channel`);
        answered = true;
        const receive = this.receiveWindow();
        const channel = new Channel(this, { id, peerId: asked.senderChannel, type: asked.channelType }, { receive, send }, handler);
        this.table.set(id, { at: 'open', channel });
        this.events({
          type: 'channel-opened',
          channel: id,
          kind: asked.channelType,
          window: asked.initialWindowSize,
          maximumPacket: asked.maximumPacketSize,
        });
        this.link.send(
          channelOpenConfirmation.encode({
            recipientChannel: asked.senderChannel,
            senderChannel: id,
            initialWindowSize: receive.size,
            maximumPacketSize: receive.packetSize,
            body: new Uint8Array(0),
          }),
        );
        handler.onOpen?.(channel);
        return channel;
      },
      refuse: (refusal) => {
        if (answered || this.over) return;
        answered = true;
        this.free(id);
        this.events({ type: 'channel-refused', channel: id, kind: asked.channelType, ...refusal });
        refuse(refusal);
      },
    });
  }

  private receiveConfirmation(payload: Uint8Array): void {
    const { recipientChannel: id, senderChannel: peerId, initialWindowSize, maximumPacketSize } = channelOpenConfirmation.decode(payload);
    const { type, handler, receive, opened, askedMs } = this.table.opening(id, 'open confirmation');
    if (askedMs !== undefined) this.path?.answered(askedMs);
    const send = new SendWindow(initialWindowSize, maximumPacketSize);
    const channel = new Channel(this, { id, peerId, type }, { receive, send }, handler);
    this.table.set(id, { at: 'open', channel });
    this.events({ type: 'channel-opened', channel: id, kind: type, window: initialWindowSize, maximumPacket: maximumPacketSize });
    handler.onOpen?.(channel);
    opened(channel);
  }

  private receiveOpenFailure(payload: Uint8Array): void {
    const { recipientChannel: id, reason, description } = channelOpenFailure.decode(payload);
    const { type, failed } = this.table.opening(id, 'open failure');
    this.free(id);
    this.events({ type: 'channel-refused', channel: id, kind: type, reason, description });
    failed(new ChannelOpenError(reason, description, id));
  }

  /** One for a channel that is not open is let pass, as OpenSSH does: an adjust may cross with a close. */
  private receiveAdjust(payload: Uint8Array): void {
    if (payload.length !== 9) channelWindowAdjust.decode(payload);
    this.table.find(uint32At(payload, 1))?.receiveAdjust(uint32At(payload, 5));
  }

  private receiveReply(payload: Uint8Array): void {
    const success = payload[0] === numbers.SSH_MSG_CHANNEL_SUCCESS;
    const { recipientChannel } = (success ? channelSuccess : channelFailure).decode(payload);
    this.table.find(recipientChannel)?.receiveReply(success);
  }

  /** What each message does; CHANNEL_DATA goes its own, shorter way. */
  private static readonly receivers: Readonly<Record<number, (connection: Connection, payload: Uint8Array) => void>> = {
    [numbers.SSH_MSG_GLOBAL_REQUEST]: (connection, payload) => {
      connection.globals.receiveRequest(payload);
    },
    [numbers.SSH_MSG_REQUEST_SUCCESS]: (connection, payload) => {
      connection.globals.receiveSuccess(payload);
    },
    [numbers.SSH_MSG_REQUEST_FAILURE]: (connection, payload) => {
      connection.globals.receiveFailure(payload);
    },
    [numbers.SSH_MSG_CHANNEL_OPEN]: (connection, payload) => {
      connection.receiveOpen(payload);
    },
    [numbers.SSH_MSG_CHANNEL_OPEN_CONFIRMATION]: (connection, payload) => {
      connection.receiveConfirmation(payload);
    },
    [numbers.SSH_MSG_CHANNEL_OPEN_FAILURE]: (connection, payload) => {
      connection.receiveOpenFailure(payload);
    },
    [numbers.SSH_MSG_CHANNEL_WINDOW_ADJUST]: (connection, payload) => {
      connection.receiveAdjust(payload);
    },
    [numbers.SSH_MSG_CHANNEL_EXTENDED_DATA]: (connection, payload) => {
      connection.receiveExtendedData(payload);
    },
    [numbers.SSH_MSG_CHANNEL_EOF]: (connection, payload) => {
      connection.table.open(channelEof.decode(payload).recipientChannel, 'ieof').receiveEof();
    },
    [numbers.SSH_MSG_CHANNEL_CLOSE]: (connection, payload) => {
      connection.table.open(channelClose.decode(payload).recipientChannel, 'oclose').receiveClose();
    },
    [numbers.SSH_MSG_CHANNEL_REQUEST]: (connection, payload) => {
      const { recipientChannel, requestType, wantReply, body } = channelRequest.decode(payload);
      // one for a channel that is not open is let pass, as OpenSSH does
      connection.table.find(recipientChannel)?.receiveRequest(requestType, wantReply, body);
    },
    [numbers.SSH_MSG_CHANNEL_SUCCESS]: (connection, payload) => {
      connection.receiveReply(payload);
    },
    [numbers.SSH_MSG_CHANNEL_FAILURE]: (connection, payload) => {
      connection.receiveReply(payload);
    },
  };
}

function malformed(name: string, short: boolean): SshError {
  return new SshError(short ? 'SSH_ERR_MESSAGE_INCOMPLETE' : 'SSH_ERR_INVALID_FORMAT', name);
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  );
}
