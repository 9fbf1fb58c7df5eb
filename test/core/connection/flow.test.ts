import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Channel } from '../../../src/core/connection/channel.ts';
import { LinkPair } from './link-pair.ts';

/** The byte at an offset of a stream, so that a lost, doubled or swapped byte shows. */
const byteAt = (seed: number, at: number): number => (at * 31 + (at >>> 8) + seed) & 0xff;

/** A writer that stops when it is told to, and a reader that consumes when the test says so. */
class Flow {
  written = 0;
  read = 0;
  unread = 0;
  wrong = false;
  private blocked = false;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  write(channel: Channel, length: number): void {
    if (this.blocked) return;
    const at = this.written;
    const bytes = Uint8Array.from({ length }, (_, i) => byteAt(this.seed, at + i));
    this.written += length;
    this.blocked = !channel.write(bytes);
    bytes.fill(0);
  }

  drained(): void {
    this.blocked = false;
  }

  take(bytes: Uint8Array): void {
    for (const byte of bytes) if (byte !== byteAt(this.seed, this.read++)) this.wrong = true;
    this.unread += bytes.length;
  }

  consume(channel: Channel, most: number): void {
    const length = Math.min(most, this.unread);
    this.unread -= length;
    channel.consumed(length);
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constantFrom('write' as const, 'consume' as const), channel: fc.nat(1), up: fc.boolean(), by: fc.nat(5000) }),
  fc.record({ do: fc.constantFrom('deliver' as const), up: fc.boolean(), by: fc.nat(6), channel: fc.constant(0) }),
  fc.record({ do: fc.constantFrom('turn' as const), up: fc.boolean(), by: fc.constant(0), channel: fc.constant(0) }),
);

describe('two connections', () => {
  test('deliver all bytes in order on all channels, whatever the order of writes, credits, deliveries and turns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 8 }), async (steps, capacity) => {
        const up = [new Flow(1), new Flow(2)];
        const down = [new Flow(3), new Flow(4)];
        const servers: Channel[] = [];
        const pair = new LinkPair(
          { windowSize: 2000 },
          {
            windowSize: 3000,
            accept: {
              session: (open) => {
                const number = servers.length;
                servers.push(open.accept({ onData: (bytes) => up[number]?.take(bytes), onDrain: () => down[number]?.drained() }));
              },
            },
          },
        );
        const opening = [0, 1].map((number) =>
          pair.client.open('session', {}, { onData: (bytes) => down[number]?.take(bytes), onDrain: () => up[number]?.drained() }),
        );
        await pair.run();
        const clients = await Promise.all(opening);
        pair.clientLink.capacity = capacity;
        pair.serverLink.capacity = capacity;

        for (const { do: action, up: upward, by, channel } of steps) {
          const flow = (upward ? up : down)[channel] as Flow;
          const [writer, reader] = (upward ? [clients[channel], servers[channel]] : [servers[channel], clients[channel]]) as [
            Channel,
            Channel,
          ];
          if (action === 'write') flow.write(writer, by);
          else if (action === 'consume') flow.consume(reader, by);
          else if (action === 'turn') await Promise.resolve();
          else for (let i = 0; i < by; i++) pair.step(upward ? 'client' : 'server');
          expect(writer.room).toBeGreaterThanOrEqual(0);
          // what a link holds beyond its capacity is control messages, never data
          expect(pair.clientLink.outbox.filter((payload) => payload[0] === 94).length).toBeLessThanOrEqual(capacity);
        }

        // then readers that read and a link that delivers bring everything over
        for (let round = 0; round < 200; round++) {
          await pair.run();
          for (const number of [0, 1]) {
            up[number]?.consume(servers[number] as Channel, Infinity);
            down[number]?.consume(clients[number] as Channel, Infinity);
          }
        }
        for (const flow of [...up, ...down]) {
          expect(flow.wrong).toBe(false);
          expect(flow.read).toBe(flow.written);
        }
        expect(pair.clientLink.error ?? pair.serverLink.error).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });

  test('hold what was written of a stopped reader within its window and one write', async () => {
    let server: Channel | undefined;
    const pair = new LinkPair({}, { accept: { session: (open) => (server = open.accept({ onData: () => undefined })) } });
    const opened = pair.client.open('session', {}, {});
    await pair.run();
    const client = await opened;
    let written = 0;
    while (client.write(new Uint8Array(64 * 1024))) {
      written += 64 * 1024;
      await pair.run();
    }
    await pair.run();
    expect(written).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect((server as Channel).unread).toBe(2 * 1024 * 1024);
  });
});
