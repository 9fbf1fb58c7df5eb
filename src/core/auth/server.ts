import type { EventSink } from '../events.ts';
import type { PacketHandler, PacketLink } from '../transport/link.ts';
import type { Clock } from '../util/clock.ts';
import { SshError } from '../util/errors.ts';
import { userauthBanner, userauthFailure, userauthRequest, userauthSuccess } from '../wire/auth-messages.ts';
import { serviceAccept, serviceRequest } from '../wire/transport-messages.ts';
import { Inbox } from './inbox.ts';
import type { Demands } from './methods.ts';
import { afterSuccess, demandsOf, mayTry } from './methods.ts';
import type { ServerPhase } from './phases.ts';
import { serverVerdict } from './phases.ts';
import type { AuthStep, ServerMethod, ServerOutcome } from './server-session.ts';

/** How a server authenticates; `Grant` is what a credential allows, which only the server itself understands. */
export interface ServerAuthentication<Grant> {
  readonly clock: Clock;
  readonly emit: EventSink;
  /** The methods that are enabled, in the order in which failures name them. */
  readonly methods: readonly ServerMethod<Grant>[];
  /** The lists of sshd_config(5) AuthenticationMethods; none where any one method will do. */
  readonly lists: readonly (readonly string[])[];
  /** How many tries may fail (sshd_config(5) MaxAuthTries). */
  readonly mostFailures: number;
  /** Whether the user exists and may log in; asked once, at the first request. */
  readonly account: (user: string) => Promise<boolean>;
  /** The text to show before the log-in; undefined for none. */
  readonly banner: (user: string) => Promise<string | undefined>;
  /** A last word on a method that went well: whether it may let this user in (sshd_config(5) PermitRootLogin). */
  readonly permits: (user: string, step: AuthStep<Grant>) => boolean;
  /** How long a failed try takes at least, in milliseconds: it hides what was looked up. */
  readonly failureDelayMs: (user: string) => number;
  /**
   * The user is in, by these steps. SUCCESS has been sent and nothing more was read: it gives the link its next handler (and lets a
   * transport begin what waits for this moment, as delayed compression does).
   */
  readonly succeeded: (user: string, steps: readonly AuthStep<Grant>[]) => void;
}

/** The most requests of one connection, however they end: OpenSSH's limit. */
const MOST_REQUESTS = 1024;

/**
 * Authenticates a user of this server (RFC 4252). It takes the link's handler until the user is in, and is to be called before keys are
 * exchanged: a client's first request may come right behind its NEWKEYS. How long all of it may take is the server's to limit.
 *
 * @throws SshError where the client breaks the protocol, fails too often or goes away, and whatever a method throws; the connection is
 * over then.
 */
export async function authenticateUser<Grant>(link: PacketLink, how: ServerAuthentication<Grant>): Promise<void> {
  const inbox = new Inbox<ServerPhase>(link, serverVerdict);
  const session = new ServerSession(link, inbox, how);
  try {
    await session.run();
  } catch (error) {
    inbox.fail(error);
    throw error;
  } finally {
    inbox.release();
  }
}

class ServerSession<Grant> {
  private readonly link: PacketLink;
  private readonly inbox: Inbox<ServerPhase>;
  private readonly how: ServerAuthentication<Grant>;
  private readonly steps: AuthStep<Grant>[] = [];
  private demands: Demands = { lists: [] };
  private failures = 0;
  private who: { readonly sentUser: string; readonly user: string; readonly service: string; readonly known: boolean } | undefined;

  constructor(link: PacketLink, inbox: Inbox<ServerPhase>, how: ServerAuthentication<Grant>) {
    this.link = link;
    this.inbox = inbox;
    this.how = how;
  }

  async run(): Promise<void> {
    this.grantService(await this.inbox.next('service'));
    let payload = await this.inbox.next('request');
    for (let attempts = 0; ; ) {
      if (payload[0] === serviceRequest.number) {
        this.grantService(payload);
        payload = await this.inbox.next('request');
        continue;
      }
      if (attempts++ === MOST_REQUESTS) throw this.tooMany();
      const request = userauthRequest.decode(payload);
      const began = this.how.clock.now();
      const who = await this.identify(request.user, request.service);
      const outcome = await this.attempt(who, request.method, request.body);
      if (outcome.type === 'abandoned') {
        payload = outcome.payload;
        continue;
      }
      if (await this.conclude(who, request.method, outcome, attempts, began)) return;
      payload = await this.inbox.next('request');
    }
  }

  private grantService(payload: Uint8Array): void {
    const { serviceName } = serviceRequest.decode(payload);
    const accepted = serviceName === 'ssh-userauth';
    this.how.emit({ type: 'service', name: serviceName, accepted });
    if (!accepted) throw this.inbox.refuse(`bad service request ${serviceName}`);
    this.link.send(serviceAccept.encode({ serviceName }));
  }

  /** Who is to be authenticated: settled by the first request. */
  private async identify(sentUser: string, service: string) {
    if (this.who !== undefined) {
      if (this.who.sentUser === sentUser && this.who.service === service) return this.who;
      throw this.inbox.refuse(
        `Change of username or service not allowed: (${this.who.user},${this.who.service}) -> (${sentUser},${service})`,
      );
    }
    const colon = sentUser.indexOf(':');
    const user = colon < 0 ? sentUser : sentUser.slice(0, colon);
    const known = (await this.how.account(user)) && service === 'ssh-connection';
    this.who = { sentUser, user, service, known };
    const banner = await this.how.banner(user);
    if (banner !== undefined) this.link.send(userauthBanner.encode({ message: banner, languageTag: '' }));
    const demands = demandsOf(
      this.how.lists,
      this.how.methods.map((method) => method.name),
    );
    if (demands === undefined) throw this.inbox.refuse('no authentication methods enabled');
    this.demands = demands;
    return this.who;
  }

  private async attempt(who: NonNullable<typeof this.who>, method: string, body: Uint8Array): Promise<ServerOutcome<Grant>> {
    const row = this.how.methods.find((one) => one.requests.includes(method));
    if (row === undefined || !mayTry(this.demands, row.name)) return { type: 'refused', reason: 'the method is not enabled' };
    const usedKeys = this.steps.flatMap((step) => (step.key === undefined ? [] : [step.key]));
    const { link, inbox } = this;
    const outcome = await row.attempt({ link, inbox, emit: this.how.emit, ...who, method, body, usedKeys });
    if (outcome.type === 'accepted' && !who.known) {
      throw new SshError('SSH_ERR_INTERNAL_ERROR', `${row.name} accepted a user who is unknown`);
    }
    return outcome;
  }

  /** Answers a try; true when the user is in. */
  private async conclude(
    who: NonNullable<typeof this.who>,
    requested: string,
    outcome: Exclude<ServerOutcome<Grant>, { readonly type: 'abandoned' }>,
    attempts: number,
    began: number,
  ): Promise<boolean> {
    if (outcome.type === 'postponed') return false;
    const method = this.how.methods.find((one) => one.requests.includes(requested))?.name ?? requested;
    let reason = outcome.type === 'refused' ? outcome.reason : undefined;
    if (outcome.type === 'accepted') {
      const { grant, key, device } = outcome;
      const step = { method, grant, ...(key !== undefined && { key }) };
      if (this.how.permits(who.user, step)) return this.stepDone(who.user, step, device);
      reason = 'the user may not log in this way';
    }
    this.how.emit({ type: 'authentication-try', attempt: { method, outcome: 'refused', ...(reason !== undefined && { reason }) } });
    // a first "none" only asks what there is
    const asking = requested === 'none' && attempts === 1;
    if (!asking) {
      await this.takeAtLeast(this.how.failureDelayMs(who.user), began);
      if (++this.failures >= this.how.mostFailures) throw this.tooMany();
    }
    this.sendFailure(false);
    return false;
  }

  /** Counts a method that went well; true when it was the last that was needed. */
  private stepDone(user: string, step: AuthStep<Grant>, device: string | undefined): boolean {
    this.steps.push(step);
    const left = afterSuccess(this.demands, step.method, device);
    if (left !== undefined) {
      this.demands = left;
      this.how.emit({ type: 'authentication-try', attempt: { method: step.method, outcome: 'partial' } });
      this.sendFailure(true);
      return false;
    }
    this.how.emit({ type: 'authentication-try', attempt: { method: step.method, outcome: 'succeeded' } });
    this.how.emit({ type: 'authenticated', user, method: step.method });
    this.link.send(userauthSuccess.encode({}));
    this.how.succeeded(user, this.steps);
    this.link.handler = withoutRequests(this.link.handler);
    return true;
  }

  private sendFailure(partialSuccess: boolean): void {
    const methods = this.how.methods.map((method) => method.name).filter((name) => mayTry(this.demands, name));
    this.link.send(userauthFailure.encode({ methods, partialSuccess }));
  }

  private tooMany(): SshError {
    return this.inbox.refuse('Too many authentication failures');
  }

  /** Waits until `ms` have passed since `began`; where they have, until the next multiple of them. */
  private takeAtLeast(ms: number, began: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    const spent = this.how.clock.now() - began;
    let whole = ms;
    while (whole < spent) whole *= 2;
    return new Promise((resume) => void this.how.clock.after(whole - spent, resume));
  }
}

/** The handler without the requests of a client that goes on authenticating: they are ignored (RFC 4252 section 5.1). */
function withoutRequests(handler: PacketHandler): PacketHandler {
  return {
    message: (payload) => (payload[0] === userauthRequest.number ? undefined : handler.message(payload)),
    caughtUp: () => {
      handler.caughtUp?.();
    },
    drained: () => {
      handler.drained();
    },
    closed: (error) => {
      handler.closed(error);
    },
  };
}
