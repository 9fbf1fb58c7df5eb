import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../run.ts';
import { isLoaded, isSigned, platformOf, stripElf } from '../tools/executable.mjs';
import { archive, describePackaged, host, packagedPlatforms, unpacked } from './packaged.ts';

const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: object; version: string };
const programs = Object.keys(bin);

describePackaged('packages', () => {
  test('there is one for each platform', () => {
    expect(packagedPlatforms().toSorted()).toEqual(['darwin-x64', 'linux-arm64', 'linux-x64', 'win-x64']);
  });

  test.each(packagedPlatforms())('%s: a program of that platform, which holds ours', (platform) => {
    const isWindows = platform.startsWith('win-');
    const binary = readFileSync(path.join(unpacked(platform), isWindows ? 'bin/tsh.exe' : 'bin/tsh'));
    expect(platformOf(binary)).toBe(platform);
    expect(isLoaded(binary)).toBe(true);
    // Node's own signature does not fit any more
    if (platform.startsWith('darwin-')) expect(isSigned(binary)).toBe(false);
    expect(binary.includes('usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy]')).toBe(true);
    // a text of koffi's binary
    expect(binary.includes('does not support variadic functions')).toBe(!isWindows);
    for (const name of programs.filter((program) => program !== 'tsh')) {
      const file = path.join(unpacked(platform), 'bin', isWindows ? `${name}.cmd` : name);
      if (isWindows) expect(readFileSync(file, 'utf8')).toContain(`@set TSH_PROGRAM=${name}\r\n`);
      else expect(lstatSync(file).isSymbolicLink()).toBe(true);
    }
  });

  test.each(packagedPlatforms())('%s: the archive holds manuals, completions and licences, and nothing of ours but that', (platform) => {
    const names = execFileSync('tar', ['-tzf', archive(platform)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const isWindows = platform.startsWith('win-');
    const suffix = isWindows ? '.cmd' : '';
    const completions = [
      'share/zsh/site-functions/_tsh',
      ...programs.flatMap((name) => [`share/bash-completion/completions/${name}`, `share/fish/vendor_completions.d/${name}.fish`]),
    ];
    const manuals = readdirSync('man').map((name) => `share/man/man${name.slice(-1)}/${name}`);
    expect(names.map((name) => name.replace(`tsh-${version}-${platform}/`, '')).toSorted()).toEqual(
      [
        ...programs.map((name) => (isWindows && name === 'tsh' ? 'bin/tsh.exe' : `bin/${name}${suffix}`)),
        ...(isWindows ? [] : ['install.sh', ...completions]),
        ...manuals,
        ...['LICENSE', 'LICENSE.node', 'LICENSE.packages', 'README.md'].map((name) => `share/doc/tsh/${name}`),
      ].toSorted(),
    );
  });
});

describePackaged('the archive of this platform', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-package-'));
  const file = (name: string): string => path.join(folder, name);
  let installer = '';
  beforeAll(() => {
    execFileSync('tar', ['-xzf', archive(host), '-C', folder]);
    installer = file(`tsh-${version}-${host}/install.sh`);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** All files below a folder. */
  const files = (below: string): readonly string[] =>
    readdirSync(below, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.relative(below, path.join(entry.parentPath, entry.name)))
      .toSorted();

  test('is installed where a prefix says, over programs that run, and removed again', async () => {
    mkdirSync(file('prefix/bin'), { recursive: true });
    writeFileSync(file('prefix/bin/other'), '');
    const install = (): Promise<unknown> => run('sh', [installer, '--prefix', file('prefix')]);
    expect(await install()).toMatchObject({ code: 0, out: `Installed in ${file('prefix')}.\n`, err: '' });
    expect(files(file('prefix'))).toEqual(
      ['bin/other', ...files(path.dirname(installer)).filter((name) => name !== 'install.sh')].toSorted(),
    );
    const programOf = (name: string): string => file(`prefix/bin/${name}`);
    expect((await run(programOf('tsh'), ['-V'])).err).toContain(`tsh_${version}`);
    expect((await run(programOf('tsh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', file('key')])).code).toBe(0);
    expect(lstatSync(programOf('tsh')).mode & 0o777).toBe(0o755);

    const { out } = await run(programOf('tsh-agent'), ['-s', '-a', file('agent')]);
    const environment = { SSH_AGENT_PID: /AGENT_PID=(\d+)/.exec(out)?.[1], SSH_AUTH_SOCK: file('agent') };
    expect(await install()).toMatchObject({ code: 0, err: '' });
    expect((await run(programOf('tsh-add'), [file('key')], { env: environment })).code).toBe(0);
    expect((await run(programOf('tsh-agent'), ['-k'], { env: environment })).code).toBe(0);

    expect(await run('sh', [installer, '--uninstall', `--prefix=${file('prefix')}`])).toMatchObject({ code: 0, err: '' });
    expect(files(file('prefix'))).toEqual(['bin/other']);
  }, 120_000);

  test('DESTDIR stands in front of the prefix', async () => {
    const env = { DESTDIR: file('staged') };
    expect((await run('sh', [installer, '--prefix', '/usr'], { env })).out).toBe('Installed in /usr.\n');
    expect(existsSync(file('staged/usr/bin/tsh'))).toBe(true);
    expect((await run('sh', [installer, '--uninstall', '--prefix', '/usr'], { env })).code).toBe(0);
    expect(files(file('staged'))).toEqual([]);
  });

  test('what the installer does not know is refused', async () => {
    expect(await run('sh', [installer, '--root', '/'])).toMatchObject({ code: 1, err: 'install.sh: unknown option --root\n' });
    for (const args of [['--prefix'], ['--prefix='], ['--prefix', '']]) {
      expect(await run('sh', [installer, ...args])).toMatchObject({ code: 1, err: 'install.sh: --prefix needs a folder\n' });
    }
  });

  test('it installs what is beside it, wherever CDPATH leads, or says that nothing is', async () => {
    const name = path.basename(path.dirname(installer));
    mkdirSync(file(`elsewhere/${name}/bin`), { recursive: true });
    mkdirSync(file(`elsewhere/${name}/share`));
    const given = { cwd: folder, env: { CDPATH: file('elsewhere') } };
    const installed = await run('sh', [`${name}/install.sh`, '--prefix', file('led')], given);
    expect(installed).toMatchObject({ code: 0, out: `Installed in ${file('led')}.\n`, err: '' });
    expect(existsSync(file('led/bin/tsh'))).toBe(true);
    mkdirSync(file('alone'));
    copyFileSync(installer, file('alone/install.sh'));
    expect(await run('sh', [file('alone/install.sh'), '--prefix', file('none')])).toMatchObject({
      code: 1,
      out: '',
      err: `install.sh: there is nothing to install in ${file('alone')}\n`,
    });
  });
});

test.runIf(process.platform === 'linux')('an ELF program runs without its symbols', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-strip-'));
  const stripped = stripElf(readFileSync('/bin/sh'));
  writeFileSync(path.join(folder, 'sh'), stripped);
  chmodSync(path.join(folder, 'sh'), 0o755);
  expect(execFileSync(path.join(folder, 'sh'), ['-c', 'echo runs'], { encoding: 'utf8' })).toBe('runs\n');
  // once more there is nothing left to take
  expect(stripElf(stripped).equals(stripped)).toBe(true);
  rmSync(folder, { recursive: true });
});
