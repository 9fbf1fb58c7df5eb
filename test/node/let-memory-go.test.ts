import vm from 'node:vm';
import { expect, test } from 'vitest';
import { giveBack } from '../../src/core/crypto/output.ts';
import { letMemoryGo } from '../../src/node/let-memory-go.ts';

test('a buffer lets its memory go, on every Node; no other realm changes', () => {
  const before: unknown = vm.runInNewContext('ArrayBuffer.prototype.transfer');
  letMemoryGo();
  const output = new Uint8Array(10_000);
  giveBack(output);
  expect(output.length).toBe(0);
  expect(typeof vm.runInNewContext('ArrayBuffer.prototype.transfer')).toBe(typeof before);
  // a second time is no different
  letMemoryGo();
  expect(Object.keys(ArrayBuffer.prototype)).toEqual([]);
});
