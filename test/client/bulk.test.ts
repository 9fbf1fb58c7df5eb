import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describePeer } from '../peers.ts';
import { own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

/**
 * What a bulk transfer may take of memory, in MB: less than 80 on an idle machine, but what waits for a reader that gets no time, and
 * without native calls what a late collector leaves, come on top. A queue without a bound takes far more.
 */
const mostMemory = 128;

/** The most resident memory that a process ever had, in MB; 0 where it has ended. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** What a process has used of the processor, in clock ticks. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

describePeer('openssh-10', 'a bulk download', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(async () => {
    await server.stop();
  });

  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  function download(command: string, cipher: string): { readonly pid: number; readonly child: ChildProcess; readonly output: Readable } {
    const child = spawn(own('tsh'), ['-F', server.config, '-c', cipher, 'server', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    if (child.pid === undefined) throw new Error('tsh does not start');
    return { pid: child.pid, child, output: child.stdout };
  }

  test.each(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com'])('with %s brings every byte, in little memory', async (cipher) => {
    const command = 'seq 1 16000000';
    const digest = execFileSync('sh', ['-c', `${command} | sha256sum`], { encoding: 'utf8' }).split(' ')[0];
    const { pid, child, output } = download(command, cipher);
    const hash = createHash('sha256');
    let memory = 0;
    output.on('data', (bytes: Buffer) => {
      hash.update(bytes);
      memory = Math.max(memory, peakMemory(pid));
    });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, hash.digest('hex')]).toEqual([0, digest]);
    expect(memory).toBeGreaterThan(0);
    expect(memory).toBeLessThan(mostMemory);
  }, 120_000);

  test('whose reader stops is held at one window, and goes on when it reads again', async () => {
    const { pid, output } = download('cat /dev/zero', 'aes128-gcm@openssh.com');
    const take = async (wanted: number): Promise<void> => {
      for (let got = 0; got < wanted; ) {
        const bytes = output.read() as Buffer | null;
        if (bytes === null) await once(output, 'readable');
        else got += bytes.length;
      }
    };
    await take(64 * 1024 * 1024);
    // at rest is a process that has used no time for a while
    for (let still = 0, last = -1; still < 10; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const now = ticks(pid);
      still = now === last ? still + 1 : 0;
      last = now;
    }
    expect(peakMemory(pid)).toBeLessThan(mostMemory);
    await take(16 * 1024 * 1024);
    expect(peakMemory(pid)).toBeLessThan(mostMemory);
  }, 120_000);
});
