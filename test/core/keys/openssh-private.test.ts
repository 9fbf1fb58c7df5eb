import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, findPem, formatPem } from '../../../src/core/keys/armor.ts';
import { keyFileCiphers } from '../../../src/core/keys/key-file-ciphers.ts';
import { DEFAULT_ROUNDS, formatOpensshPrivate, parseOpensshPrivate, readOpensshEnvelope } from '../../../src/core/keys/openssh-private.ts';
import { generatePrivateKey } from '../../../src/core/keys/private-key.ts';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { WireReader } from '../../../src/core/wire/reader.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { errorCode, keyFile, plainKeys, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const passphrase = utf8Bytes('passphrase');
const ciphers = keyFileCiphers.map((cipher) => cipher.name).filter((name) => name !== 'none');

/** The bytes inside a key file's armour. */
function content(name: string): Uint8Array {
  return decodeBase64(findPem(keyFile(name))?.body ?? new Uint8Array(0)) as Uint8Array;
}

function armor(bytes: Uint8Array): Uint8Array {
  return formatPem('OPENSSH PRIVATE KEY', bytes, [], 70);
}

const MAGIC = utf8Bytes('openssh-key-v1\0');

/** A file made of these parts instead of those of the plain Ed25519 key. */
function file(changed: {
  cipher?: string;
  kdf?: string;
  options?: Uint8Array;
  count?: number;
  body?: Uint8Array;
  publicKey?: Uint8Array;
}): Uint8Array {
  const reader = new WireReader(content('ed25519').subarray(MAGIC.length));
  for (let i = 0; i < 3; i++) reader.string();
  reader.uint32();
  const publicKey = reader.string();
  const body = reader.string();
  const { cipher = 'none', kdf = 'none', options = new Uint8Array(0), count = 1 } = changed;
  const writer = new WireWriter().raw(MAGIC).string(utf8Bytes(cipher)).string(utf8Bytes(kdf)).string(options).uint32(count);
  return armor(
    writer
      .string(changed.publicKey ?? publicKey)
      .string(changed.body ?? body)
      .bytes(),
  );
}

function plainBody(): Uint8Array {
  const bytes = content('ed25519');
  const reader = new WireReader(bytes.subarray(MAGIC.length));
  for (let i = 0; i < 3; i++) reader.string();
  reader.uint32();
  reader.string();
  return reader.string().slice();
}

function bcryptOptions(rounds: number, salt = new Uint8Array(16)): Uint8Array {
  return new WireWriter().string(salt).uint32(rounds).bytes();
}

describe.each(ciphers)('%s', (cipher) => {
  const name = `encrypted-${cipher.replace(/@.*/, '')}`;

  test('ssh-keygen’s file opens with its passphrase alone', async () => {
    const { key, comment } = await parseOpensshPrivate(keyFile(name), passphrase);
    expect(key.publicKey.blob).toEqual(publicKeyFile(`${name}.pub`).key.blob);
    expect(comment).toBe(`${name} comment`);
    await key.check();
    expect(await rejection(parseOpensshPrivate(keyFile(name)))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
    expect(await rejection(parseOpensshPrivate(keyFile(name), new Uint8Array(0)))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
    expect(await rejection(parseOpensshPrivate(keyFile(name), utf8Bytes('another')))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
  });

  test('our file opens again', async () => {
    const key = await privateKeyFile('ecdsa-256');
    const text = await formatOpensshPrivate(key, { passphrase, cipher, rounds: 1, comment: 'für uns' });
    expect(readOpensshEnvelope(text)).toMatchObject({ cipher, kdf: 'bcrypt', rounds: 1 });
    const again = await parseOpensshPrivate(text, passphrase);
    expect(again).toMatchObject({ comment: 'für uns' });
    expect(again.key.fields).toEqual(key.fields);
    expect(await rejection(parseOpensshPrivate(text, utf8Bytes('another')))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
  });
});

test.each([...plainKeys, 'sk-ed25519', 'sk-ecdsa'])('%s is written as ssh-keygen wrote it, but for the check numbers', async (name) => {
  const { key, comment } = await parseOpensshPrivate(keyFile(name));
  const bytes = content(name);
  const reader = new WireReader(bytes.subarray(MAGIC.length));
  for (let i = 0; i < 3; i++) reader.string();
  reader.uint32();
  reader.string();
  const check = reader.string().subarray(0, 4);
  const text = await formatOpensshPrivate(key, { comment, random: { fill: (random) => random.set(check) } });
  expect(text).toEqual(new Uint8Array(keyFile(name)));
});

test('the rounds of new files are OpenSSH’s', async () => {
  expect(readOpensshEnvelope(keyFile('encrypted-rsa')).rounds).toBe(DEFAULT_ROUNDS);
  expect(readOpensshEnvelope(keyFile('encrypted-rsa')).cipher).toBe('aes256-ctr');
  const text = await formatOpensshPrivate(await privateKeyFile('ed25519'), { passphrase });
  expect(readOpensshEnvelope(text)).toMatchObject({ rounds: DEFAULT_ROUNDS, cipher: 'aes256-ctr' });
});

test('a security key’s file is read, and signs only by its provider', async () => {
  const { key } = await parseOpensshPrivate(keyFile('sk-ed25519'));
  expect(key.canSign).toBe(false);
  expect(key.publicKey).toMatchObject({ application: 'ssh:', shortName: 'ED25519-SK' });
  expect(await rejection(key.sign(passphrase, 'sk-ssh-ed25519@openssh.com'))).toBe('SSH_ERR_FEATURE_UNSUPPORTED');
});

describe('refused:', () => {
  test('the file that the tests change is itself all right', async () => {
    expect(await rejection(parseOpensshPrivate(file({})))).toBeUndefined();
  });

  test.each([
    ['an unknown cipher', { cipher: 'rot13', kdf: 'bcrypt', options: bcryptOptions(1) }, 'SSH_ERR_KEY_UNKNOWN_CIPHER'],
    ['an unknown derivation', { cipher: 'aes256-ctr', kdf: 'argon2' }, 'SSH_ERR_KEY_UNKNOWN_CIPHER'],
    ['a cipher without derivation', { cipher: 'aes256-ctr' }, 'SSH_ERR_INVALID_FORMAT'],
    ['a derivation without cipher', { kdf: 'bcrypt', options: bcryptOptions(1) }, 'SSH_ERR_INVALID_FORMAT'],
    ['no rounds', { cipher: 'aes256-ctr', kdf: 'bcrypt', options: bcryptOptions(0) }, 'SSH_ERR_INVALID_FORMAT'],
    ['rounds that no flag gives', { cipher: 'aes256-ctr', kdf: 'bcrypt', options: bcryptOptions(0x80000000) }, 'SSH_ERR_INVALID_FORMAT'],
    ['no salt', { cipher: 'aes256-ctr', kdf: 'bcrypt', options: bcryptOptions(1, new Uint8Array(0)) }, 'SSH_ERR_INVALID_FORMAT'],
    ['no key', { count: 0 }, 'SSH_ERR_INVALID_FORMAT'],
    ['two keys', { count: 2 }, 'SSH_ERR_INVALID_FORMAT'],
    ['another public key', { publicKey: publicKeyFile('ecdsa-256.pub').key.blob }, 'SSH_ERR_INVALID_FORMAT'],
    ['no body', { body: new Uint8Array(0) }, 'SSH_ERR_INVALID_FORMAT'],
    ['a body that is no whole block', { body: plainBody().subarray(0, -1) }, 'SSH_ERR_INVALID_FORMAT'],
    ['other check numbers', { body: plainBody().fill(1, 0, 1).fill(2, 4, 5) }, 'SSH_ERR_KEY_WRONG_PASSPHRASE'],
    ['a body cut by a block', { body: plainBody().subarray(0, -8) }, 'SSH_ERR_MESSAGE_INCOMPLETE'],
    ['padding that goes on wrong', { body: concat(plainBody(), new Uint8Array(8)) }, 'SSH_ERR_INVALID_FORMAT'],
  ])('%s', async (_what, changed, code) => {
    expect(await rejection(parseOpensshPrivate(file(changed), passphrase))).toBe(code);
  });

  test('a public part of another key', async () => {
    const other = await generatePrivateKey('ssh-ed25519');
    expect(await rejection(parseOpensshPrivate(file({ publicKey: other.publicKey.blob })))).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('a secret of another key, when it first signs', async () => {
    const body = plainBody();
    // the seed stands behind check numbers, type, and public key
    const seed = 8 + (4 + 11) + (4 + 32) + 4;
    body[seed] = (body[seed] as number) ^ 1;
    const { key } = await parseOpensshPrivate(file({ body }));
    expect(await rejection(key.check())).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('a file cut short anywhere', async () => {
    for (const name of ['ed25519', 'ecdsa-256', 'rsa-1024']) {
      const bytes = content(name);
      for (let length = 0; length < bytes.length; length++) {
        expect(await rejection(parseOpensshPrivate(armor(bytes.subarray(0, length))))).toBeDefined();
      }
      expect(await rejection(parseOpensshPrivate(armor(concat(bytes, Uint8Array.of(0)))))).toBeDefined();
    }
  });

  test.each([
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['no last line break', (text: string) => text.slice(0, -1)],
    ['a byte order mark', (text: string) => `\ufeff${text}`],
    ['a line before', (text: string) => `\n${text}`],
    ['characters that are not base64', (text: string) => text.replace('A', '*')],
    ['a public key', () => 'ssh-ed25519 AAAA comment\n'],
    ['nothing', () => ''],
  ])('%s', async (_what, change) => {
    const text = utf8Bytes(change(Buffer.from(keyFile('ed25519')).toString()));
    expect(await rejection(parseOpensshPrivate(text))).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('no damage makes anything but an SshError', async () => {
    for (const name of ['ed25519', 'ecdsa-384', 'rsa-1024', 'encrypted-aes256-gcm']) {
      const bytes = content(name);
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, value) => {
          // rounds of which thousands are allowed would only take time
          if (name.startsWith('encrypted') && at < 80) return;
          const damaged = bytes.slice();
          damaged[at] = value;
          await rejection(parseOpensshPrivate(armor(damaged), passphrase).then(({ key }) => key.check()));
        }),
        { numRuns: 50 },
      );
    }
  });

  test('a cipher or rounds that do not exist, when writing', async () => {
    const key = await privateKeyFile('ed25519');
    expect(await rejection(formatOpensshPrivate(key, { passphrase, cipher: 'rot13' }))).toBe('SSH_ERR_KEY_UNKNOWN_CIPHER');
    expect(await rejection(formatOpensshPrivate(key, { passphrase, rounds: 0 }))).toBe('SSH_ERR_INVALID_ARGUMENT');
    expect(errorCode(() => readOpensshEnvelope(new Uint8Array(0)))).toBe('SSH_ERR_INVALID_FORMAT');
  });
});

testPeer('openssh-10', 'ssh-keygen opens our files, of every type and cipher', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-key-files-'));
  try {
    const types = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'];
    for (const [i, cipher] of ['none', ...ciphers].entries()) {
      const key = await generatePrivateKey(types[i % types.length] as string);
      const name = path.join(folder, cipher);
      const options = cipher === 'none' ? {} : { passphrase, cipher, rounds: 1 };
      writeFileSync(name, await formatOpensshPrivate(key, { comment: 'ours', ...options }), { mode: 0o600 });
      const secret = cipher === 'none' ? '' : 'passphrase';
      const line = execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-y', '-P', secret, '-f', name], { encoding: 'utf8' });
      expect(line).toBe(`${key.publicKey.name} ${Buffer.from(key.publicKey.blob).toString('base64')} ours\n`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
