import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DerReader, DerWriter, tags } from '../../../src/core/keys/asn1.ts';
import { decodeBase64, encodeBase64, findPem, formatPem } from '../../../src/core/keys/armor.ts';
import { formatPemPkcs8, formatPemTraditional, isPemEncrypted, parsePem } from '../../../src/core/keys/pem.ts';
import { generatePrivateKey } from '../../../src/core/keys/private-key.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { keyFile, keyText, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const passphrase = utf8Bytes('passphrase');
const types = ['rsa-1024', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'];

describe.each(types)('%s', (type) => {
  const { blob } = publicKeyFile(`${type}.pub`).key;

  test.each(['PEM', 'PKCS8'])('%s as ssh-keygen wrote it is read', async (format) => {
    expect(isPemEncrypted(keyFile(`${type}.${format}`))).toBe(false);
    const key = await parsePem(keyFile(`${type}.${format}`));
    expect(key.publicKey.blob).toEqual(blob);
    expect(key.fields).toEqual((await privateKeyFile(type)).fields);
    await key.check();
  });

  test.each(['PEM', 'PKCS8'])('%s with a passphrase is read with it alone', async (format) => {
    const text = keyFile(`${type}.${format}.encrypted`);
    expect(isPemEncrypted(text)).toBe(true);
    expect((await parsePem(text, passphrase)).publicKey.blob).toEqual(blob);
    expect(await rejection(parsePem(text))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
    expect(await rejection(parsePem(text, utf8Bytes('another')))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
  });

  test('is written byte for byte as ssh-keygen writes it', async () => {
    const key = await privateKeyFile(type);
    expect(Buffer.from(formatPemTraditional(key)).toString()).toBe(keyText(`${type}.PEM`));
    expect(Buffer.from(await formatPemPkcs8(key)).toString()).toBe(keyText(`${type}.PKCS8`));
  });

  test('is read again where we encrypted it', async () => {
    const key = await privateKeyFile(type);
    for (const text of [formatPemTraditional(key, { passphrase }), await formatPemPkcs8(key, { passphrase })]) {
      expect((await parsePem(text, passphrase)).fields).toEqual(key.fields);
      expect(await rejection(parsePem(text, utf8Bytes('another')))).toBe('SSH_ERR_KEY_WRONG_PASSPHRASE');
    }
  });
});

test('Ed25519 goes into PKCS#8 and back, and into no other PEM', async () => {
  const key = await generatePrivateKey('ssh-ed25519');
  const text = await formatPemPkcs8(key);
  expect((await parsePem(text)).fields).toEqual(key.fields);
  expect(() => formatPemTraditional(key)).toThrow('unknown or unsupported key type');
});

test('openssl’s files are read: scrypt, AES-256, 3DES, old encryption', async () => {
  const { blob } = publicKeyFile('ecdsa-256.pub').key;
  for (const name of ['openssl-scrypt', 'openssl-aes256', 'openssl-des3', 'openssl-dek-des3']) {
    expect((await parsePem(keyFile(name), passphrase)).publicKey.blob).toEqual(blob);
  }
});

test('rounds that would take hours are refused at once', async () => {
  const der = decodeBase64(findPem(keyFile('openssl-aes256'))?.body ?? new Uint8Array(0)) as Uint8Array;
  const encrypted = new DerReader(der).within(tags.sequence);
  const pbes2 = encrypted.within(tags.sequence);
  const scheme = pbes2.element(tags.oid);
  const parameters = pbes2.within(tags.sequence);
  const derivation = parameters.within(tags.sequence);
  const pbkdf2 = derivation.element(tags.oid);
  const salt = derivation.within(tags.sequence).element(tags.octetString);
  const writer = new DerWriter(500).element(tags.octetString, encrypted.element(tags.octetString));
  const at = writer.length;
  writer.element(tags.sequence, parameters.element(tags.sequence));
  const inner = writer.length;
  writer
    .integer(Uint8Array.of(0x7f, 0xff, 0xff, 0xff))
    .element(tags.octetString, salt)
    .wrap(tags.sequence, inner);
  writer.element(tags.oid, pbkdf2).wrap(tags.sequence, inner).wrap(tags.sequence, at).element(tags.oid, scheme).wrap(tags.sequence, at);
  const text = formatPem('ENCRYPTED PRIVATE KEY', writer.wrap(tags.sequence, 0).bytes());
  expect(await rejection(parsePem(text, passphrase))).toBe('SSH_ERR_INVALID_FORMAT');
});

describe('bad input', () => {
  test('a file cut short anywhere is an error', async () => {
    for (const name of ['ecdsa-256.PEM', 'ecdsa-256.PKCS8', 'rsa-1024.PEM', 'ecdsa-256.PEM.encrypted']) {
      const text = keyFile(name);
      // without the last line break all is there
      for (let length = 0; length < text.length - 1; length++) {
        expect(await rejection(parsePem(text.subarray(0, length), passphrase))).toBeDefined();
      }
    }
  });

  test('no damage makes anything but an SshError', async () => {
    const blocks = types.flatMap((type) => [findPem(keyFile(`${type}.PEM`)), findPem(keyFile(`${type}.PKCS8`))]);
    for (const block of blocks) {
      const der = decodeBase64(block?.body ?? new Uint8Array(0)) as Uint8Array;
      await fc.assert(
        fc.asyncProperty(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
          const damaged = der.slice();
          damaged[at] = (damaged[at] as number) ^ change;
          const body = Buffer.from(encodeBase64(damaged, 64)).toString();
          await rejection(
            parsePem(utf8Bytes(`-----BEGIN ${block?.label}-----\n${body}-----END ${block?.label}-----\n`)).then((key) => key.check()),
          );
        }),
        { numRuns: 100 },
      );
    }
  });

  test.each([
    '',
    'no key',
    '-----BEGIN RSA PRIVATE KEY-----',
    '-----BEGIN RSA PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n',
  ])('%j', async (text) => {
    expect(await rejection(parsePem(utf8Bytes(text)))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    expect(isPemEncrypted(utf8Bytes(text))).toBe(false);
  });
});

describe('base64', () => {
  test('goes there and back, in lines', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 80 }), (bytes, width) => {
        const text = Buffer.from(encodeBase64(bytes, width));
        expect(text.toString().replaceAll('\n', '')).toBe(Buffer.from(bytes).toString('base64'));
        expect(
          text
            .toString()
            .split('\n')
            .every((line) => line.length <= width),
        ).toBe(true);
        expect(decodeBase64(text)).toEqual(bytes);
      }),
    );
  });

  test.each(['A', 'AA', 'AAA', 'AA=', 'AAAA=', 'A===', 'AAA=A', '====', 'AA*=', 'AAAA===='])('%s is none', (text) => {
    expect(decodeBase64(utf8Bytes(text))).toBeUndefined();
  });
});
