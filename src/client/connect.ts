import type { EventSink } from '../core/events.ts';
import type { Log } from '../core/util/log.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { endProxyCommand, startProxyCommand } from '../node/proxy-command.ts';
import { type AddressFamily, ResolveError, resolveHost } from '../node/resolve.ts';
import { type ByteStream, connectTcp } from '../node/socket.ts';

/** Where to connect to and how (ssh_config(5)). */
export interface ConnectPlan {
  readonly hostname: string;
  readonly port: number;
  readonly addressFamily: AddressFamily;
  readonly bindAddress: string | undefined;
  /** How often all addresses are tried, with a second between. */
  readonly attempts: number;
  /** How long each address may take, in milliseconds; undefined for as long as the system lets it. */
  readonly timeoutMs: number | undefined;
  readonly keepAlive: boolean;
  /** The command that makes the connection, its tokens expanded; undefined for a TCP connection. */
  readonly proxyCommand: string | undefined;
}

/** A way to the server. */
export interface Reached {
  readonly stream: ByteStream;
  /** The numeric address; undefined where a command made the connection. */
  readonly address: string | undefined;
  /** Closes the way at once, and ends the command where there is one. */
  readonly abandon: () => void;
}

/** No way to the server was found; everything that there is to say was said. */
export class ConnectError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectError';
  }
}

/**
 * Connects by the command, or to the host's addresses in turn.
 *
 * @throws ConnectError with the line that ssh(1) prints.
 */
export async function connect(plan: ConnectPlan, events: EventSink, log: Log): Promise<Reached> {
  return plan.proxyCommand === undefined ? await connectDirect(plan, events, log) : await connectByCommand(plan.proxyCommand, events, log);
}

async function connectByCommand(command: string, events: EventSink, log: Log): Promise<Reached> {
  log('DEBUG', `Executing proxy command: exec ${command}`);
  const child = await startProxyCommand(command);
  events({ type: 'connected', address: '', port: 0, via: command });
  return { stream: child.stream, address: undefined, abandon: () => endProxyCommand(child) };
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
        const stream = await connectTcp({
          address,
          port,
          localAddress: plan.bindAddress,
          timeoutMs: plan.timeoutMs,
          keepAlive: plan.keepAlive,
        });
        events({ type: 'connected', address, port });
        return { stream, address, abandon: () => stream.destroy() };
      } catch (error) {
        failure = error;
        events({ type: 'connect-failed', address, port, reason: reasonOf(error) });
      }
    }
  }
  throw new ConnectError(`ssh: connect to host ${hostname} port ${port}: ${reasonOf(failure)}`, { cause: failure });
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
  const code = errnoOf(error);
  return code === undefined ? String(error) : errnoText(code);
}
