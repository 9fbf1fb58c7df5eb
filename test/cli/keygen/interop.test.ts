import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyFileCiphers } from '../../../src/core/keys/key-file-ciphers.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { type Ended, own, run } from '../../run.ts';

const theirs = peerProgram('openssh-10', 'ssh-keygen');
const ours = own('tsh-keygen');
const types = ['ed25519', 'ecdsa', 'rsa'] as const;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function start(program: string, ...args: readonly string[]): Promise<Ended> {
  return run(program, args, { cwd: folder, env: { HOME: folder } });
}

/** Runs a program that must succeed, and gives its output. */
async function done(program: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await start(program, ...args);
  expect({ program, args, code, err }).toMatchObject({ code: 0 });
  return out;
}

/** Type and key of a public key's line. */
function withoutComment(line: string): string {
  return line.trim().split(' ').slice(0, 2).join(' ');
}

async function generate(program: string, name: string, type: string, ...more: readonly string[]): Promise<string> {
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  await done(program, '-q', '-t', type, ...bits, '-f', name, '-C', 'a comment', ...more);
  return withoutComment(readFileSync(path.join(folder, `${name}.pub`), 'utf8'));
}

describePeer('openssh-10', 'what one writes the other reads', () => {
  const pairs = [
    { writer: theirs, reader: ours, way: 'in' },
    { writer: ours, reader: theirs, way: 'out' },
  ] as const;

  for (const { writer, reader, way } of pairs) {
    for (const format of ['RFC4716', 'PEM', 'PKCS8'] as const) {
      test.each(types)(`%s as ${format}, ${way}, plain and encrypted`, async (type) => {
        for (const passphrase of ['', 'a long one']) {
          const name = `${way}.${format}.${type}.${passphrase.length}`;
          const key = await generate(writer, name, type, '-N', passphrase, '-m', format);
          expect(withoutComment(await done(reader, '-y', '-P', passphrase, '-f', name))).toBe(key);
          const wrong = await start(reader, '-y', '-P', 'wrong one', '-f', name);
          expect(wrong.code).toBe(passphrase === '' ? 0 : 255);
        }
      });
    }

    test(`every cipher of OpenSSH's form, ${way}`, async () => {
      for (const { name: cipher } of keyFileCiphers.filter(({ name }) => name !== 'none')) {
        const name = `${way}.${cipher}`;
        const key = await generate(writer, name, 'ed25519', '-N', 'secret', '-Z', cipher, '-a', '1');
        expect(await done(reader, '-y', '-P', 'secret', '-f', name)).toBe(`${key} a comment\n`);
      }
    });

    test(`certificates of every sort of key and authority, ${way}`, async () => {
      for (const authority of types) await generate(writer, `${way}.ca.${authority}`, authority, '-N', '');
      for (const type of types) {
        const name = `${way}.certified.${type}`;
        await generate(writer, name, type, '-N', '');
        for (const authority of types) {
          const arguments_ = ['-q', '-s', `${way}.ca.${authority}`, '-I', 'id', '-n', 'me,you', '-V', '20200101:20400101', '-O', 'no-pty'];
          await done(writer, ...arguments_, `${name}.pub`);
          const shown = await done(reader, '-L', '-f', `${name}-cert.pub`);
          expect(shown).toBe(await done(writer, '-L', '-f', `${name}-cert.pub`));
          expect(shown).toContain('you\n');
        }
      }
    });
  }
});

describePeer('openssl', 'OpenSSL', () => {
  test.each(['rsa', 'ecdsa'])('reads %s keys in PEM and PKCS#8, and the reverse', async (type) => {
    const openssl = peerProgram('openssl', 'openssl');
    for (const format of ['PEM', 'PKCS8']) {
      for (const passphrase of ['', 'a long one']) {
        const name = `openssl.${type}.${format}.${passphrase.length}`;
        const key = await generate(ours, name, type, '-N', passphrase, '-m', format);
        await done(openssl, 'pkey', '-in', name, '-passin', `pass:${passphrase}`, '-pubout', '-out', `${name}.spki`);
        expect(withoutComment(await done(ours, '-i', '-m', 'PKCS8', '-f', `${name}.spki`))).toBe(key);
        await done(
          openssl,
          'pkcs8',
          '-topk8',
          '-in',
          name,
          '-passin',
          `pass:${passphrase}`,
          '-passout',
          'pass:other',
          '-out',
          `${name}.p8`,
        );
        expect(withoutComment(await done(ours, '-y', '-P', 'other', '-f', `${name}.p8`))).toBe(key);
      }
    }
  });
});

describePeer('putty', "PuTTY's", () => {
  test.each(types)('%s keys in PPK, out and in', async (type) => {
    const puttygen = peerProgram('putty', 'puttygen');
    const key = await generate(ours, `putty.${type}`, type, '-N', '', '-m', 'PPK');
    expect(withoutComment(await done(puttygen, `putty.${type}`, '-O', 'public-openssh'))).toBe(key);
    for (const version of ['2', '3']) {
      const name = `putty.${type}.${version}`;
      writeFileSync(path.join(folder, 'passphrase'), 'secret\n');
      const parameters = ['-C', 'a comment', '--ppk-param', `version=${version}`, '--new-passphrase', 'passphrase'];
      await done(puttygen, `putty.${type}`, '-O', 'private', '-o', name, ...parameters);
      expect(withoutComment(await done(ours, '-y', '-m', 'PPK', '-P', 'secret', '-f', name))).toBe(key);
    }
  });
});

describePeer('git', "git's commits", () => {
  test.each([
    ['signed by tsh-keygen, verified by ssh-keygen', ours, theirs],
    ['signed by ssh-keygen, verified by tsh-keygen', theirs, ours],
  ])('%s', async (name, signer, verifier) => {
    const git = peerProgram('git', 'git');
    const key = `git.${name.slice(10, 13)}`;
    const line = await generate(signer, key, 'ed25519', '-N', '');
    writeFileSync(path.join(folder, 'allowed'), `me@example.org ${line}\n`);
    const settings = { 'user.name': 'Me', 'user.email': 'me@example.org', 'gpg.format': 'ssh', 'gpg.ssh.allowedSignersFile': 'allowed' };
    const common = Object.entries({ ...settings, 'user.signingkey': path.join(folder, `${key}.pub`) }).flatMap(([name_, value]) => [
      '-c',
      `${name_}=${value}`,
    ]);
    await done(git, 'init', '-q', '.');
    await done(git, ...common, '-c', `gpg.ssh.program=${signer}`, 'commit', '-q', '--allow-empty', '-S', '-m', name);
    const verified = await start(git, ...common, '-c', `gpg.ssh.program=${verifier}`, 'verify-commit', 'HEAD');
    expect(verified.err).toMatch(/Good "git" signature for me@example\.org with ED25519 key SHA256:/);
    expect(verified.code).toBe(0);
    writeFileSync(path.join(folder, 'allowed'), '');
    expect((await start(git, ...common, '-c', `gpg.ssh.program=${verifier}`, 'verify-commit', 'HEAD')).code).not.toBe(0);
  });
});

describePeer('openssh-10', 'an authority in the agent', () => {
  test('certifies with -U', async () => {
    await generate(theirs, 'agent.ca', 'ed25519', '-N', '');
    await generate(theirs, 'agent.key', 'ed25519', '-N', '');
    const commands = `${peerProgram('openssh-10', 'ssh-add')} -q agent.ca && rm agent.ca && ${ours} -U -s agent.ca.pub -I id agent.key.pub`;
    const { code, err } = await start(peerProgram('openssh-10', 'ssh-agent'), 'sh', '-c', commands);
    expect({ code, err }).toEqual({ code: 0, err: 'Signed user key agent.key-cert.pub: id "id" serial 0 valid forever\r\n' });
    expect(await done(theirs, '-L', '-f', 'agent.key-cert.pub')).toContain('Key ID: "id"');
  });
});
