import path from 'node:path';
import { buildSync } from 'esbuild';

const root = path.join(import.meta.dirname, '../..');

/** Bundles a program of the tests, so that it starts as quickly as ours do; its path below dist, from where it finds koffi. */
export function bundle(name: string): string {
  const outfile = path.join(root, 'dist/test', `${name}.${process.pid}.mjs`);
  buildSync({
    entryPoints: [path.join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
  });
  return outfile;
}
