import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { comparable } from '../../known-differences.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';
import { randomLine } from './random-lines.ts';
import { runScript, type ScriptResult } from './scripts.ts';

const { files } = JSON.parse(readFileSync(new URL('../../vectors/keygen-scene.json', import.meta.url), 'utf8')) as {
  readonly files: Readonly<Record<string, string>>;
};

const scene = mkdtempSync(path.join(tmpdir(), 'tsh-scene-'));
afterAll(() => rmSync(scene, { recursive: true }));
for (const [name, content] of Object.entries(files)) writeFileSync(path.join(scene, name), Buffer.from(content, 'base64'), { mode: 0o600 });
mkdirSync(path.join(scene, 'folder'));
writeFileSync(path.join(scene, 'empty'), '');
writeFileSync(path.join(scene, 'closed'), 'closed');
chmodSync(path.join(scene, 'closed'), 0);
symlinkSync('rsa', path.join(scene, 'link'));

/** How many command lines are run, and from which on: TSH_RANDOM_LINES=1000 or 5000+1000 for more of them. */
const [, first = '1', count = '200'] = /^(?:(\d+)\+)?(\d+)$/.exec(process.env['TSH_RANDOM_LINES'] ?? '') ?? [];

const AT_ONCE = 4;

describePeer('openssh-10', 'random command lines', () => {
  test('do what they do with ssh-keygen', async () => {
    const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
    const different: string[] = [];
    const worker = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const line = `$K ${randomLine(number).map(quoted).join(' ')}`;
        const theirs = steady(await runScript([line], scene, peerProgram('openssh-10', 'ssh-keygen')));
        // it crashes where it is to tell the comment of a key that it knows from a locked file
        if (theirs.lines[0]?.code === null) continue;
        const ours = steady(await runScript([line], scene, own('tsh-keygen')));
        if (JSON.stringify(theirs) !== JSON.stringify(ours))
          different.push(`line ${number}: ${JSON.stringify(theirs)} but ${JSON.stringify(ours)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(different).toEqual([]);
  }, 3_600_000);
});

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
      Object.entries(left).map(([name, text]) => [name, withoutChance(name in files ? text : text.replace(/ AAAA\S+/g, ''))]),
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
