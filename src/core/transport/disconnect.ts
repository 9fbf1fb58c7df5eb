import { SshError, type SshErrorCode } from '../util/errors.ts';
import { disconnectReasons } from '../wire/numbers.ts';

/** The peer ended the connection with SSH_MSG_DISCONNECT. */
export class DisconnectError extends SshError {
  readonly reason: number;
  /** The peer's words: not to be printed as they are. */
  readonly description: string;

  constructor(reason: number, description: string) {
    super('SSH_ERR_DISCONNECTED');
    this.reason = reason;
    this.description = description;
  }
}

/** What the peer is told of an error; it is told nothing of those that are not its business, or that it can't read any more. */
const reasonsByCode: Readonly<Partial<Record<SshErrorCode, number>>> = {
  SSH_ERR_MAC_INVALID: disconnectReasons.SSH_DISCONNECT_MAC_ERROR,
  SSH_ERR_SIGNATURE_INVALID: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_KEY_TYPE_MISMATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_KEY_INVALID_EC_VALUE: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_NO_KEX_ALG_MATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_NO_HOSTKEY_ALG_MATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_NO_CIPHER_ALG_MATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_NO_MAC_ALG_MATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_NO_COMPRESS_ALG_MATCH: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_DH_GEX_OUT_OF_RANGE: disconnectReasons.SSH_DISCONNECT_KEY_EXCHANGE_FAILED,
  SSH_ERR_PROTOCOL_ERROR: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_CONN_CORRUPT: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_INVALID_FORMAT: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_MESSAGE_INCOMPLETE: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_STRING_TOO_LARGE: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_UNEXPECTED_TRAILING_DATA: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_BIGNUM_IS_NEGATIVE: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
  SSH_ERR_BIGNUM_TOO_LARGE: disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR,
};

/** The reason to tell the peer for an error, or undefined where it is not told. */
export function disconnectReason(error: Error): number | undefined {
  return error instanceof SshError ? reasonsByCode[error.code] : undefined;
}
