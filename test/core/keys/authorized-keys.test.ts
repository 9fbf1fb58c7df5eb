import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorizedKey, parseAuthorizedKeysLine } from '../../../src/core/keys/authorized-keys.ts';
import { certificateOptions, mergeKeyOptions, parseKeyOptions, permissiveOptions } from '../../../src/core/keys/key-options.ts';
import type { Certificate } from '../../../src/core/keys/key.ts';
import { formatPublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { errorCode, publicKeyFile } from './vectors.ts';

const { key } = publicKeyFile('ed25519.pub');
const bare = formatPublicKeyLine(key, 'a comment');

function reason(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error.detail;
    throw error;
  }
}

describe('a line', () => {
  test.each([
    ['', bare],
    ['', `  \t${bare}\r\n`],
    ['restrict', `restrict ${bare}`],
    ['command="echo a b",no-pty', `command="echo a b",no-pty\t ${bare}`],
    ['command="say \\"hi there\\"",pty', `command="say \\"hi there\\"",pty ${bare}`],
    ['from="*.example.com,!a"', `from="*.example.com,!a" ${bare}`],
  ])('with the options %j', (options, text) => {
    const line = parseAuthorizedKeysLine(text);
    expect(line).toMatchObject({ at: 'key', options, keyType: 'ssh-ed25519', comment: 'a comment' });
    expect(line.at === 'key' && authorizedKey(line).blob).toEqual(key.blob);
  });

  test.each(['', ' ', '# comment', '\t# comment'])('%j is a comment', (text) => {
    expect(parseAuthorizedKeysLine(text)).toEqual({ at: 'comment' });
  });

  test.each([
    'ssh-ed25519',
    'word',
    'command="unclosed ssh-ed25519 AAAA',
    'rsa-sha2-256 AAAA',
    'x ssh-dss AAAA',
    `ssh-ed25519 ${'A'.repeat(70_000)}`,
  ])('%j is invalid', (text) => {
    expect(parseAuthorizedKeysLine(text)).toEqual({ at: 'invalid' });
  });

  test('a key of another type than declared is refused', () => {
    const line = parseAuthorizedKeysLine(bare.replace('ssh-ed25519', 'ssh-rsa'));
    expect(line.at === 'key' && errorCode(() => authorizedKey(line))).toBe('SSH_ERR_KEY_TYPE_MISMATCH');
  });

  test('no text throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii' }), (text) => void parseAuthorizedKeysLine(text)));
  });
});

describe('options', () => {
  test('restrict turns all off, and what follows turns it on again', () => {
    expect(parseKeyOptions('restrict,pty,command="nethack"')).toMatchObject({
      permitPortForwarding: false,
      permitAgentForwarding: false,
      permitX11Forwarding: false,
      permitUserRc: false,
      permitPty: true,
      command: 'nethack',
    });
  });

  test('each flag', () => {
    expect(parseKeyOptions('')).toEqual(permissiveOptions);
    expect(
      parseKeyOptions(
        'no-port-forwarding,No-Agent-Forwarding,no-X11-forwarding,no-pty,no-user-rc,cert-authority,no-touch-required,verify-required',
      ),
    ).toEqual({
      permitPortForwarding: false,
      permitAgentForwarding: false,
      permitX11Forwarding: false,
      permitPty: false,
      permitUserRc: false,
      certAuthority: true,
      noTouchRequired: true,
      verifyRequired: true,
      environment: [],
      permitOpen: [],
      permitListen: [],
    });
  });

  test('each value', () => {
    expect(
      parseKeyOptions(
        'command="a \\"b\\" \\c",from="10.0.0.0/8",principals="x,y",environment="A=1",environment="A=2",environment="B=",' +
          'permitopen="host:80",permitopen="[::1]:*",permitlisten="8080",permitlisten="localhost:22",tunnel="3",expiry-time="20300101Z",expiry-time="20290101Z"',
      ),
    ).toMatchObject({
      command: 'a "b" \\c',
      from: '10.0.0.0/8',
      principals: 'x,y',
      environment: [
        ['A', '1'],
        ['B', ''],
      ],
      permitOpen: ['host:80', '[::1]:*'],
      permitListen: ['*:8080', 'localhost:22'],
      tunnel: 3,
      expiryTime: Date.UTC(2029, 0, 1) / 1000,
    });
  });

  test.each([
    ['nonsense', 'unknown key option'],
    ['no-restrict', 'unknown key option'],
    ['no-command="x"', 'unknown key option'],
    ['command', 'unknown key option'],
    ['ptyx', 'unknown key option'],
    ['pty pty', 'unknown key option'],
    ['pty,', 'unexpected end-of-options'],
    ['command=x', 'missing start quote'],
    ['command="x', 'missing end quote'],
    ['command="x",command="y"', 'multiple "command" clauses'],
    ['principals="x",principals="y"', 'multiple "principals" clauses'],
    ['from="x",from="y"', 'multiple "from" clauses'],
    ['expiry-time="soon"', 'invalid expires time'],
    ['environment="no value"', 'invalid environment string'],
    ['permitopen="host"', 'invalid permission hostname'],
    ['permitopen="host:0"', 'invalid permission port'],
    ['permitopen="host:65536"', 'invalid permission port'],
    ['permitlisten="x"', 'invalid permission port'],
    ['tunnel="-1"', 'invalid tun device'],
    ['tunnel="2147483647"', 'invalid tun device'],
  ])('%j is refused: %s', (text, expected) => {
    expect(reason(() => parseKeyOptions(text))).toBe(expected);
  });

  test('no text makes anything but an SshError', () => {
    const word = fc.constantFrom('pty', 'no-', 'command', 'permitopen', 'expiry-time', '=', '"', '\\', ',', ' ', 'a:1', '2030');
    fc.assert(fc.property(fc.array(fc.oneof(word, fc.string())), (words) => void errorCode(() => parseKeyOptions(words.join('')))));
  });
});

describe('a certificate', () => {
  const certificate = publicKeyFile('options-cert.pub').key.certificate as Certificate;
  const text = (value: string): Uint8Array => Buffer.concat([Uint8Array.of(0, 0, 0, value.length), utf8Bytes(value)]);
  const known = { ...certificate, criticalOptions: certificate.criticalOptions.filter((one) => !one.name.includes('@')) };

  test('allows what its extensions name', () => {
    expect(certificateOptions(known)).toMatchObject({
      permitPty: true,
      permitPortForwarding: false,
      command: 'echo forced',
      sourceAddress: '192.0.2.0/24,2001:db8::/32',
    });
  });

  test('with a critical option that is not known is refused', () => {
    expect(reason(() => certificateOptions(certificate))).toBe('Certificate critical option "own@example.com" is not supported');
  });

  test.each([
    [
      'Certificate has multiple force-command options',
      [
        { name: 'force-command', data: text('x') },
        { name: 'force-command', data: text('x') },
      ],
    ],
    ['Certificate critical option "force-command" corrupt', [{ name: 'force-command', data: utf8Bytes('x') }]],
    ['Certificate critical option "verify-required" corrupt (extra data)', [{ name: 'verify-required', data: text('') }]],
    ['Certificate source-address contents invalid', [{ name: 'source-address', data: text('') }]],
  ])('%s', (expected, criticalOptions) => {
    expect(reason(() => certificateOptions({ ...certificate, criticalOptions }))).toBe(expected);
  });

  test('and its authority’s line allow what both do', () => {
    const options = certificateOptions(known);
    expect(mergeKeyOptions(parseKeyOptions('cert-authority,no-pty'), options)).toMatchObject({ permitPty: false, command: 'echo forced' });
    expect(mergeKeyOptions(parseKeyOptions('cert-authority,command="echo forced"'), options)).toMatchObject({ permitPty: true });
    expect(reason(() => mergeKeyOptions(parseKeyOptions('command="echo other"'), options))).toBe('forced command options do not match');
    expect(mergeKeyOptions({ ...permissiveOptions, noTouchRequired: true }, options).noTouchRequired).toBe(false);
    expect(mergeKeyOptions({ ...permissiveOptions, verifyRequired: true }, options).verifyRequired).toBe(true);
  });
});
