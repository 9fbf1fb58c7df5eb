// What every bundle of the sources has in common.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** package.json. */
export const packageJson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

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
  plugins: [builtinRequires],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
};
