import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOpensshEnvelope } from '../../../src/core/keys/openssh-private.ts';
import { decodePublicKey, formatPublicKeyLine, parsePublicKey, parsePublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { formatRfc4716, isRfc4716, parseRfc4716 } from '../../../src/core/keys/rfc4716.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { errorCode, keyFile, keyText, plainKeys, publicKeyFile } from './vectors.ts';

const files = [
  ...plainKeys,
  'sk-ed25519',
  'sk-ecdsa',
  'user-by-rsa-2048-cert',
  'host-ecdsa-521-cert',
  'host-rsa-1024-cert',
  'user-sk-cert',
];

describe.each(files)('%s', (name) => {
  const { key, comment } = publicKeyFile(`${name}.pub`);

  test('its line goes there and back', () => {
    expect(`${formatPublicKeyLine(key, comment)}\n`).toBe(keyText(`${name}.pub`));
    expect(parsePublicKeyLine(`\t${formatPublicKeyLine(key)}  \t `)).toMatchObject({ comment: '' });
  });

  test('cut short or followed by more it is none', () => {
    const { blob } = key;
    for (let length = 0; length < blob.length; length++) expect(errorCode(() => parsePublicKey(blob.subarray(0, length)))).toBeDefined();
    expect(errorCode(() => parsePublicKey(Buffer.concat([blob, Uint8Array.of(0)])))).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('no damage makes anything but an SshError', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(key.blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = key.blob.slice();
        for (const [at, value] of changes) damaged[at] = value;
        errorCode(() => parsePublicKey(damaged));
      }),
    );
  });

  test('RFC 4716 goes there and back', () => {
    const text = formatRfc4716(key, comment);
    expect(isRfc4716(text)).toBe(true);
    expect(parseRfc4716(text)).toMatchObject({ key: { blob: key.blob }, comment });
  });
});

test.each(plainKeys)('%s in RFC 4716 as ssh-keygen wrote it', (name) => {
  const text = keyText(`${name}.rfc4716`);
  const { key, comment } = parseRfc4716(text);
  expect(key.blob).toEqual(publicKeyFile(`${name}.pub`).key.blob);
  expect(formatRfc4716(key, comment)).toBe(text);
});

test('RFC 4716 with headers over several lines and CRLF', () => {
  const { key } = publicKeyFile('ed25519.pub');
  const text = formatRfc4716(key, 'x')
    .replace('Comment: "x"', 'Subject: me\nComment: "a long \\\ncomment"\nx-other: 1')
    .replaceAll('\n', '\r\n');
  expect(parseRfc4716(`text before\n${text}text behind`)).toMatchObject({ key: { blob: key.blob }, comment: 'a long comment' });
  expect(errorCode(() => parseRfc4716('---- BEGIN SSH2 PUBLIC KEY ----\nAAAA'))).toBe('SSH_ERR_INVALID_FORMAT');
});

describe('refused:', () => {
  const blob = (...parts: (string | Uint8Array)[]): Uint8Array => {
    const writer = new WireWriter();
    for (const part of parts) writer.string(typeof part === 'string' ? utf8Bytes(part) : part);
    return writer.bytes();
  };
  const ff = (length: number): Uint8Array => new Uint8Array(length).fill(0x7f);
  const { blob: p256 } = publicKeyFile('ecdsa-256.pub').key;
  const point = p256.subarray(-65);

  test.each([
    ['no type', new Uint8Array(0), 'SSH_ERR_INVALID_FORMAT'],
    ['an unknown type', blob('ssh-dss', ff(32)), 'SSH_ERR_KEY_TYPE_UNKNOWN'],
    ['a signature’s name', blob('rsa-sha2-256', Uint8Array.of(3), ff(256)), 'SSH_ERR_KEY_TYPE_UNKNOWN'],
    ['a short Ed25519 key', blob('ssh-ed25519', ff(31)), 'SSH_ERR_INVALID_FORMAT'],
    ['an RSA modulus of 1023 bits', blob('ssh-rsa', Uint8Array.of(3), Uint8Array.of(0x7f, ...ff(127))), 'SSH_ERR_KEY_LENGTH'],
    ['an RSA modulus of 16,392 bits', blob('ssh-rsa', Uint8Array.of(3), Uint8Array.of(0x7f, ...ff(2048))), 'SSH_ERR_INVALID_FORMAT'],
    ['a negative RSA exponent', blob('ssh-rsa', Uint8Array.of(0xff), ff(256)), 'SSH_ERR_INVALID_FORMAT'],
    ['another curve than its name', blob('ecdsa-sha2-nistp256', 'nistp384', point), 'SSH_ERR_EC_CURVE_MISMATCH'],
    [
      'a point off the curve',
      blob('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(...point.subarray(0, 64), (point[64] as number) ^ 1)),
      'SSH_ERR_INVALID_FORMAT',
    ],
    [
      'a compressed point',
      blob('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(2 + ((point[64] as number) & 1), ...point.subarray(1, 33))),
      'SSH_ERR_INVALID_FORMAT',
    ],
    ['the point at infinity', blob('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(0)), 'SSH_ERR_INVALID_FORMAT'],
    ['a point of zeros', blob('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(4, ...new Uint8Array(64))), 'SSH_ERR_INVALID_FORMAT'],
    [
      'coordinates beyond the field',
      blob('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(4, ...new Uint8Array(64).fill(255))),
      'SSH_ERR_INVALID_FORMAT',
    ],
  ])('%s', (_what, bytes, code) => {
    expect(errorCode(() => parsePublicKey(bytes))).toBe(code);
  });

  test.each([
    ['', 'SSH_ERR_INVALID_FORMAT'],
    ['ssh-ed25519', 'SSH_ERR_INVALID_FORMAT'],
    ['ssh-dss AAAA', 'SSH_ERR_INVALID_FORMAT'],
    ['rsa-sha2-512 AAAA', 'SSH_ERR_INVALID_FORMAT'],
    ['ssh-ed25519 A*AA', 'SSH_ERR_INVALID_FORMAT'],
    ['ssh-ed25519 AAAA', 'SSH_ERR_INVALID_FORMAT'],
  ])('the line %j', (line, code) => {
    expect(errorCode(() => parsePublicKeyLine(line))).toBe(code);
  });

  test('a line whose type is not its blob’s', () => {
    const encoded = keyText('ed25519.pub').split(' ')[1] as string;
    expect(errorCode(() => decodePublicKey('ssh-rsa', encoded))).toBe('SSH_ERR_KEY_TYPE_MISMATCH');
  });
});

test('an encrypted private key file tells its public key', () => {
  expect(readOpensshEnvelope(keyFile('encrypted-aes256-gcm'))).toMatchObject({
    cipher: 'aes256-gcm@openssh.com',
    kdf: 'bcrypt',
    rounds: 2,
    publicKey: { blob: publicKeyFile('encrypted-aes256-gcm.pub').key.blob },
  });
});
