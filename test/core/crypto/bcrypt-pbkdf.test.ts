import { describe, expect, test } from 'vitest';
import { bcryptPbkdf } from '../../../src/core/crypto/bcrypt-pbkdf.ts';
import { piDigits } from '../../../src/core/crypto/blowfish-pi.ts';
import { fromHex, hex, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import published from '../../vectors/bcrypt-pbkdf.json' with { type: 'json' };
import { piBits } from './pi.ts';

const named = published.vectors.map((vector, i) => [`${i}: ${vector.comment}, ${vector.rounds} rounds`, vector] as const);

test.each(named)('published vector %s', async (_, { passphrase, salt, rounds, key }) => {
  const derived = await bcryptPbkdf(fromHex(passphrase), fromHex(salt), rounds, key.length / 2);
  expect(hex(derived)).toBe(key);
});

test('two derivations at once do not disturb each other', async () => {
  const derive = (text: string) => bcryptPbkdf(utf8Bytes(text), utf8Bytes('salt'), 2, 48);
  const together = await Promise.all([derive('one'), derive('two')]);
  expect(together.map(hex)).toEqual([hex(await derive('one')), hex(await derive('two'))]);
});

test('the passphrase and the salt are left as they were', async () => {
  const passphrase = utf8Bytes('passphrase');
  const salt = utf8Bytes('salt');
  await bcryptPbkdf(passphrase, salt, 1, 16);
  expect(passphrase).toEqual(utf8Bytes('passphrase'));
  expect(salt).toEqual(utf8Bytes('salt'));
});

describe('refused', () => {
  const some = utf8Bytes('some');
  const none = new Uint8Array();
  test.each<[string, Parameters<typeof bcryptPbkdf>]>([
    ['an empty passphrase', [none, some, 1, 32]],
    ['an empty salt', [some, none, 1, 32]],
    ['a salt of more than 1 MiB', [some, new Uint8Array((1 << 20) + 1), 1, 32]],
    ['no rounds', [some, some, 0, 32]],
    ['no length', [some, some, 1, 0]],
    ['a length of more than 1024', [some, some, 1, 1025]],
  ])('%s', async (_, args) => {
    await expect(bcryptPbkdf(...args)).rejects.toThrow(SshError);
  });
});

test('Blowfish starts from the digits of pi', () => {
  const bits = 32 * (18 + 4 * 256);
  const fraction = piBits(bits) & ((1n << BigInt(bits)) - 1n);
  expect(piDigits.replaceAll('\n', '')).toBe(fraction.toString(16));
});
