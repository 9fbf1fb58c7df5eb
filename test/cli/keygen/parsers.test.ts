import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCertificateOptions } from '../../../src/cli/keygen/certificate-options.ts';
import { revokeLine } from '../../../src/cli/keygen/krl-lines.ts';
import { Fatal } from '../../../src/cli/keygen/endings.ts';
import { keygenFlags, newOptions } from '../../../src/cli/keygen/options.ts';
import { Run } from '../../../src/cli/keygen/run.ts';
import { formatValidity, parseValidity } from '../../../src/cli/keygen/validity.ts';
import { Krl } from '../../../src/core/keys/krl.ts';

/** What a function gives, or undefined where it ends with a message for the user; anything else that is thrown is a fault. */
function told<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Fatal) return undefined;
    throw error;
  }
}

/** Texts near to what is understood. */
function near(...words: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 6 }), fc.nat().map(String));
  return fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
}

describe('whatever is written, it is understood or refused in words', () => {
  test('intervals of certificates', () => {
    const now = 1_700_000_000;
    fc.assert(
      fc.property(near('+', '-', ':', '1w', '2d', '0x', 'always', 'forever', '20200101', '20301231235959Z'), (text) => {
        const validity = told(() => parseValidity(text, now));
        if (validity === undefined) return;
        expect(validity.before > validity.after).toBe(true);
        expect(formatValidity(validity)).toMatch(/^(?:forever|before .+|after .+|from .+ to .+)$/);
      }),
    );
  });

  test('options of certificates', () => {
    const run = new Run(newOptions(), 'QUIET');
    const words = [
      'clear',
      'no-',
      'permit-',
      'pty',
      'x11-forwarding',
      'force-command',
      'source-address',
      '=',
      ':',
      'critical',
      'extension',
    ];
    fc.assert(
      fc.property(fc.array(near(...words, '10.0.0.0/8', ','), { maxLength: 4 }), fc.constantFrom('user', 'host'), (list, role) => {
        const options = told(() => readCertificateOptions(run, list, role));
        const names = options?.extensions.map(({ name }) => name) ?? [];
        expect(names).toEqual([...names].sort());
      }),
    );
  });

  test('lines of what is to be revoked', () => {
    fc.assert(
      fc.property(
        near('serial:', 'id:', 'key:', 'sha1:', 'sha256:', 'hash:', 'SHA256:', '-', '0x', ' ', '#', 'ssh-ed25519 AAAA'),
        (line) => {
          const krl = new Krl();
          told(() => {
            revokeLine(krl, line, 'file:1', 'any');
          });
          for (const { serials } of krl.certificates) {
            for (const { first, last } of serials.ranges) expect(first > 0n && last >= first && last < 1n << 64n).toBe(true);
          }
        },
      ),
    );
  });

  test('values of options', () => {
    const values = fc.oneof(near('+', '-', '0x', 'sha', '256', 'PEM', 'aes', '-ctr', '\u0000'), fc.string());
    const flags = Object.entries(keygenFlags).filter(([, row]) => row.value !== undefined);
    fc.assert(
      fc.property(fc.constantFrom(...flags), values, ([, row], value) => {
        const draft = newOptions();
        told(() => row.apply?.(draft, value));
        expect(draft.serial >= 0n && draft.serial < 1n << 64n).toBe(true);
        expect(draft.bits === undefined || (draft.bits >= 1 && draft.bits <= 0xffffffff)).toBe(true);
      }),
    );
  });
});

test('intervals: from now on a minute is added for slow clocks, and the rest is exact', () => {
  const now = 1_700_000_030;
  expect(parseValidity('+1h', now)).toEqual({ after: BigInt(Math.floor((now - 59) / 60) * 60), before: BigInt(now + 3600) });
  expect(parseValidity('-1d:+1d', now)).toEqual({ after: BigInt(now - 86_400), before: BigInt(now + 86_400) });
  expect(parseValidity('0x10:0xff', now)).toEqual({ after: 16n, before: 255n });
  expect(parseValidity('always:forever', now)).toEqual({ after: 0n, before: 2n ** 64n - 1n });
});
