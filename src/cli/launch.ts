import path from 'node:path';
import { loadScript } from '../node/code-cache.ts';
import type { Script, ScriptExports } from './script.ts';

/** The file beside this one that script.ts is bundled to. */
declare const PROGRAMS_FILE: string;

/** This file's own, as a CommonJS module: to make another takes a module of Node's that no run needs besides. */
declare const require: NodeJS.Require;

/** Runs one of the programs in this process. */
export function launch(program: string): void {
  const folder = import.meta.dirname;
  const file = path.join(folder, PROGRAMS_FILE);
  const parts: string[] = [];
  const script = loadScript(file, path.join(folder, 'code'), program);
  const module: { exports: Partial<ScriptExports> } = { exports: {} };
  (script.run() as Script)(module.exports, require, module, file, folder, (part) => parts.push(part));
  module.exports.start?.(program, script, parts);
}
