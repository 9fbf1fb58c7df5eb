// Bundles into dist/: the programs as one script with a launcher, which keeps that script's compiled code; the library, the demo and the
// benchmark as ES modules, shared parts as chunks. A bundle is most of a program's start-up: lazy imports stay lazy.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundledPackages, bundling, licensesOf, root } from './bundle.mjs';
import { bundleCommonJs, bundleParts } from './programs.mjs';
import { buildWasm } from './wasm.mjs';

const dist = path.join(root, 'dist');
const modules = ['src/cli/demo.ts', 'src/index.ts', 'test/bench/bench.ts'];

await buildWasm();
const programs = await bundleParts('src/cli/script.ts');
// another content, another name: see src/node/code-cache.ts
const programsFile = `programs-${createHash('sha256').update(programs).digest('hex').slice(0, 10)}.cjs`;
const launcher = await bundleCommonJs('src/cli/launch.ts', { PROGRAMS_FILE: JSON.stringify(programsFile) });
const { outputFiles: moduleFiles } = await build({
  ...bundling,
  target: 'node20',
  entryPoints: Object.fromEntries(modules.map((file) => [path.basename(file, '.ts'), file])),
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
});
const outputFiles = [
  ...moduleFiles,
  { path: path.join(dist, programsFile), contents: Buffer.from(programs) },
  { path: path.join(dist, 'launch.cjs'), contents: Buffer.from(launcher) },
  { path: path.join(dist, 'LICENSE.packages'), contents: Buffer.from(licensesOf(bundledPackages)) },
];

// Whoever runs a program meanwhile sees whole files: the old ones or the new ones.
const kept = new Set();
for (const { path: file, contents } of outputFiles) {
  kept.add(file);
  if (existsSync(file) && readFileSync(file).equals(contents)) continue;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, contents);
  renameSync(`${file}.${process.pid}`, file);
}
for (const folder of [dist, path.join(dist, 'chunks'), path.join(dist, 'code')]) {
  if (!existsSync(folder)) continue;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    const current = folder.endsWith('code') ? entry.name.startsWith(programsFile) : !/\.c?js$/.test(entry.name) || kept.has(file);
    if (entry.isFile() && !current) rmSync(file, { force: true });
  }
}
