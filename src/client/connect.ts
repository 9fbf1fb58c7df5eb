import type { EventSink } from '../core/events.ts';
import type { Log, LogLevel } from '../core/util/log.ts';
import { errnoOf, errnoText, SystemError } from '../node/errno.ts';
import { dialByCommand, endProxyCommand, NoConnectionPassed, standardStreams, startProxyCommand } from '../node/proxy-command.ts';
import { type AddressFamily, interfaceAddress, ResolveError, resolveHost } from '../node/resolve.ts';
import { connectTcp, type SocketStream } from '../node/socket.ts';
import { setTrafficClass } from '../node/socket-options.ts';
import { type PipedChild, userShell } from '../node/spawn.ts';

/** Where to connect to and how (ssh_config(5)). */
export interface ConnectPlan {
  readonly hostname: string;
  readonly port: number;
  readonly addressFamily: AddressFamily;
  readonly bindAddress: string | undefined;
  readonly bindInterface: string | undefined;
  /** How often all addresses are tried, with a second between. */
  readonly attempts: number;
  /** How long each address may take, in milliseconds; undefined for as long as the system lets it. */
  readonly timeoutMs: number | undefined;
  readonly keepAlive: boolean;
  /** The command that makes the connection, its tokens expanded; undefined for a TCP connection. */
  readonly proxyCommand: string | undefined;
  /** ProxyUseFdpass: the command passes back a connected socket. */
  readonly proxyPassesSocket: boolean;
}

/** A way to the server. */
export interface Reached {
  readonly stream: SocketStream;
  /** The numeric address; undefined where a command made the connection. */
  readonly address: string | undefined;
  /** The other end of the socket; undefined where there is no socket but pipes to a command. */
  readonly peer: { readonly address: string; readonly port: number } | undefined;
  /** Closes the way at once, and ends the command where there is one. */
  readonly abandon: () => void;
  /** Marks what is sent with a traffic class, a whole IP_TOS byte (IPQoS), where that can be done. */
  readonly mark: (trafficClass: number) => void;
}

/** No way to the server was found; everything that there is to say was said. */
export class ConnectError extends Error {
  /** How weighty the line is. */
  readonly level: LogLevel;

  constructor(message: string, options?: ErrorOptions, level: LogLevel = 'ERROR') {
    super(message, options);
    this.name = 'ConnectError';
    this.level = level;
  }
}

/**
 * Connects by the command, or to the host's addresses in turn.
 *
 * @throws ConnectError with the line that ssh(1) prints.
 */
export async function connect(plan: ConnectPlan, events: EventSink, log: Log): Promise<Reached> {
  const { proxyCommand } = plan;
  if (proxyCommand === undefined) return await connectDirect(plan, events, log);
  if (proxyCommand === '-') return reachedBy(standardStreams());
  return await (plan.proxyPassesSocket ? connectByDialer : connectByCommand)(proxyCommand, plan, events, log);
}

/** A command connects and passes the socket on. */
async function connectByDialer(command: string, { keepAlive }: ConnectPlan, events: EventSink, log: Log): Promise<Reached> {
  log('DEBUG', `Executing proxy dialer command: exec ${command}`);
  try {
    const stream = await dialByCommand(command, keepAlive);
    events({ type: 'connected', address: '', port: 0, via: command });
    return { ...reachedBy(stream), peer: peerOf(stream) };
  } catch (error) {
    if (!(error instanceof NoConnectionPassed)) throw shellMissing(error, log, 'proxy dialer did not pass back a connection');
    log('ERROR', error.message);
    throw new ConnectError('proxy dialer did not pass back a connection', { cause: error }, 'FATAL');
  }
}

/** Tells that $SHELL can't be started; gives what to throw for a proxy command that so never was: `end` is the last line. */
function shellMissing(error: unknown, log: Log, end: string): unknown {
  if (!(error instanceof SystemError)) return error;
  log('ERROR', `${userShell()}: ${error.message}`);
  return new ConnectError(end, { cause: error }, 'FATAL');
}

function reachedBy(stream: SocketStream): Reached {
  const peer = stream.remoteAddress === undefined ? undefined : peerOf(stream);
  return { stream, address: undefined, peer, abandon: () => stream.destroy(), mark: () => undefined };
}

/** Sockets that are no TCP sockets have names that OpenSSH does not tell. */
function peerOf({ remoteAddress, remotePort }: SocketStream): NonNullable<Reached['peer']> {
  return { address: remoteAddress ?? 'UNKNOWN', port: remotePort ?? 65535 };
}

async function connectByCommand(command: string, _plan: ConnectPlan, events: EventSink, log: Log): Promise<Reached> {
  log('DEBUG', `Executing proxy command: exec ${command}`);
  let child: PipedChild;
  try {
    child = await startProxyCommand(command);
  } catch (error) {
    throw shellMissing(error, log, 'Connection closed by UNKNOWN port 65535');
  }
  events({ type: 'connected', address: '', port: 0, via: command });
  return { stream: child.stream, address: undefined, peer: undefined, abandon: () => endProxyCommand(child), mark: () => undefined };
}

async function connectDirect(plan: ConnectPlan, events: EventSink, log: Log): Promise<Reached> {
  const { hostname, port } = plan;
  const addresses = await resolve(plan);
  events({ type: 'resolved', host: hostname, addresses });
  let failure: unknown;
  for (let attempt = 0; attempt < Math.max(1, plan.attempts); attempt++) {
    if (attempt > 0) {
      await new Promise((wake) => setTimeout(wake, 1000));
      log('DEBUG', 'Trying again...');
    }
    for (const address of addresses) {
      events({ type: 'connecting', host: hostname, address, port });
      try {
        const stream = await connectFrom(await bindTo(plan, address), plan, address);
        if (stream.bound !== undefined) log('DEBUG', `ssh_create_socket: bound to ${stream.bound}`);
        events({ type: 'connected', address, port });
        return {
          stream: stream.stream,
          address,
          peer: { address, port },
          abandon: () => stream.stream.destroy(),
          mark: (value) => mark(stream.stream, value, log),
        };
      } catch (error) {
        failure = error;
        if (error instanceof BindError) {
          log('ERROR', error.message);
          continue;
        }
        events({ type: 'connect-failed', address, port, reason: reasonOf(error) });
      }
    }
  }
  throw new ConnectError(`ssh: connect to host ${hostname} port ${port}: ${reasonOf(failure)}`, { cause: failure });
}

/** The own end could not be bound; the message is ssh's line. */
class BindError extends Error {}

/** The own address to connect from; undefined where any will do. @throws BindError */
async function bindTo({ bindAddress, bindInterface }: ConnectPlan, address: string): Promise<string | undefined> {
  const family = address.includes(':') ? 6 : 4;
  if (bindAddress !== undefined) {
    try {
      return (await resolveHost(bindAddress, family === 6 ? 'inet6' : 'inet'))[0]?.address;
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error;
      throw new BindError(`getaddrinfo: ${bindAddress}: ${error.message}`);
    }
  }
  if (bindInterface === undefined) return undefined;
  const own = interfaceAddress(bindInterface, family);
  if (own === undefined) throw new BindError(`getifaddrs: ${bindInterface}: no suitable addresses`);
  return own;
}

async function connectFrom(
  bound: string | undefined,
  { port, timeoutMs, keepAlive }: ConnectPlan,
  address: string,
): Promise<{ readonly stream: SocketStream; readonly bound: string | undefined }> {
  try {
    return { stream: await connectTcp({ address, port, localAddress: bound, timeoutMs, keepAlive }), bound };
  } catch (error) {
    // only binding has to do with the own address
    if (bound === undefined || errnoOf(error) !== 'EADDRNOTAVAIL') throw error;
    throw new BindError(`bind ${bound}: ${errnoText('EADDRNOTAVAIL')}`);
  }
}

function mark(stream: SocketStream, value: number, log: Log): void {
  try {
    if (setTrafficClass(stream, value)) log('DEBUG3', `set_sock_tos: set socket IP_TOS 0x${value.toString(16).padStart(2, '0')}`);
  } catch (error) {
    log('ERROR', `setsockopt IP_TOS ${value}: ${reasonOf(error)}`);
  }
}

async function resolve(plan: ConnectPlan): Promise<readonly string[]> {
  try {
    return (await resolveHost(plan.hostname, plan.addressFamily)).map(({ address }) => address);
  } catch (error) {
    if (!(error instanceof ResolveError)) throw error;
    throw new ConnectError(`ssh: Could not resolve hostname ${plan.hostname}: ${error.message}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof BindError) return 'failure';
  const code = errnoOf(error);
  return code === undefined ? String(error) : errnoText(code);
}
