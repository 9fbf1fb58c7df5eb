import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tsh-moduli-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is said before the sieve begins, without the times; what would take minutes is ended there. */
async function beginning(program: string, options: readonly string[]): Promise<string[]> {
  const args = ['-M', 'generate', ...options.flatMap((option) => ['-O', option]), path.join(folder, path.basename(program))];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let text = '';
  for await (const piece of child.stderr) {
    text += String(piece);
    if (/Sieve next[^\n]*\n/.test(text)) break;
  }
  child.kill('SIGKILL');
  await ended;
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  return lines.slice(0, lines.findIndex((line) => line.includes('Sieve next')) + 1).map((line) => line.replace(/^\w{3} .* \d{4} /, ''));
}

describePeer('openssh-10', 'moduli are looked for', () => {
  test.each([
    ['bits=512'],
    ['bits=2000'],
    ['bits=4096', 'memory=8'],
    ['bits=4096', 'memory=16'],
    ['bits=65535'],
    ['bits=65536', 'memory=9'],
    ['bits=512', 'memory=127'],
  ])('in as many numbers as ssh-keygen: %j %j', async (...options: readonly string[]) => {
    const given = options.filter((option) => typeof option === 'string');
    const [theirs, ours] = await Promise.all([
      beginning(peerProgram('openssh-10', 'ssh-keygen'), given),
      beginning(own('tsh-keygen'), given),
    ]);
    expect(theirs.at(-1)).toMatch(/^Sieve next/);
    expect(ours).toEqual(theirs);
  });
});
