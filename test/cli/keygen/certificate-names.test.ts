import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { matchPattern } from '../../../src/core/util/pattern.ts';
import { allowed } from '../../known-differences.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { own } from '../../run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tsh-certificate-names-'));
afterAll(() => rmSync(folder, { recursive: true }));

const octal = allowed('ssh-keygen').flatMap(({ rule, what }) => (rule === 'octal' ? [what] : []));

describePeer('openssh-10', 'a certificate with a name that a terminal would obey', () => {
  test('is shown without that, and else as ssh-keygen shows it', () => {
    const run = (program: string, ...args: string[]): string =>
      execFileSync(program, args, { cwd: folder, encoding: 'latin1', env: { ...process.env, TZ: 'UTC' } });
    const theirs = peerProgram('openssh-10', 'ssh-keygen');
    run(theirs, '-q', '-t', 'ed25519', '-N', '', '-f', 'key');
    run(theirs, '-q', '-s', 'key', '-I', 'a\u001b[2Jb', '-n', 'user', '-V', '20250101Z:20350101Z', 'key.pub');
    const [shown, expected] = [own('tsh-keygen'), theirs].map((program) => run(program, '-L', '-f', 'key-cert.pub').split('\n'));
    expect(shown).toContain('        Key ID: "a\\033[2Jb"');
    expect(expected).toContain('        Key ID: "a\u001b[2Jb"');
    const steady = (lines: readonly string[] = []): string[] => lines.filter((line) => !octal.some((one) => matchPattern(line, one)));
    expect(steady(shown)).toEqual(steady(expected));
  });
});
