import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../../peers.ts';
import { type Ended, own, run } from '../../run.ts';
import { keyPair, startSshd } from '../../sshd.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-sshd-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => path.join(folder, name);

async function keygen(...args: readonly string[]): Promise<void> {
  expect(await run(own('tsh-keygen'), args, { cwd: folder })).toMatchObject({ code: 0, err: '' });
}

describePeer('openssh-10', 'sshd takes what an authority of ours certifies, and refuses what our list revokes', () => {
  beforeAll(async () => {
    writeFileSync(file('host.pub'), keyPair('ed25519').publicKey);
    for (const name of ['good', 'revoked']) await keygen('-q', '-t', 'ed25519', '-N', '', '-f', name);
  });

  test.each([
    ['ed25519', []],
    ['rsa', ['-b', '2048']],
    ['ecdsa', ['-b', '256']],
    ['ecdsa', ['-b', '384']],
    ['ecdsa', ['-b', '521']],
  ])('%s %j', async (type, bits) => {
    for (const name of ['ca', 'ca.pub']) rmSync(file(name), { force: true });
    await keygen('-q', '-t', type, ...bits, '-N', '', '-f', 'ca');
    await keygen('-q', '-s', 'ca', '-h', '-I', 'host', '-n', '127.0.0.1', '-V', '-1h:+1d', 'host.pub');
    const login = (await run('id', ['-un'])).out.trim();
    await keygen('-q', '-s', 'ca', '-I', 'one', '-n', login, '-z', '7', '-V', '-1h:+1d', 'good.pub');
    await keygen('-q', '-s', 'ca', '-I', 'two', '-n', login, '-z', '8', '-V', '-1h:+1d', 'revoked.pub');
    writeFileSync(file('spec'), 'serial: 8-9\n');
    await keygen('-q', '-k', '-f', 'krl', '-s', 'ca.pub', 'spec');
    const lines = [`HostCertificate ${file('host-cert.pub')}`, `TrustedUserCAKeys ${file('ca.pub')}`, `RevokedKeys ${file('krl')}`];
    const server = await startSshd({ peer: 'openssh-10', lines });
    try {
      writeFileSync(server.authorizedKeys, '');
      writeFileSync(server.knownHosts, `@cert-authority [127.0.0.1]:* ${readFileSync(file('ca.pub'), 'utf8')}`);
      const log = (identity: string): Promise<Ended> => {
        const text = readFileSync(server.config, 'utf8').replace(/IdentityFile .*/, `IdentityFile ${file(identity)}`);
        writeFileSync(file('config'), text);
        return run(peerProgram('openssh-10', 'ssh'), ['-F', file('config'), 'server', 'echo in']);
      };
      expect(await log('good')).toMatchObject({ code: 0, out: 'in\n' });
      expect(await log('revoked')).toMatchObject({ code: 255, out: '' });
      expect(server.log()).toMatch(/revoked by file/);
    } finally {
      await server.stop();
    }
  });
});
