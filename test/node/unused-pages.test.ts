import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releaseUnusedPages } from '../../src/node/unused-pages.ts';

/** The memory of this process that holds parts of files, in kB. */
function fileMemory(): number {
  return Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

test.skipIf(process.platform !== 'linux')('what the start of the runtime used is given back, and what is used again comes back', () => {
  const digest = (): string => createHash('sha256').update('abc').digest('hex');
  const known = digest();
  const before = fileMemory();
  releaseUnusedPages();
  expect(fileMemory()).toBeLessThan(before * 0.8);
  expect(digest()).toBe(known);
  expect(new Intl.NumberFormat('de').format(1234567.8)).toBe('1.234.567,8');
});
