import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPem } from '../../../src/core/keys/armor.ts';
import {
  detectPrivateFormat,
  detectPublicFormat,
  parsePrivateKeyFile,
  privateFormat,
  privateFormats,
  publicFormat,
  publicFormats,
} from '../../../src/core/keys/formats.ts';
import type { PrivateKey } from '../../../src/core/keys/private-key.ts';
import { bigintBytes, bigintOf, concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { mpint } from '../../../src/core/wire/codec.ts';
import { WireReader } from '../../../src/core/wire/reader.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { keyFile, keyText, plainKeys, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const passphrase = utf8Bytes('passphrase');

describe.each(privateFormats.map((format) => [format.name, format] as const))('private format %s', (name, format) => {
  test.each(['plain', 'with a passphrase'])('every key goes there and back, %s', async (how) => {
    if (format.format === undefined) return;
    const secret = how === 'plain' ? {} : { passphrase };
    for (const type of ['ed25519', 'ecdsa-521', 'rsa-1024']) {
      if (type === 'ed25519' && name === 'pem') continue;
      const key = await privateKeyFile(type);
      const text = await format.format(key, { comment: 'a comment', rounds: 1, ...secret });
      expect(detectPrivateFormat(text)?.name).toBe(name);
      expect(await format.encrypted(text)).toBe(how !== 'plain');
      const { key: again, comment } = await format.parse(text, secret.passphrase);
      expect(again.fields).toEqual(key.fields);
      expect(comment).toBe(name.startsWith('p') && !name.startsWith('ppk') ? '' : 'a comment');
    }
  });
});

describe.each(publicFormats.map((format) => [format.name, format] as const))('public format %s', (name, format) => {
  test('every key goes there and back', async () => {
    for (const type of plainKeys) {
      if (name === 'pem' && !type.startsWith('rsa')) continue;
      const { key } = publicKeyFile(`${type}.pub`);
      const text = utf8Bytes(await format.format(key, 'a comment'));
      expect(detectPublicFormat(text)?.name).toBe(name);
      expect((await format.parse(text)).key.blob).toEqual(key.blob);
    }
  });

  test('no damage makes anything but an SshError', async () => {
    const text = utf8Bytes(await format.format(publicKeyFile('rsa-1024.pub').key, 'a comment'));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.nat(255), async (at, value) => {
        const damaged = text.slice();
        damaged[at] = value;
        await rejection(format.parse(damaged));
        await rejection(format.parse(text.subarray(0, at)));
      }),
    );
  });
});

describe('a file that OpenSSH’s programs are given', () => {
  test.each([
    'ed25519',
    'sk-ecdsa',
    'ecdsa-256.PEM',
    'ecdsa-256.PKCS8',
    'rsa-1024.PEM',
    'encrypted-aes128-cbc',
    'rsa-1024.PKCS8.encrypted',
  ])('%s is taken', async (name) => {
    expect((await parsePrivateKeyFile(keyFile(name), passphrase)).key.publicKey.blob.length).toBeGreaterThan(0);
  });

  const ed25519 = keyText('ed25519');
  const pem = keyText('ecdsa-256.PEM');
  const der = (hex: string, label: string): string => Buffer.from(formatPem(label, Buffer.from(hex, 'hex'))).toString();

  // what ssh-keygen -y says of each
  test.each<[string, string, string | undefined]>([
    ['nothing', '', 'error in libcrypto'],
    ['a text', 'foo\n', 'error in libcrypto'],
    ['a public key', keyText('ed25519.pub'), 'error in libcrypto'],
    ['PuTTY’s file', keyText('ed25519.ppk3'), 'error in libcrypto'],
    ['CRLF', ed25519.replaceAll('\n', '\r\n'), 'error in libcrypto'],
    ['no last line break', ed25519.slice(0, -1), 'error in libcrypto'],
    ['a byte order mark', `\ufeff${ed25519}`, 'error in libcrypto'],
    ['half of it', ed25519.slice(0, 200), 'error in libcrypto'],
    ['no base64', ed25519.replace('\nb', '\n*'), 'error in libcrypto'],
    ['two keys', ed25519 + keyText('ecdsa-256'), undefined],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n'), undefined],
    ['PEM without its last line break', pem.slice(0, -1), undefined],
    ['PEM behind a text', `text\n${pem}`, undefined],
    ['PEM behind another block', `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem}`, undefined],
    ['half of a PEM', pem.slice(0, 100), 'error in libcrypto'],
    ['PEM that is no base64', pem.replace('\nM', '\n*'), 'error in libcrypto'],
    ['PEM that is no DER', der('0102', 'EC PRIVATE KEY'), 'invalid format'],
    ['PEM of a DSA key', der('3003020100', 'DSA PRIVATE KEY'), 'invalid format'],
    ['PKCS#8 of X25519', der('302e020100300506032b656e04220420' + '11'.repeat(32), 'PRIVATE KEY'), 'invalid format'],
  ])('%s', async (_what, text, expected) => {
    const outcome = await parsePrivateKeyFile(utf8Bytes(text)).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : error),
    );
    expect(outcome).toBe(expected);
  });
});

describe('SSH.com’s private key', () => {
  function file(key: PrivateKey, changes: { type?: string; cipher?: string; magic?: number; bits?: number } = {}): Uint8Array {
    const reader = new WireReader(key.fields);
    const [n, e, d, iqmp, p, q] = Array.from({ length: 6 }, () => mpint.read(reader)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const numbers = new WireWriter().raw(bigintBytes(bigintOf(e), 3));
    for (const value of [d, n, iqmp, q, p]) numbers.uint32(changes.bits ?? bigintOf(value).toString(2).length).raw(value);
    const body = numbers.bytes();
    const writer = new WireWriter().uint32(changes.magic ?? 0x3f6ff9eb).uint32(0);
    writer
      .string(utf8Bytes(changes.type ?? 'if-modn{sign{rsa-pkcs1-sha1},encrypt{rsa-pkcs1v2-oaep}}'))
      .string(utf8Bytes(changes.cipher ?? 'none'));
    writer
      .uint32(body.length + 8)
      .uint32(body.length + 4)
      .uint32(body.length)
      .raw(body);
    const lines = (
      Buffer.from(writer.bytes())
        .toString('base64')
        .match(/.{1,70}/g) ?? []
    ).join('\n');
    const headers = 'Subject: a key\nComment: "a \\\nfolded comment"';
    return utf8Bytes(`---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n${headers}\n${lines}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n`);
  }
  const parse = (text: Uint8Array) => privateFormat('ssh.com')?.parse(text) ?? Promise.reject(new Error('no format'));

  test('is read', async () => {
    const key = await privateKeyFile('rsa-1024');
    const { key: again } = await parse(file(key));
    expect(again.fields).toEqual(key.fields);
    expect(detectPrivateFormat(file(key))?.name).toBe('ssh.com');
  });

  test.each([
    ['DSA', { type: 'dl-modp{sign{dsa-nist-sha1},dh{plain}}' }, 'SSH_ERR_KEY_TYPE_UNKNOWN'],
    ['encrypted', { cipher: '3des-cbc' }, 'SSH_ERR_KEY_UNKNOWN_CIPHER'],
    ['with another magic', { magic: 1 }, 'SSH_ERR_INVALID_FORMAT'],
    ['with a huge number', { bits: 0xffffffff }, 'SSH_ERR_INVALID_FORMAT'],
  ])('%s is refused', async (_what, changes, code) => {
    expect(await rejection(parse(file(await privateKeyFile('rsa-1024'), changes)))).toBe(code);
  });

  test('no damage makes anything but an SshError', async () => {
    const text = file(await privateKeyFile('rsa-1024'));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.nat(255), async (at, value) => {
        const damaged = text.slice();
        damaged[at] = value;
        await rejection(parse(damaged));
        await rejection(parse(text.subarray(0, at)));
      }),
    );
  });

  testPeer('openssh-10', 'ssh-keygen -i takes what we take', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsh-ssh-com-'));
    try {
      const name = path.join(folder, 'key');
      const key = await privateKeyFile('rsa-1024');
      writeFileSync(name, file(key), { mode: 0o600 });
      const text = execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-i', '-f', name]);
      expect((await parsePrivateKeyFile(text)).key.fields).toEqual(key.fields);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

testPeer('openssh-10', 'public keys in PEM are ssh-keygen’s', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-pem-public-'));
  try {
    for (const type of plainKeys.filter((one) => one !== 'ed25519')) {
      const name = path.join(folder, type);
      const { key } = publicKeyFile(`${type}.pub`);
      writeFileSync(name, keyFile(`${type}.pub`));
      for (const [option, format] of [
        ['PKCS8', 'pkcs8'],
        ['PEM', 'pem'],
      ] as const) {
        const theirs = execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-e', '-m', option, '-f', name], { encoding: 'utf8' });
        expect(await publicFormat(format)?.format(key, '')).toBe(theirs);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('names of formats are found', () => {
  expect([privateFormat('ppk')?.name, privateFormat('none'), publicFormat('rfc4716')?.name, publicFormat('none')]).toEqual([
    'ppk',
    undefined,
    'rfc4716',
    undefined,
  ]);
  expect(detectPublicFormat(concat(Uint8Array.of(0), utf8Bytes('x')))).toBeUndefined();
});
