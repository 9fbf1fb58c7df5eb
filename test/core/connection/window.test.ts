import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LARGEST_WINDOW, PACKET_SIZE, ReceiveWindow, SendWindow, WINDOW_SIZE } from '../../../src/core/connection/window.ts';
import { SshError } from '../../../src/core/util/errors.ts';

describe('receive window', () => {
  test('begins with what OpenSSH begins with', () => {
    expect([WINDOW_SIZE, PACKET_SIZE]).toEqual([2 * 1024 * 1024, 32 * 1024]);
  });

  test('tells the peer when a quarter of the window was consumed', () => {
    const window = new ReceiveWindow(WINDOW_SIZE, PACKET_SIZE);
    for (let i = 0; i < 15; i++) {
      window.debit(PACKET_SIZE);
      window.credit(PACKET_SIZE);
      expect(window.due).toBe(false);
    }
    window.debit(PACKET_SIZE);
    expect(window.due).toBe(false);
    window.credit(PACKET_SIZE);
    expect(window.due).toBe(true);
    expect(window.takeAdjust()).toBe(16 * PACKET_SIZE);
    expect(window.available).toBe(WINDOW_SIZE);
    expect(window.due).toBe(false);

    const small = new ReceiveWindow(100, 60);
    small.debit(50);
    small.credit(24);
    expect(small.due).toBe(false);
    small.credit(1);
    expect(small.due).toBe(true);
  });

  test('is debited on receipt, not on consumption', () => {
    const window = new ReceiveWindow(100, 60);
    window.debit(60);
    expect(window.available).toBe(40);
    expect(() => {
      window.debit(51);
    }).toThrow(SshError);
    expect(() => {
      new ReceiveWindow(100, 60).debit(61);
    }).toThrow(SshError);
  });

  test('takes no credit for what did not come', () => {
    const window = new ReceiveWindow(100, 60);
    window.debit(10);
    expect(() => {
      window.credit(11);
    }).toThrow(SshError);
    expect(() => {
      window.credit(-1);
    }).toThrow(SshError);
  });

  test('grows when it is raised and never shrinks', () => {
    const window = new ReceiveWindow(100, 60);
    window.raise(50);
    expect(window.size).toBe(100);
    window.raise(1000);
    expect(window.takeAdjust()).toBe(900);
    expect(window.available).toBe(1000);
    window.raise(2 ** 40);
    window.takeAdjust();
    expect(window.available).toBe(LARGEST_WINDOW);
  });

  test('never goes below zero or above its size, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('debit' as const), by: fc.nat(120) }),
      fc.record({ do: fc.constant('credit' as const), by: fc.nat(120) }),
      fc.record({ do: fc.constant('adjust' as const), by: fc.constant(0) }),
      fc.record({ do: fc.constant('raise' as const), by: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new ReceiveWindow(300, 100);
        let peer = 300;
        let unread = 0;
        let overrun = 0;
        for (const { do: action, by } of steps) {
          if (action === 'debit') {
            const beyond = Math.max(0, by - peer);
            if (by <= 100) overrun += beyond;
            if (by > 100 || overrun > window.size / 10) {
              expect(() => {
                window.debit(by);
              }).toThrow(SshError);
            } else {
              window.debit(by);
              peer -= by - beyond;
              unread += by;
            }
          } else if (action === 'credit') {
            const some = Math.min(by, unread);
            window.credit(some);
            unread -= some;
          } else if (action === 'adjust') peer += window.takeAdjust();
          else window.raise(by);
          expect(window.available).toBe(peer);
          expect(window.waiting).toBe(unread);
          expect(peer).toBeGreaterThanOrEqual(0);
          expect(peer + unread).toBeLessThanOrEqual(window.size);
          // a peer that may send nothing while nothing is unread must be told
          if (peer === 0 && unread === 0) expect(window.due).toBe(true);
        }
      }),
    );
  });
});

describe('send window', () => {
  test('cuts to the packet and to the window', () => {
    const window = new SendWindow(100, 60);
    expect([window.take(1000), window.take(1000), window.take(1000)]).toEqual([60, 40, 0]);
    window.adjust(5);
    expect(window.take(3)).toBe(3);
    expect(window.available).toBe(2);
  });

  test('packets are never larger than OpenSSH sends, whatever the peer takes', () => {
    expect(new SendWindow(LARGEST_WINDOW, LARGEST_WINDOW).take(1 << 20)).toBe(PACKET_SIZE);
  });

  test('a maximum packet size of 0 is an error, a window of 0 is not', () => {
    expect(() => new SendWindow(100, 0)).toThrow(SshError);
    expect(new SendWindow(0, 60).take(1)).toBe(0);
  });

  test('an adjust beyond 2^32-1 is an error', () => {
    const window = new SendWindow(LARGEST_WINDOW - 5, 60);
    window.adjust(5);
    expect(() => {
      window.adjust(1);
    }).toThrow(SshError);
  });
});
