/** The agent that `tsh-agent` runs: its socket, its clients and its end. */
import { Keyring } from '../core/agent/keyring.ts';
import { AgentConnection, type AgentSettings } from '../core/agent/server.ts';
import { systemRandom } from '../core/crypto/random.ts';
import { fingerprint } from '../core/keys/fingerprint.ts';
import { SshError } from '../core/util/errors.ts';
import { stderrLog } from '../core/util/log.ts';
import { matchPatternList } from '../core/util/pattern.ts';
import { handedSocket, newAgentPath, removeAgentSocket, removeStaleAgents, temporaryAgentPath } from '../node/agent-socket.ts';
import { bootClock } from '../node/clock.ts';
import { resolvedPath, writeTo } from '../node/files.ts';
import { listen } from '../node/listen.ts';
import { forbidTracing, peerUser } from '../node/peer.ts';
import type { SocketStream } from '../node/socket.ts';
import { listenFault, listenUnix } from '../node/unix-socket.ts';
import { releaseUnusedPages } from '../node/unused-pages.ts';
import type { AgentOptions } from './tsh-agent-options.ts';

/** What a client is given to write into at a time: most requests fit. */
const bufferSize = 4096;
/** As many clients as may come at once; the system takes what it allows. */
const backlog = 4096;
/** What ssh-agent exits with when a signal ends it. */
const signalled = 2;

/** A running agent. */
export interface RunningAgent {
  /** The path of its socket; undefined where somebody else has made it. */
  readonly path: string | undefined;
  /** Forgets all keys, removes the socket and ends the process. */
  end(status: number): never;
}

/**
 * Starts the agent in this process; it lives until a signal or {@link RunningAgent.end} ends it.
 *
 * @throws SystemError where it can't listen, with `path` where that is known.
 */
export async function serveAgent(options: AgentOptions): Promise<RunningAgent> {
  const level = options.foreground === 'debug' ? 'DEBUG3' : 'INFO';
  const log = stderrLog({ level, write: (line) => writeTo(2, line) });
  // It is not for this process to look at its own memory once nobody may.
  releaseUnusedPages();
  if (!forbidTracing()) log('DEBUG', 'the memory of this process is not protected from others of this user');
  const keyring = new Keyring(bootClock, systemRandom);
  const settings: AgentSettings = {
    keyring,
    clock: bootClock,
    log,
    defaultLifetime: options.lifetime,
    confirm: async ({ comment, publicKey }, purpose) => {
      const { askPermission } = await import('../node/read-passphrase.ts');
      const question = `Allow use of key ${comment}?\nKey fingerprint ${fingerprint(publicKey, options.hash)}.`;
      return askPermission(purpose === undefined ? question : `${question}\n${purpose}`);
    },
    acceptedProvider: (path, remote) => {
      if (remote && !options.remoteProviders) return undefined;
      const real = resolvedPath(path);
      return real !== undefined && matchPatternList(real, options.providers) === 'match' ? real : undefined;
    },
    freeApplications: options.freeApplications,
    signBySecurityKey: async (held, data, purpose) => {
      const { signBySecurityKey } = await import('./tsh-agent-sk.ts');
      return signBySecurityKey(held, data, purpose, { log, level, quiet: options.foreground === undefined });
    },
  };
  const socket = await openSocket(options, (stream) => serveClient(stream, settings));
  const end = (status: number): never => {
    keyring.clear();
    if (socket.path !== undefined) removeAgentSocket(socket.path, socket.ownFolder);
    process.exit(status);
  };
  // Without a listener SIGUSR1 would open the runtime's debugger.
  process.on('SIGUSR1', () => keyring.clear());
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGHUP', 1],
    ['SIGINT', 2],
  ] as const) {
    process.on(signal, () => {
      if (signal === 'SIGINT' && options.foreground === undefined) return;
      log('INFO', `exiting on signal ${number}`);
      end(signalled);
    });
  }
  if (!options.keepStale && !options.temporary && options.socket === undefined) await removeStaleAgents(false);
  return { path: socket.name, end };
}

interface AgentSocket {
  /** As clients are told it. */
  readonly name: string | undefined;
  /** The file to remove at the end. */
  readonly path: string | undefined;
  readonly ownFolder: boolean;
}

async function openSocket(options: AgentOptions, accepted: (stream: SocketStream) => void): Promise<AgentSocket> {
  const handed = options.foreground !== undefined && options.socket === undefined ? handedSocket() : undefined;
  if (handed !== undefined) {
    await listen({ fd: handed }, accepted);
    return { name: undefined, path: undefined, ownFolder: false };
  }
  const ownFolder = options.socket === undefined && options.temporary;
  const name = options.socket ?? (ownFolder ? temporaryAgentPath() : newAgentPath());
  try {
    await listenUnix(name, accepted, { backlog });
  } catch (error) {
    throw new Error(listenFault(name, error), { cause: error });
  }
  return { name, path: name.startsWith('/') ? name : `${process.cwd()}/${name}`, ownFolder };
}

/** Serves one client; what it does wrong costs it its own connection. */
function serveClient(stream: SocketStream, settings: AgentSettings): void {
  const { log } = settings;
  const own = process.getuid?.() ?? -1;
  const peer = peerUser(stream);
  if (peer !== undefined && peer !== 0 && peer !== own) {
    log('ERROR', `uid mismatch: peer euid ${peer} != uid ${own}`);
    stream.destroy();
    return;
  }
  log('DEBUG', 'new_socket: type = CONNECTION');
  const connection = new AgentConnection(settings);
  const buffer = new Uint8Array(bufferSize);
  /** Requests that are being answered, and answers that wait to be read: nothing more is read meanwhile. */
  let isBusy = false;
  let isFull = false;
  let isOver = false;
  const proceed = (): void => {
    if (isBusy || isFull) return;
    if (isOver) stream.destroySoon();
    else stream.resume();
  };
  const write = (bytes: Uint8Array): void => {
    if (!stream.write(bytes)) isFull = true;
  };
  stream.start({
    space: () => buffer,
    filled: (length) => {
      isBusy = true;
      connection.receive(buffer.subarray(0, length), write).then(
        () => {
          buffer.fill(0, 0, length);
          isBusy = false;
          proceed();
        },
        (error: unknown) => {
          buffer.fill(0, 0, length);
          if (!(error instanceof SshError)) throw error;
          log('ERROR', `process_message: ${error.message}`);
          stream.destroySoon();
        },
      );
      return false;
    },
    ended: () => {
      isOver = true;
      proceed();
    },
    failed: () => {
      isOver = true;
    },
    drained: () => {
      isFull = false;
      proceed();
    },
  });
}
