import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { run } from '../run.ts';
import { keyPair } from '../sshd.ts';

describePeer(['openssh-10', 'expect', 'postgresql', 'root'], 'the story that people are told', () => {
  test('a new user makes a key, lets it in, starts an agent, logs in and reaches a database', { timeout: 300_000 }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsh-story-'));
    chmodSync(folder, 0o755);
    writeFileSync(path.join(folder, 'host'), keyPair('ed25519').privateKey, { mode: 0o600 });
    const story = fileURLToPath(new URL('.', import.meta.url));
    const project = fileURLToPath(new URL('../..', import.meta.url));
    const [sshd, session] = [peerProgram('openssh-10', 'sshd'), peerProgram('openssh-10', 'sshd-session')];
    try {
      const programs = [sshd, path.dirname(session), path.dirname(peerProgram('postgresql', 'initdb'))];
      const scene = ['sh', path.join(story, 'scene.sh'), folder, ...programs, project, path.join(folder, 'tsh/test/story')];
      const alone = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child'];
      const { code, out, err } = await run('unshare', [...alone, ...scene], { timeoutMs: 280_000 });
      expect({ code, said: code === 0 ? '' : `${out}${err}` }).toEqual({ code: 0, said: '' });
      expect(out).toContain('first part: done');
      expect(out).toContain('through the tunnel: 42');
      expect(out).toContain('second part: done');
      const modes = { '': 0o700, '/id_rsa': 0o600, '/id_rsa.pub': 0o644, '/known_hosts': 0o600, '/authorized_keys': 0o600 };
      for (const [name, mode] of Object.entries(modes)) expect(statSync(`${folder}/home/.ssh${name}`).mode & 0o777, name).toBe(mode);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
