/**
 * The connection protocol's messages (RFC 4254, OpenSSH's PROTOCOL section 2).
 *
 * What follows a channel type or a request name depends on that name: the messages end in a `body`, and the tables {@link channelTypes},
 * {@link channelRequests}, {@link globalRequests} and {@link globalReplies} declare it.
 */
import { ascii, boolean, type Codec, rest, string, uint32, utf8 } from './codec.ts';
import { message, struct, type Values, variants } from './message.ts';
import { messageNumbers as numbers } from './numbers.ts';

const nothing = struct({});

/** Strings up to the end of the message: PROTOCOL's `string[]`. */
const strings: Codec<readonly Uint8Array[]> = {
  read: (reader) => {
    const found: Uint8Array[] = [];
    while (reader.remaining > 0) found.push(reader.string());
    return found;
  },
  write: (writer, value) => {
    for (const one of value) writer.string(one);
  },
};

/** A request that concerns the whole connection (RFC 4254 section 4). */
export const globalRequest = message(numbers.SSH_MSG_GLOBAL_REQUEST, 'SSH_MSG_GLOBAL_REQUEST', {
  requestName: ascii,
  wantReply: boolean,
  body: rest,
});

/** The oldest unanswered global request was granted (RFC 4254 section 4). */
export const requestSuccess = message(numbers.SSH_MSG_REQUEST_SUCCESS, 'SSH_MSG_REQUEST_SUCCESS', { body: rest });

/** The oldest unanswered global request was refused (RFC 4254 section 4). */
export const requestFailure = message(numbers.SSH_MSG_REQUEST_FAILURE, 'SSH_MSG_REQUEST_FAILURE', {});

/** Asks for a channel (RFC 4254 section 5.1). */
export const channelOpen = message(numbers.SSH_MSG_CHANNEL_OPEN, 'SSH_MSG_CHANNEL_OPEN', {
  channelType: ascii,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  body: rest,
});

/** The channel is open (RFC 4254 section 5.1). */
export const channelOpenConfirmation = message(numbers.SSH_MSG_CHANNEL_OPEN_CONFIRMATION, 'SSH_MSG_CHANNEL_OPEN_CONFIRMATION', {
  recipientChannel: uint32,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  body: rest,
});

/** The channel was refused (RFC 4254 section 5.1). */
export const channelOpenFailure = message(numbers.SSH_MSG_CHANNEL_OPEN_FAILURE, 'SSH_MSG_CHANNEL_OPEN_FAILURE', {
  recipientChannel: uint32,
  reason: uint32,
  description: utf8,
  languageTag: utf8,
});

/** The receiver of data takes this much more (RFC 4254 section 5.2). */
export const channelWindowAdjust = message(numbers.SSH_MSG_CHANNEL_WINDOW_ADJUST, 'SSH_MSG_CHANNEL_WINDOW_ADJUST', {
  recipientChannel: uint32,
  bytesToAdd: uint32,
});

/** Data (RFC 4254 section 5.2); the data path writes and reads its head by hand. */
export const channelData = message(numbers.SSH_MSG_CHANNEL_DATA, 'SSH_MSG_CHANNEL_DATA', { recipientChannel: uint32, data: string });

/** Data of another kind, of which stderr (1) is the only one (RFC 4254 section 5.2); the data path handles its head by hand. */
export const channelExtendedData = message(numbers.SSH_MSG_CHANNEL_EXTENDED_DATA, 'SSH_MSG_CHANNEL_EXTENDED_DATA', {
  recipientChannel: uint32,
  dataType: uint32,
  data: string,
});

/** The sender sends no more data (RFC 4254 section 5.3). */
export const channelEof = message(numbers.SSH_MSG_CHANNEL_EOF, 'SSH_MSG_CHANNEL_EOF', { recipientChannel: uint32 });

/** The sender is done with the channel; it is over once both have said so (RFC 4254 section 5.3). */
export const channelClose = message(numbers.SSH_MSG_CHANNEL_CLOSE, 'SSH_MSG_CHANNEL_CLOSE', { recipientChannel: uint32 });

/** A request that concerns one channel (RFC 4254 section 5.4). */
export const channelRequest = message(numbers.SSH_MSG_CHANNEL_REQUEST, 'SSH_MSG_CHANNEL_REQUEST', {
  recipientChannel: uint32,
  requestType: ascii,
  wantReply: boolean,
  body: rest,
});

/** The channel's oldest unanswered request was granted (RFC 4254 section 5.4). */
export const channelSuccess = message(numbers.SSH_MSG_CHANNEL_SUCCESS, 'SSH_MSG_CHANNEL_SUCCESS', { recipientChannel: uint32 });

/** The channel's oldest unanswered request was refused (RFC 4254 section 5.4). */
export const channelFailure = message(numbers.SSH_MSG_CHANNEL_FAILURE, 'SSH_MSG_CHANNEL_FAILURE', { recipientChannel: uint32 });

const channelTypeBodies = {
  session: nothing,
  'direct-tcpip': struct({ hostToConnect: utf8, portToConnect: uint32, originatorAddress: utf8, originatorPort: uint32 }),
  'forwarded-tcpip': struct({ connectedAddress: utf8, connectedPort: uint32, originatorAddress: utf8, originatorPort: uint32 }),
  'direct-streamlocal@openssh.com': struct({ socketPath: utf8, reservedText: string, reservedNumber: uint32 }),
  'forwarded-streamlocal@openssh.com': struct({ socketPath: utf8, reservedText: string }),
  'auth-agent@openssh.com': nothing,
  'agent-connect': nothing,
  x11: struct({ originatorAddress: utf8, originatorPort: uint32 }),
};

/** What follows in SSH_MSG_CHANNEL_OPEN, by channel type (RFC 4254 sections 6.1, 6.3.2, 7.2; PROTOCOL section 2.4). */
export const channelTypes = variants(channelTypeBodies);

/** A channel type that has a row. */
export type ChannelType = keyof typeof channelTypeBodies;

/** What follows in SSH_MSG_CHANNEL_OPEN, by channel type. */
export type ChannelTypeValues = Values<typeof channelTypeBodies>;

const channelRequestBodies = {
  'pty-req': struct({
    terminal: utf8,
    widthColumns: uint32,
    heightRows: uint32,
    widthPixels: uint32,
    heightPixels: uint32,
    terminalModes: string,
  }),
  shell: nothing,
  exec: struct({ command: utf8 }),
  subsystem: struct({ subsystemName: utf8 }),
  env: struct({ variableName: utf8, variableValue: utf8 }),
  'window-change': struct({ widthColumns: uint32, heightRows: uint32, widthPixels: uint32, heightPixels: uint32 }),
  signal: struct({ signalName: ascii }),
  'exit-status': struct({ exitStatus: uint32 }),
  'exit-signal': struct({ signalName: ascii, coreDumped: boolean, errorMessage: utf8, languageTag: utf8 }),
  'xon-xoff': struct({ clientCanDo: boolean }),
  break: struct({ breakLengthMs: uint32 }),
  'x11-req': struct({
    singleConnection: boolean,
    authenticationProtocol: utf8,
    authenticationCookie: utf8,
    screenNumber: uint32,
  }),
  'auth-agent-req@openssh.com': nothing,
  'agent-req': nothing,
  'eow@openssh.com': nothing,
  'keepalive@openssh.com': nothing,
};

/** What follows in SSH_MSG_CHANNEL_REQUEST, by request type (RFC 4254 section 6, RFC 4335, PROTOCOL section 2.1). */
export const channelRequests = variants(channelRequestBodies);

/** A channel request that has a row. */
export type ChannelRequestName = keyof typeof channelRequestBodies;

/** What follows in SSH_MSG_CHANNEL_REQUEST, by request type. */
export type ChannelRequestValues = Values<typeof channelRequestBodies>;

const globalRequestBodies = {
  'tcpip-forward': struct({ bindAddress: utf8, bindPort: uint32 }),
  'cancel-tcpip-forward': struct({ bindAddress: utf8, bindPort: uint32 }),
  'streamlocal-forward@openssh.com': struct({ socketPath: utf8 }),
  'cancel-streamlocal-forward@openssh.com': struct({ socketPath: utf8 }),
  'keepalive@openssh.com': nothing,
  'no-more-sessions@openssh.com': nothing,
  'hostkeys-00@openssh.com': struct({ hostKeys: strings }),
  'hostkeys-prove-00@openssh.com': struct({ hostKeys: strings }),
};

/** What follows in SSH_MSG_GLOBAL_REQUEST, by request name (RFC 4254 section 7.1; PROTOCOL sections 2.2, 2.4, 2.5). */
export const globalRequests = variants(globalRequestBodies);

/** A global request that has a row. */
export type GlobalRequestName = keyof typeof globalRequestBodies;

/** What follows in SSH_MSG_GLOBAL_REQUEST, by request name. */
export type GlobalRequestValues = Values<typeof globalRequestBodies>;

/** What follows in SSH_MSG_REQUEST_SUCCESS, by the request's name: the port only where port 0 was asked for. */
export const globalReplies = variants({
  'tcpip-forward': struct({ boundPort: uint32 }),
  'hostkeys-prove-00@openssh.com': struct({ signatures: strings }),
});
