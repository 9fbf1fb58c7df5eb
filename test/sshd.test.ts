import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describePeer, peerProgram } from './peers.ts';
import { run } from './run.ts';
import { type ServerPeer, startSshd } from './sshd.ts';

describe.each<{ peer: ServerPeer }>([{ peer: 'openssh-10' }, { peer: 'openssh' }, { peer: 'dropbear' }])('a server for tests', ({
  peer,
}) => {
  describePeer([peer, 'openssh'], peer, () => {
    test('takes a login, and is gone afterwards', async () => {
      const sshd = await startSshd({ peer, hostKeys: ['ed25519', 'ecdsa-256'] });
      const ssh = peerProgram('openssh', 'ssh');
      try {
        const ended = await run(ssh, ['-F', sshd.config, 'server', 'cat; echo said >&2; exit 7'], { stdin: 'told' });
        expect(ended).toMatchObject({ code: 7, out: 'told', err: 'said\n' });
        expect(sshd.log()).not.toBe('');
      } finally {
        await sshd.stop();
      }
      expect(existsSync(sshd.folder)).toBe(false);
      expect((await run(ssh, ['-F', '/dev/null', '-p', String(sshd.port), '127.0.0.1'])).err).toMatch(/refused/);
    });
  });
});

describePeer('openssh', 'the settings of a server for tests', () => {
  test('lines win over what is the default, Match blocks stand last', async () => {
    const sshd = await startSshd({ peer: 'openssh', lines: ['LogLevel DEBUG1', 'Match all', 'ForceCommand echo forced'], userKey: 'rsa' });
    try {
      expect(await run(peerProgram('openssh', 'ssh'), ['-F', sshd.config, 'server', 'true'])).toMatchObject({ code: 0, out: 'forced\n' });
      expect(sshd.log()).toContain('debug1: ');
    } finally {
      await sshd.stop();
    }
  });

  test('a server that can not start says why', async () => {
    await expect(startSshd({ peer: 'openssh', lines: ['Nonsense yes'] })).rejects.toThrow(/Bad configuration option: Nonsense/);
  });
});
