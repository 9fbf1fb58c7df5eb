import type { Forward, ForwardEnd } from '../config/forward-spec.ts';
import type { Connection } from '../core/connection/connection.ts';
import type { EventSink } from '../core/events.ts';
import type { Log } from '../core/util/log.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { listen, type Listener } from '../node/listen.ts';
import { resolveHost } from '../node/resolve.ts';
import type { ByteStream } from '../node/socket.ts';
import { listenUnix } from '../node/unix-socket.ts';
import { destinationText, type ForwardDestination, forwardConnection } from './forwards.ts';

/** What local forwardings need to know. */
export interface LocalForwardPlan {
  readonly forwards: readonly Forward[];
  /** GatewayPorts: listen on every address where none is named. */
  readonly gatewayPorts: boolean;
  readonly streamLocalBindMask: number;
  readonly streamLocalBindUnlink: boolean;
}

/**
 * Listens for the local forwardings (-L, LocalForward) and carries what comes through the connection. Settles with whether all of them
 * listen; what can't be had is told in OpenSSH's words.
 */
export async function startLocalForwards(
  connection: Connection,
  plan: LocalForwardPlan,
  around: { readonly events: EventSink; readonly log: Log },
): Promise<boolean> {
  let all = true;
  for (const { listen: from, connect } of plan.forwards) {
    const destination = destinationOf(connect);
    if (destination === undefined) continue;
    const accepted = (stream: ByteStream): void => void forwardConnection(connection, stream, destination, around);
    const listening =
      'path' in from ? await listenPath(from.path, plan, accepted, around.log) : await listenPort(from, plan, accepted, around.log);
    if (listening.length === 0) {
      around.log('ERROR', 'Could not request local forwarding.');
      around.events({ type: 'listen-failed', address: 'path' in from ? from.path : `${from.host ?? 'localhost'} port ${from.port}` });
      all = false;
    }
    for (const { address, port } of listening) around.events({ type: 'listening', address, port, target: destinationText(destination) });
  }
  return all;
}

function destinationOf(end: ForwardEnd | undefined): ForwardDestination | undefined {
  if (end === undefined || 'path' in end) return end;
  return { host: end.host ?? 'localhost', port: end.port };
}

async function listenPath(
  path: string,
  plan: LocalForwardPlan,
  accepted: (stream: ByteStream) => void,
  log: Log,
): Promise<readonly Listener[]> {
  try {
    return [await listenUnix(path, accepted, { mask: plan.streamLocalBindMask, unlink: plan.streamLocalBindUnlink })];
  } catch (error) {
    log('ERROR', `unix_listener: cannot bind to path ${path}: ${reasonOf(error)}`);
    return [];
  }
}

/** Listens on every address that the bind address stands for; one that can be had is enough. */
async function listenPort(
  end: Extract<ForwardEnd, { port: number }>,
  plan: LocalForwardPlan,
  accepted: (stream: ByteStream) => void,
  log: Log,
): Promise<readonly Listener[]> {
  const listeners: Listener[] = [];
  for (const address of await bindAddresses(end.host, plan.gatewayPorts, log)) {
    try {
      listeners.push(await listen({ address, port: end.port }, accepted));
    } catch (error) {
      const code = errnoOf(error);
      // a machine without IPv6 has no such address, which is nobody's business
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') log('VERBOSE', `bind [${address}]:${end.port}: ${reasonOf(error)}`);
      else log('ERROR', `bind [${address}]:${end.port}: ${reasonOf(error)}`);
    }
  }
  if (listeners.length === 0) log('ERROR', `channel_setup_fwd_listener_tcpip: cannot listen to port: ${end.port}`);
  return listeners;
}

async function bindAddresses(host: string | undefined, gatewayPorts: boolean, log: Log): Promise<readonly string[]> {
  if (host === undefined ? gatewayPorts : host === '' || host === '*') return ['0.0.0.0', '::'];
  if (host === undefined || host === 'localhost') return ['::1', '127.0.0.1'];
  try {
    return (await resolveHost(host, 'any')).map(({ address }) => address);
  } catch (error) {
    log('ERROR', `channel_setup_fwd_listener_tcpip: getaddrinfo(${host}): ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function reasonOf(error: unknown): string {
  const code = errnoOf(error);
  return code === undefined ? String(error) : errnoText(code);
}
