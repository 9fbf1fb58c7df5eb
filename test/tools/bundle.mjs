// What every bundle of the sources has in common.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** package.json. */
export const packageJson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The packages whose code is in the bundles: whoever installs tsh needs them no more. */
export const bundledPackages = ['@noble/ciphers', '@noble/curves', '@noble/hashes', 'chalk', 'commander'];

/** The licences of packages, one below the other. @throws Error where one has none. */
export function licensesOf(names) {
  const texts = names.map((name) => {
    const folder = path.join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence`);
    return `${name}\n\n${readFileSync(path.join(folder, file), 'utf8')}`;
  });
  return texts.join(`\n${'-'.repeat(78)}\n\n`);
}

/** Refuses code of packages that are not known to be in the bundles: their licences would be missing there. */
const knownPackages = {
  name: 'known-packages',
  setup(compilation) {
    compilation.onLoad({ filter: /node_modules/ }, ({ path: file }) => {
      const isKnown = bundledPackages.some((name) => file.includes(`${path.sep}${path.join('node_modules', name)}${path.sep}`));
      return isKnown ? undefined : { errors: [{ text: `${file} is of no package that the bundles are to hold` }] };
    });
  },
};

/**
 * CommonJS packages load Node's modules by require(), which an ES module lacks: esbuild would leave a call that throws. Node hands out its
 * own modules by process.getBuiltinModule(), which costs no resolver; the one that takes longest to load is there for commands that are
 * programs of their own, which ours are not.
 */
const builtinRequires = {
  name: 'builtin-requires',
  setup(compilation) {
    compilation.onLoad({ filter: /node_modules.(commander|chalk).*\.c?js$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8')
        .replace(/^const childProcess = require\('node:child_process'\);$/m, 'const childProcess = undefined;')
        .replace(/\brequire\((['"]node:[\w/]+['"])\)/g, 'globalThis.process.getBuiltinModule($1)'),
      loader: 'js',
    }));
  },
};

/** esbuild's options. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  external: ['koffi'],
  plugins: [knownPackages, builtinRequires],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
};
