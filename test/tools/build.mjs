// Bundles the programs, the library and the demo and bench into dist/, shared parts as chunks. Entries are those of the list that exist.
// A bundle is most of a program's start-up: nothing but what a run needs is loaded, and lazy imports stay lazy.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundling, root } from './bundle.mjs';
import { buildWasm } from './wasm.mjs';

const dist = path.join(root, 'dist');
const programs = ['tsh', 'tsh-keygen', 'tsh-agent', 'tsh-add', 'tsh-copy-id', 'tsh-keyscan', 'tscp', 'tsftp', 'tsftp-server', 'tshd'];
const entries = [...programs.map((name) => `src/cli/${name}.ts`), 'src/cli/demo.ts', 'src/index.ts', 'test/bench/bench.ts'];

await buildWasm();
const { outputFiles } = await build({
  ...bundling,
  entryPoints: Object.fromEntries(
    entries.filter((file) => existsSync(path.join(root, file))).map((file) => [path.basename(file, '.ts'), file]),
  ),
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  target: 'node20',
});

// Whoever runs a program meanwhile sees whole files: the old ones or the new ones.
const kept = new Set();
for (const { path: file, contents } of outputFiles) {
  kept.add(file);
  if (existsSync(file) && readFileSync(file).equals(contents)) continue;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, contents);
  renameSync(`${file}.${process.pid}`, file);
}
for (const folder of [dist, path.join(dist, 'chunks')]) {
  if (!existsSync(folder)) continue;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isFile() && file.endsWith('.js') && !kept.has(file)) rmSync(file);
  }
}
