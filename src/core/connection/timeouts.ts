import type { Clock, Timer } from '../util/clock.ts';
import { matchPattern } from '../util/pattern.ts';
import type { Channel } from './channel.ts';

/** How long channels may be idle: those of a type, or with the type `global` all of a connection together. */
export interface ChannelTimeout {
  /** A pattern of channel types, or `global`, which no wildcard stands for. */
  readonly type: string;
  /** 0 for as long as they like. */
  readonly seconds: number;
}

/** What channels are watched, and what is done with them. */
export interface ChannelTimeoutOptions {
  /** ChannelTimeout; the first that fits a channel's type counts. */
  readonly timeouts: readonly ChannelTimeout[];
  /** The open channels. */
  readonly channels: () => readonly Channel[];
  /** A channel's type as the patterns name it (ssh_config(5) ChannelTimeout). */
  readonly typeOf: (channel: Channel) => string;
  /** Told of each channel that is about to be closed, with the time that is set for its type alone. */
  readonly expired: (channel: Channel, seconds: number) => void;
}

/** How often channels are looked at, in milliseconds: a time is kept to within so much. */
const LOOK_MS = 1000;

interface Watched {
  /** How many bytes had passed when it was looked at last. */
  bytes: number;
  lastUsedMs: number;
}

/**
 * Closes channels through which no data have passed for a while (ChannelTimeout), as good as at once: what waits in them is dropped, and
 * nobody waits for the peer. Nothing is noted per packet: once a second it is looked how much has passed.
 */
export class ChannelTimeouts {
  private readonly clock: Clock;
  private readonly options: ChannelTimeoutOptions;
  private readonly globalMs: number;
  private readonly watched = new WeakMap<Channel, Watched>();
  /** When data passed through any channel. */
  private lastUsedMs: number;
  private timer: Timer | undefined;

  constructor(clock: Clock, options: ChannelTimeoutOptions) {
    this.clock = clock;
    this.options = options;
    this.globalMs = 1000 * (options.timeouts.findLast(({ type }) => type === 'global')?.seconds ?? 0);
    this.lastUsedMs = clock.now();
    if (options.timeouts.some(({ seconds }) => seconds > 0)) this.wait();
  }

  /** Watches no more. */
  stop(): void {
    this.timer?.stop();
    this.timer = undefined;
  }

  private wait(): void {
    this.timer = this.clock.after(LOOK_MS, () => {
      this.look();
      this.wait();
    });
  }

  private look(): void {
    const now = this.clock.now();
    const channels = this.options.channels().filter(({ closing }) => !closing);
    const uses = channels.map((channel) => ({ channel, lastUsedMs: this.lastUse(channel, now) }));
    for (const { lastUsedMs } of uses) this.lastUsedMs = Math.max(this.lastUsedMs, lastUsedMs);
    const allIdle = this.globalMs > 0 && now - this.lastUsedMs >= this.globalMs;
    for (const { channel, lastUsedMs } of uses) {
      const seconds = this.secondsOf(channel);
      if (!allIdle && (seconds === 0 || now - lastUsedMs < 1000 * seconds)) continue;
      this.options.expired(channel, seconds);
      channel.abandon();
    }
  }

  /** A channel that is new has been used just now. */
  private lastUse(channel: Channel, now: number): number {
    const bytes = channel.received + channel.sent;
    const known = this.watched.get(channel);
    if (known !== undefined && known.bytes === bytes) return known.lastUsedMs;
    this.watched.set(channel, { bytes, lastUsedMs: now });
    return now;
  }

  private secondsOf(channel: Channel): number {
    const type = this.options.typeOf(channel);
    return this.options.timeouts.find((one) => one.type !== 'global' && matchPattern(type, one.type))?.seconds ?? 0;
  }
}
