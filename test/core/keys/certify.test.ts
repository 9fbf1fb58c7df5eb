import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { certifiedSigner } from '../../../src/core/keys/certificate.ts';
import { certify, defaultExtensions, FOREVER, flagOption, textOption } from '../../../src/core/keys/certify.ts';
import { formatPublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { plainKeys, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const { key } = publicKeyFile('ecdsa-384.pub');
const request = { role: 'user', keyId: 'an id', principals: ['alice', 'bob'] } as const;

test.each(plainKeys)('%s certifies every type of key', async (name) => {
  const authority = await privateKeyFile(name);
  for (const type of [...plainKeys, 'sk-ed25519', 'sk-ecdsa']) {
    const { key: subject } = publicKeyFile(`${type}.pub`);
    const { plain, certificate, signatureAlgorithms } = await certify(authority, subject, { ...request, serial: 5n });
    expect(plain.blob).toEqual(subject.blob);
    expect(certificate).toMatchObject({
      ...request,
      serial: 5n,
      validAfter: 0n,
      validBefore: FOREVER,
      criticalOptions: [],
      extensions: [],
    });
    expect(certificate?.signatureKey.blob).toEqual(authority.publicKey.blob);
    expect(signatureAlgorithms.length).toBeGreaterThan(0);
  }
});

test('the authority’s algorithm can be chosen', async () => {
  const authority = await privateKeyFile('rsa-1024');
  expect((await certify(authority, key, request)).certificate?.signatureAlgorithm).toBe('rsa-sha2-512');
  expect((await certify(authority, key, request, 'rsa-sha2-256')).certificate?.signatureAlgorithm).toBe('rsa-sha2-256');
});

test('options are sorted by name', async () => {
  const extensions = [...defaultExtensions].reverse();
  const criticalOptions = [textOption('source-address', '::1'), flagOption('verify-required'), textOption('force-command', 'x')];
  const { certificate } = await certify(await privateKeyFile('ed25519'), key, { ...request, extensions, criticalOptions });
  expect(certificate?.extensions).toEqual(defaultExtensions);
  expect(certificate?.criticalOptions.map((one) => one.name)).toEqual(['force-command', 'source-address', 'verify-required']);
});

test('a certificate is certified anew by its key, and certifies nothing', async () => {
  const authority = await privateKeyFile('ed25519');
  const { key: certified } = publicKeyFile('user-by-ed25519-cert.pub');
  expect((await certify(authority, certified, request)).plain.blob).toEqual(certified.plain.blob);
  expect(await rejection(certify(certifiedSigner(authority, certified), key, request))).toBe('SSH_ERR_KEY_CERT_INVALID_SIGN_KEY');
});

test.each([
  ['too many principals', { principals: Array.from({ length: 257 }, (_, i) => `p${i}`) }],
  ['a validity that is over before it begins', { validAfter: 2n, validBefore: 2n }],
  ['an option twice', { extensions: [flagOption('x'), flagOption('x')] }],
])('refused: %s', async (_what, change) => {
  expect(await rejection(certify(await privateKeyFile('ed25519'), key, { ...request, ...change }))).toBe('SSH_ERR_INVALID_ARGUMENT');
});

testPeer('openssh-10', 'ssh-keygen reads our certificates', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-certificate-'));
  try {
    const file = path.join(folder, 'key-cert.pub');
    for (const name of plainKeys) {
      const certified = await certify(await privateKeyFile(name), key, {
        ...request,
        serial: 77n,
        validAfter: 1_600_000_000n,
        criticalOptions: [textOption('force-command', 'echo x')],
        extensions: defaultExtensions,
      });
      writeFileSync(file, `${formatPublicKeyLine(certified)}\n`);
      const text = execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-L', '-f', file], {
        encoding: 'utf8',
        env: { ...process.env, TZ: 'UTC' },
      });
      for (const line of [
        'Key ID: "an id"',
        'Serial: 77',
        'Valid: after 2020-09-13T12:26:40',
        'alice',
        'bob',
        'force-command echo x',
        'permit-user-rc',
      ]) {
        expect(text).toContain(line);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
