import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WaitingBytes } from '../../src/node/waiting-bytes.ts';

const KiB = 1024;
const memory = (copies: readonly Uint8Array[]): Set<ArrayBufferLike> => new Set(copies.map(({ buffer }) => buffer));

test('copies are what was copied, whatever becomes of that and however long the pieces are', () => {
  const length = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 700 * KiB }), fc.constant(256 * KiB));
  fc.assert(
    fc.property(fc.array(fc.array(length, { maxLength: 4 }), { maxLength: 4 }), (calls) => {
      const waiting = new WaitingBytes();
      const originals: Uint8Array[] = [];
      const copies = calls.flatMap((lengths) => {
        const pieces = lengths.map((one) => randomBytes(one));
        originals.push(Buffer.concat(pieces));
        const made = waiting.copy(pieces);
        for (const piece of pieces) piece.fill(0);
        return made;
      });
      expect(copies.every((copy) => copy.length > 0)).toBe(true);
      expect(Buffer.concat(copies).equals(Buffer.concat(originals))).toBe(true);
      waiting.keep(0);
    }),
    { numRuns: 30 },
  );
});

test('what waits after others lies in their memory, and what is much more than that is given back', () => {
  const waiting = new WaitingBytes();
  const other = new WaitingBytes();
  const first = waiting.copy([randomBytes(1000 * KiB)]);
  waiting.keep(0);
  expect(memory(other.copy([randomBytes(1000 * KiB)]))).toEqual(memory(first));
  const more = waiting.copy([randomBytes(1000 * KiB)]);
  expect([...memory(more)].filter((one) => memory(first).has(one))).toEqual([]);
  waiting.keep(0);
  other.keep(0);
  const much = waiting.copy([randomBytes(20_000 * KiB)]);
  waiting.keep(0);
  const kept = [...memory(much)].filter(({ byteLength }) => byteLength > 0).length * 256;
  expect(kept).toBe(8 * KiB);
});

test('what waits is left alone, and a queue that is never empty takes no more memory than it holds', () => {
  const waiting = new WaitingBytes();
  let queue: { readonly copy: Uint8Array; readonly original: Buffer }[] = [];
  const seen = new Set<ArrayBufferLike>();
  for (let round = 0; round < 300; round++) {
    const copies = waiting.copy([randomBytes(1 + ((round * 7919) % (100 * KiB)))]);
    queue = [...queue, ...copies.map((copy) => ({ copy, original: Buffer.from(copy) }))].slice(-4);
    for (const { buffer } of copies) seen.add(buffer);
    waiting.keep(queue.reduce((sum, { copy }) => sum + copy.length, 0));
    expect(queue.every(({ copy, original }) => original.equals(copy))).toBe(true);
  }
  // what four such pieces may lie in, and the blocks that wait to be used again
  expect(seen.size).toBeLessThan(4 + 32);
});
