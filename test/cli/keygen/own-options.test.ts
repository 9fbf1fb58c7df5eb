import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, own, run } from '../../run.ts';

let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
  await keygen('-q', '-t', 'ed25519', '-N', '', '-f', 'key', '-C', 'me@here');
  await keygen('-q', '-t', 'ed25519', '-N', 'secret', '-f', 'locked', '-C', 'me');
  await keygen('-q', '-s', 'key', '-I', 'some id', '-n', 'a,b', '-z', '18446744073709551615', '-O', 'force-command=ls', 'locked.pub');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function keygen(...args: readonly string[]): Promise<Ended> {
  return run(own('tsh-keygen'), args, { cwd: folder, env: { TZ: 'UTC' } });
}

function file(name: string, content: string | Uint8Array, mode = 0o600): string {
  writeFileSync(path.join(folder, name), content);
  chmodSync(path.join(folder, name), mode);
  return name;
}

function text(name: string): string {
  return readFileSync(path.join(folder, name), 'utf8');
}

describe('--why tells in one line why a key file is not read', () => {
  const faults: Readonly<Record<string, readonly [make: () => string, told: RegExp]>> = {
    'line ends of Windows': [() => text('key').replaceAll('\n', '\r\n'), /CRLF/],
    'no last line break': [() => text('key').trimEnd(), /line break/],
    'a byte order mark': [() => `\ufeff${text('key')}`, /byte order mark/],
    'a public key': [() => text('key.pub'), /public key/],
    "PuTTY's file": [() => 'PuTTY-User-Key-File-3: ssh-ed25519\n', /PuTTY/],
    'a file cut short': [() => text('key').slice(0, 200), /cut short/],
    nothing: [() => '', /empty/],
    'what is not base64': [() => text('key').replace(/\n(.{10})/, '\n$1!'), /line 2 is not base64/],
  };

  test.each(Object.keys(faults))('%s', async (name) => {
    const [make, told] = faults[name] as (typeof faults)[string];
    const damaged = file('damaged', make());
    const { code, err } = await keygen('-y', '-P', '', '--why', '-f', damaged);
    expect(code).toBe(255);
    const lines = err.trimEnd().split(/\r?\n/);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^damaged: .+/);
    expect(lines[0]).toMatch(told);
    expect(lines[1]).toMatch(/^Load key "damaged": /);
    // and without the flag not a byte of it
    expect((await keygen('-y', '-P', '', '-f', damaged)).err).toBe(`${lines[1] ?? ''}\r\n`);
  });

  test('a wrong passphrase, and permissions', async () => {
    expect((await keygen('-y', '-P', 'wrong', '--why', '-f', 'locked')).err).toMatch(/^locked: the passphrase is wrong/);
    file('open', text('key'), 0o644);
    expect((await keygen('-y', '--why', '-f', 'open')).err).toMatch(/open: others may read the file/);
    expect((await keygen('-p', '-P', 'wrong', '-N', '', '--why', '-f', 'locked')).err).toMatch(/^locked: the passphrase is wrong/);
  });
});

describe('--json', () => {
  async function json(...args: readonly string[]): Promise<unknown> {
    const { out } = await keygen('--json', ...args);
    expect(out.endsWith('\n') && out.indexOf('\n') === out.length - 1).toBe(true);
    return JSON.parse(out);
  }

  test('-l', async () => {
    const [, shown = ''] = /^256 (SHA256:\S+) me@here \(ED25519\)$/m.exec((await keygen('-l', '-f', 'key.pub')).out) ?? [];
    expect(await json('-l', '-f', 'key.pub')).toEqual([
      { type: 'ssh-ed25519', name: 'ED25519', bits: 256, fingerprint: shown, comment: 'me@here', line: 1 },
    ]);
  });

  test('-L keeps numbers of 64 bits', async () => {
    expect(await json('-L', '-f', 'locked-cert.pub')).toMatchObject([
      {
        type: 'ssh-ed25519-cert-v01@openssh.com',
        role: 'user',
        keyId: 'some id',
        serial: '18446744073709551615',
        principals: ['a', 'b'],
        criticalOptions: { 'force-command': 'ls' },
        extensions: { 'permit-pty': true },
        signatureAlgorithm: 'ssh-ed25519',
      },
    ]);
  });

  test('-F', async () => {
    const key = text('key.pub').split(' ').slice(0, 2).join(' ');
    file('hosts', `# none\n@revoked other ${key}\nhost,10.0.0.1 ${key} note\n`);
    expect(await json('-F', 'host', '-f', 'hosts')).toMatchObject([
      { host: 'host', line: 3, marker: null, hosts: 'host,10.0.0.1', comment: 'note' },
    ]);
    expect(await json('-F', 'nobody', '-f', 'hosts')).toEqual([]);
  });

  test('-Q', async () => {
    await keygen('-k', '-q', '-f', 'list', '-z', '3', 'key.pub');
    expect(await json('-Q', '-l', '-f', 'list', 'key.pub', 'locked.pub')).toMatchObject({
      keys: [
        { file: 'key.pub', revoked: true },
        { file: 'locked.pub', revoked: false },
      ],
      krl: { version: '3', keys: [{ type: 'ssh-ed25519' }] },
    });
  });
});

describe("PuTTY's files with -m PPK", () => {
  test.each(['', 'secret word'])('out and in, passphrase "%s"', async (passphrase) => {
    const exported = await keygen('-e', '-m', 'PPK', '-N', passphrase, '-f', 'key');
    expect(exported.out).toMatch(/^PuTTY-User-Key-File-3: ssh-ed25519\n/);
    file('key.ppk', exported.out);
    const shown = await keygen('-y', '-m', 'PPK', '-P', passphrase, '-f', 'key.ppk');
    expect(shown.out).toBe(text('key.pub'));
    const imported = await keygen('-i', '-m', 'PPK', '-P', passphrase, '-f', 'key.ppk');
    file('again', imported.out);
    expect((await keygen('-y', '-f', 'again')).out.split(' ')[1]).toBe(text('key.pub').split(' ')[1]);
  });

  test('a new key, and an old one with another passphrase', async () => {
    await keygen('-q', '-t', 'ecdsa', '-m', 'PPK', '-N', '', '-f', 'new.ppk', '-C', 'c');
    expect(text('new.ppk')).toMatch(/^PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\nEncryption: none\nComment: c\n/);
    expect((await keygen('-p', '-m', 'PPK', '-N', 'secret', '-f', 'new.ppk')).code).toBe(0);
    expect(text('new.ppk')).toMatch(/\nEncryption: aes256-cbc\n/);
  });
});

test('what this program does not do it refuses in words', async () => {
  expect((await keygen('-D', '/lib/some.so')).err).toMatch(/PKCS#11/);
  expect((await keygen('-K')).err).toMatch(/security key/);
  expect((await keygen('-t', 'ed25519-sk', '-N', '', '-f', 'sk')).err).toMatch(/security key/);
  expect((await keygen('-t', 'dsa', '-N', '', '-f', 'dsa')).err).toBe('unknown key type dsa\r\n');
});

test('a known_hosts file is rewritten under the lock that the client takes', async () => {
  const content = `host ${text('key.pub')}`;
  file('hosts', content);
  file('hosts.lock', '');
  const refused = await keygen('-R', 'host', '-f', 'hosts');
  expect(refused).toMatchObject({ code: 255, out: '', err: 'hosts is being rewritten by another program (hosts.lock)\r\n' });
  expect(text('hosts')).toBe(content);
  rmSync(path.join(folder, 'hosts.lock'));
  expect((await keygen('-R', 'host', '-f', 'hosts')).code).toBe(0);
  expect(text('hosts')).toBe('');
  expect(text('hosts.old')).toBe(content);
});
