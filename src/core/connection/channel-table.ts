import { SshError } from '../util/errors.ts';
import type { Channel, ChannelHandler } from './channel.ts';
import type { ReceiveWindow } from './window.ts';

/** A channel that this side has asked for. */
export interface Opening {
  readonly type: string;
  readonly handler: ChannelHandler;
  readonly receive: ReceiveWindow;
  /** When it was asked for, on the clock of the connection's windows. */
  readonly askedMs: number | undefined;
  readonly opened: (channel: Channel) => void;
  readonly failed: (error: Error) => void;
}

/** What stands under a channel number: one that we asked for, one that the peer asked for and that is being decided on, or an open one. */
export type Slot =
  | { readonly at: 'opening'; readonly own: Opening }
  | { readonly at: 'asked' }
  | { readonly at: 'open'; readonly channel: Channel };

/** A connection's channels by this side's numbers. */
export class ChannelTable {
  /** How many numbers are taken. */
  size = 0;
  private readonly most: number;
  private readonly slots: (Slot | undefined)[] = [];
  private lowestFree = 0;

  /** `most` is how many numbers may be taken at one time. */
  constructor(most: number) {
    this.most = most;
  }

  /** The open channels. */
  get channels(): readonly Channel[] {
    return this.slots.flatMap((slot) => (slot?.at === 'open' ? [slot.channel] : []));
  }

  /** Takes the lowest free number, as OpenSSH does; undefined where there are too many. */
  place(slot: Slot): number | undefined {
    if (this.size >= this.most) return undefined;
    while (this.slots[this.lowestFree] !== undefined) this.lowestFree++;
    this.slots[this.lowestFree] = slot;
    this.size++;
    return this.lowestFree;
  }

  /** Changes what stands under a number that is taken. */
  set(id: number, slot: Slot): void {
    this.slots[id] = slot;
  }

  /** Frees a number. */
  free(id: number): void {
    if (this.slots[id] === undefined) return;
    this.slots[id] = undefined;
    this.size--;
    this.lowestFree = Math.min(this.lowestFree, id);
  }

  /** Empties the table; what was in it. */
  clear(): readonly Slot[] {
    this.size = 0;
    this.lowestFree = 0;
    return this.slots.splice(0).filter((slot) => slot !== undefined);
  }

  /** The open channel of that number, if there is one. */
  find(id: number): Channel | undefined {
    const slot = this.slots[id];
    return slot?.at === 'open' ? slot.channel : undefined;
  }

  /**
   * The open channel that a message is for.
   *
   * @throws SshError SSH_ERR_PROTOCOL_ERROR where there is none: the connection ends, as with OpenSSH.
   */
  open(id: number, what: string): Channel {
    const channel = this.find(id);
    if (channel === undefined) throw new SshError('SSH_ERR_PROTOCOL_ERROR', `${what} packet referred to nonexistent channel ${id}`);
    return channel;
  }

  /** The opening that a reply is for. @throws SshError SSH_ERR_PROTOCOL_ERROR where there is none. */
  opening(id: number, what: string): Opening {
    const slot = this.slots[id];
    if (slot?.at !== 'opening') throw new SshError('SSH_ERR_PROTOCOL_ERROR', `Received ${what} for non-opening channel ${id}.`);
    return slot.own;
  }
}
