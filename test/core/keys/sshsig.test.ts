import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64 } from '../../../src/core/keys/armor.ts';
import { certifiedSigner } from '../../../src/core/keys/certificate.ts';
import { formatPublicKeyLine, parsePublicKey } from '../../../src/core/keys/public-key.ts';
import { formatSshsig, messageDigest, parseSshsig, signMessage, sshsigHashes, verifySshsig } from '../../../src/core/keys/sshsig.ts';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { mpint } from '../../../src/core/wire/codec.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { errorCode, keyFile, keyText, plainKeys, privateKeyFile, publicKeyFile, rejection } from './vectors.ts';

const NAMESPACE = 'test@example.com';
const message = keyFile('message');
const digest = messageDigest('sha512').update(message).digest();

describe.each([...plainKeys, 'sk-ed25519', 'sk-ecdsa'])('%s', (name) => {
  const sshsig = parseSshsig(keyFile(`${name}.sshsig`));

  test('ssh-keygen’s signature verifies, and only for its message and namespace', () => {
    expect(sshsig).toMatchObject({ namespace: NAMESPACE, hash: 'sha512' });
    expect(sshsig.publicKey.blob).toEqual(publicKeyFile(`${name}.pub`).key.blob);
    const details = verifySshsig(sshsig, NAMESPACE, digest);
    if (name.startsWith('sk-')) expect(details.securityKey).toMatchObject({ userPresent: true, userVerified: false });
    else expect(details).toEqual({});
    expect(errorCode(() => verifySshsig(sshsig, 'file', digest))).toBe('SSH_ERR_SIGNATURE_INVALID');
    expect(errorCode(() => verifySshsig(sshsig, NAMESPACE, messageDigest('sha512').digest()))).toBe('SSH_ERR_SIGNATURE_INVALID');
  });

  test('is written as ssh-keygen wrote it', () => {
    expect(formatSshsig(sshsig)).toBe(keyText(`${name}.sshsig`));
  });

  test('no damage passes or makes anything but an SshError', () => {
    const body = keyText(`${name}.sshsig`).split('\n').slice(1, -2).join('');
    const bytes = decodeBase64(utf8Bytes(body)) as Uint8Array;
    const read = (blob: Uint8Array) => () => {
      const text = `-----BEGIN SSH SIGNATURE-----\n${Buffer.from(encodeBase64(blob, 70)).toString()}-----END SSH SIGNATURE-----\n`;
      verifySshsig(parseSshsig(utf8Bytes(text)), NAMESPACE, digest);
    };
    expect(errorCode(read(bytes))).toBeUndefined();
    // from the version on; a lower version than ours is let pass
    for (let length = 0; length < bytes.length; length++) expect(errorCode(read(bytes.subarray(0, length)))).toBeDefined();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] as number) ^ change;
        const code = errorCode(read(damaged));
        if (at < 6 || at > 9) expect(code).toBeDefined();
      }),
    );
  });
});

test('the other digest', () => {
  const sshsig = parseSshsig(keyFile('sha256.sshsig'));
  expect(sshsig.hash).toBe('sha256');
  expect(errorCode(() => verifySshsig(sshsig, NAMESPACE, messageDigest('sha256').update(message).digest()))).toBeUndefined();
  expect(errorCode(() => verifySshsig(sshsig, NAMESPACE, digest))).toBe('SSH_ERR_SIGNATURE_INVALID');
});

test('SHA-1 is refused, an empty namespace too', async () => {
  const key = await privateKeyFile('rsa-1024');
  const signature = await key.sign(message, 'ssh-rsa');
  expect(errorCode(() => verifySshsig({ publicKey: key.publicKey, namespace: 'x', hash: 'sha512', signature }, 'x', digest))).toBe(
    'SSH_ERR_SIGN_ALG_UNSUPPORTED',
  );
  expect(await rejection(signMessage(key, '', 'sha512', digest))).toBe('SSH_ERR_INVALID_ARGUMENT');
  const sshsig = await signMessage(key, 'x', 'sha512', digest);
  const nameless = parseSshsig(utf8Bytes(formatSshsig({ ...sshsig, namespace: '' })));
  expect(errorCode(() => verifySshsig(nameless, '', digest))).toBe('SSH_ERR_SIGNATURE_INVALID');
});

test.each([
  ['', 'SSH_ERR_MESSAGE_INCOMPLETE'],
  ['text', 'SSH_ERR_MESSAGE_INCOMPLETE'],
  [' -----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----', 'SSH_ERR_INVALID_FORMAT'],
  ['-----BEGIN SSH SIGNATURE-----AAAA\n-----END SSH SIGNATURE-----', 'SSH_ERR_INVALID_FORMAT'],
  ['-----BEGIN SSH SIGNATURE-----\nAAAA', 'SSH_ERR_MESSAGE_INCOMPLETE'],
  [`-----BEGIN SSH SIGNATURE-----\n${'AAAA'.repeat(20)}\n`, 'SSH_ERR_INVALID_FORMAT'],
  ['-----BEGIN SSH SIGNATURE-----\n*\n-----END SSH SIGNATURE-----', 'SSH_ERR_INVALID_FORMAT'],
])('%j is no signature', (text, code) => {
  expect(errorCode(() => parseSshsig(utf8Bytes(text)))).toBe(code);
});

describe('a signature that a browser made for a security key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = concat(Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url'));
  const name = 'sk-ecdsa-sha2-nistp256@openssh.com';
  const algorithm = `webauthn-${name}`;
  const key = parsePublicKey(
    new WireWriter().string(utf8Bytes(name)).string(utf8Bytes('nistp256')).string(point).string(utf8Bytes('ssh:')).bytes(),
  );
  const data = utf8Bytes('challenge?>~');
  const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

  interface Parts {
    readonly flags?: number;
    readonly origin?: string;
    readonly clientData?: string;
    readonly extensions?: Uint8Array;
  }

  function made({ flags = 5, origin = 'https://example.com', clientData, extensions = new Uint8Array(0) }: Parts): Uint8Array {
    const challenge = Buffer.from(data).toString('base64url');
    const client = utf8Bytes(
      clientData ?? `{"type":"webauthn.get","challenge":"${challenge}","origin":"https://example.com","crossOrigin":false}`,
    );
    const flagsAndCounter = Uint8Array.of(flags, 0, 0, 1, 2);
    const signed = concat(sha256(utf8Bytes('ssh:')), flagsAndCounter, extensions, sha256(client));
    const raw = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const pair = new WireWriter();
    mpint.write(pair, raw.subarray(0, 32));
    mpint.write(pair, raw.subarray(32));
    const signature = new WireWriter().string(utf8Bytes(algorithm)).string(pair.bytes()).raw(flagsAndCounter);
    return signature.string(utf8Bytes(origin)).string(client).string(extensions).bytes();
  }

  test('verifies', () => {
    expect(key.verify(made({}), data, algorithm)).toEqual({ securityKey: { userPresent: true, userVerified: true, counter: 0x102 } });
    expect(key.verify(made({ flags: 0x80, extensions: Uint8Array.of(0xa0) }), data, algorithm)).toMatchObject({
      securityKey: { userPresent: false, userVerified: false },
    });
    expect(errorCode(() => key.verify(made({}), data, name))).toBe('SSH_ERR_SIGN_ALG_UNSUPPORTED');
  });

  test.each<[string, Parts, string]>([
    [
      'over another challenge',
      { clientData: '{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.com"' },
      'SSH_ERR_SIGNATURE_INVALID',
    ],
    ['of another type', { clientData: '{"type":"webauthn.create"' }, 'SSH_ERR_SIGNATURE_INVALID'],
    ['of another origin', { origin: 'https://example.org' }, 'SSH_ERR_SIGNATURE_INVALID'],
    ['whose origin breaks out of its quotes', { origin: 'https://example.com","x":"' }, 'SSH_ERR_INVALID_FORMAT'],
    ['with extensions that its flags deny', { extensions: Uint8Array.of(0xa0) }, 'SSH_ERR_INVALID_FORMAT'],
    ['without extensions that its flags state', { flags: 0x81 }, 'SSH_ERR_INVALID_FORMAT'],
    ['with attested data', { flags: 0x41 }, 'SSH_ERR_INVALID_FORMAT'],
  ])('%s does not', (_what, parts, code) => {
    expect(errorCode(() => key.verify(made(parts), data, algorithm))).toBe(code);
  });
});

testPeer('openssh-10', 'ssh-keygen verifies our signatures, of every type and digest and by a certificate', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-sshsig-'));
  try {
    const signature = path.join(folder, 'signature');
    const signers = path.join(folder, 'signers');
    const certified = certifiedSigner(await privateKeyFile('ed25519'), publicKeyFile('user-by-rsa-2048-cert.pub').key);
    const keys = await Promise.all(plainKeys.map((name) => privateKeyFile(name)));
    for (const signer of [...keys, certified]) {
      for (const hash of sshsigHashes) {
        const authority = signer.publicKey.certificate?.signatureKey;
        writeFileSync(signers, `alice ${authority ? 'cert-authority ' : ''}${formatPublicKeyLine(authority ?? signer.publicKey)}\n`);
        writeFileSync(signature, formatSshsig(await signMessage(signer, NAMESPACE, hash, messageDigest(hash).update(message).digest())));
        const args = ['-Y', 'verify', '-f', signers, '-I', 'alice', '-n', NAMESPACE, '-s', signature];
        expect(execFileSync(peerProgram('openssh-10', 'ssh-keygen'), args, { input: message, encoding: 'utf8' })).toContain(
          'Good "test@example.com" signature for alice',
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
