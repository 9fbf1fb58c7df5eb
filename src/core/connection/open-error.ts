import { openFailureReasons, openFailureText } from '../wire/numbers.ts';

/** Why a channel can't be opened. */
export type OpenFailureReason = (typeof openFailureReasons)[keyof typeof openFailureReasons];

/**
 * A channel was refused (RFC 4254 section 5.1).
 *
 * Its message is what OpenSSH prints behind `channel %d: open failed: `; the description is the peer's text as it came and has to be made
 * safe before it is printed.
 */
export class ChannelOpenError extends Error {
  readonly reason: number;
  readonly description: string;
  /** This side's number of the channel that was refused. */
  readonly channel: number;

  constructor(reason: number, description: string, channel: number) {
    super(`${openFailureText(reason)}: ${description}`);
    this.name = 'ChannelOpenError';
    this.reason = reason;
    this.description = description;
    this.channel = channel;
  }
}

/** What an acceptor throws or hands to `refuse` to say why it does not open a channel. */
export interface Refusal {
  readonly reason: OpenFailureReason;
  readonly description: string;
}

/** Not allowed here; OpenSSH says no more than this either. */
export const prohibited: Refusal = { reason: openFailureReasons.SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, description: 'open failed' };
/** A channel type that nobody here knows. */
export const unknownType: Refusal = { reason: openFailureReasons.SSH_OPEN_UNKNOWN_CHANNEL_TYPE, description: 'unknown channel type' };
/** More channels than one connection may have. */
export const tooMany: Refusal = { reason: openFailureReasons.SSH_OPEN_RESOURCE_SHORTAGE, description: 'too many channels' };

/** The other end of a forwarding could not be reached; `description` says why, as in `Connection refused`. */
export function connectFailed(description: string): Refusal {
  return { reason: openFailureReasons.SSH_OPEN_CONNECT_FAILED, description };
}
