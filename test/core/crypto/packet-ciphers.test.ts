import { createCipheriv } from 'node:crypto';
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CipherName } from '../../../src/core/crypto/names.ts';
import { readUint32, writeUint32 } from '../../../src/core/crypto/packet-cipher.ts';
import { createOpener, createSealer, prepare } from '../../../src/core/crypto/packet-protection.ts';
import { concat, fromHex, hex } from '../../../src/core/util/bytes.ts';
import gcmVectors from '../../vectors/aes-gcm.json' with { type: 'json' };
import chachaVectors from '../../vectors/chacha20-poly1305-openssh.json' with { type: 'json' };
import streamVectors from '../../vectors/stream-ciphers.json' with { type: 'json' };

const none = new Uint8Array();
const chacha = 'chacha20-poly1305@openssh.com';

beforeAll(async () => {
  await prepare(chacha, undefined);
});

describe.each(streamVectors.vectors.map((vector) => [vector.cipher as CipherName, vector] as const))('%s', (cipher, vector) => {
  const plaintext = fromHex(vector.plaintext);
  const keys = { key: fromHex(vector.key), iv: fromHex(vector.iv), macKey: new Uint8Array(32) };

  test('encrypts the published text, length field included, with encrypt-and-MAC', () => {
    const buffer = concat(plaintext, new Uint8Array(32));
    createSealer(cipher, 'hmac-sha2-256', keys).seal(buffer, 0, plaintext.length - 4, 0);
    expect(hex(buffer.subarray(0, plaintext.length))).toBe(vector.ciphertext);
    const opener = createOpener(cipher, 'hmac-sha2-256', keys);
    expect(opener.packetLength(buffer, 0, 0)).toBe(readUint32(plaintext, 0));
    opener.open(buffer, 0, plaintext.length - 4, 0);
    expect(hex(buffer.subarray(0, plaintext.length))).toBe(vector.plaintext);
  });

  test('encrypts it behind the length field with encrypt-then-MAC, in as many packets as it likes', () => {
    const half = plaintext.length / 2;
    const sealer = createSealer(cipher, 'hmac-sha2-256-etm@openssh.com', keys);
    const opener = createOpener(cipher, 'hmac-sha2-256-etm@openssh.com', keys);
    for (const [i, part] of [plaintext.subarray(0, half), plaintext.subarray(half)].entries()) {
      const buffer = concat(new Uint8Array(4), part, new Uint8Array(32));
      writeUint32(buffer, 0, half);
      sealer.seal(buffer, 0, half, i);
      expect(hex(buffer.subarray(4, 4 + half))).toBe(vector.ciphertext.slice(i * half * 2, (i + 1) * half * 2));
      opener.open(buffer, 0, opener.packetLength(buffer, 0, i), i);
      expect(hex(buffer.subarray(4, 4 + half))).toBe(hex(part));
    }
  });
});

const aesVectors = streamVectors.vectors.filter((vector) => vector.cipher.startsWith('aes'));

test.each(aesVectors)('a second implementation of $cipher gives the published text too', (vector) => {
  const [key, iv] = [fromHex(vector.key), fromHex(vector.iv)];
  const second = vector.cipher.endsWith('ctr') ? ctr(key, iv) : cbc(key, iv, { disablePadding: true });
  expect(hex(second.encrypt(fromHex(vector.plaintext)))).toBe(vector.ciphertext);
});

describe.each(gcmVectors.vectors.map((vector) => [vector.cipher, vector] as const))('%s', (name, vector) => {
  const [key, iv, aad, plaintext] = [fromHex(vector.key), fromHex(vector.iv), fromHex(vector.aad), fromHex(vector.plaintext)];

  test('two implementations give the published ciphertext and tag', () => {
    const cipher = createCipheriv(name as 'aes-128-gcm', key, iv).setAAD(aad);
    const ciphertext = concat(cipher.update(plaintext), cipher.final());
    expect([hex(ciphertext), hex(cipher.getAuthTag())]).toEqual([vector.ciphertext, vector.tag]);
    expect(hex(gcm(key, iv, aad).encrypt(plaintext))).toBe(vector.ciphertext + vector.tag);
  });

  test('a packet is what the second implementation makes of it, under a nonce that counts', () => {
    const cipher = name === 'aes-128-gcm' ? 'aes128-gcm@openssh.com' : 'aes256-gcm@openssh.com';
    const sealer = createSealer(cipher, undefined, { key, iv, macKey: none });
    const nonce = iv.slice();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 300 }), (body) => {
        const packet = new Uint8Array(4 + body.length + 16);
        writeUint32(packet, 0, body.length);
        packet.set(body, 4);
        const length = packet.slice(0, 4);
        sealer.seal(packet, 0, body.length, 0);
        expect(hex(packet)).toBe(hex(concat(length, gcm(key, nonce, length).encrypt(body))));
        const counter = new DataView(nonce.buffer);
        counter.setBigUint64(4, counter.getBigUint64(4) + 1n);
      }),
      { numRuns: 30 },
    );
  });
});

describe(chacha, () => {
  test.each(chachaVectors.vectors)('seals and opens the published packet with sequence number $sequence', (vector) => {
    const keys = { key: fromHex(vector.key), iv: none, macKey: none };
    const packet = fromHex(vector.packet);
    const buffer = concat(packet, new Uint8Array(16));
    createSealer(chacha, undefined, keys).seal(buffer, 0, packet.length - 4, vector.sequence);
    expect(hex(buffer)).toBe(vector.sealed);
    const opener = createOpener(chacha, undefined, keys);
    expect(opener.packetLength(buffer, 0, vector.sequence)).toBe(packet.length - 4);
    opener.open(buffer, 0, packet.length - 4, vector.sequence);
    expect(hex(buffer.subarray(4, packet.length))).toBe(vector.packet.slice(8));
  });

  test('is what a second implementation makes of PROTOCOL.chacha20poly1305', () => {
    const key = Uint8Array.from({ length: 64 }, (_, i) => i * 5 + 3);
    const sealer = createSealer(chacha, undefined, { key, iv: none, macKey: none });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 300 }), fc.nat({ max: 0xffffffff }), (body, sequence) => {
        const nonce = new Uint8Array(8);
        writeUint32(nonce, 4, sequence);
        const packet = new Uint8Array(4 + body.length + 16);
        writeUint32(packet, 0, body.length);
        packet.set(body, 4);
        const length = chacha20orig(key.slice(32), nonce, packet.slice(0, 4));
        const payload = chacha20orig(key.slice(0, 32), nonce, body, undefined, 1);
        const polyKey = chacha20orig(key.slice(0, 32), nonce, new Uint8Array(32));
        const tag = poly1305(concat(length, payload), polyKey);
        sealer.seal(packet, 0, body.length, sequence);
        expect(hex(packet)).toBe(hex(concat(length, payload, tag)));
      }),
      { numRuns: 50 },
    );
  });
});
