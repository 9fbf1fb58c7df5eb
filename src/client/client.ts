import { visibleText } from '../core/util/vis.ts';
import { compressionWorks } from '../core/transport/compression.ts';
import type { EventSink } from '../core/events.ts';
import { Connection } from '../core/connection/connection.ts';
import { Keepalive } from '../core/connection/keepalive.ts';
import type { SessionExit } from '../core/connection/session-requests.ts';
import type { PublicKey } from '../core/keys/key.ts';
import type { FingerprintHash } from '../core/keys/fingerprint.ts';
import type { Transport } from '../core/transport/transport.ts';
import { SshError } from '../core/util/errors.ts';
import { disconnectReasons } from '../core/wire/numbers.ts';
import type { Log } from '../core/util/log.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { splitNames } from '../core/util/pattern.ts';
import { addKnownHost, readKnownHosts } from '../files/known-hosts-files.ts';
import { systemClock } from '../node/clock.ts';
import { readAnswer } from '../node/read-passphrase.ts';
import { attachTransport } from './attach.ts';
import { authenticateClient } from './authenticate.ts';
import type { ClientConfig } from './config.ts';
import { connect, type Reached } from './connect.ts';
import { type FailurePlace, type Stage, tellFailure } from './failure.ts';
import { type HostKeyPolicy, type HostKeySurroundings, orderHostKeyAlgorithms, verifyHostKey } from './host-key.ts';
import { findCandidates } from './identities.ts';
import { identityPlan, type OwnProgram, proxyCommand } from './plans.ts';

/** What one connection is about. */
export interface ClientTask {
  readonly config: ClientConfig;
  readonly environment: ConfigEnvironment;
  readonly ident: string;
  /** How this program is started again, for ProxyJump. */
  readonly program: OwnProgram;
  readonly events: EventSink;
  readonly log: Log;
  readonly tracePackets: boolean;
}

/** A connection whose user is authenticated. */
export interface Authenticated {
  readonly transport: Transport;
  readonly connection: Connection;
  /** Whether the host key is another than the known one: nothing may be forwarded. */
  readonly hostKeyChanged: boolean;
  /** Settles when the connection is over, with the error that ended it. */
  readonly closed: Promise<Error | undefined>;
}

/** One client connection, from the first packet to the last. */
export class Client {
  private readonly task: ClientTask;
  private readonly begun = systemClock.now();
  private stage: Stage = 'banner';
  private reached: Reached | undefined;
  private transport: Transport | undefined;
  private hostKeyChanged = false;

  constructor(task: ClientTask) {
    this.task = task;
  }

  /**
   * Connects, exchanges keys and authenticates.
   *
   * @throws what ended it; {@link tell} has the words.
   */
  async open(): Promise<Authenticated> {
    const { config, log, events } = this.task;
    const { options } = config;
    const limitMs = options.connectTimeout === undefined || options.connectTimeout <= 0 ? undefined : options.connectTimeout * 1000;
    this.reached = await connect(
      {
        hostname: config.host,
        port: config.port,
        addressFamily: options.addressFamily,
        bindAddress: options.bindAddress,
        attempts: options.connectionAttempts,
        timeoutMs: limitMs,
        keepAlive: options.tcpKeepAlive,
        proxyCommand: proxyCommand(config, this.task.environment, this.task.program),
      },
      this.watched,
      log,
    );
    const transport = this.attach(this.reached);
    const timer =
      limitMs === undefined
        ? undefined
        : systemClock.after(Math.max(1, limitMs - (systemClock.now() - this.begun)), () =>
            transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT')),
          );
    try {
      await transport.start();
    } finally {
      timer?.stop();
    }
    this.stage = 'authentication';
    let opened: Omit<Authenticated, 'hostKeyChanged'> | undefined;
    await authenticateClient(transport, this.authenticationPlan(transport), events, (method) => {
      opened = this.succeed(transport, method);
    });
    if (opened === undefined) throw new SshError('SSH_ERR_INTERNAL_ERROR', 'authenticated without a connection');
    return { ...opened, hostKeyChanged: this.hostKeyChanged };
  }

  /** Tells what ended the connection, in OpenSSH's words, and gives the event of it. */
  tell(error: unknown): void {
    const { log, events } = this.task;
    tellFailure(error, this.place, log);
    const detail = error instanceof SshError ? error.detail : undefined;
    const code = error instanceof SshError ? error.code : error instanceof Error ? error.name : 'Error';
    events({
      type: 'stopped',
      code,
      message: error instanceof Error ? error.message : String(error),
      ...(detail === undefined ? {} : { detail }),
    });
  }

  /** Ends the connection in good order, and tells how much was transferred. */
  finish(): void {
    const { transport, task } = this;
    if (transport === undefined) return;
    transport.disconnect(disconnectReasons.SSH_DISCONNECT_BY_APPLICATION, 'disconnected by user');
    task.events({ type: 'transferred', ...transport.transferred, seconds: (systemClock.now() - this.begun) / 1000 });
  }

  /** Drops whatever is still open. */
  abandon(): void {
    this.reached?.abandon();
  }

  private readonly watched: EventSink = (event) => {
    if (event.type === 'ident-received') this.stage = 'exchange';
    this.task.events(event);
  };

  private get place(): FailurePlace {
    const { config } = this.task;
    const address = this.reached?.address;
    const agreed = this.transport?.agreed;
    return {
      stage: this.stage,
      host: config.host,
      peer: address === undefined ? 'UNKNOWN port 65535' : `${address} port ${config.port}`,
      macApart: agreed?.serverToClient.mac !== undefined,
    };
  }

  private attach(reached: Reached): Transport {
    const { config, ident, tracePackets, log } = this.task;
    const { options } = config;
    const policy = this.hostKeyPolicy(reached);
    const around = this.hostKeySurroundings();
    const hostKeys = splitNames(options.hostKeyAlgorithms);
    const chosen = config.settings.get('hostKeyAlgorithms');
    const ordered = chosen === undefined || /^[+-]/.test(chosen) ? orderHostKeyAlgorithms(hostKeys, policy, around) : hostKeys;
    const compression = options.compression && compressionWorks() ? ['zlib@openssh.com', 'none'] : ['none', 'zlib@openssh.com'];
    const transport = attachTransport(
      reached.stream,
      {
        role: 'client',
        ident,
        rekeyLimit: options.rekeyLimit,
        tracePackets,
        proposal: {
          kex: splitNames(options.kexAlgorithms),
          hostKey: ordered,
          ciphers: splitNames(options.ciphers),
          macs: splitNames(options.macs),
          compression,
        },
        verifyHostKey: async (key: PublicKey) => {
          const { changed } = await verifyHostKey(key, policy, around);
          this.hostKeyChanged = changed;
        },
      },
      this.watched,
    );
    this.transport = transport;
    log('DEBUG', `Authenticating to ${config.host}:${config.port} as '${config.user}'`);
    return transport;
  }

  private hostKeyPolicy(reached: Reached): HostKeyPolicy {
    const { host, options, port } = this.task.config;
    return {
      strict: options.strictHostKeyChecking,
      alias: options.hostKeyAlias,
      hostname: host,
      address: reached.address,
      port,
      fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
      visual: options.visualHostKey,
      caAlgorithms: splitNames(options.caSignatureAlgorithms),
      userFile: options.userKnownHostsFile[0],
    };
  }

  private hostKeySurroundings(): HostKeySurroundings {
    const { config, log, environment } = this.task;
    const { options } = config;
    const { home } = environment.user;
    return {
      log,
      events: this.task.events,
      seconds: () => systemClock.seconds(),
      files: () => ({ user: readKnownHosts(options.userKnownHostsFile), system: readKnownHosts(options.globalKnownHostsFile) }),
      ask: async (question) => (options.batchMode ? undefined : await readAnswer(question, { echo: true })),
      abbreviate: (path) => (path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path),
      remember: (name, key) => {
        const file = options.userKnownHostsFile[0];
        if (file !== undefined) addKnownHost(file, [name], key, options.hashKnownHosts);
      },
    };
  }

  private authenticationPlan(transport: Transport): Parameters<typeof authenticateClient>[1] {
    const { config, log, environment } = this.task;
    const { options } = config;
    const secrets = !this.hostKeyChanged;
    if (!secrets) {
      if (options.passwordAuthentication) log('ERROR', 'Password authentication is disabled to avoid man-in-the-middle attacks.');
      if (options.kbdInteractiveAuthentication) {
        log('ERROR', 'Keyboard-interactive authentication is disabled to avoid man-in-the-middle attacks.');
      }
    }
    return {
      user: config.user,
      host: config.host,
      promptHost: options.hostKeyAlias ?? config.host,
      preferred: options.preferredAuthentications === undefined ? undefined : splitNames(options.preferredAuthentications),
      batchMode: options.batchMode,
      enabled: {
        publickey: options.pubkeyAuthentication !== 'false',
        password: options.passwordAuthentication && secrets,
        keyboardInteractive: options.kbdInteractiveAuthentication && secrets,
      },
      hostBound: options.pubkeyAuthentication !== 'unbound',
      accepted: splitNames(options.pubkeyAcceptedAlgorithms),
      mostPrompts: options.numberOfPasswordPrompts,
      devices: options.kbdInteractiveDevices === undefined ? [] : splitNames(options.kbdInteractiveDevices),
      fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
      candidates: () => {
        const proof = transport.hostKeyProof;
        const binding = proof === undefined ? undefined : { ...proof, sessionId: transport.sessionId };
        return findCandidates(identityPlan(config, environment), binding, log);
      },
    };
  }

  private succeed(transport: Transport, method: string): Omit<Authenticated, 'hostKeyChanged'> {
    const { config, log, events } = this.task;
    const { options } = config;
    this.stage = 'session';
    const address = this.reached?.address;
    const via = address === undefined ? 'via proxy' : `[${address}]:${config.port}`;
    log('VERBOSE', `Authenticated to ${config.host} (${via}) using "${method}".`);
    let over: (error: Error | undefined) => void = () => undefined;
    const closed = new Promise<Error | undefined>((settle) => {
      over = settle;
    });
    const connection = new Connection(transport, {
      events,
      heard: () => keepalive.heard(),
      closed: (error) => {
        keepalive.stop();
        over(error);
      },
    });
    const keepalive: Keepalive = new Keepalive(
      systemClock,
      { intervalMs: options.serverAliveInterval * 1000, mostUnanswered: options.serverAliveCountMax },
      () => {
        void connection.globals.ask('keepalive@openssh.com', {}).catch(() => undefined);
      },
      () => {
        log('ERROR', `Timeout, server ${config.host} not responding.`);
        transport.disconnect(disconnectReasons.SSH_DISCONNECT_BY_APPLICATION, 'timeout');
      },
    );
    transport.handler = connection;
    return { transport, connection, closed };
  }
}

/** The exit code of a run whose command ended so; 255 where it died of a signal or nothing is known. */
export function exitCode(exit: SessionExit | undefined, log: Log): number {
  if (exit === undefined) return 255;
  if ('status' in exit) return exit.status & 0xff;
  if (exit.message !== '') log('DEBUG', visibleText(exit.message));
  return 255;
}
