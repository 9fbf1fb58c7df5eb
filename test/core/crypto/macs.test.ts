import { hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { macs } from '../../../src/core/crypto/macs.ts';
import type { MacName } from '../../../src/core/crypto/names.ts';
import { readUint32 } from '../../../src/core/crypto/packet-cipher.ts';
import { fromHex, hex } from '../../../src/core/util/bytes.ts';
import published from '../../vectors/hmac.json' with { type: 'json' };

const second: Record<string, typeof md5> = { md5, sha1, 'sha2-256': sha256, 'sha2-512': sha512 };

describe.each(published.vectors.map((vector) => [`${vector.mac}, ${vector.section}`, vector] as const))('%s', (_, vector) => {
  const key = fromHex(vector.key);
  const data = fromHex(vector.data);

  test.each([vector.mac, `${vector.mac}-etm@openssh.com`])('%s gives the published tag', (name) => {
    // The MAC's input begins with the sequence number: here the first four bytes of the published message.
    const tag = macs[name as MacName].create(key).sign(readUint32(data, 0), data, 4, data.length);
    expect(hex(tag)).toBe(vector.tag);
    expect(tag.length).toBe(macs[name as MacName].tagBytes);
  });

  test('a second implementation gives it too', () => {
    const hash = second[vector.mac.replace(/^hmac-/, '').replace(/-96$/, '')] as typeof md5;
    expect(hex(hmac(hash, key, data)).startsWith(vector.tag)).toBe(true);
  });
});

test('the rows say which MACs cover the ciphertext', () => {
  for (const [name, row] of Object.entries(macs)) expect([name, row.etm]).toEqual([name, name.endsWith('-etm@openssh.com')]);
});
