import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';
import { prepareFolder, readScript, runScript } from './scripts.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const scripts = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describePeer('openssh-10', 'a script does the same with ssh-keygen and with tsh-keygen', () => {
  test.each(scripts)('%s', async (name) => {
    const theirs = peerProgram('openssh-10', 'ssh-keygen');
    const { setup, lines } = readScript(`${folder}${name}`);
    const prepared = prepareFolder(setup, theirs);
    try {
      const [expected, actual] = await Promise.all([runScript(lines, prepared, theirs), runScript(lines, prepared, own('tsh-keygen'))]);
      expect(actual.lines).toEqual(expected.lines);
      expect(actual.files).toEqual(expected.files);
      expect(expected.lines.length).toBeGreaterThan(10);
    } finally {
      rmSync(prepared, { recursive: true });
    }
  }, 300_000);
});
