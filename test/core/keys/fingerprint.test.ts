import { describe, expect, test } from 'vitest';
import { bubbleBabble, fingerprint, fingerprintLine, randomArt } from '../../../src/core/keys/fingerprint.ts';
import { keyText, plainKeys, publicKeyFile } from './vectors.ts';

describe.each(plainKeys)('%s', (name) => {
  const { key, comment } = publicKeyFile(`${name}.pub`);

  test.each(['sha256', 'md5'] as const)('fingerprint and picture by %s are ssh-keygen’s', (hash) => {
    expect(`${fingerprintLine(key, comment, hash)}\n${randomArt(key, hash)}\n`).toBe(keyText(`${name}.${hash}`));
  });

  test('bubble babble is ssh-keygen’s', () => {
    expect(`${key.bits} ${bubbleBabble(key)} ${comment} (${key.shortName})\n`).toBe(keyText(`${name}.bubblebabble`));
  });
});

test('a certificate has the fingerprint of its key', () => {
  const { key } = publicKeyFile('user-by-ed25519-cert.pub');
  expect(fingerprint(key)).toBe(fingerprint(publicKeyFile('ed25519.pub').key));
  expect(fingerprintLine(key, '')).toBe(`256 ${fingerprint(key)} no comment (ED25519-CERT)`);
});
