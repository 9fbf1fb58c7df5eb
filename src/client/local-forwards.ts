import type { Forward, ForwardEnd } from '../config/forward-spec.ts';
import type { Connection } from '../core/connection/connection.ts';
import type { EventSink } from '../core/events.ts';
import type { Log } from '../core/util/log.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { listen, type Listener } from '../node/listen.ts';
import { resolveHost } from '../node/resolve.ts';
import type { ByteStream } from '../node/socket.ts';
import { listenFault, listenUnix } from '../node/unix-socket.ts';
import { destinationText, type ForwardDestination, forwardConnection } from './forwards.ts';

/** What local forwardings need to know. */
export interface LocalForwardPlan {
  /** GatewayPorts: listen on every address where none is named. */
  readonly gatewayPorts: boolean;
  readonly streamLocalBindMask: number;
  readonly streamLocalBindUnlink: boolean;
}

/** The local forwardings of a connection (-L, LocalForward, the -L of ~C); each carries what it accepts through the connection. */
export class LocalForwards {
  private readonly connection: Connection;
  private readonly plan: LocalForwardPlan;
  private readonly around: { readonly events: EventSink; readonly log: Log };
  private readonly open: { readonly from: ForwardEnd; readonly listeners: readonly Listener[] }[] = [];

  constructor(connection: Connection, plan: LocalForwardPlan, around: { readonly events: EventSink; readonly log: Log }) {
    this.connection = connection;
    this.plan = plan;
    this.around = around;
  }

  /**
   * Listens for all that the configuration asks for; false where one of them can't be had. That is told in OpenSSH's words: the reason for each,
   * and a last line where none can be had, or `strict` wants all of them.
   */
  async start(forwards: readonly Forward[], strict: boolean): Promise<boolean> {
    let failed = 0;
    for (const forward of forwards) {
      this.around.log(
        'DEBUG',
        `Local connections to ${this.shown(forward.listen)} forwarded to remote address ${this.shown(forward.connect)}`,
      );
      if (await this.add(forward)) continue;
      const from = forward.listen;
      this.around.events({ type: 'listen-failed', address: 'path' in from ? from.path : `${from.host ?? 'localhost'} port ${from.port}` });
      failed++;
    }
    if (failed > 0 && (strict || failed === forwards.length)) this.around.log('ERROR', 'Could not request local forwarding.');
    return failed === 0;
  }

  /** One end as OpenSSH shows it, which has a number for the port of a path, too. */
  private shown(end: ForwardEnd | undefined): string {
    if (end === undefined) return 'socks:0';
    if ('path' in end) return `${end.path}:-2`;
    return `${end.host ?? (this.plan.gatewayPorts ? '*' : 'LOCALHOST')}:${end.port}`;
  }

  /** Listens for one; false where that can't be had, which is told. What comes by SOCKS is not for this class. */
  async add({ listen: from, connect }: Forward): Promise<boolean> {
    const { connection, plan, around } = this;
    const destination = destinationOf(connect);
    if (destination === undefined) return true;
    const accepted = (stream: ByteStream): void => void forwardConnection(connection, stream, destination, around);
    const listeners =
      'path' in from ? await listenPath(from.path, plan, accepted, around.log) : await listenPort(from, plan, accepted, around.log);
    if (listeners.length === 0) return false;
    this.open.push({ from, listeners });
    for (const { address, port } of listeners) around.events({ type: 'listening', address, port, target: destinationText(destination) });
    return true;
  }

  /**
   * Stops listening on a port or path; connections that were accepted stay. An address has to be named as it was when the forwarding was
   * asked for: none, `*` and localhost count as the same.
   *
   * @returns false where nothing listens there.
   */
  cancel(end: ForwardEnd): boolean {
    const found = this.open.filter(({ from }) => sameListener(from, end));
    for (const one of found) {
      for (const listener of one.listeners) listener.close();
      this.open.splice(this.open.indexOf(one), 1);
    }
    return found.length > 0;
  }
}

function sameListener(a: ForwardEnd, b: ForwardEnd): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  return a.port === b.port && namedAddress(a.host) === namedAddress(b.host);
}

/** The address that a bind address names, where it is not one of the words that leave it to the program. */
function namedAddress(host: string | undefined): string | undefined {
  return host === undefined || host === '' || host === '*' || host === 'localhost' ? undefined : host;
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
    log('ERROR', listenFault(path, error));
    return [];
  }
}

/** Listens on every address that the bind address stands for; one that can be had is enough, and only the last one's failure is told. */
async function listenPort(
  end: Extract<ForwardEnd, { port: number }>,
  plan: LocalForwardPlan,
  accepted: (stream: ByteStream) => void,
  log: Log,
): Promise<readonly Listener[]> {
  const listeners: Listener[] = [];
  const addresses = await bindAddresses(end.host, plan.gatewayPorts, log);
  for (const [index, address] of addresses.entries()) {
    try {
      listeners.push(await listen({ address, port: end.port }, accepted));
    } catch (error) {
      // a machine without IPv6 has no such socket, which is nobody's business
      const isTold = index === addresses.length - 1 && errnoOf(error) !== 'EAFNOSUPPORT';
      log(isTold ? 'ERROR' : 'VERBOSE', `bind [${address}]:${end.port}: ${reasonOf(error)}`);
    }
  }
  if (listeners.length === 0 && addresses.length > 0) log('ERROR', `channel_setup_fwd_listener_tcpip: cannot listen to port: ${end.port}`);
  return listeners;
}

/** None where the name can't be resolved, which is told. */
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
