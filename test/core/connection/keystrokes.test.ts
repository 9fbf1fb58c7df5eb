import { describe, expect, test } from 'vitest';
import { KeystrokePacer } from '../../../src/core/connection/keystrokes.ts';
import { TestClock } from './test-clock.ts';

/** A pacer, and what it sends when: keys in quotes, chaff as a dot. */
function pacer({ intervalMs = 20, chaff = true, random = 0 } = {}) {
  const clock = new TestClock();
  const sent: string[] = [];
  const told: string[] = [];
  const at = (what: string): void => void sent.push(`${what}@${clock.now()}`);
  const made = new KeystrokePacer(
    clock,
    { fill: (bytes) => void bytes.fill(random) },
    {
      intervalMs,
      send: (bytes) => at(`'${Buffer.from(bytes).toString()}'`),
      chaff: chaff ? () => at('.') : undefined,
      tell: (text) => void told.push(text),
    },
  );
  return { clock, sent, told, type: (text: string) => made.typed(Buffer.from(text)), flush: () => made.flush('asked to') };
}

describe('a keystroke pacer', () => {
  test('sends the first key at once, and then one packet per interval, keys in it or not', () => {
    const { clock, sent, type } = pacer();
    type('a');
    clock.pass(30);
    type('b');
    type('c');
    clock.pass(60);
    // with the least of fuzz an interval of 20 ms is 19.8, cut to 19
    expect(sent).toEqual(["'a'@0", '.@19', "'bc'@38", '.@57', '.@76']);
  });

  test('goes on for a while after the last key, and then neither sends nor wakes', () => {
    const { clock, sent, told, type } = pacer();
    type('x');
    clock.pass(500);
    type('y');
    clock.pass(60_000);
    const times = sent.map((one) => Number(one.split('@')[1]));
    // 1024 ms at least after the key at 500 ms
    expect(times.at(-1)).toBeGreaterThan(1500);
    expect(times.at(-1)).toBeLessThan(1550);
    expect(clock.running).toBe(0);
    expect(told).toEqual([
      'obfuscate_keystroke_timing: starting: interval ~20ms',
      `obfuscate_keystroke_timing: stopping: chaff time expired (${sent.filter((one) => one.startsWith('.')).length} chaff packets sent)`,
    ]);
  });

  test('stays longer by chance', () => {
    const { clock, sent, type } = pacer({ random: 255 });
    type('x');
    clock.pass(60_000);
    expect(Number(sent.at(-1)?.split('@')[1])).toBeGreaterThan(1024 + 2000);
  });

  test('without chaff keeps the rate', () => {
    const { clock, sent, type } = pacer({ chaff: false, intervalMs: 100 });
    type('a');
    clock.pass(10);
    type('b');
    clock.pass(10_000);
    expect(sent).toEqual(["'a'@0", "'b'@99"]);
  });

  test('sends what is pasted as it comes, behind what waits', () => {
    const { clock, sent, type, told } = pacer();
    const paste = 'p'.repeat(300);
    type(paste);
    expect(sent).toEqual([`'${paste}'@0`]);
    expect(clock.running).toBe(0);
    type('a');
    type('b');
    type(paste);
    expect(sent.slice(1)).toEqual(["'a'@0", "'b'@0", `'${paste}'@0`]);
    expect(clock.running).toBe(0);
    expect(told.at(-1)).toContain('output buffer filling');
  });

  test('can be ended, with what waits sent', () => {
    const { clock, sent, told, type, flush } = pacer();
    type('a');
    type('b');
    flush();
    expect(sent).toEqual(["'a'@0", "'b'@0"]);
    expect(clock.running).toBe(0);
    expect(told.at(-1)).toContain('stopping: asked to (0 chaff');
    flush();
    expect(told).toHaveLength(2);
  });
});
