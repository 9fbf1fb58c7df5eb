import type { PacketHandler, PacketLink } from '../transport/link.ts';
import { SshError } from '../util/errors.ts';
import { disconnectReasons } from '../wire/numbers.ts';
import type { Verdict } from './phases.ts';

/**
 * Turns a link's messages into something to await: one message is handed over at a time, and the link reads no further until the
 * next one is asked for. A payload from {@link next} is a view that holds until then.
 */
export class Inbox<Phase extends string> implements PacketHandler {
  private readonly link: PacketLink;
  private readonly judge: (phase: Phase, number: number) => Verdict;
  private phase: Phase | undefined;
  private waiting: { readonly take: (payload: Uint8Array) => void; readonly fail: (error: Error) => void } | undefined;
  private settle: (() => void) | undefined;
  private over: Error | undefined;

  constructor(link: PacketLink, judge: (phase: Phase, number: number) => Verdict) {
    this.link = link;
    this.judge = judge;
    link.handler = this;
  }

  /**
   * The next message that is legal in the phase.
   *
   * @throws SshError SSH_ERR_PROTOCOL_ERROR after one that is not, which ends the connection; the connection's error once it is over.
   */
  next(phase: Phase): Promise<Uint8Array> {
    this.phase = phase;
    return new Promise((take, fail) => {
      if (this.over !== undefined) {
        fail(this.over);
        return;
      }
      this.waiting = { take, fail };
      this.release();
    });
  }

  /** Lets the link read on, for whoever its handler is now. */
  release(): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.();
  }

  /** Ends the connection and gives the error to throw. */
  refuse(detail: string): SshError {
    const error = new SshError('SSH_ERR_PROTOCOL_ERROR', detail);
    this.over ??= error;
    this.link.disconnect(disconnectReasons.SSH_DISCONNECT_PROTOCOL_ERROR, detail);
    return error;
  }

  /** Ends the connection, if it is not over yet, because of an error that goes on to the caller. */
  fail(error: unknown): void {
    if (this.over !== undefined) return;
    const ours = error instanceof SshError;
    this.over = ours ? error : new SshError('SSH_ERR_INTERNAL_ERROR', 'authentication failed within', { cause: error });
    const { SSH_DISCONNECT_PROTOCOL_ERROR, SSH_DISCONNECT_BY_APPLICATION } = disconnectReasons;
    this.link.disconnect(ours ? SSH_DISCONNECT_PROTOCOL_ERROR : SSH_DISCONNECT_BY_APPLICATION, this.over.message);
  }

  message(payload: Uint8Array): boolean | Promise<void> {
    const number = payload[0] ?? 0;
    const { phase, waiting } = this;
    if (phase === undefined || waiting === undefined) {
      throw this.refuse(`message ${number} while nothing is awaited`);
    }
    const verdict = this.judge(phase, number);
    if (verdict === 'unimplemented') return false;
    this.waiting = undefined;
    if (verdict === 'end') {
      const error = this.refuse(`message ${number} is out of place during authentication (${phase})`);
      waiting.fail(error);
      throw error;
    }
    return new Promise((settle) => {
      this.settle = settle;
      waiting.take(payload);
    });
  }

  drained(): void {
    // authentication sends little and waits for an answer each time
  }

  closed(error: Error | undefined): void {
    this.over ??= error ?? new SshError('SSH_ERR_CONN_CLOSED', 'the connection ended during authentication');
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.fail(this.over);
    this.release();
  }
}
