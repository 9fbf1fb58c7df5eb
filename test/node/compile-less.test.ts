import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bundle } from './bundle.ts';

const program = bundle('keep-code');
const source = '(function (first, second) { return first * second; })';
const taker = `
  const parts = [];
  process.stdin.on('data', (part) => parts.push(part));
  process.stdin.on('end', () => {
    const script = new (require('node:vm').Script)(process.argv[1], { cachedData: Buffer.concat(parts) });
    process.stdout.write(String(script.cachedDataRejected));
  });`;

/** What a process compiled that had been told so; and whether another refuses it. */
const isRefused = (...how: string[]): string => {
  const code = execFileSync(process.execPath, [program, source, ...how]);
  return execFileSync(process.execPath, ['-e', taker, source], { input: code, encoding: 'utf8' });
};

const hasMaglev = Number.parseInt(process.versions.node, 10) >= 24;

test('what is compiled after a process has compiled less is taken by the next process', () => {
  expect(isRefused()).toBe('false');
  expect(isRefused('less')).toBe('false');
  // where nothing is left out there is nothing to refuse
  expect(isRefused('still')).toBe(String(hasMaglev));
});
