import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describePeer } from '../peers.ts';
import { both, held } from './common.ts';

/** Names of hosts and users that a shell or an option parser would take for more (CVE-2023-51385, CVE-2025-61984, CVE-2025-61985). */
describePeer('openssh-10', 'a name runs nothing', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'tsh-injection-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const empty = (): void => {
    for (const name of readdirSync(folder)) rmSync(path.join(folder, name));
  };
  beforeEach(empty);

  /** Both programs say the same, fail, and leave no file behind that a smuggled command would have made. */
  async function refused(...args: readonly string[]): Promise<string> {
    const { ours, theirs } = await both(args, { cwd: folder }, empty);
    expect(held(ours)).toEqual(held(theirs));
    expect(ours.code).toBe(255);
    expect(readdirSync(folder)).toEqual([]);
    return ours.err;
  }
  // a command that shows the names to a shell
  const proxied = ['-F', 'none', '-T', '-o', "ProxyCommand=sh -c 'read line; exit 1' %h %p %r", '-o', 'PermitLocalCommand=yes'];

  const hosts = [
    '$(touch made)',
    '`touch made`',
    'a;touch made',
    'a|touch made',
    'a&touch made',
    'a>made',
    "a'b",
    'a"b',
    'a\\b',
    'a\nb',
    'a{b',
  ];
  test.each(hosts)('as a host: %j', async (host) => {
    expect(await refused(...proxied, '--', host)).toBe('hostname contains invalid characters\r\n');
  });

  test.each(['-oProxyCommand=touch made', '-Ftouch'])('as a host that looks like an option: %j', async (host) => {
    expect(await refused(...proxied, '--', host)).toBe('hostname contains invalid characters\r\n');
    expect(await refused(...proxied, `user@${host}`)).toBe('hostname contains invalid characters\r\n');
  });

  const users = [
    '$(touch made)',
    '`touch made`',
    'a;touch made',
    'a|b',
    "a'b",
    'a"b',
    'a\\',
    'a\nb',
    '-oProxyCommand=touch made',
    'a -b',
    '${HOME}',
  ];
  test.each(users)('as a user: %j', async (user) => {
    const said = 'remote username contains invalid characters\r\n';
    expect(await refused(...proxied, '-l', user, 'plain')).toBe(said);
    expect(await refused(...proxied, '--', `${user}@plain`)).toBe(said);
    expect(await refused(...proxied, `ssh://${encodeURIComponent(user)}@plain`)).toBe(said);
  });

  test.each(['a%h', '%%', 'a b', 'DOMAIN\\user'])('a user that means itself is replaced once only: %j', async (user) => {
    expect(await refused(...proxied, '-l', user, 'plain')).toMatch(/Connection closed by UNKNOWN port 65535/);
  });

  test.each([
    'ssh://%2doProxyCommand=x',
    'ssh://h%00x',
    'ssh://u%00v@h',
    'ssh://h%3btouch%20made',
    'ssh://u@h/x',
    'ssh://[::1',
  ])('as an address: %j', async (address) => {
    expect(await refused(...proxied, address)).toMatch(/^usage: ssh /);
  });

  test.each([
    '-oProxyCommand=touch',
    '$(touch made)',
    'a;touch made',
    'u$(touch made)@h',
    '-l@h',
    'a,$(touch made),b',
    'ssh://h%3bx',
  ])('as a jump host: %j', async (jump) => {
    expect(await refused('-F', 'none', '-T', '-J', jump, 'plain')).toMatch(/Invalid -J argument\r?\n$/);
  });

  describe('in a configuration file', () => {
    const config = (...lines: readonly string[]): string => {
      const name = path.join(tmpdir(), `${path.basename(folder)}.config`);
      writeFileSync(name, `${lines.join('\n')}\n`);
      return name;
    };
    afterAll(() => rmSync(config(), { force: true }));

    test('Match exec and LocalCommand get names that are checked before', async () => {
      const file = config('Match exec "test %n = x || test %r = y"', '  Port 7', 'Host *', '  LocalCommand touch %n');
      expect(await refused('-F', file, '-T', '--', 'x$(touch made)')).toBe('hostname contains invalid characters\r\n');
      expect(await refused('-F', file, '-T', '-l', 'y;touch made', 'x')).toBe('remote username contains invalid characters\r\n');
    });

    test('a token in a token is none', async () => {
      const file = config('Host *', '  Hostname %%h.example.invalid', `  ProxyCommand sh -c 'read line; echo $0 >&2; exit 1' %h`);
      expect(await refused('-F', file, '-T', 'plain')).toContain('%h.example.invalid');
    });

    test.each(['%x', '%', '${NO_SUCH_VARIABLE_HERE}'])('what can not be replaced ends the run: %j', async (token) => {
      const file = config('Host *', `  IdentityFile /k/${token}`, `  ProxyCommand sh -c 'read line; exit 1'`);
      await refused('-F', file, '-T', 'plain');
    });
  });
});
