import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatOpensshPrivate } from '../../src/core/keys/openssh-private.ts';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { loadCertificateBeside, loadPrivateKey, loadPublicKey, savePrivateKey, savePublicKey } from '../../src/files/key-files.ts';
import { peerProgram, testPeer } from '../peers.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-keys-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const at = (name: string): string => path.join(folder, name);
const silent = (): void => {};
let key: PrivateKey;

beforeAll(async () => {
  key = await generatePrivateKey('ssh-ed25519');
  savePrivateKey(at('id'), await formatOpensshPrivate(key, { comment: 'a comment' }));
  savePublicKey(at('id.pub'), key.publicKey, 'public comment');
});

describe('a private key', () => {
  test('is saved for its owner alone, and loaded with its comment', async () => {
    expect(fs.statSync(at('id')).mode & 0o777).toBe(0o600);
    const loaded = await loadPrivateKey(at('id'), undefined, silent);
    expect(loaded.comment).toBe('a comment');
    expect(loaded.key.publicKey.blob).toEqual(key.publicKey.blob);
    await loaded.key.check();
  });

  test('that others can read is refused, with a banner', async () => {
    fs.copyFileSync(at('id'), at('open'));
    for (const mode of [0o640, 0o604, 0o620, 0o777]) {
      fs.chmodSync(at('open'), mode);
      const lines: string[] = [];
      await expect(loadPrivateKey(at('open'), undefined, (line) => lines.push(line))).rejects.toMatchObject({
        code: 'SSH_ERR_KEY_BAD_PERMISSIONS',
        message: 'bad permissions',
      });
      expect(lines).toContain(`Permissions 0${mode.toString(8)} for '${at('open')}' are too open.`);
    }
    fs.chmodSync(at('open'), 0o400);
    await loadPrivateKey(at('open'), undefined, silent);
  });

  test('that belongs to another user is not judged by its mode', async () => {
    // Only root can give a file away; as another user the same holds of root's files.
    if (process.getuid?.() !== 0) return;
    fs.copyFileSync(at('id'), at('foreign'));
    fs.chmodSync(at('foreign'), 0o644);
    fs.chownSync(at('foreign'), 12345, 12345);
    await loadPrivateKey(at('foreign'), undefined, silent);
  });

  test('that is missing or none says so', async () => {
    await expect(loadPrivateKey(at('none'), undefined, silent)).rejects.toMatchObject({ message: 'No such file or directory' });
    await expect(loadPrivateKey(at('id.pub'), undefined, silent)).rejects.toMatchObject({ code: 'SSH_ERR_KEY_BAD_PERMISSIONS' });
    fs.chmodSync(at('id.pub'), 0o600);
    await expect(loadPrivateKey(at('id.pub'), undefined, silent)).rejects.toMatchObject({ code: 'SSH_ERR_LIBCRYPTO_ERROR' });
    fs.chmodSync(at('id.pub'), 0o644);
  });

  testPeer('openssh-10', "the banner is ssh-keygen's", async () => {
    fs.copyFileSync(at('id'), at('shown'));
    fs.chmodSync(at('shown'), 0o644);
    const { stderr } = spawnSync(peerProgram('openssh-10', 'ssh-keygen'), ['-y', '-f', at('shown')], { encoding: 'latin1' });
    const lines: string[] = [];
    const error: unknown = await loadPrivateKey(at('shown'), undefined, (line) => lines.push(line)).catch((reason: unknown) => reason);
    const ours = [...lines, `Load key "${at('shown')}": ${(error as Error).message}`];
    expect(`${ours.join('\r\n')}\r\n`).toBe(stderr);
  });
});

describe('a public key', () => {
  test("is a file's own, the private file's half, or the one beside it", () => {
    expect(loadPublicKey(at('id.pub'))).toMatchObject({ comment: 'public comment' });
    fs.copyFileSync(at('id'), at('half'));
    expect(loadPublicKey(at('half')).key.blob).toEqual(key.publicKey.blob);
    fs.writeFileSync(at('damaged'), '-----BEGIN SOMETHING-----\n');
    fs.copyFileSync(at('id.pub'), at('damaged.pub'));
    expect(loadPublicKey(at('damaged'))).toMatchObject({ comment: 'public comment' });
    fs.copyFileSync(at('id.pub'), at('lonely.pub'));
    expect(loadPublicKey(at('lonely')).key.blob).toEqual(key.publicKey.blob);
  });

  test('is the first line that is one', () => {
    const line = fs.readFileSync(at('id.pub'), 'utf8');
    fs.writeFileSync(at('lines'), `# comment\n\nno key here\r\n  ${line.replace(' public comment', '')}`);
    expect(loadPublicKey(at('lines'))).toMatchObject({ comment: at('lines') });
  });

  test('that is missing or none is missing', () => {
    expect(() => loadPublicKey(at('none'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    fs.writeFileSync(at('text'), 'nothing\n');
    expect(() => loadPublicKey(at('text'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => loadPublicKey(folder)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    fs.copyFileSync(at('text'), at('text-cert.pub'));
    expect(() => loadCertificateBeside(at('text'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  testPeer('openssh-10', 'a certificate stands beside its key', () => {
    const keygen = peerProgram('openssh-10', 'ssh-keygen');
    expect(spawnSync(keygen, ['-q', '-s', at('id'), '-I', 'me', '-n', 'user', at('id.pub')]).status).toBe(0);
    expect(loadCertificateBeside(at('id')).key.certificate?.principals).toEqual(['user']);
    fs.copyFileSync(at('id.pub'), at('plain-cert.pub'));
    expect(() => loadCertificateBeside(at('plain'))).toThrow(expect.objectContaining({ code: 'SSH_ERR_EXPECTED_CERT' }));
  });
});
