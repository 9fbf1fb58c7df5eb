import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPem } from '../../../src/core/keys/armor.ts';
import { diagnosePrivateKey } from '../../../src/core/keys/diagnose.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { keyFile, keyText } from './vectors.ts';

const key = keyText('ed25519');
const pem = keyText('ecdsa-256.PEM');

test.each<[string, string | undefined]>([
  [key, undefined],
  [pem, undefined],
  ['', 'the file is empty'],
  ['\n\n', 'the file is empty'],
  [`\ufeff${key}`, 'the file begins with a byte order mark, which an editor put there'],
  [keyText('ed25519.ppk3'), 'this is PuTTY’s format (.ppk); import it first'],
  ['---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n', 'this is SSH.com’s format; import it first'],
  ['-----BEGIN CERTIFICATE-----\n', 'this is an X.509 certificate, not a private key'],
  [keyText('ed25519.sshsig'), 'this is a signature, not a private key'],
  ['SSH PRIVATE KEY FILE FORMAT 1.1\n', 'this is a key of SSH protocol 1, which is gone'],
  [keyText('ed25519.pub'), 'this is a public key; the private key is in the file without .pub'],
  [keyText('ed25519.rfc4716'), 'this is a public key; the private key is in the file without .pub'],
  ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'this is a public key; the private key is in the file without .pub'],
  ['some text', 'there is no -----BEGIN line: this is no private key'],
  ['-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n', 'this is a DSA key, which OpenSSH does not take any more'],
  ['-----BEGIN PGP MESSAGE-----\n', 'what begins here is no private key'],
  [key.slice(0, 200), 'the file is cut short: its -----END line is missing'],
  [pem.slice(0, 100), 'the file is cut short: its -----END line is missing'],
  [key.replaceAll('\n', '\r\n'), 'the lines end in CRLF; make them end in LF'],
  [key.slice(0, -1), 'the line break behind the last line is missing'],
  [` ${key}`, 'there is something in front of the -----BEGIN line'],
  [key.replace('KEY-----\n', 'KEY----- \n'), 'there is something behind the -----BEGIN line'],
  [key.replace(/\n$/, ' \n'), 'there is something before or behind the -----END line'],
  [key.replace('\nb', '\n*'), 'line 2 is not base64'],
  [pem.replace('\nM', '\n*'), 'line 2 is not base64'],
  [Buffer.from(formatPem('EC PRIVATE KEY', Uint8Array.of(1, 2))).toString(), 'the file is damaged (malformed DER; format pem)'],
  [key.replace('\nb3BlbnNzaC1', '\nc3BlbnNzaC1'), 'the file is damaged (openssh-key-v1: magic; format openssh)'],
])('%#', async (text, expected) => {
  expect(await diagnosePrivateKey(utf8Bytes(text))).toBe(expected);
});

test('a passphrase that is missing or wrong', async () => {
  const file = keyFile('encrypted-aes256-ctr');
  expect(await diagnosePrivateKey(file)).toBe('the key is encrypted and needs its passphrase');
  expect(await diagnosePrivateKey(file, utf8Bytes('another'))).toBe('the passphrase is wrong, or the file is damaged');
  expect(await diagnosePrivateKey(file, utf8Bytes('passphrase'))).toBeUndefined();
});

test('UTF-16', async () => {
  expect(await diagnosePrivateKey(Buffer.from(`\ufeff${key}`, 'utf16le'))).toBe('the file is in UTF-16; a key file is plain ASCII');
});

test('any bytes get a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      expect(await diagnosePrivateKey(bytes)).toBeTypeOf('string');
    }),
  );
});
