import { describe, expect, test } from 'vitest';
import { formatSshfp, parseSshfp, parseSshfpText, sshfpMatches, sshfpRecords } from '../../../src/core/keys/sshfp.ts';
import { keyText, plainKeys, publicKeyFile } from './vectors.ts';

describe.each(plainKeys)('%s', (name) => {
  const { key } = publicKeyFile(`${name}.pub`);
  const records = sshfpRecords(key);

  test('has ssh-keygen’s records', () => {
    expect(records.map((record) => `${formatSshfp('host.example.com', record)}\n`).join('')).toBe(keyText(`${name}.sshfp`));
  });

  test('is found by any of them, read from text or bytes, and no other key is', () => {
    for (const record of records) {
      const data = Uint8Array.of(record.algorithm, record.type, ...record.fingerprint);
      const text = formatSshfp('host', record).replace('host IN SSHFP ', '');
      for (const read of [parseSshfp(data), parseSshfpText(text)]) {
        expect(read && sshfpMatches([read], key)).toBe(true);
        expect(read && sshfpMatches([read], publicKeyFile('user-by-rsa-2048-cert.pub').key)).toBe(name === 'ed25519');
      }
    }
    expect(sshfpMatches([], key)).toBe(false);
    expect(
      sshfpMatches(
        records.map((record) => ({ ...record, type: 9 })),
        key,
      ),
    ).toBe(false);
  });
});

test('the generic form', () => {
  const record = { algorithm: 4, type: 1, fingerprint: Uint8Array.of(1, 0xab) };
  expect(formatSshfp('h', record, true)).toBe('h IN TYPE44 \\# 4 04 01 01ab');
});

test('what is no record', () => {
  expect(sshfpRecords(publicKeyFile('sk-ed25519.pub').key)).toEqual([]);
  expect([parseSshfp(Uint8Array.of(4, 1)), parseSshfpText('4 1'), parseSshfpText('four 1 ab')]).toEqual([undefined, undefined, undefined]);
});
