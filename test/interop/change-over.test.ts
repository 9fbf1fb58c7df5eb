import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type Served, serve } from '../server/serve.ts';
import { type Sshd, startSshd } from '../sshd.ts';

const MiB = 1024 * 1024;

/** Ciphers of which there is a faster source, and a MAC where they take one. */
const ciphers: readonly (readonly [cipher: string, mac: string])[] = [
  ['aes128-gcm@openssh.com', 'none'],
  ['aes256-gcm@openssh.com', 'none'],
  ['chacha20-poly1305@openssh.com', 'none'],
  ['aes128-ctr', 'hmac-sha2-256'],
  ['aes256-ctr', 'umac-64-etm@openssh.com'],
];

/** 10 MiB go there and back, and keys are made anew before the connection changes over to a faster source, and after. */
describePeer('openssh-10', 'a connection that becomes bulk', () => {
  let sshd: Sshd;
  let tshd: Served;
  const data = randomBytes(10 * MiB);
  beforeAll(async () => {
    sshd = await startSshd({ peer: 'openssh-10' });
    tshd = await serve();
  });
  afterAll(async () => {
    await sshd.stop();
    await tshd.stop();
  });

  const moved = async (program: string, config: string, [cipher, mac]: readonly [string, string], env = {}): Promise<void> => {
    const macs = mac === 'none' ? [] : ['-m', mac];
    const options = ['-F', config, '-c', cipher, ...macs, '-o', 'RekeyLimit=3M', 'server', 'cat'];
    const { stdout, err, code }: Ended = await run(program, options, { stdin: data, env, timeoutMs: 60_000 });
    expect([code, stdout.length, digest(stdout)], err.slice(-2000)).toEqual([0, data.length, digest(data)]);
  };

  test.each(ciphers)('as a client: %s, %s', async (...cipher) => {
    await moved(own('tsh'), sshd.config, cipher);
  });

  test.each(ciphers)('as a server: %s, %s', async (...cipher) => {
    await moved(peerProgram('openssh-10', 'ssh'), tshd.config, cipher);
  });

  test.each(ciphers)('as a client without native calls: %s, %s', async (...cipher) => {
    await moved(own('tsh'), sshd.config, cipher, { TSH_NO_NATIVE: '1' });
  });
});

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
