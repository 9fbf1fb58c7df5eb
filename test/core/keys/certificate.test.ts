import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { certifiedSigner, checkCertificate, optionText } from '../../../src/core/keys/certificate.ts';
import type { Certificate, PublicKey } from '../../../src/core/keys/key.ts';
import { parsePublicKey } from '../../../src/core/keys/public-key.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { matchPattern } from '../../../src/core/util/pattern.ts';
import { errorCode, privateKeyFile, publicKeyFile } from './vectors.ts';

const authorities = {
  ed25519: 'ssh-ed25519',
  'ecdsa-256': 'ecdsa-sha2-nistp256',
  'ecdsa-384': 'ecdsa-sha2-nistp384',
  'ecdsa-521': 'ecdsa-sha2-nistp521',
  'rsa-2048': 'rsa-sha2-512',
};

function certificateOf(key: PublicKey): Certificate {
  return key.certificate as Certificate;
}

function reason(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof SshError ? (error.detail ?? error.message) : String(error);
  }
}

describe.each(Object.entries(authorities))('signed by %s', (name, algorithm) => {
  const { key } = publicKeyFile(`user-by-${name}-cert.pub`);

  test('has its fields', () => {
    expect(key).toMatchObject({ name: 'ssh-ed25519-cert-v01@openssh.com', shortName: 'ED25519-CERT', bits: 256 });
    expect(key.plain.blob).toEqual(publicKeyFile('ed25519.pub').key.blob);
    const certificate = certificateOf(key);
    expect(certificate).toMatchObject({
      role: 'user',
      serial: 7n,
      keyId: `user by ${name}`,
      principals: ['alice', 'bob'],
      signatureAlgorithm: algorithm,
    });
    expect(certificate.signatureKey.blob).toEqual(publicKeyFile(`${name}.pub`).key.blob);
    expect(certificate.extensions.map((one) => one.name)).toEqual([
      'permit-X11-forwarding',
      'permit-agent-forwarding',
      'permit-port-forwarding',
      'permit-pty',
      'permit-user-rc',
    ]);
  });

  test('any change is found', () => {
    fc.assert(
      fc.property(fc.nat(key.blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = key.blob.slice();
        damaged[at] = (damaged[at] as number) ^ change;
        expect(errorCode(() => parsePublicKey(damaged))).toBeDefined();
      }),
    );
  });
});

test.each(['user-sk-cert', 'user-sk-ecdsa-cert', 'sk-ed25519-host-cert', 'rsa-sha2-256-cert', 'ssh-rsa-cert'])('%s is verified', (name) => {
  const { signatureKey, signatureAlgorithm } = certificateOf(publicKeyFile(`${name}.pub`).key);
  expect(signatureKey.signatureAlgorithms).toContain(signatureAlgorithm);
});

test('hosts’ certificates of every type', () => {
  for (const type of ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-1024']) {
    const { key } = publicKeyFile(`host-${type}-cert.pub`);
    expect(key.plain.blob).toEqual(publicKeyFile(`${type}.pub`).key.blob);
    expect(certificateOf(key)).toMatchObject({
      role: 'host',
      serial: 2n ** 64n - 1n,
      validAfter: 0n,
      validBefore: 2n ** 64n - 1n,
      principals: ['server.example.com', '*.example.org'],
      criticalOptions: [],
      extensions: [],
    });
  }
});

test('options keep their order and data', () => {
  const { criticalOptions, extensions } = certificateOf(publicKeyFile('options-cert.pub').key);
  expect(criticalOptions.map((one) => [one.name, optionText(one)])).toEqual([
    ['force-command', 'echo forced'],
    ['own@example.com', 'value'],
    ['source-address', '192.0.2.0/24,2001:db8::/32'],
  ]);
  expect(extensions.map((one) => one.name)).toEqual(['flag@example.com', 'permit-pty']);
});

describe('it is', () => {
  const user = certificateOf(publicKeyFile('user-by-ed25519-cert.pub').key);
  const host = certificateOf(publicKeyFile('host-ed25519-cert.pub').key);
  const now = Date.UTC(2030, 0, 1) / 1000;
  const check = (certificate: Certificate, role: 'user' | 'host', principal?: string, time = now, signatureAlgorithms?: string[]) =>
    reason(() => {
      checkCertificate(certificate, {
        role,
        now: time,
        ...(principal !== undefined && { principal }),
        ...(signatureAlgorithms && { signatureAlgorithms }),
        ...(role === 'host' && { matches: (pattern: string, name: string) => matchPattern(name, pattern) }),
      });
    });

  test.each([
    ['valid', check(user, 'user', 'alice'), undefined],
    ['valid without a name to check', check(user, 'user'), undefined],
    ['valid by a wildcard', check(host, 'host', 'www.example.org'), undefined],
    ['of no other role', check(user, 'host', 'alice'), 'Certificate invalid: not a host certificate'],
    ['of no other role either', check(host, 'user', 'server.example.com'), 'Certificate invalid: not a user certificate'],
    ['not yet valid', check(user, 'user', 'alice', Number(user.validAfter) - 1), 'Certificate invalid: not yet valid'],
    ['valid from its first second', check(user, 'user', 'alice', Number(user.validAfter)), undefined],
    ['valid to its last second', check(user, 'user', 'alice', Number(user.validBefore) - 1), undefined],
    ['expired', check(user, 'user', 'alice', Number(user.validBefore)), 'Certificate invalid: expired'],
    ['for nobody else', check(user, 'user', 'mallory'), 'Certificate invalid: name is not a listed principal'],
    ['no pattern for users', check({ ...user, principals: ['*'] }, 'user', 'alice'), 'Certificate invalid: name is not a listed principal'],
    [
      'not a list in one name',
      check({ ...user, principals: ['alice,bob'] }, 'user', 'alice'),
      'Certificate invalid: name is not a listed principal',
    ],
    ['for nobody without principals', check({ ...user, principals: [] }, 'user', 'alice'), 'Certificate lacks principal list'],
    [
      'without critical options for hosts',
      check({ ...host, criticalOptions: [{ name: 'x', data: new Uint8Array(0) }] }, 'host', 'a.example.org'),
      'Certificate contains unsupported critical options',
    ],
    ['signed by an accepted algorithm', check(user, 'user', 'alice', now, ['rsa-sha2-512']), 'certificate signed with ssh-ed25519'],
  ])('%s', (_what, found, expected) => {
    expect(found).toBe(expected);
  });
});

test('a certificate can’t sign another', () => {
  // the authority's key in the certificate is replaced by a certificate; the signature does not come to be looked at
  const { key } = publicKeyFile('user-by-ed25519-cert.pub');
  const { blob: authority } = certificateOf(key).signatureKey;
  const at = Buffer.from(key.blob).lastIndexOf(authority) - 4;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(key.blob.length);
  const nested = Buffer.concat([key.blob.subarray(0, at), length, key.blob, key.blob.subarray(at + 4 + authority.length)]);
  expect(errorCode(() => parsePublicKey(nested))).toBe('SSH_ERR_KEY_CERT_INVALID_SIGN_KEY');
});

test('a key signs as what it is certified for', async () => {
  const { key: publicKey } = publicKeyFile('host-rsa-1024-cert.pub');
  const signer = certifiedSigner(await privateKeyFile('rsa-1024'), publicKey);
  const data = utf8Bytes('data');
  expect(publicKey.signatureAlgorithms).toEqual([
    'rsa-sha2-512-cert-v01@openssh.com',
    'rsa-sha2-256-cert-v01@openssh.com',
    'ssh-rsa-cert-v01@openssh.com',
  ]);
  const signature = await signer.sign(data, 'rsa-sha2-256-cert-v01@openssh.com');
  publicKey.verify(signature, data, 'rsa-sha2-256-cert-v01@openssh.com');
  expect(errorCode(() => publicKey.verify(signature, data, 'rsa-sha2-512-cert-v01@openssh.com'))).toBe('SSH_ERR_SIGN_ALG_UNSUPPORTED');
  expect(errorCode(() => publicKey.verify(signature, data, 'rsa-sha2-256'))).toBe('SSH_ERR_SIGN_ALG_UNSUPPORTED');
  const other = await privateKeyFile('rsa-2048');
  expect(errorCode(() => certifiedSigner(other, publicKey))).toBe('SSH_ERR_KEY_CERT_MISMATCH');
  expect(errorCode(() => certifiedSigner(other, other.publicKey))).toBe('SSH_ERR_EXPECTED_CERT');
});
