import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { softwareSecurityKey } from '../../peer-programs.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { type Ended, own, run } from '../../run.ts';

const theirs = peerProgram('openssh-10', 'ssh-keygen');
const ours = own('tsh-keygen');
const types = ['ed25519-sk', 'ecdsa-sk'] as const;
const folder = mkdtempSync(path.join(tmpdir(), 'tsh-sk-'));
afterAll(() => rmSync(folder, { recursive: true }));

function keygen(program: string, args: readonly string[], provider: string | undefined = softwareSecurityKey): Promise<Ended> {
  const env = { SSH_SK_HELPER: peerProgram('openssh-10', 'ssh-sk-helper'), SSH_SK_PROVIDER: provider };
  return run(program, args, { cwd: folder, env });
}

describePeer('openssh-10', 'a security key', () => {
  beforeAll(async () => {
    writeFileSync(path.join(folder, 'message'), 'message\n');
    await keygen(theirs, ['-q', '-t', 'ed25519', '-N', '', '-f', 'subject']);
    for (const type of types) expect(await keygen(theirs, ['-q', '-t', type, '-N', '', '-f', type])).toMatchObject({ code: 0 });
  });

  test.each(types)('%s signs files, as with ssh-keygen', async (type) => {
    const results: Ended[] = [];
    for (const program of [theirs, ours]) {
      rmSync(path.join(folder, 'message.sig'), { force: true });
      results.push(await keygen(program, ['-Y', 'sign', '-f', type, '-n', 'file', 'message']));
      const stdin = readFileSync(path.join(folder, 'message'));
      const check = await run(theirs, ['-Y', 'check-novalidate', '-n', 'file', '-s', 'message.sig'], { cwd: folder, stdin });
      expect(check.out).toMatch(/^Good "file" signature with (?:ED25519|ECDSA)-SK key SHA256:/);
    }
    const [expected, actual] = results;
    expect(expected).toMatchObject({ code: 0 });
    expect(actual).toEqual(expected);
  });

  test.each(types)('%s certifies, by -w too', async (type) => {
    for (const [program, args, provider] of [
      [ours, [], softwareSecurityKey],
      [ours, ['-w', softwareSecurityKey], undefined],
      [theirs, [], softwareSecurityKey],
    ] as const) {
      rmSync(path.join(folder, 'subject-cert.pub'), { force: true });
      const certified = await keygen(program, [...args, '-s', type, '-I', 'id', '-n', 'me', 'subject.pub'], provider);
      expect(certified).toMatchObject({
        code: 0,
        out: '',
        err: expect.stringMatching(/^Signed user key subject-cert\.pub: id "id"/) as string,
      });
      const shown = await run(theirs, ['-L', '-f', 'subject-cert.pub'], { cwd: folder });
      expect(shown.out).toMatch(/Signing CA: (?:ED25519|ECDSA)-SK SHA256:\S+ \(using sk-/);
    }
  });

  test.each(['', '/nonexistent'])('without its library (%j) is told of as ssh-keygen does', async (provider) => {
    for (const args of [
      ['-Y', 'sign', '-f', 'ed25519-sk', '-n', 'file', 'message'],
      ['-s', 'ed25519-sk', '-I', 'id', 'subject.pub'],
    ]) {
      rmSync(path.join(folder, 'message.sig'), { force: true });
      const [expected, actual] = [await keygen(theirs, args, provider), await keygen(ours, args, provider)];
      expect(expected.code).toBe(255);
      expect(actual).toEqual(expected);
    }
  });
});
