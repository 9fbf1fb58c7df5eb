import type { EventSink } from '../events.ts';
import type { PacketLink } from '../transport/link.ts';
import { userauthBanner, userauthFailure, userauthRequest, userauthSuccess } from '../wire/auth-messages.ts';
import { Inbox } from './inbox.ts';
import type { ClientPhase } from './phases.ts';
import { clientVerdict } from './phases.ts';

/** Asks the user something; the answer's bytes are the caller's to wipe. Undefined where nobody can be asked or nothing was answered. */
export type Prompt = (text: string, echo: boolean) => Promise<Uint8Array | undefined>;

/** How the server answered one request. */
export type Answer =
  | { readonly type: 'success' }
  | { readonly type: 'failure'; readonly methods: readonly string[]; readonly partialSuccess: boolean }
  /** A message of the method's own, number 60. */
  | { readonly type: 'method'; readonly payload: Uint8Array };

/** One method as the client goes through it. */
export interface ClientMethod {
  readonly name: string;
  /**
   * Makes one more try and gives the server's last word on it, which is never a message of the method's own.
   *
   * @returns undefined where there is nothing left to send: the method is not asked again.
   */
  attempt(session: ClientSession): Promise<Answer | undefined>;
  /** Begins anew after a partial success: credentials that were refused may do for the next step. */
  restart?(): void;
}

/** The most requests that a client sends: what OpenSSH's server allows too. */
const MOST_REQUESTS = 1024;

/** The most bytes of banners, and the most banners, that are taken: OpenSSH's server reads at most 1 MiB from its Banner file. */
const MOST_BANNER_BYTES = 1024 * 1024;
const MOST_BANNERS = 1024;

/** The client's side of one authentication: sends requests, awaits answers, hands on what the server wants to be shown. */
export class ClientSession {
  readonly link: PacketLink;
  readonly user: string;
  readonly service = 'ssh-connection';
  readonly emit: EventSink;
  readonly inbox: Inbox<ClientPhase>;
  private requests = 0;
  private banners = 0;
  private bannerBytes = 0;

  constructor(link: PacketLink, user: string, emit: EventSink) {
    this.link = link;
    this.user = user;
    this.emit = emit;
    this.inbox = new Inbox<ClientPhase>(link, clientVerdict);
  }

  /**
   * Sends a request; `body` is the method's (authRequests) and is wiped.
   *
   * `padTo` hides the length of a password: see {@link PacketLink.send}.
   */
  request(method: string, body: Uint8Array, padTo?: number): void {
    if (++this.requests > MOST_REQUESTS) throw this.inbox.refuse('too many authentication requests');
    const payload = userauthRequest.encode({ user: this.user, service: this.service, method, body });
    body.fill(0);
    this.link.send(payload, padTo);
    payload.fill(0);
  }

  /** Tells that a method has begun a try. */
  began(method: string): void {
    this.emit({ type: 'note', level: 'debug2', text: `we sent a ${method} packet, wait for reply` });
  }

  /** The answer to what was sent; banners before it become events. */
  async answer(phase: Exclude<ClientPhase, 'service'>): Promise<Answer> {
    for (;;) {
      const payload = await this.inbox.next(phase);
      const take = answers[payload[0] as number];
      const answer = take === undefined ? ({ type: 'method', payload } as const) : take(payload, this);
      if (answer !== undefined) return answer;
    }
  }

  /** Counts and passes on a banner. */
  banner(payload: Uint8Array): void {
    const { message } = userauthBanner.decode(payload);
    this.bannerBytes += payload.length;
    if (++this.banners > MOST_BANNERS || this.bannerBytes > MOST_BANNER_BYTES) throw this.inbox.refuse('too much banner');
    if (message !== '') this.emit({ type: 'banner', text: message });
  }
}

/** How each message that can answer any method is taken; a banner is no answer. */
const answers: Readonly<Record<number, (payload: Uint8Array, session: ClientSession) => Answer | undefined>> = {
  [userauthFailure.number]: (payload) => ({ type: 'failure', ...userauthFailure.decode(payload) }),
  [userauthSuccess.number]: (payload) => {
    userauthSuccess.decode(payload);
    return { type: 'success' };
  },
  [userauthBanner.number]: (payload, session) => {
    session.banner(payload);
    return undefined;
  },
};
