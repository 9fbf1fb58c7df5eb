import { createRequire } from 'node:module';
import path from 'node:path';
import { loadScript } from '../node/code-cache.ts';
import type { start } from './script.ts';

/** The file beside this one that script.ts is bundled to: a function with the names of a CommonJS module, and one to tell of a part loaded. */
declare const PROGRAMS_FILE: string;

type Programs = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: { start?: typeof start } },
  filename: string,
  dirname: string,
  loaded: (part: string) => void,
) => void;

/** Runs one of the programs in this process. */
export function launch(program: string): void {
  const folder = import.meta.dirname;
  const file = path.join(folder, PROGRAMS_FILE);
  const parts: string[] = [];
  const script = loadScript(file, path.join(folder, 'code'), program);
  const module: { exports: { start?: typeof start } } = { exports: {} };
  (script.run() as Programs)(module.exports, createRequire(file), module, file, folder, (part) => parts.push(part));
  module.exports.start?.(program, script, parts);
}
