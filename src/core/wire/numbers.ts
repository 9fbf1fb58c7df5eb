/**
 * Numbers that the protocol assigns (RFC 4250 section 4.1): messages, reasons for disconnecting, reasons for refusing a channel.
 *
 * Messages 30 to 49 and 60 to 79 mean something else in each key exchange and authentication method; they stand with their method.
 */

/** Message numbers that mean the same everywhere (RFC 4250 section 4.1.2, RFC 8308, PROTOCOL section 1.10). */
export const messageNumbers = {
  SSH_MSG_DISCONNECT: 1,
  SSH_MSG_IGNORE: 2,
  SSH_MSG_UNIMPLEMENTED: 3,
  SSH_MSG_DEBUG: 4,
  SSH_MSG_SERVICE_REQUEST: 5,
  SSH_MSG_SERVICE_ACCEPT: 6,
  SSH_MSG_EXT_INFO: 7,
  SSH_MSG_NEWCOMPRESS: 8,
  SSH_MSG_KEXINIT: 20,
  SSH_MSG_NEWKEYS: 21,
  SSH_MSG_USERAUTH_REQUEST: 50,
  SSH_MSG_USERAUTH_FAILURE: 51,
  SSH_MSG_USERAUTH_SUCCESS: 52,
  SSH_MSG_USERAUTH_BANNER: 53,
  SSH_MSG_GLOBAL_REQUEST: 80,
  SSH_MSG_REQUEST_SUCCESS: 81,
  SSH_MSG_REQUEST_FAILURE: 82,
  SSH_MSG_CHANNEL_OPEN: 90,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION: 91,
  SSH_MSG_CHANNEL_OPEN_FAILURE: 92,
  SSH_MSG_CHANNEL_WINDOW_ADJUST: 93,
  SSH_MSG_CHANNEL_DATA: 94,
  SSH_MSG_CHANNEL_EXTENDED_DATA: 95,
  SSH_MSG_CHANNEL_EOF: 96,
  SSH_MSG_CHANNEL_CLOSE: 97,
  SSH_MSG_CHANNEL_REQUEST: 98,
  SSH_MSG_CHANNEL_SUCCESS: 99,
  SSH_MSG_CHANNEL_FAILURE: 100,
  SSH_MSG_PING: 192,
  SSH_MSG_PONG: 193,
} as const;

/** Why a connection is ended: the reason code of SSH_MSG_DISCONNECT (RFC 4253 section 11.1). */
export const disconnectReasons = {
  SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT: 1,
  SSH_DISCONNECT_PROTOCOL_ERROR: 2,
  SSH_DISCONNECT_KEY_EXCHANGE_FAILED: 3,
  SSH_DISCONNECT_RESERVED: 4,
  SSH_DISCONNECT_MAC_ERROR: 5,
  SSH_DISCONNECT_COMPRESSION_ERROR: 6,
  SSH_DISCONNECT_SERVICE_NOT_AVAILABLE: 7,
  SSH_DISCONNECT_PROTOCOL_VERSION_NOT_SUPPORTED: 8,
  SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE: 9,
  SSH_DISCONNECT_CONNECTION_LOST: 10,
  SSH_DISCONNECT_BY_APPLICATION: 11,
  SSH_DISCONNECT_TOO_MANY_CONNECTIONS: 12,
  SSH_DISCONNECT_AUTH_CANCELLED_BY_USER: 13,
  SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE: 14,
  SSH_DISCONNECT_ILLEGAL_USER_NAME: 15,
} as const;

/** Why a channel was not opened: the reason code of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1). */
export const openFailureReasons = {
  SSH_OPEN_ADMINISTRATIVELY_PROHIBITED: 1,
  SSH_OPEN_CONNECT_FAILED: 2,
  SSH_OPEN_UNKNOWN_CHANNEL_TYPE: 3,
  SSH_OPEN_RESOURCE_SHORTAGE: 4,
} as const;

/** The words that OpenSSH prints for a reason code of SSH_MSG_CHANNEL_OPEN_FAILURE. */
export function openFailureText(reason: number): string {
  return openFailureTexts[reason] ?? 'unknown reason';
}

const openFailureTexts: Readonly<Record<number, string>> = {
  [openFailureReasons.SSH_OPEN_ADMINISTRATIVELY_PROHIBITED]: 'administratively prohibited',
  [openFailureReasons.SSH_OPEN_CONNECT_FAILED]: 'connect failed',
  [openFailureReasons.SSH_OPEN_UNKNOWN_CHANNEL_TYPE]: 'unknown channel type',
  [openFailureReasons.SSH_OPEN_RESOURCE_SHORTAGE]: 'resource shortage',
};
