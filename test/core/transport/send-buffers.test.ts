import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nullOpener, nullSealer } from '../../../src/core/crypto/packet-null.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { PacketReader, PacketWriter } from '../../../src/core/transport/packet.ts';

/** An output that reads what it was given only when it gets to it, as a socket does whose peer is slow. */
class SlowOutput {
  sent: Buffer[] = [];
  private waiting: Uint8Array[] = [];
  readonly given = new Set<ArrayBufferLike>();

  readonly write = (bytes: Uint8Array): void => {
    this.waiting.push(bytes);
    this.given.add(bytes.buffer);
  };

  readonly unsent = (): number => this.waiting.reduce((sum, bytes) => sum + bytes.length, 0);

  /** How many writes wait. */
  get writes(): number {
    return this.waiting.length;
  }

  /** Sends the first so many of what waits. */
  send(count = Infinity): void {
    for (const bytes of this.waiting.splice(0, count)) this.sent.push(Buffer.from(bytes));
  }
}

/** The payloads of the packets that were sent. */
function payloadsOf(sent: readonly Uint8Array[]): Buffer[] {
  const reader = new PacketReader(nullOpener);
  const payloads: Buffer[] = [];
  const bytes = Buffer.concat(sent);
  for (let at = 0; at < bytes.length; ) {
    const space = reader.space();
    const part = bytes.subarray(at, at + space.length);
    space.set(part);
    reader.filled(part.length);
    at += part.length;
    for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(Buffer.from(payload));
  }
  return payloads;
}

const step = fc.oneof(
  fc.record({ act: fc.constant('append' as const), length: fc.oneof(fc.nat(100), fc.constantFrom(32_768, 60_000, 200_000)) }),
  fc.record({ act: fc.constant('flush' as const), length: fc.constant(0) }),
  fc.record({ act: fc.constant('send' as const), length: fc.nat(3) }),
);

test('what was handed out is not written over until it is sent', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, lending) => {
      const output = new SlowOutput();
      const writer = new PacketWriter(nullSealer, systemRandom, output.write, lending ? output.unsent : undefined);
      const expected: Buffer[] = [];
      for (const [at, { act, length }] of steps.entries()) {
        if (act === 'append') {
          const payload = Buffer.alloc(length, at + 1);
          expected.push(payload);
          writer.append(payload.subarray(0, 7), payload.subarray(7));
        } else if (act === 'flush') writer.flush();
        else output.send(length);
      }
      writer.flush();
      output.send();
      const payloads = payloadsOf(output.sent);
      expect(payloads.length).toBe(expected.length);
      expect(payloads.every((payload, at) => payload.equals(expected[at] ?? Buffer.alloc(0)))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test.each([0, 1, 2])('an output that is %i writes behind is written to from the same few buffers', (behind) => {
  const output = new SlowOutput();
  const write = (bytes: Uint8Array): void => {
    output.write(bytes);
    if (output.writes > behind) output.send();
    output.sent = [];
  };
  const writer = new PacketWriter(nullSealer, systemRandom, write, output.unsent);
  for (let i = 0; i < 100; i++) {
    for (let packet = 0; packet < 8; packet++) writer.append(new Uint8Array(9), new Uint8Array(32_768));
    writer.flush();
  }
  // the first few grow from the smallest
  expect(output.given.size).toBeLessThan(2 * behind + 3);
});

describe.each([false, true])('of a cipher in two passes: %s;', (twoPasses) => {
  test('more is collected for one write while the output takes all at once, and little again where it is behind', () => {
    const output = new SlowOutput();
    const sizes: number[] = [];
    let isQuick = true;
    const write = (bytes: Uint8Array): void => {
      output.write(bytes);
      sizes.push(bytes.length);
      if (isQuick) output.send();
      output.sent = [];
    };
    const writer = new PacketWriter({ ...nullSealer, twoPasses }, systemRandom, write, output.unsent);
    const appendMebibytes = (count: number): void => {
      for (let i = 0; i < 32 * count; i++) writer.append(new Uint8Array(9), new Uint8Array(32_768));
    };
    const little = 258 * 1024;
    const much = 903 * 1024;
    appendMebibytes(4);
    writer.flush();
    expect(sizes[0]).toBeLessThanOrEqual(little);
    const rest = sizes.slice(1, -1);
    expect(Math.max(...rest)).toBeLessThanOrEqual(much);
    expect(Math.min(...rest)).toBeGreaterThan(much - 33_000);
    sizes.length = 0;
    appendMebibytes(4);
    writer.flush();
    // the peer has something to open while the rest is sealed
    expect((sizes[0] ?? 0) <= little).toBe(twoPasses);
    expect(sizes[1]).toBeGreaterThan(much - 33_000);
    sizes.length = 0;
    isQuick = false;
    appendMebibytes(4);
    // the one that shows that the output is behind may be a large one
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(little);
    output.send();
    isQuick = true;
    sizes.length = 0;
    appendMebibytes(4);
    expect(sizes.at(-1)).toBeGreaterThan(much - 33_000);
  });
});
