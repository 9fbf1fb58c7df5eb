import { authenticateUser } from '../core/auth/server.ts';
import { serverPublickey } from '../core/auth/server-publickey.ts';
import { Connection } from '../core/connection/connection.ts';
import type { IncomingOpen } from '../core/connection/connection.ts';
import { acceptForwards, type ForwardTarget } from '../core/connection/forwarding.ts';
import { Keepalive, type KeepaliveOptions } from '../core/connection/keepalive.ts';
import { connectFailed } from '../core/connection/open-error.ts';
import { compressionNames, defaultCiphers, defaultKex, defaultMacs, defaultSignatures } from '../core/crypto/names.ts';
import { systemRandom } from '../core/crypto/random.ts';
import type { EventSink } from '../core/events.ts';
import { fingerprint } from '../core/keys/fingerprint.ts';
import type { PublicKey, Signer } from '../core/keys/key.ts';
import type { Proposal } from '../core/transport/negotiate.ts';
import type { ModuliSource } from '../core/transport/gex.ts';
import type { RekeyLimit } from '../core/transport/rekey.ts';
import { Transport } from '../core/transport/transport.ts';
import { SshError } from '../core/util/errors.ts';
import { disconnectReasons } from '../core/wire/numbers.ts';
import { systemClock } from '../node/clock.ts';
import { readInto, streamSurroundings } from '../node/transport-stream.ts';
import type { SocketStream } from '../node/socket.ts';
import type { User } from '../node/users.ts';
import type { ConnectionEnds } from './environment.ts';
import { socketForwarder } from './forwards.ts';
import { serveSession } from './session.ts';

/** What a server offers and allows. */
export interface ServerRules {
  /** The identification string, such as SSH-2.0-tsh_0.1.0. */
  readonly ident: string;
  readonly hostKeys: readonly Signer[];
  readonly moduli: ModuliSource;
  readonly rekeyLimit: RekeyLimit;
  /** The user of this name, where there is one who may log in. */
  readonly account: (name: string) => User | undefined;
  /** Whether the key is one of the user's. */
  readonly authorize: (user: User, key: PublicKey) => Promise<boolean>;
  readonly permitsForward: (target: ForwardTarget) => boolean;
  readonly acceptsEnv: (name: string) => boolean;
  readonly subsystem: (name: string) => string | undefined;
  /** How many tries to authenticate may fail (MaxAuthTries). */
  readonly mostFailures: number;
  /** How long all of the authentication may take in milliseconds (LoginGraceTime). */
  readonly loginGraceMs: number;
  /** How many sessions one connection may have at a time (MaxSessions). */
  readonly mostSessions: number;
  /** ClientAliveInterval and ClientAliveCountMax. */
  readonly keepalive: KeepaliveOptions;
}

/** A client that is being served. */
export interface ServedClient {
  /** Settles when the user is in, or the connection is over before: true where the user is in. */
  readonly authenticated: Promise<boolean>;
  /** Settles when the connection is over, with the error that ended it if there was one. */
  readonly closed: Promise<Error | undefined>;
  /** Ends the connection. */
  end(): void;
}

/**
 * Serves one client from the identification strings to the end. Nothing that a client does throws: it ends that client's connection.
 */
export function serveClient(stream: SocketStream, rules: ServerRules, events: EventSink): ServedClient {
  return new ClientConnection(stream, rules, events);
}

class ClientConnection implements ServedClient {
  readonly authenticated: Promise<boolean>;
  readonly closed: Promise<Error | undefined>;
  private readonly stream: SocketStream;
  private readonly rules: ServerRules;
  private readonly events: EventSink;
  private readonly transport: Transport;
  private readonly over: (error: Error | undefined) => void;
  private keepalive: Keepalive | undefined;
  private user: User | undefined;
  private noMoreSessions = false;
  private sessions = 0;

  constructor(stream: SocketStream, rules: ServerRules, events: EventSink) {
    this.stream = stream;
    this.rules = rules;
    this.events = events;
    let settle: (error: Error | undefined) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.over = settle;
    this.transport = this.attach();
    this.authenticated = this.logIn();
  }

  end(): void {
    this.transport.disconnect(disconnectReasons.SSH_DISCONNECT_BY_APPLICATION, 'server is shutting down');
    this.over(undefined);
  }

  private attach(): Transport {
    const { stream, rules } = this;
    const transport = new Transport(
      {
        role: 'server',
        ident: rules.ident,
        proposal: proposalFor(rules.hostKeys),
        hostKey: (algorithm) => rules.hostKeys.find(({ publicKey }) => publicKey.signatureAlgorithms.includes(algorithm)),
        moduli: rules.moduli,
        signatureAlgorithms: defaultSignatures,
        rekeyLimit: rules.rekeyLimit,
        tracePackets: false,
      },
      {
        ...streamSurroundings(stream),
        random: systemRandom,
        events: this.events,
        end: () => {
          stream.destroySoon();
        },
      },
    );
    readInto(transport, stream);
    return transport;
  }

  /** Exchanges keys and authenticates, within the time there is for it. */
  private async logIn(): Promise<boolean> {
    const { transport, rules } = this;
    const grace = systemClock.after(rules.loginGraceMs, () => {
      transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT', 'Timeout before authentication'));
    });
    try {
      // asked for before the keys are there: the client's first request may come in the same packet train as its NEWKEYS
      const authenticated = this.authenticate();
      await Promise.all([transport.start(), authenticated]);
      return true;
    } catch (error) {
      this.over(error instanceof Error ? error : new SshError('SSH_ERR_INTERNAL_ERROR', String(error)));
      return false;
    } finally {
      grace.stop();
    }
  }

  private authenticate(): Promise<void> {
    const { transport, rules } = this;
    return authenticateUser<true>(transport, {
      clock: systemClock,
      emit: this.events,
      methods: [
        serverPublickey<true>({
          accepted: defaultSignatures,
          hostKey: () => transport.hostKey?.blob,
          authorize: async (name, key) => {
            const user = rules.account(name);
            return user !== undefined && (await rules.authorize(user, key)) ? true : undefined;
          },
          fingerprint: (key) => fingerprint(key.plain),
        }),
      ],
      lists: [],
      mostFailures: rules.mostFailures,
      account: (name) => Promise.resolve(rules.account(name) !== undefined),
      banner: () => Promise.resolve(undefined),
      permits: () => true,
      failureDelayMs: () => 0,
      succeeded: (name) => {
        this.user = rules.account(name);
        transport.handler = this.connect();
      },
    });
  }

  private connect(): Connection {
    const { transport, rules } = this;
    const connection = new Connection(transport, {
      events: this.events,
      clock: systemClock,
      accept: {
        ...acceptForwards(socketForwarder(rules.permitsForward)),
        session: (open) => {
          this.openSession(open);
        },
      },
      globals: {
        'no-more-sessions@openssh.com': () => {
          this.noMoreSessions = true;
          return true;
        },
      },
      heard: () => this.keepalive?.heard(),
      closed: (error) => {
        this.keepalive?.stop();
        this.over(error);
      },
    });
    this.keepalive = new Keepalive(
      systemClock,
      rules.keepalive,
      () => {
        // its answer needs no reading: any message shows that the client is there
        connection.globals.ask('keepalive@openssh.com', {}).catch(() => undefined);
      },
      () => {
        transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT', 'Timeout, client not responding'));
      },
    );
    return connection;
  }

  private openSession(open: IncomingOpen): void {
    const { user, rules } = this;
    if (this.noMoreSessions) {
      throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'Possible attack: attempt to open a session after additional sessions disabled');
    }
    if (user === undefined || this.sessions >= rules.mostSessions) {
      open.refuse(connectFailed('open failed'));
      return;
    }
    this.sessions++;
    const handler = serveSession({ user, ends: this.ends(), acceptsEnv: rules.acceptsEnv, subsystem: rules.subsystem });
    open.accept({
      ...handler,
      onClose: (error) => {
        this.sessions--;
        handler.onClose?.(error);
      },
    });
  }

  private ends(): ConnectionEnds {
    const { remoteAddress = 'UNKNOWN', remotePort = 0, localAddress = 'UNKNOWN', localPort = 0 } = this.stream;
    return { clientAddress: remoteAddress, clientPort: remotePort, serverAddress: localAddress, serverPort: localPort };
  }
}

/** Everything that is on by default, as far as there is a host key for it. */
function proposalFor(hostKeys: readonly Signer[]): Proposal {
  return {
    kex: defaultKex,
    hostKey: defaultSignatures.filter((name) => hostKeys.some(({ publicKey }) => publicKey.signatureAlgorithms.includes(name))),
    ciphers: defaultCiphers,
    macs: defaultMacs,
    compression: compressionNames,
  };
}
