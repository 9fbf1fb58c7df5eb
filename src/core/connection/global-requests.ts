import type { EventSink } from '../events.ts';
import type { PacketLink } from '../transport/link.ts';
import { SshError } from '../util/errors.ts';
import {
  type GlobalRequestName,
  type GlobalRequestValues,
  globalRequest,
  globalRequests,
  requestFailure,
  requestSuccess,
} from '../wire/connection-messages.ts';
import { AnswerQueue } from './answer-queue.ts';

/** Decides on a global request: true or a reply's body where it is granted, false where not. */
export type GlobalAnswer = boolean | Uint8Array;

/** Who answers a global request, by its name, given its body (which may be kept). */
export type GlobalAnswers = Readonly<Record<string, (body: Uint8Array) => GlobalAnswer | Promise<GlobalAnswer>>>;

/** The most requests of this side that may wait for their reply. */
const MOST_PENDING = 256;

/** Global requests both ways (RFC 4254 section 4): replies carry no number, so they come and go in the requests' order. */
export class GlobalRequests {
  private readonly link: PacketLink;
  private readonly decisions: GlobalAnswers;
  private readonly events: EventSink;
  private readonly replies: ((body: Uint8Array | undefined | SshError) => void)[] = [];
  private readonly answers: AnswerQueue<GlobalAnswer>;
  private over = false;

  /** `failed` is told of what a decision that took its time threw. */
  constructor(link: PacketLink, decisions: GlobalAnswers, events: EventSink, failed: (error: unknown) => void) {
    this.link = link;
    this.decisions = decisions;
    this.events = events;
    this.answers = new AnswerQueue('connection', failed);
  }

  /** Makes a request that wants no reply. */
  send<K extends GlobalRequestName>(name: K, values: GlobalRequestValues[K]): void {
    if (this.over) return;
    this.events({ type: 'global-request', request: name, by: 'own' });
    this.link.send(globalRequest.encode({ requestName: name, wantReply: false, body: globalRequests.encode(name, values) }));
  }

  /**
   * Makes a request; the reply's body (see globalReplies) where it was granted, undefined where it was refused.
   *
   * @throws SshError SSH_ERR_CONN_CLOSED where the connection ends before the reply, SSH_ERR_NO_BUFFER_SPACE where too many wait for theirs.
   */
  ask<K extends GlobalRequestName>(name: K, values: GlobalRequestValues[K]): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.over) throw new SshError('SSH_ERR_CONN_CLOSED', `${name} request`);
      if (this.replies.length >= MOST_PENDING) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'too many global requests wait');
      this.replies.push((reply) => {
        if (reply instanceof SshError) reject(reply);
        else resolve(reply);
      });
      this.events({ type: 'global-request', request: name, by: 'own' });
      this.link.send(globalRequest.encode({ requestName: name, wantReply: true, body: globalRequests.encode(name, values) }));
    });
  }

  /** The peer makes a request. @throws SshError where it is malformed or too many wait for their answer. */
  receiveRequest(payload: Uint8Array): void {
    const { requestName, wantReply, body } = globalRequest.decode(payload);
    this.events({ type: 'global-request', request: requestName, by: 'peer' });
    const decide = Object.hasOwn(this.decisions, requestName) ? this.decisions[requestName] : undefined;
    const kept = new Uint8Array(body);
    this.answers.add(
      kept.length,
      () => decide?.(kept) ?? false,
      (answer) => {
        if (!wantReply) return;
        if (answer === false) this.link.send(requestFailure.encode({}));
        else this.link.send(requestSuccess.encode({ body: answer === true ? new Uint8Array(0) : answer }));
      },
    );
  }

  /** The oldest request that waits was granted; a reply that nobody waits for is dropped. */
  receiveSuccess(payload: Uint8Array): void {
    const { body } = requestSuccess.decode(payload);
    this.replies.shift()?.(new Uint8Array(body));
  }

  /** The oldest request that waits was refused; a reply that nobody waits for is dropped. */
  receiveFailure(payload: Uint8Array): void {
    requestFailure.decode(payload);
    this.replies.shift()?.(undefined);
  }

  /** The connection is over. */
  end(error: Error | undefined): void {
    this.over = true;
    this.answers.stop();
    for (const reply of this.replies.splice(0)) {
      reply(new SshError('SSH_ERR_CONN_CLOSED', 'before the reply to a global request', { cause: error }));
    }
  }
}
