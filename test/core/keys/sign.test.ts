import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { generatePrivateKey, privateKeyOf, readPrivateKey } from '../../../src/core/keys/private-key.ts';
import { formatPublicKeyLine, parsePublicKey } from '../../../src/core/keys/public-key.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { mpint } from '../../../src/core/wire/codec.ts';
import { WireReader } from '../../../src/core/wire/reader.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { errorCode, keyText, plainKeys, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const data = utf8Bytes('what is signed');

describe.each(plainKeys)('%s', (name) => {
  test('a key file holds the key of its .pub', async () => {
    const key = await privateKeyFile(name);
    const { key: publicKey, comment } = publicKeyFile(`${name}.pub`);
    expect(key.publicKey.blob).toEqual(publicKey.blob);
    expect(`${formatPublicKeyLine(publicKey, comment)}\n`).toBe(keyText(`${name}.pub`));
    await key.check();
  });

  test('every algorithm signs and verifies, each only as itself', async () => {
    const key = await privateKeyFile(name);
    const { publicKey } = key;
    for (const algorithm of publicKey.signatureAlgorithms) {
      const signature = await key.sign(data, algorithm);
      expect(publicKey.verify(signature, data, algorithm)).toEqual({});
      for (const other of publicKey.signatureAlgorithms) {
        if (other === algorithm) continue;
        expect(errorCode(() => publicKey.verify(signature, data, other))).toBe('SSH_ERR_SIGN_ALG_UNSUPPORTED');
      }
      expect(errorCode(() => publicKey.verify(signature, utf8Bytes('what was signed'), algorithm))).toBe('SSH_ERR_SIGNATURE_INVALID');
    }
    expect(await rejection(key.sign(data, 'ssh-dss'))).toBe('SSH_ERR_SIGN_ALG_UNSUPPORTED');
  });

  test('no damage to a signature passes or throws anything but SshError', async () => {
    const key = await privateKeyFile(name);
    const [algorithm = ''] = key.publicKey.signatureAlgorithms;
    const signature = await key.sign(data, algorithm);
    for (let i = 0; i < signature.length; i++) {
      const damaged = signature.slice();
      damaged[i] = (damaged[i] as number) ^ 0x01;
      expect(errorCode(() => key.publicKey.verify(damaged, data, algorithm))).toBeDefined();
      expect(errorCode(() => key.publicKey.verify(signature.subarray(0, i), data, algorithm))).toBeDefined();
    }
  });

  test('a wiped key signs no more and leaves zeros', async () => {
    const key = await privateKeyFile(name);
    const { fields } = key;
    await key.sign(data, key.publicKey.signatureAlgorithms[0] as string);
    key.wipe();
    expect(fields.every((byte) => byte === 0)).toBe(true);
    expect(await rejection(key.sign(data, key.publicKey.signatureAlgorithms[0] as string))).toBe('SSH_ERR_KEY_NOT_FOUND');
  });
});

test.each([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
])('a generated %s key signs', async (type) => {
  const key = await generatePrivateKey(type);
  expect(key.publicKey.name).toBe(type);
  expect(parsePublicKey(key.publicKey.blob).bits).toBe(key.publicKey.bits);
  await key.check();
});

test('RSA keys have the bits that were asked for, within bounds', async () => {
  const key = await generatePrivateKey('ssh-rsa', 1024);
  expect(key.publicKey.bits).toBe(1024);
  await key.check();
  expect(await rejection(generatePrivateKey('ssh-rsa', 1023))).toBe('SSH_ERR_KEY_LENGTH');
  expect(await rejection(generatePrivateKey('ssh-rsa', 16385))).toBe('SSH_ERR_KEY_LENGTH');
  expect(await rejection(generatePrivateKey('ecdsa-sha2-nistp256', 384))).toBe('SSH_ERR_KEY_LENGTH');
  expect(await rejection(generatePrivateKey('ssh-dss'))).toBe('SSH_ERR_KEY_TYPE_UNKNOWN');
  expect(await rejection(generatePrivateKey('sk-ssh-ed25519@openssh.com'))).toBe('SSH_ERR_FEATURE_UNSUPPORTED');
});

test('a private key shows nothing of itself', async () => {
  const key = await privateKeyFile('ed25519');
  expect([String(key), JSON.stringify({ key }), inspect(key), inspect({ key }, { depth: 9, showHidden: true })]).toEqual([
    '[secret]',
    '{"key":"[secret]"}',
    '[secret]',
    '{ key: [secret] }',
  ]);
});

test('a key keeps its secret where the Buffer that it was read from is wiped', async () => {
  const { fields, publicKey } = await privateKeyFile('ed25519');
  const bytes = Buffer.from(new WireWriter().string(utf8Bytes('ssh-ed25519')).raw(fields).bytes());
  const key = readPrivateKey(new WireReader(bytes));
  bytes.fill(0);
  await key.check();
  const blob = Buffer.from(publicKey.blob);
  const parsed = parsePublicKey(blob);
  blob.fill(0);
  expect(parsed.blob).toEqual(publicKey.blob);
});

test('an RSA key whose numbers do not belong together signs nothing, with an SshError', async () => {
  const { fields } = await privateKeyFile('rsa-1024');
  const reader = new WireReader(fields);
  const numbers = Array.from({ length: 6 }, () => mpint.read(reader)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  for (let damaged = 2; damaged < numbers.length; damaged++) {
    const writer = new WireWriter();
    for (const [i, value] of numbers.entries())
      mpint.write(writer, i === damaged ? value.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) : value);
    const key = privateKeyOf('ssh-rsa', writer.take());
    // OpenSSL goes another way where its short cut by the primes fails, so a wrong p or q alone may do no harm
    await rejection(key.check());
  }
  const writer = new WireWriter();
  for (const value of [numbers[0], numbers[1], Uint8Array.of(5), numbers[3], Uint8Array.of(3), Uint8Array.of(3)])
    mpint.write(writer, value);
  expect(await rejection(privateKeyOf('ssh-rsa', writer.take()).check())).toBe('SSH_ERR_LIBCRYPTO_ERROR');
});
