import { ConfigError } from '../config/environment.ts';
import { PermissionDenied } from '../core/auth/client.ts';
import { DisconnectError } from '../core/transport/disconnect.ts';
import { IdentError } from '../core/transport/ident.ts';
import { NegotiationError } from '../core/transport/negotiate.ts';
import { SshError } from '../core/util/errors.ts';
import type { Log, LogLevel } from '../core/util/log.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { ConnectError } from './connect.ts';
import { HostKeyRefused } from './host-key-policy.ts';
import { KnownHostsCommandError } from './known-hosts-command.ts';

/** How far a connection had come when it failed; the sentences differ. */
export type Stage = 'banner' | 'exchange' | 'authentication' | 'session';

/** What the sentences about a failure name. */
export interface FailurePlace {
  readonly stage: Stage;
  /** The host as the session names it. */
  readonly host: string;
  /** The peer as OpenSSH names it: `ADDRESS port PORT`, or `UNKNOWN port 65535` behind a command. */
  readonly peer: string;
  /** Whether packets were authenticated by a MAC apart from the cipher. */
  readonly macApart: boolean;
}

type Line = readonly [level: LogLevel, text: string];

/** Tells a failure in OpenSSH's words (sshpkt_fatal, clientloop.c). */
export function tellFailure(error: unknown, place: FailurePlace, log: Log): void {
  for (const [level, text] of failureLines(error, place)) log(level, text);
}

function failureLines(error: unknown, place: FailurePlace): readonly Line[] {
  // what was wrong with the configuration has been told
  if (error instanceof ConfigError) return [];
  if (error instanceof ConnectError) return [[error.level, error.message]];
  if (error instanceof HostKeyRefused || error instanceof KnownHostsCommandError || error instanceof PermissionDenied) {
    return [['FATAL', error.message]];
  }
  if (error instanceof DisconnectError) {
    const reason = `Received disconnect from ${place.peer}:${error.reason}: ${error.description.slice(0, 400)}`;
    return [
      ['ERROR', reason],
      ['FATAL', `Disconnected from ${place.peer}`],
    ];
  }
  if (place.stage === 'session') return sessionLines(error, place);
  if (place.stage === 'banner') return bannerLines(error, place);
  return dispatchLines(error, place, 'ssh_dispatch_run_fatal: ');
}

function bannerLines(error: unknown, place: FailurePlace): readonly Line[] {
  const system = errnoOf(error);
  if (system !== undefined) {
    const line: Line = ['ERROR', `kex_exchange_identification: read: ${errnoText(system)}`];
    return [line, ...dispatchLines(error, place, 'banner exchange: ')];
  }
  if (error instanceof IdentError) {
    // what was wrong has been told where it was found, but for the version
    const told: readonly Line[] = error.detail?.startsWith('kex_exchange_identification') === true ? [] : [['ERROR', error.detail ?? '']];
    return [...told, ...dispatchLines(error, place, 'banner exchange: ')];
  }
  const closed = error instanceof SshError && error.code === 'SSH_ERR_CONN_CLOSED';
  const timedOut = error instanceof SshError && error.code === 'SSH_ERR_CONN_TIMEOUT';
  return [
    ...(closed ? ([['VERBOSE', 'kex_exchange_identification: Connection closed by remote host']] as const) : []),
    ...(timedOut ? ([['ERROR', 'Connection timed out during banner exchange']] as const) : []),
    ...dispatchLines(error, place, 'banner exchange: '),
  ];
}

function dispatchLines(error: unknown, { peer, macApart }: FailurePlace, tag: string): readonly Line[] {
  if (error instanceof NegotiationError) {
    return [['FATAL', `Unable to negotiate with ${peer}: ${error.message}. Their offer: ${error.peer.join(',')}`]];
  }
  const system = errnoOf(error);
  if (system === 'ECONNRESET') return [['FATAL', `Connection reset by ${peer}`]];
  if (system !== undefined) return [['FATAL', `${tag}Connection to ${peer}: ${errnoText(system)}`]];
  if (!(error instanceof SshError))
    return [['FATAL', `${tag}Connection to ${peer}: ${error instanceof Error ? error.message : String(error)}`]];
  // what OpenSSH says of a peer that breaks the protocol, with what it broke
  if (error.code === 'SSH_ERR_PROTOCOL_ERROR' && error.detail !== undefined) return [['INFO', `Disconnecting ${peer}: ${error.detail}`]];
  const text = sentences[error.code];
  if (text !== undefined) return [['FATAL', text(peer)]];
  const before: Partial<Record<SshError['code'], string | undefined>> = {
    SSH_ERR_CONN_CORRUPT: error.detail,
    SSH_ERR_MAC_INVALID: error.detail ?? (macApart ? 'Corrupted MAC on input.' : undefined),
  };
  const first = before[error.code];
  const detail: readonly Line[] = error.detail === undefined || first !== undefined ? [] : [['DEBUG', error.detail]];
  return [
    ...(first === undefined ? [] : ([['INFO', first]] as const)),
    ...detail,
    ['FATAL', `${tag}Connection to ${peer}: ${error.message}`],
  ];
}

/** The errors that have a sentence of their own. */
const sentences: Partial<Record<SshError['code'], (peer: string) => string>> = {
  SSH_ERR_CONN_CLOSED: (peer) => `Connection closed by ${peer}`,
  SSH_ERR_CONN_TIMEOUT: (peer) => `Connection to ${peer} timed out`,
  SSH_ERR_DISCONNECTED: (peer) => `Disconnected from ${peer}`,
};

function sessionLines(error: unknown, place: FailurePlace): readonly Line[] {
  if (error instanceof SshError && error.code === 'SSH_ERR_CONN_CLOSED') {
    return [['INFO', `Connection to ${place.host} closed by remote host.`]];
  }
  const system = errnoOf(error);
  // the way is broken: the goodbye that ssh sends then fails too
  const goodbye: Line = ['FATAL', 'client_loop: send disconnect: Broken pipe'];
  if (system === 'EPIPE') return [goodbye];
  if (system !== undefined) return [['INFO', `Read from remote host ${place.host}: ${errnoText(system)}`], goodbye];
  return dispatchLines(error, place, 'ssh_dispatch_run_fatal: ');
}
