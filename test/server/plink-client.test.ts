import { createHash, randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/keys/fingerprint.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, type Given, run } from '../run.ts';
import { type Served, serve } from './serve.ts';

describePeer('putty', "our server and PuTTY's plink", () => {
  let served: Served;
  let key: string;
  beforeAll(async () => {
    served = await serve();
    key = path.join(served.folder, 'id.ppk');
    const made = await run(peerProgram('putty', 'puttygen'), [path.join(served.folder, 'id'), '-O', 'private', '-o', key]);
    expect(made.code, made.err).toBe(0);
  });
  afterAll(() => served.stop());

  const plink = (command: string, given: Given = {}): Promise<Ended> => {
    const hostKey = served.hostKeys[0];
    if (hostKey === undefined) throw new Error('a server without a host key');
    const home = { ...given, env: { HOME: served.folder } };
    const to = [
      '-ssh',
      '-batch',
      '-P',
      String(served.port),
      '-i',
      key,
      '-hostkey',
      fingerprint(hostKey.publicKey),
      `${userInfo().username}@127.0.0.1`,
    ];
    return run(peerProgram('putty', 'plink'), [...to, command], home);
  };

  test('a command`s output, errors and status', async () => {
    const { out, err, code } = await plink('echo out; echo err >&2; exit 7');
    expect(out).toBe('out\n');
    expect(err).toContain('err\n');
    expect(code).toBe(7);
  });

  test('4 MiB there and back arrive whole', async () => {
    const bytes = randomBytes(4 * 1024 * 1024);
    const { stdout, code, err } = await plink('cat', { stdin: bytes });
    expect(code, err).toBe(0);
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});
