import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/core/keys/key.ts';
import { checkHostKey, knownHostsEntries, knownHostsName } from '../../src/core/keys/known-hosts.ts';
import { generatePrivateKey } from '../../src/core/keys/private-key.ts';
import { addKnownHost, readKnownHosts } from '../../src/files/known-hosts-files.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-known-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const at = (name: string): string => path.join(folder, name);
let key: PublicKey;
let other: PublicKey;
beforeAll(async () => {
  key = (await generatePrivateKey('ssh-ed25519')).publicKey;
  other = (await generatePrivateKey('ssh-ed25519')).publicKey;
});

describe('known hosts on disk', () => {
  test('a host that is added is known by each of its names, from any of the files', () => {
    addKnownHost(at('plain'), ['host', '192.0.2.1'], key, false);
    expect(fs.readFileSync(at('plain'), 'utf8')).toMatch(/^host,192\.0\.2\.1 ssh-ed25519 \S+\n$/);
    expect(fs.statSync(at('plain')).mode & 0o777).toBe(0o600);
    addKnownHost(at('hashed'), [knownHostsName('Other', 2222)], other, true);
    expect(fs.readFileSync(at('hashed'), 'utf8')).toMatch(/^\|1\|\S+ ssh-ed25519 \S+\n$/);
    const missing: string[] = [];
    const files = readKnownHosts([at('plain'), at('none'), at('hashed')], (file, error) => missing.push(`${file}: ${error.message}`));
    expect(missing).toEqual([`${at('none')}: No such file or directory`]);
    for (const [name, expected] of [
      ['host', key],
      ['192.0.2.1', key],
      ['[other]:2222', other],
    ] as const) {
      expect(checkHostKey(knownHostsEntries(files, name), expected).status).toBe('ok');
    }
    expect(checkHostKey(knownHostsEntries(files, 'host'), other)).toMatchObject({
      status: 'changed',
      entry: { file: at('plain'), line: 1 },
    });
    expect(checkHostKey(knownHostsEntries(files, 'other'), other).status).toBe('new');
  });

  test('hashed names get a line each', () => {
    addKnownHost(at('two'), ['a', 'b'], key, true);
    expect(fs.readFileSync(at('two'), 'utf8').match(/^\|1\|/gm)).toHaveLength(2);
  });

  test('a file whose last line is torn is mended first', () => {
    fs.writeFileSync(at('torn'), '# no newline');
    addKnownHost(at('torn'), ['host'], key, false);
    expect(fs.readFileSync(at('torn'), 'utf8')).toMatch(/^# no newline\nhost ssh-ed25519/);
  });

  test.each([false, true])('a name with a meaning of its own gets in nowhere (hash: %s)', (hash) => {
    for (const name of ['*', 'a\nb', '!a', 'a b', '|1|x|y', '@revoked', '#']) {
      expect(() => addKnownHost(at('hostile'), [name], key, hash)).toThrow(expect.objectContaining({ code: 'SSH_ERR_INVALID_ARGUMENT' }));
    }
    expect(fs.existsSync(at('hostile'))).toBe(false);
  });

  test('what cannot be written says why', () => {
    expect(() => addKnownHost(at('none/file'), ['host'], key, false)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
