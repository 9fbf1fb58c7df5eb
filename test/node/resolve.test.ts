import { describe, expect, test } from 'vitest';
import { interfaceAddress, numericAddress, resolveHost } from '../../src/node/resolve.ts';

describe('a host', () => {
  test('a numeric address is itself, in every family that it belongs to', async () => {
    expect(await resolveHost('127.0.0.1', 'any')).toEqual([{ address: '127.0.0.1', family: 4 }]);
    expect(await resolveHost('::1', 'inet6')).toEqual([{ address: '::1', family: 6 }]);
    await expect(resolveHost('127.0.0.1', 'inet6')).rejects.toThrow('Address family for hostname not supported');
    await expect(resolveHost('::1', 'inet')).rejects.toThrow('Address family for hostname not supported');
  });

  test('a name has its addresses, as does an abbreviated number', async () => {
    expect(await resolveHost('localhost', 'inet')).toEqual([{ address: '127.0.0.1', family: 4 }]);
    expect(await resolveHost('127.1', 'any')).toEqual([{ address: '127.0.0.1', family: 4 }]);
  });

  test.each(['a..b', 'x'.repeat(300), ''])('%j is not known', async (name) => {
    await expect(resolveHost(name, 'any')).rejects.toMatchObject({
      name: 'ResolveError',
      message: 'Name or service not known',
      host: name,
    });
  });

  test('what is numeric', () => {
    expect(numericAddress('fe80::1%lo')).toEqual({ address: 'fe80::1%lo', family: 6 });
    expect(numericAddress('example')).toBeUndefined();
    expect(numericAddress('127.1')).toBeUndefined();
  });
});

describe('an interface', () => {
  test('has its address by family; an unknown one has none', () => {
    expect(interfaceAddress('lo', 4)).toBe('127.0.0.1');
    expect(interfaceAddress('no-such-interface', 4)).toBeUndefined();
  });
});
