import { describe, expect, test } from 'vitest';
import type { Channel } from '../../../src/core/connection/channel.ts';
import { ChannelTimeouts, type ChannelTimeout } from '../../../src/core/connection/timeouts.ts';
import { TestClock } from './test-clock.ts';

interface Passing {
  received: number;
  sent: number;
  closing: boolean;
}

function watched(timeouts: readonly ChannelTimeout[], ...types: readonly string[]) {
  const clock = new TestClock();
  const log: string[] = [];
  const channels = types.map((type, id) => {
    const channel = { id, type, received: 0, sent: 0, closing: false, abandon: () => void (channel.closing = true) };
    return channel;
  });
  const all = new ChannelTimeouts(clock, {
    timeouts,
    channels: () => channels as unknown as readonly Channel[],
    typeOf: ({ type }) => type,
    expired: ({ id }, seconds) => log.push(`${id} (${seconds}) at ${clock.now()}`),
  });
  return { clock, log, channels: channels as readonly Passing[], all };
}

describe('ChannelTimeout', () => {
  test('closes a channel through which nothing passes', () => {
    const { clock, log, channels } = watched([{ type: 'session:shell', seconds: 5 }], 'session:shell', 'direct-tcpip');
    clock.pass(60_000);
    expect(log).toEqual(['0 (5) at 6000']);
    expect(channels.map(({ closing }) => closing)).toEqual([true, false]);
  });

  test.each(['received', 'sent'] as const)('counts data that were %s', (counter) => {
    const { clock, log, channels } = watched([{ type: '*', seconds: 3 }], 'session:command');
    for (let i = 0; i < 20; i++) {
      clock.pass(2000);
      (channels[0] as Passing)[counter]++;
    }
    expect(log).toEqual([]);
    clock.pass(60_000);
    expect(log).toHaveLength(1);
  });

  test.each<[string, readonly ChannelTimeout[], number]>([
    [
      'the first row that fits',
      [
        { type: 'session*', seconds: 7 },
        { type: '*', seconds: 2 },
      ],
      8000,
    ],
    [
      'a wildcard',
      [
        { type: 'session', seconds: 2 },
        { type: 's?ssion:*', seconds: 4 },
      ],
      5000,
    ],
  ])('goes by %s', (_, timeouts, at) => {
    const { clock, log } = watched(timeouts, 'session:shell');
    clock.pass(100_000);
    expect(log).toEqual([expect.stringContaining(`at ${at}`)]);
  });

  test('with zero never closes, though a later row would', () => {
    const { clock, log } = watched(
      [
        { type: '*', seconds: 0 },
        { type: 'session:shell', seconds: 1 },
      ],
      'session:shell',
    );
    clock.pass(100_000);
    expect(log).toEqual([]);
  });

  test('global closes all when all are idle, and is no channel type', () => {
    const { clock, log, channels } = watched(
      [
        { type: 'global', seconds: 4 },
        { type: 'x11-connection', seconds: 9 },
      ],
      'session:shell',
      'global',
    );
    for (let i = 0; i < 10; i++) {
      clock.pass(2000);
      (channels[1] as Passing).sent++;
    }
    expect(log).toEqual([]);
    clock.pass(20_000);
    expect(log.map((line) => line.slice(0, 5))).toEqual(['0 (0)', '1 (0)']);
  });

  test('without a time does not wake up, nor once it was stopped', () => {
    expect(watched([{ type: '*', seconds: 0 }], 'session').clock.running).toBe(0);
    const { clock, all } = watched([{ type: '*', seconds: 5 }], 'session');
    expect(clock.running).toBe(1);
    all.stop();
    expect(clock.running).toBe(0);
  });
});
