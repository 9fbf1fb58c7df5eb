import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { comparable } from '../../known-differences.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';
import { randomLine } from './random-lines.ts';
import { differences, makeScene, sceneFiles } from './scene.ts';
import { runScript, type ScriptResult } from './scripts.ts';

const scene = makeScene();
afterAll(() => rmSync(scene, { recursive: true }));
mkdirSync(path.join(scene, 'folder'));
writeFileSync(path.join(scene, 'empty'), '');
writeFileSync(path.join(scene, 'closed'), 'closed');
chmodSync(path.join(scene, 'closed'), 0);
symlinkSync('rsa', path.join(scene, 'link'));

describePeer('openssh-10', 'random command lines', () => {
  test('do what they do with ssh-keygen', async () => {
    expect(await differences('TSH_RANDOM_LINES', 200, compare)).toEqual([]);
  }, 3_600_000);
});

/** What the programs did differently with a command line; undefined where that is nothing. */
async function compare(number: number): Promise<string | undefined> {
  const line = `$K ${randomLine(number).map(quoted).join(' ')}`;
  const theirs = steady(await runScript([line], scene, peerProgram('openssh-10', 'ssh-keygen')));
  // it crashes where it is to tell the comment of a key that it knows from a locked file
  if (theirs.lines[0]?.code === null) return undefined;
  const ours = steady(await runScript([line], scene, own('tsh-keygen')));
  if (JSON.stringify(theirs) === JSON.stringify(ours)) return undefined;
  return `line ${number}: ${JSON.stringify(theirs)} but ${JSON.stringify(ours)}`;
}

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

interface Steady {
  readonly lines: readonly { readonly line: string; readonly code: number | null; readonly out: string; readonly err: readonly string[] }[];
  readonly files: Readonly<Record<string, string>>;
}

/** What a command line did, without what differs each time (new keys and signatures, times from now on), what may differ, and -v's log. */
function steady({ lines, files: left }: ScriptResult): Steady {
  return {
    lines: lines.map(({ line, code, out, err }) => ({
      line,
      code,
      out: withoutPrint(withoutChance(out)),
      err: comparable('stderr', withoutChance(err)),
    })),
    files: Object.fromEntries(
      Object.entries(left).map(([name, text]) => [name, withoutChance(sceneFiles.has(name) ? text : text.replace(/ AAAA\S+/g, ''))]),
    ),
  };
}

function withoutChance(text: string): string {
  return text
    .replace(/^debug[123]: .*\r?\n/gm, '')
    .replace(/^(\d+ SSHKRL)[^]*/, '$1')
    .replace(/(-----BEGIN SSH SIGNATURE-----\n)[^-]*/g, '$1')
    .replace(/valid from \S+ to \S+/g, 'valid for a time');
}

/** The fingerprint of a new key is by chance. */
function withoutPrint(out: string): string {
  return out.includes('The key fingerprint is:') ? out.replace(/(SHA256|MD5):\S+/g, '$1').replace(/^\|.{17}\|$/gm, '||') : out;
}
