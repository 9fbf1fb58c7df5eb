import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../run.ts';

describe('the package for npm', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-npm-'));
  const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: object; version: string };
  let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] };

  beforeAll(() => {
    // without scripts: dist/ is what the tests of this run were built with
    const out = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [first] = JSON.parse(out) as (typeof packed)[];
    if (first === undefined) throw new Error(out);
    packed = first;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('holds the programs, their bundles and their manuals, and nothing else', () => {
    const names = packed.files.map((file) => file.path);
    const manuals = readdirSync('man').map((name) => `man/${name}`);
    const others = names.filter((name) => !/^dist\/chunks\/[\w.-]+\.js$|^dist\/programs-\w+\.cjs$/.test(name));
    expect(others.toSorted()).toEqual(
      [
        ...[
          'LICENSE',
          'README.md',
          'package.json',
          'bin/package.json',
          'dist/index.js',
          'dist/launch.cjs',
          'dist/LICENSE.packages',
          ...manuals,
        ],
        ...Object.keys(bin).map((name) => `bin/${name}`),
      ].toSorted(),
    );
    expect(names.filter((name) => name.startsWith('dist/programs-'))).toHaveLength(1);
    expect(new Set(names.filter((name) => name.startsWith('dist/chunks/')))).toEqual(reachedFrom('dist/index.js'));
  });

  // the one that runs the tests, and the one that is recommended
  test.each([
    [process.version, []],
    ['Node 26', ['npx', '--yes', '--package=node@26', '--']],
  ])(
    'is installed globally with %s, and works there',
    async (name, through) => {
      const prefix = path.join(folder, name);
      const call = (program: string, args: readonly string[]): ReturnType<typeof run> => {
        const [first = '', ...rest] = [...through, program, ...args];
        return run(first, rest, { cwd: folder, timeoutMs: 240_000 });
      };
      const installed = await call('npm', [
        'install',
        '--global',
        '--prefix',
        prefix,
        '--prefer-offline',
        '--no-audit',
        path.join(folder, packed.filename),
      ]);
      expect(installed.code, installed.err).toBe(0);
      const node = (await call('node', ['--version'])).out.trim();
      if (through.length > 0) expect(node).toMatch(/^v26\./);
      // what is in the bundles is not there a second time
      expect(
        readdirSync(path.join(prefix, 'lib/node_modules/tsh/node_modules'))
          .filter((one) => !one.startsWith('.'))
          .toSorted(),
      ).toEqual(['@koromix', 'koffi']);
      for (const program of Object.keys(bin)) expect(readdirSync(path.join(prefix, 'bin'))).toContain(program);
      const linked = ['man1', 'man5'].flatMap((section) => readdirSync(path.join(prefix, 'share/man', section)));
      expect(linked.toSorted()).toEqual(readdirSync('man').toSorted());
      expect((await call(path.join(prefix, 'bin/tsh'), ['-V'])).err).toContain(`tsh_${version}`);
      const key = path.join(folder, `key-${node}`);
      expect((await call(path.join(prefix, 'bin/tsh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', key])).code).toBe(0);
      const agent = await call(path.join(prefix, 'bin/tsh-agent'), [path.join(prefix, 'bin/tsh-add'), key]);
      expect(agent.code, agent.err).toBe(0);
      expect(agent.err).toContain('Identity added');
    },
    300_000,
  );
});

/** The chunks that a bundle imports, and those that they do. */
function reachedFrom(bundle: string, reached = new Set<string>()): ReadonlySet<string> {
  for (const [, name = ''] of readFileSync(bundle, 'utf8').matchAll(/["'](\.{1,2}\/[\w./-]+\.js)["']/g)) {
    const file = path.join(path.dirname(bundle), name);
    if (reached.has(file)) continue;
    reached.add(file);
    reachedFrom(file, reached);
  }
  return reached;
}
