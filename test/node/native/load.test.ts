import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const before = process.env['TSH_NO_NATIVE'];
beforeEach(() => vi.resetModules());
afterEach(() => {
  if (before === undefined) delete process.env['TSH_NO_NATIVE'];
  else process.env['TSH_NO_NATIVE'] = before;
});

describe('native calls', () => {
  test('are off by TSH_NO_NATIVE, and what needs them says so', async () => {
    process.env['TSH_NO_NATIVE'] = '1';
    const { loadKoffi, nativeRefusal } = await import('../../../src/node/native/load.ts');
    const { libc } = await import('../../../src/node/native/libc.ts');
    expect(loadKoffi()).toBeUndefined();
    expect(libc('tcgetattr')).toBeUndefined();
    expect(nativeRefusal('A tunnel')).toBe('A tunnel needs native calls, which are off: TSH_NO_NATIVE is set');
  });

  test('that fail throw errno by its name', async () => {
    delete process.env['TSH_NO_NATIVE'];
    const { libc, throwErrno } = await import('../../../src/node/native/libc.ts');
    const tcgetattr = libc('tcgetattr');
    if (tcgetattr === undefined) return;
    expect(tcgetattr(-1, new Uint8Array(60))).toBe(-1);
    expect(throwErrno).toThrow(expect.objectContaining({ code: 'EBADF', message: 'Bad file descriptor' }));
  });
});
