import { visibleText } from '../core/util/vis.ts';
import { compressionWorks } from '../core/transport/compression.ts';
import type { EventSink } from '../core/events.ts';
import type { KeyProbe } from '../core/auth/client-probe.ts';
import type { ClientMethod } from '../core/auth/client-session.ts';
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
import type { FinalOptions } from '../config/finalize-client.ts';
import { splitNames } from '../core/util/pattern.ts';
import { systemClock } from '../node/clock.ts';
import { errnoOf } from '../node/errno.ts';
import { acceptAgent } from './agent-forward.ts';
import { attachTransport } from './attach.ts';
import { authenticateClient } from './authenticate.ts';
import type { ClientConfig } from './config.ts';
import { connect, type Reached } from './connect.ts';
import { distrust } from './distrust.ts';
import { type FailurePlace, type Stage, tellFailure } from './failure.ts';
import { hostKeyUpdates } from './host-key-updates.ts';
import { HostTrust } from './host-trust.ts';
import { type AgentBinding, findCandidates, type IdentityPlan } from './identities.ts';
import { identityPlan, type OwnProgram, proxyCommand } from './plans.ts';
import { refuseUnasked } from './unasked-channels.ts';

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
  /** The socket of the agent that the server's programs may use; undefined for none. */
  readonly agentSocket?: string | undefined;
  /** Keys that the server is asked about before the user logs in. */
  readonly probe?: KeyProbe | undefined;
}

/** A connection whose user is authenticated. */
export interface Authenticated {
  readonly transport: Transport;
  readonly connection: Connection;
  /** The options that hold for this host: less than the configuration's where its key is not trusted. */
  readonly options: FinalOptions;
  /** The socket of the agent that is forwarded; undefined where none is. */
  readonly agentSocket: string | undefined;
  /** Says how questions are to be asked from now on; settles when the one that is being asked, if any, is answered. */
  readonly askBy: (aside: Aside) => Promise<void>;
  /** Marks what is sent with a traffic class, a whole IP_TOS byte, where that can be done. */
  readonly mark: (trafficClass: number) => void;
  /** Settles when the connection is over, with the error that ended it. */
  readonly closed: Promise<Error | undefined>;
  /** Whether the connection ended because the server had nothing to say (ServerAliveInterval), which was told. */
  readonly silent: () => boolean;
}

type Opened = Pick<Authenticated, 'transport' | 'connection' | 'closed' | 'silent' | 'askBy' | 'mark'>;

/** Asks the user a question while something else has the terminal. */
export type Aside = (question: () => Promise<string | undefined>) => Promise<string | undefined>;

/** One client connection, from the first packet to the last. */
export class Client {
  private readonly task: ClientTask;
  private readonly begun = systemClock.now();
  private stage: Stage = 'banner';
  private told = false;
  private reached: Reached | undefined;
  private transport: Transport | undefined;
  private options: FinalOptions;
  /** Whether the host may tell other keys of itself. */
  private updatable = false;
  /** How a question is asked while a session has the terminal. */
  private aside: Aside = async (question) => {
    const answer = question();
    this.asking = answer.then(nothing, nothing);
    return await answer;
  };
  private asking: Promise<void> = Promise.resolve();

  constructor(task: ClientTask) {
    this.task = task;
    this.options = task.config.options;
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
        bindInterface: options.bindInterface,
        attempts: options.connectionAttempts,
        timeoutMs: limitMs,
        keepAlive: options.tcpKeepAlive,
        proxyCommand: proxyCommand(config, this.task.environment, this.task.program),
        proxyPassesSocket: options.proxyUseFdpass,
      },
      this.watched,
      log,
    );
    // what is wrong with the names of key files ends the run before a word is said
    const identities = identityPlan(config, this.task.environment);
    const transport = await this.attach(this.reached);
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
    this.warnOfKex(transport);
    this.stage = 'authentication';
    let opened: Opened | undefined;
    await authenticateClient(transport, this.authenticationPlan(transport, identities), events, (method) => {
      opened = this.succeed(transport, method);
    });
    if (opened === undefined) throw new SshError('SSH_ERR_INTERNAL_ERROR', 'authenticated without a connection');
    return { ...opened, options: this.options, agentSocket: this.agentSocket };
  }

  /** Warns of a key exchange that a quantum computer breaks, where the user asked for it (WarnWeakCrypto) and did not choose it. */
  private warnOfKex({ agreed }: Transport): void {
    const { settings } = this.task.config;
    if (settings.get('warnWeakCrypto') !== 'true' || settings.get('kexAlgorithms') !== undefined) return;
    if (agreed === undefined || /^(?:mlkem|sntrup)/.test(agreed.kex)) return;
    for (const line of weakKex) this.task.log('INFO', line);
  }

  /** Tells what ended the connection, in OpenSSH's words, and gives the event of it; what comes after the first is not told. */
  tell(error: unknown): void {
    if (this.told) return;
    this.told = true;
    const { log, events } = this.task;
    tellFailure(error, this.place, log);
    const detail = error instanceof SshError ? error.detail : undefined;
    const code = error instanceof SshError ? error.code : error instanceof Error ? error.name : 'Error';
    const system = systemCause(error);
    events({
      type: 'stopped',
      code,
      message: error instanceof Error ? error.message : String(error),
      ...(detail === undefined ? {} : { detail }),
      ...(system === undefined ? {} : { system }),
    });
  }

  /** Ends the connection in good order. */
  leave(): void {
    this.transport?.disconnect(disconnectReasons.SSH_DISCONNECT_BY_APPLICATION, 'disconnected by user');
  }

  /** Ends the connection in good order, and tells how much was transferred. */
  finish(): void {
    const { transport, task } = this;
    if (transport === undefined) return;
    this.leave();
    task.events({ type: 'transferred', ...transport.transferred, seconds: (systemClock.now() - this.begun) / 1000 });
  }

  /** Drops whatever is still open. */
  abandon(): void {
    this.reached?.abandon();
  }

  /** The agent to forward; a server that is not trusted must not reach it. */
  private get agentSocket(): string | undefined {
    return this.options.forwardAgent === false ? undefined : this.task.agentSocket;
  }

  private readonly watched: EventSink = (event) => {
    if (event.type === 'ident-received') this.stage = 'exchange';
    this.task.events(event);
  };

  private get place(): FailurePlace {
    const { config } = this.task;
    const peer = this.reached?.peer;
    const agreed = this.transport?.agreed;
    return {
      stage: this.stage,
      host: config.host,
      peer: peer === undefined ? 'UNKNOWN port 65535' : `${peer.address} port ${peer.port}`,
      macApart: agreed?.serverToClient.mac !== undefined,
    };
  }

  private async attach(reached: Reached): Promise<Transport> {
    const { config, ident, tracePackets, log } = this.task;
    const { options } = config;
    const trust = new HostTrust(config, reached.address, this.task.environment, this.watched);
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
          hostKey: await trust.algorithms(),
          ciphers: splitNames(options.ciphers),
          macs: splitNames(options.macs),
          compression,
        },
        verifyHostKey: async (key: PublicKey) => {
          const { trusted, updatable } = await trust.verify(key);
          this.updatable = updatable;
          if (!trusted) this.options = distrust(options, log);
        },
      },
      this.watched,
    );
    this.transport = transport;
    log('DEBUG', `Authenticating to ${config.host}:${config.port} as '${config.user}'`);
    return transport;
  }

  private authenticationPlan(transport: Transport, identities: IdentityPlan): Parameters<typeof authenticateClient>[1] {
    const { config, log, events } = this.task;
    const { options } = this;
    return {
      user: config.user,
      host: config.host,
      promptHost: options.hostKeyAlias ?? config.host,
      preferred: options.preferredAuthentications === undefined ? undefined : splitNames(options.preferredAuthentications),
      batchMode: options.batchMode,
      enabled: {
        publickey: options.pubkeyAuthentication !== 'false',
        password: options.passwordAuthentication,
        keyboardInteractive: options.kbdInteractiveAuthentication,
      },
      hostBound: options.pubkeyAuthentication !== 'unbound',
      accepted: splitNames(options.pubkeyAcceptedAlgorithms),
      mostPrompts: options.numberOfPasswordPrompts,
      devices: options.kbdInteractiveDevices === undefined ? [] : splitNames(options.kbdInteractiveDevices),
      fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
      hostbased: options.hostbasedAuthentication ? () => this.hostbased() : undefined,
      probe: this.task.probe,
      log,
      candidates: () => findCandidates(identities, sessionBinding(transport), { log, events }),
    };
  }

  private async hostbased(): Promise<ClientMethod> {
    const { log, environment } = this.task;
    const { options, reached } = this;
    if (reached === undefined) throw new SshError('SSH_ERR_INTERNAL_ERROR', 'authenticating without a connection');
    const { hostbased } = await import('./hostbased.ts');
    return hostbased({
      accepted: splitNames(options.hostbasedAcceptedAlgorithms),
      fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
      localUser: environment.user.name,
      connection: reached.stream,
      log,
    });
  }

  private succeed(transport: Transport, method: string): Opened {
    const { config, log, events } = this.task;
    const { options } = config;
    this.stage = 'session';
    const peer = this.reached?.peer;
    const via = peer === undefined ? 'via proxy' : `[${peer.address}]:${peer.port}`;
    log('VERBOSE', `Authenticated to ${config.host} (${via}) using "${method}".`);
    let silent = false;
    let over: (error: Error | undefined) => void = () => undefined;
    const closed = new Promise<Error | undefined>((settle) => {
      over = settle;
    });
    const connection: Connection = new Connection(transport, {
      events,
      clock: systemClock,
      accept: { ...acceptAgent({ socket: () => this.agentSocket, binding: () => sessionBinding(transport), log }), ...refuseUnasked(log) },
      globals: this.updatable
        ? {
            'hostkeys-00@openssh.com': hostKeyUpdates({
              ...{ config, options: this.options, transport, log },
              address: this.reached?.address,
              globals: () => connection.globals,
              aside: (question) => this.aside(question),
            }),
          }
        : {},
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
        silent = true;
        log('ERROR', `Timeout, server ${config.host} not responding.`);
        transport.disconnect(disconnectReasons.SSH_DISCONNECT_BY_APPLICATION, 'timeout');
      },
    );
    transport.handler = connection;
    const askBy = (aside: Aside): Promise<void> => {
      this.aside = aside;
      return this.asking;
    };
    return { transport, connection, closed, silent: () => silent, askBy, mark: (value) => this.reached?.mark(value) };
  }
}

/** What binds an agent's connection to this one; undefined where the server proved no host key. */
function sessionBinding(transport: Transport): AgentBinding {
  const proof = transport.hostKeyProof;
  return proof === undefined ? undefined : { ...proof, sessionId: transport.sessionId };
}

const weakKex: readonly string[] = [
  '** WARNING: connection is not using a post-quantum key exchange algorithm.',
  '** This session may be vulnerable to "store now, decrypt later" attacks.',
  '** The server may need to be upgraded. See https://openssh.com/pq.html',
];

function nothing(): void {
  // what came of it is another's concern
}

/** The system's error behind an error, however deep it lies. */
function systemCause(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = errnoOf(at);
    if (code !== undefined) return code;
  }
  return undefined;
}

/** The exit code of a run whose command ended so; 255 where it died of a signal or nothing is known. */
export function exitCode(exit: SessionExit | undefined, log: Log): number {
  if (exit === undefined) return 255;
  if ('status' in exit) return exit.status & 0xff;
  if (exit.message !== '') log('DEBUG', visibleText(exit.message));
  return 255;
}
