import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SshError } from '../../../src/core/util/errors.ts';
import { decodeTerminalModes, encodeTerminalModes, terminalModes } from '../../../src/core/wire/terminal-modes.ts';

const value = fc.integer({ min: 0, max: 0xffffffff });
const modes = fc.record(
  Object.fromEntries(Object.keys(terminalModes).map((name) => [name, value])) as Record<keyof typeof terminalModes, typeof value>,
  { requiredKeys: [] },
);

describe('terminal modes', () => {
  test('come back from their encoding', () => {
    fc.assert(
      fc.property(modes, (given) => {
        expect(decodeTerminalModes(encodeTerminalModes(given))).toEqual(given);
      }),
    );
  });

  test('speeds come first and the end is marked', () => {
    const encoded = encodeTerminalModes({ ECHO: 1, TTY_OP_ISPEED: 38400, TTY_OP_OSPEED: 38400 });
    expect(Buffer.from(encoded).toString('hex')).toBe('810000960080000096003500000001' + '00');
  });

  test('unknown opcodes are skipped, those without a known length end the reading', () => {
    expect(decodeTerminalModes(Uint8Array.of(99, 0, 0, 0, 5, 53, 0, 0, 0, 1, 160, 9))).toEqual({ ECHO: 1 });
    expect(decodeTerminalModes(Uint8Array.of(53, 0, 0, 0, 1))).toEqual({ ECHO: 1 });
  });

  test('an argument that is cut short is an error, whatever the cut', () => {
    const encoded = encodeTerminalModes({ VINTR: 3, ECHO: 1 });
    for (const length of [1, 2, 3, 4, 6, 9]) expect(() => decodeTerminalModes(encoded.subarray(0, length))).toThrow(SshError);
  });
});
