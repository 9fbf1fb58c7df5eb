import { createRequire } from 'node:module';
import path from 'node:path';
import { loadScript } from '../node/code-cache.ts';
import type { Script, ScriptExports } from './script.ts';

/** The file beside this one that script.ts is bundled to. */
declare const PROGRAMS_FILE: string;

/** Runs one of the programs in this process. */
export function launch(program: string): void {
  const folder = import.meta.dirname;
  const file = path.join(folder, PROGRAMS_FILE);
  const parts: string[] = [];
  const script = loadScript(file, path.join(folder, 'code'), program);
  const module: { exports: Partial<ScriptExports> } = { exports: {} };
  (script.run() as Script)(module.exports, createRequire(file), module, file, folder, (part) => parts.push(part));
  module.exports.start?.(program, script, parts);
}
