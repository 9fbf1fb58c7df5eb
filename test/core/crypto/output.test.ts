import { describe, expect, test } from 'vitest';
import { giveBack, place } from '../../../src/core/crypto/output.ts';

describe("a cipher's output", () => {
  test.each([0, 15, 4095, 4096, 40_000])('of %d bytes is copied to its place', (length) => {
    const output = new Uint8Array(length).map((_, at) => at % 251);
    const wanted = Array.from(output);
    const target = new Uint8Array(length + 5).fill(255);
    place(output, target, 3);
    expect(Array.from(target)).toEqual([255, 255, 255, ...wanted, 255, 255]);
  });

  test('keeps its memory where other bytes lie in it', () => {
    const memory = new Uint8Array(10_000).fill(7);
    giveBack(memory.subarray(0, 9999));
    giveBack(memory.subarray(1));
    expect(memory.every((byte) => byte === 7)).toBe(true);
    expect(memory.length).toBe(10_000);
  });
});
