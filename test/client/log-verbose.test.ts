import { afterAll, beforeAll, expect, test } from 'vitest';
import { logSource } from '../../src/client/log-sources.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { tsh } from './common.ts';

describePeer('openssh-10', 'LogVerbose', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(() => server.stop());
  const asked = async (pattern: string, ...more: readonly string[]): Promise<string> =>
    (await tsh(['-F', server.config, '-o', `LogVerbose=${pattern}`, ...more, 'server', 'true'])).err;

  test('shows the messages of a file, with their source', async () => {
    const err = await asked('kex.c:*');
    expect(err).toMatch(/^debug1: kex\.c:choose_kex\(\):0 \(bin=tsh, pid=\d+\): kex: algorithm: \S+\r$/m);
    expect(err.split('\n').every((line) => line === '' || line.includes(' kex.c:') || line.includes(': kex.c:'))).toBe(true);
  });

  test('shows the messages of a function, with those of the level', async () => {
    const err = await asked('*:kex_choose_conf():*,packet.c:*,!*:sshpkt*', '-o', 'LogLevel=VERBOSE');
    expect(err).toMatch(/^debug3: packet\.c:ssh_packet_read_poll2\(\):0 .*receive packet: type 52/m);
    expect(err).toContain('\nAuthenticated to 127.0.0.1');
    expect(err).not.toContain('choose_hostkeyalg');
  });

  test('shows nothing where nothing fits', async () => {
    expect(await asked('nothing.c:*:*')).toBe('');
  });

  test('names the functions that OpenSSH names', async () => {
    const ssh = await run(peerProgram('openssh-10', 'ssh'), ['-F', server.config, '-o', 'LogVerbose=*', 'server', 'true']);
    const theirs = new Map<string, string>();
    for (const [, where = '', text = ''] of ssh.err.matchAll(/(\w+\.c:\w+\(\)):\d+ \(bin=[^)]*\): (.*?)\r?\n/g)) theirs.set(text, where);
    let same = 0;
    for (const [text, where] of theirs) {
      const ours = logSource(text).replace(/:0$/, '');
      if (ours === 'ssh.c:main()') continue;
      expect(ours, text).toBe(where);
      same++;
    }
    expect(same).toBeGreaterThan(40);
  });
});
