import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { certify } from '../../../src/core/keys/certify.ts';
import type { PublicKey } from '../../../src/core/keys/key.ts';
import { formatKrl, isKrl, Krl, parseKrl } from '../../../src/core/keys/krl.ts';
import { formatPublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { SerialSet } from '../../../src/core/keys/serial-set.ts';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { errorCode, keyFile, plainKeys, privateKeyFile, publicKeyFile } from './vectors.ts';

const ed25519 = publicKeyFile('ed25519.pub').key;

async function certificate(serial: bigint, keyId = 'id', authority = 'ed25519'): Promise<PublicKey> {
  return certify(await privateKeyFile(authority), publicKeyFile('ecdsa-521.pub').key, {
    role: 'user',
    keyId,
    principals: ['alice'],
    serial,
  });
}

describe('ssh-keygen’s lists', () => {
  test('by serial numbers and key IDs', async () => {
    const krl = parseKrl(keyFile('serials.krl'));
    expect(krl.version).toBe(42n);
    expect(krl.certificates).toHaveLength(1);
    expect(krl.certificates[0]?.authority?.blob).toEqual(ed25519.blob);
    expect(krl.certificates[0]?.serials.ranges).toEqual([
      { first: 1n, last: 1n },
      { first: 3n, last: 4n },
      { first: 7n, last: 7n },
      { first: 100n, last: 2000n },
      { first: 5000n, last: 5000n },
      { first: 2n ** 64n - 2n, last: 2n ** 64n - 2n },
    ]);
    expect([...(krl.certificates[0]?.keyIds ?? [])]).toEqual(['an id', 'another id']);
    expect(krl.revokes(await certificate(7n))).toBe(true);
    expect(krl.revokes(await certificate(6n))).toBe(false);
    expect(krl.revokes(await certificate(0n))).toBe(false);
    expect(krl.revokes(await certificate(0n, 'an id'))).toBe(true);
    expect(krl.revokes(await certificate(7n, 'an id', 'rsa-2048'))).toBe(false);
    expect(krl.revokes(ed25519)).toBe(false);
  });

  test('by a bitmap', () => {
    const { serials } = parseKrl(keyFile('odd.krl')).revokedBy(publicKeyFile('rsa-2048.pub').key);
    expect(Array.from({ length: 4002 }, (_, i) => serials.has(BigInt(i)))).toEqual(
      Array.from({ length: 4002 }, (_, i) => i % 2 === 1 && i < 4000),
    );
  });

  test('by keys and digests', () => {
    const krl = parseKrl(keyFile('keys.krl'));
    expect(plainKeys.map((name) => krl.revokes(publicKeyFile(`${name}.pub`).key))).toEqual([true, true, true, false, true, false]);
    // the key in it, or the key that signed it
    expect(krl.revokes(publicKeyFile('user-by-rsa-2048-cert.pub').key)).toBe(true);
    expect(krl.revokes(publicKeyFile('host-ecdsa-521-cert.pub').key)).toBe(true);
    expect(krl.revokes(publicKeyFile('rsa-sha2-256-cert.pub').key)).toBe(true);
  });

  test('of certificates', () => {
    const krl = parseKrl(keyFile('certificates.krl'));
    expect(krl.revokes(publicKeyFile('user-by-ed25519-cert.pub').key)).toBe(true);
    expect(krl.revokes(publicKeyFile('user-sk-cert.pub').key)).toBe(true);
    expect(krl.revokes(publicKeyFile('user-by-rsa-2048-cert.pub').key)).toBe(false);
    expect(krl.revokes(ed25519)).toBe(false);
  });

  test.each(['serials', 'odd', 'keys', 'certificates'])('%s goes there and back', (name) => {
    const krl = parseKrl(keyFile(`${name}.krl`));
    const again = parseKrl(formatKrl(krl));
    const ranges = (one: Krl) => one.certificates.map((row) => [row.authority?.blob, row.serials.ranges, row.keyIds]);
    expect(ranges(again)).toEqual(ranges(krl));
    expect([again.keys, again.sha1, again.sha256, again.version, again.generated]).toEqual([
      krl.keys,
      krl.sha1,
      krl.sha256,
      krl.version,
      krl.generated,
    ]);
  });
});

test('any serial numbers go there and back', () => {
  const serial = fc.oneof(
    fc.bigInt({ min: 1n, max: 300n }),
    fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 10n ** 6n, max: 10n ** 6n + 20_000n }),
  );
  const range = fc
    .tuple(serial, fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 100n })))
    .map(([first, more]) => [first, first + more < 2n ** 64n ? first + more : first] as const);
  fc.assert(
    fc.property(fc.array(range, { maxLength: 60 }), serial, (ranges, probe) => {
      const krl = new Krl();
      const { serials } = krl.revokedBy(undefined);
      for (const [first, last] of ranges) serials.add(first, last);
      expect(serials.has(probe)).toBe(ranges.some(([first, last]) => first <= probe && probe <= last));
      const again = parseKrl(formatKrl(krl)).revokedBy(undefined).serials;
      expect(again.ranges).toEqual(serials.ranges);
    }),
  );
});

test('serial numbers that touch become one range', () => {
  const serials = new SerialSet();
  serials.add(5n, 9n);
  serials.add(1n);
  serials.add(2n, 4n);
  serials.add(7n, 12n);
  expect(serials.ranges).toEqual([{ first: 1n, last: 12n }]);
});

test('a certificate without number is revoked by its ID, others by their number', async () => {
  const krl = new Krl();
  krl.revoke(await certificate(0n, 'only this'));
  krl.revoke(await certificate(9n, 'not this'));
  expect(krl.revokes(await certificate(0n, 'only this'))).toBe(true);
  expect(krl.revokes(await certificate(5n, 'only this'))).toBe(true);
  expect(krl.revokes(await certificate(9n, 'any'))).toBe(true);
  expect(krl.revokes(await certificate(0n, 'not this'))).toBe(false);
});

describe('refused:', () => {
  const head = concat(
    utf8Bytes('SSHKRL\n\0'),
    new WireWriter().uint32(1).uint64(1n).uint64(0n).uint64(0n).string(new Uint8Array(0)).string(new Uint8Array(0)).bytes(),
  );
  const section = (type: number, content: Uint8Array): Uint8Array => concat(head, new WireWriter().byte(type).string(content).bytes());
  const certificates = (type: number, content: Uint8Array): Uint8Array =>
    section(1, new WireWriter().string(new Uint8Array(0)).string(new Uint8Array(0)).byte(type).string(content).bytes());
  const extension = (critical: number): Uint8Array =>
    new WireWriter().string(utf8Bytes('x@y')).byte(critical).string(new Uint8Array(0)).bytes();

  test.each<[string, Uint8Array, string | undefined]>([
    ['nothing is wrong', head, undefined],
    ['a text', utf8Bytes('ssh-ed25519 AAAA'), 'SSH_ERR_KRL_BAD_MAGIC'],
    ['another version', concat(head.subarray(0, 11), Uint8Array.of(2), head.subarray(12)), 'SSH_ERR_INVALID_FORMAT'],
    ['an unknown section', section(9, new Uint8Array(0)), 'SSH_ERR_INVALID_FORMAT'],
    ['an extension', section(255, extension(0)), undefined],
    ['a critical extension', section(255, extension(1)), 'SSH_ERR_FEATURE_UNSUPPORTED'],
    ['half a signature', concat(head, Uint8Array.of(4, 0, 0, 0, 0)), 'SSH_ERR_MESSAGE_INCOMPLETE'],
    [
      'an unknown section behind a signature',
      concat(head, Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0)),
      'SSH_ERR_INVALID_FORMAT',
    ],
    ['a digest of another length', section(3, new WireWriter().string(new Uint8Array(19)).bytes()), 'SSH_ERR_INVALID_FORMAT'],
    ['an unknown certificates section', certificates(0x30, new Uint8Array(0)), 'SSH_ERR_INVALID_FORMAT'],
    ['a range that ends before it starts', certificates(0x21, new WireWriter().uint64(2n).uint64(1n).bytes()), 'SSH_ERR_INVALID_ARGUMENT'],
    ['a serial number of 0', certificates(0x20, new Uint8Array(8)), 'SSH_ERR_INVALID_ARGUMENT'],
    ['half a serial number', certificates(0x20, new Uint8Array(4)), 'SSH_ERR_MESSAGE_INCOMPLETE'],
    [
      'a bitmap beyond the last number',
      certificates(
        0x22,
        new WireWriter()
          .uint64(2n ** 64n - 1n)
          .string(Uint8Array.of(2))
          .bytes(),
      ),
      'SSH_ERR_INVALID_FORMAT',
    ],
    [
      'a negative bitmap',
      certificates(0x22, new WireWriter().uint64(0n).string(Uint8Array.of(0x80)).bytes()),
      'SSH_ERR_BIGNUM_IS_NEGATIVE',
    ],
    ['a huge bitmap', certificates(0x22, new WireWriter().uint64(0n).string(new Uint8Array(2050)).bytes()), 'SSH_ERR_BIGNUM_TOO_LARGE'],
    ['a critical certificates extension', certificates(0x39, extension(1)), 'SSH_ERR_FEATURE_UNSUPPORTED'],
  ])('%s', (_what, bytes, code) => {
    expect(errorCode(() => parseKrl(bytes))).toBe(code);
  });

  test('any damage, with nothing but an SshError', () => {
    for (const name of ['serials', 'odd', 'keys', 'certificates']) {
      const bytes = new Uint8Array(keyFile(`${name}.krl`));
      expect(isKrl(bytes)).toBe(true);
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
          const damaged = bytes.slice();
          damaged[at] = value;
          errorCode(() => parseKrl(damaged));
          errorCode(() => parseKrl(bytes.subarray(0, length)));
        }),
      );
    }
  });
});

testPeer('openssh-10', 'ssh-keygen reads our lists as we do', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-krl-'));
  try {
    const krl = new Krl();
    const { serials, keyIds } = krl.revokedBy(ed25519);
    for (let i = 1n; i < 200n; i += 3n) serials.add(i);
    serials.add(1000n, 5000n);
    serials.add(2n ** 64n - 3n, 2n ** 64n - 1n);
    keyIds.add('an id');
    krl.revokeKey(publicKeyFile('rsa-2048.pub').key);
    const list = path.join(folder, 'list');
    writeFileSync(list, formatKrl(krl));
    const keys = [
      ...plainKeys.map((name) => publicKeyFile(`${name}.pub`).key),
      ...(await Promise.all(
        [1n, 2n, 3n, 199n, 999n, 1000n, 5000n, 5001n, 2n ** 64n - 4n, 2n ** 64n - 1n].map((serial) => certificate(serial)),
      )),
      await certificate(0n, 'an id'),
      await certificate(1n, 'id', 'rsa-1024'),
    ];
    for (const [i, key] of keys.entries()) {
      const file = path.join(folder, `${i}.pub`);
      writeFileSync(file, `${formatPublicKeyLine(key)}\n`);
      const { status } = spawnSync(peerProgram('openssh-10', 'ssh-keygen'), ['-Q', '-f', list, file]);
      expect([i, status]).toEqual([i, krl.revokes(key) ? 1 : 0]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
