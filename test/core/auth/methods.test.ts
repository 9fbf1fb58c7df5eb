import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MethodChoice, afterSuccess, demandsOf, mayTry, preferredMethods } from '../../../src/core/auth/methods.ts';

describe('the client’s choice of methods', () => {
  test('is OpenSSH’s order by default, and the user’s where there is one', () => {
    expect(preferredMethods(undefined, false)).toEqual(['hostbased', 'publickey', 'keyboard-interactive', 'password']);
    expect(preferredMethods(undefined, true)).toEqual(['hostbased', 'publickey']);
    expect(preferredMethods(['password', 'unheard-of', 'publickey'], false)).toEqual(['password', 'publickey']);
    expect(preferredMethods(['password'], true)).toEqual([]);
  });

  test('stays with a method until it is used up, then goes on', () => {
    const choice = new MethodChoice(['publickey', 'password']);
    expect(choice.choose(['password', 'publickey'])).toEqual({ method: 'publickey', changed: true });
    expect(choice.choose(['password', 'publickey'])).toEqual({ method: 'publickey', changed: false });
    choice.disable('publickey');
    expect(choice.choose(['password', 'publickey'])).toEqual({ method: 'password', changed: true });
    choice.disable('password');
    expect(choice.choose(['password', 'publickey'])).toBeUndefined();
  });

  test('starts over when the server names another list', () => {
    const choice = new MethodChoice(['publickey', 'password']);
    choice.choose(['password']);
    expect(choice.choose(['publickey', 'password'])).toEqual({ method: 'publickey', changed: true });
  });

  test('takes an empty list as no list', () => {
    expect(new MethodChoice(['publickey']).choose([])).toEqual({ method: 'publickey', changed: true });
  });

  test('ends, whatever the server names', () => {
    const name = fc.constantFrom<string>('publickey', 'password', 'keyboard-interactive', 'x');
    fc.assert(
      fc.property(fc.array(fc.array(name), { maxLength: 40 }), (lists) => {
        const choice = new MethodChoice(['publickey', 'keyboard-interactive', 'password']);
        const used: string[] = [];
        for (const list of lists) {
          const next = choice.choose(list);
          if (next === undefined) continue;
          used.push(next.method);
          expect(list.length === 0 || list.includes(next.method)).toBe(true);
          choice.disable(next.method);
        }
        expect(new Set(used).size).toBe(used.length);
      }),
    );
  });
});

describe('a server’s demands', () => {
  const enabled = ['publickey', 'password', 'keyboard-interactive'];

  test('are any one method without lists', () => {
    const demands = demandsOf([], enabled);
    expect(demands).toBeDefined();
    if (demands === undefined) return;
    expect(mayTry(demands, 'password')).toBe(true);
    expect(afterSuccess(demands, 'password')).toBeUndefined();
  });

  test('go through a list in order', () => {
    const start = demandsOf([['publickey', 'password'], ['keyboard-interactive']], enabled) ?? { lists: [] };
    expect(enabled.map((method) => mayTry(start, method))).toEqual([true, false, true]);
    const left = afterSuccess(start, 'publickey') ?? { lists: undefined };
    expect(left.lists).toEqual([['password'], ['keyboard-interactive']]);
    expect(afterSuccess(left, 'password')).toBeUndefined();
    expect(afterSuccess(start, 'keyboard-interactive')).toBeUndefined();
  });

  test('may name a device', () => {
    const start = demandsOf([['keyboard-interactive:pam', 'publickey']], enabled) ?? { lists: [] };
    expect(mayTry(start, 'keyboard-interactive')).toBe(true);
    expect(afterSuccess(start, 'keyboard-interactive', 'otp')?.lists).toEqual([['keyboard-interactive:pam', 'publickey']]);
    expect(afterSuccess(start, 'keyboard-interactive', 'pam')?.lists).toEqual([['publickey']]);
  });

  test('cannot be met where every list has a method that is off', () => {
    expect(demandsOf([['publickey', 'gssapi-with-mic']], enabled)).toBeUndefined();
    expect(demandsOf([['gssapi-with-mic'], ['password']], enabled)?.lists).toEqual([['password']]);
  });
});
