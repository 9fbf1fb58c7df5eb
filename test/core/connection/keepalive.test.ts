import { describe, expect, test } from 'vitest';
import { Keepalive } from '../../../src/core/connection/keepalive.ts';
import { TestClock } from './test-clock.ts';

function watched(intervalMs: number, mostUnanswered: number): { clock: TestClock; keepalive: Keepalive; log: string[] } {
  const clock = new TestClock();
  const log: string[] = [];
  const note = (what: string) => (): void => void log.push(`${what} ${clock.now()}`);
  return { clock, log, keepalive: new Keepalive(clock, { intervalMs, mostUnanswered }, note('ask'), note('dead')) };
}

describe('keepalive', () => {
  test('asks a silent peer so often, and then gives it up, once', () => {
    const { clock, log } = watched(1000, 3);
    clock.pass(100_000);
    expect(log).toEqual(['ask 1000', 'ask 2000', 'ask 3000', 'dead 4000']);
    expect(clock.running).toBe(0);
  });

  test('asks only after a whole interval of silence', () => {
    const { clock, keepalive, log } = watched(1000, 3);
    for (let i = 0; i < 10; i++) {
      clock.pass(700);
      keepalive.heard();
    }
    expect(log).toEqual([]);
    clock.pass(1000);
    expect(log).toEqual(['ask 8000']);
  });

  test('an answer begins the count again', () => {
    const { clock, keepalive, log } = watched(1000, 1);
    for (let i = 0; i < 5; i++) {
      clock.pass(1000);
      keepalive.heard();
    }
    expect(log.filter((line) => line.startsWith('dead'))).toEqual([]);
    expect(log).toHaveLength(5);
    clock.pass(2000);
    expect(log.at(-1)).toBe('dead 7000');
  });

  test('an interval of 0 never asks, an infinite count never gives up, and it can be stopped', () => {
    const never = watched(0, 3);
    expect(never.clock.running).toBe(0);
    const patient = watched(10, Infinity);
    patient.clock.pass(1000);
    expect(patient.log).toHaveLength(100);
    patient.keepalive.stop();
    patient.clock.pass(1000);
    expect(patient.log).toHaveLength(100);
  });
});
