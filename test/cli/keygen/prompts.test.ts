import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describePeer, peerProgram } from '../../peers.ts';
import { own, run } from '../../run.ts';

/** Conversations on a terminal: the options, then what is waited for and what is typed. */
const conversations: readonly (readonly [options: string, ...turns: (readonly [waited: string, typed: string])[]])[] = [
  ['-t ed25519 -f key -C c', ['for no', 'abc'], ['again:', 'abd'], ['Try again*for no', 'abc'], ['again:', 'abc']],
  ['-p -f key', ['old', 'abc'], ['new pass', 'x'], ['again', 'y']],
  ['-p -f key', ['old', 'wrong']],
  ['-y -f key', ['for', 'abc']],
  ['-y -f key', ['for', 'wrong']],
  ['-c -f key', ['passphrase:', 'abc'], ['New', 'another comment']],
  ['-t ed25519 -N {}', ['save', 'key'], ['Overwrite', 'n']],
  ['-l', ['is (', 'key.pub']],
  ['-p -f key', ['old', 'abc'], ['new pass', 'next'], ['again', 'next']],
];

describePeer(['openssh-10', 'expect'], 'on a terminal', () => {
  test('every prompt and answer is as with ssh-keygen', async () => {
    const [theirs, ours] = await Promise.all([converse(peerProgram('openssh-10', 'ssh-keygen')), converse(own('tsh-keygen'))]);
    expect(ours).toBe(theirs);
    expect(theirs).toContain('Passphrases do not match');
  });
});

async function converse(program: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
  try {
    const script = conversations.map(([options, ...turns]) => {
      const lines = turns.map(([waited, typed]) => `expect "${waited}" { send "${typed}\\r" } timeout { exit 1 }`);
      return [`spawn -noecho ${program} ${options}`, ...lines, 'expect eof', 'puts "status [lindex [wait] 3]"'].join('\n');
    });
    const given = { stdin: `set timeout 20\n${script.join('\n')}\n`, cwd: folder, env: { HOME: folder, LC_ALL: 'C.UTF-8' } };
    const { out, code } = await run(peerProgram('expect', 'expect'), ['-'], given);
    expect(code).toBe(0);
    // new keys differ: their fingerprints, their pictures, their lines
    return out
      .replace(/SHA256:[\w+/]{43}/g, 'fingerprint')
      .replace(/AAAA[\w+/=]+/g, 'key')
      .replace(/^[|+].*\r?\n/gm, '')
      .replaceAll(folder, 'folder');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
