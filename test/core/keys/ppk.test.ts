import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseOpensshPrivate } from '../../../src/core/keys/openssh-private.ts';
import { formatPpk, isPpk, isPpkEncrypted, parsePpk } from '../../../src/core/keys/ppk.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { keyFile, keyText, privateKeyFile, rejection } from './vectors.ts';

const passphrase = utf8Bytes('passphrase');
const types = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-1024'];
const cases = types.flatMap((type) => ([2, 3] as const).map((version) => ({ type, version })));

describe.each(cases)('$type in version $version', ({ type, version }) => {
  const name = `${type}.ppk${version}`;

  test('as puttygen wrote it is read', async () => {
    expect([isPpk(keyFile(name)), isPpkEncrypted(keyFile(name)), isPpkEncrypted(keyFile(`${name}.encrypted`))]).toEqual([
      true,
      false,
      true,
    ]);
    const { fields } = await privateKeyFile(type);
    const plain = await parsePpk(keyFile(name));
    expect(plain.comment).toBe(`${type} comment`);
    expect(plain.key.fields).toEqual(fields);
    const { key } = await parsePpk(keyFile(`${name}.encrypted`), passphrase);
    expect(key.fields).toEqual(fields);
    await key.check();
  });

  test('with a passphrase is read with it alone', async () => {
    expect(await rejection(parsePpk(keyFile(`${name}.encrypted`)))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
    expect(await rejection(parsePpk(keyFile(`${name}.encrypted`), utf8Bytes('another')))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
  });

  test('is written byte for byte as puttygen writes it', async () => {
    const text = await formatPpk(await privateKeyFile(type), { version, comment: `${type} comment` });
    expect(Buffer.from(text).toString()).toBe(keyText(name));
  });
});

test.each(['ed25519.ppk.argon2i', 'ed25519.ppk.argon2d'])('%s is read', async (name) => {
  expect((await parsePpk(keyFile(name), passphrase)).key.fields).toEqual((await privateKeyFile('ed25519')).fields);
});

test('what we encrypt is read again, by version 2 and with CRLF too', async () => {
  const key = await privateKeyFile('ecdsa-521');
  const text = Buffer.from(await formatPpk(key, { version: 2, passphrase, comment: 'two\nlines' })).toString();
  const again = await parsePpk(utf8Bytes(text.replaceAll('\n', '\r\n')), passphrase);
  expect(again).toMatchObject({ comment: 'two lines' });
  expect(again.key.fields).toEqual(key.fields);
});

describe('refused:', () => {
  const text = keyText('ed25519.ppk3');
  const encrypted = keyText('ed25519.ppk3.encrypted');

  test.each([
    ['nothing', '', 'SSH_ERR_INVALID_FORMAT'],
    ['version 1', text.replace('File-3', 'File-1'), 'SSH_ERR_INVALID_FORMAT'],
    ['another comment', text.replace('comment', 'Comment'), 'SSH_ERR_INVALID_FORMAT'],
    ['another type', text.replace('ssh-ed25519', 'ssh-ed25518'), 'SSH_ERR_INVALID_FORMAT'],
    ['another cipher', text.replace('Encryption: none', 'Encryption: rot13'), 'SSH_ERR_KEY_UNKNOWN_CIPHER'],
    ['another derivation', encrypted.replace('Argon2id', 'Argon3'), 'SSH_ERR_KEY_UNKNOWN_CIPHER'],
    ['all memory', encrypted.replace('Memory: 64', 'Memory: 999999999'), 'SSH_ERR_INVALID_FORMAT'],
    ['passes for hours', encrypted.replace('Passes: 2', 'Passes: 999999999'), 'SSH_ERR_INVALID_FORMAT'],
    ['no memory', encrypted.replace('Memory: 64', 'Memory: 0'), 'SSH_ERR_INVALID_FORMAT'],
    ['no salt', encrypted.replace(/Salt: .*/, 'Salt: '), 'SSH_ERR_INVALID_FORMAT'],
    ['too many lines', text.replace('Public-Lines: 2', 'Public-Lines: 2000'), 'SSH_ERR_INVALID_FORMAT'],
    ['lines that do not come', text.replace('Private-Lines: 1', 'Private-Lines: 9'), 'SSH_ERR_INVALID_FORMAT'],
    ['no MAC', text.replace(/Private-MAC: .*\n/, ''), 'SSH_ERR_INVALID_FORMAT'],
    ['a MAC cut short', text.replace(/..\n$/, '\n'), 'SSH_ERR_INVALID_FORMAT'],
  ])('%s', async (_what, changed, code) => {
    expect(await rejection(parsePpk(utf8Bytes(changed), passphrase))).toBe(code);
  });

  test('a file cut short anywhere', async () => {
    const bytes = utf8Bytes(text);
    for (let length = 0; length < bytes.length - 1; length++) expect(await rejection(parsePpk(bytes.subarray(0, length)))).toBeDefined();
  });

  test('any damage, with nothing but an SshError', async () => {
    const bytes = utf8Bytes(text);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] as number) ^ change;
        await rejection(parsePpk(damaged, passphrase));
      }),
    );
  });

  test('a security key, when writing', async () => {
    const { key } = await parseOpensshPrivate(keyFile('sk-ed25519'));
    expect(await rejection(formatPpk(key))).toBe('SSH_ERR_KEY_TYPE_UNKNOWN');
  });
});

testPeer('putty', 'puttygen opens our files', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-ppk-'));
  try {
    const [file, secret, out] = ['key.ppk', 'passphrase', 'out'].map((name) => path.join(folder, name)) as [string, string, string];
    writeFileSync(secret, passphrase);
    for (const { type, version } of cases) {
      const key = await privateKeyFile(type);
      writeFileSync(file, await formatPpk(key, { version, passphrase: passphrase, comment: 'ours' }), { mode: 0o600 });
      execFileSync(peerProgram('putty', 'puttygen'), [
        file,
        '--old-passphrase',
        secret,
        '-O',
        'private-openssh-new',
        '--new-passphrase',
        '/dev/null',
        '-o',
        out,
      ]);
      const { key: again, comment } = await parseOpensshPrivate(readFileSync(out));
      expect(comment).toBe('ours');
      expect(again.fields).toEqual(key.fields);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
