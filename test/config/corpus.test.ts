import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { comparable } from '../known-differences.ts';
import { describePeer } from '../peers.ts';
import { ours, theirs } from './run.ts';

/** Files of the corpus name each other by this variable, and the command lines to try them with by lines that begin with `#: `. */
const folder = fileURLToPath(new URL('corpus', import.meta.url));
process.env['TSH_CORPUS'] = folder;

const files = readdirSync(folder).filter((name) => name.endsWith('.conf'));

describePeer('openssh-10', 'the corpus of configuration files reads as OpenSSH reads it', () => {
  test('it is as large as it should be', () => {
    expect(files.length).toBeGreaterThanOrEqual(60);
  });

  test.each(files)('%s', async (name) => {
    const file = path.join(folder, name);
    const commandLines = [...readFileSync(file, 'utf8').matchAll(/^#: (.*)$/gm)].map((match) => match[1]?.split(' ') ?? []);
    expect(commandLines.length).toBeGreaterThan(0);
    for (const commandLine of commandLines) {
      const argv = ['-G', '-F', file, ...commandLine];
      const expected = theirs(argv);
      const got = await ours(argv);
      const withoutDebug = (text: string): string => text.replace(/^debug[1-3]: .*\r\n/gm, '');
      expect(comparable('-G', got.stdout), commandLine.join(' ')).toEqual(comparable('-G', expected.stdout));
      expect(comparable('stderr', withoutDebug(got.stderr)), commandLine.join(' ')).toEqual(
        comparable('stderr', withoutDebug(expected.stderr)),
      );
      expect(got.status, commandLine.join(' ')).toBe(expected.status);
    }
  });
});
