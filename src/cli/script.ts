/** All programs as one script, which launch.ts and binary.ts run. */
import type { LoadedScript } from '../node/code-cache.ts';
import { keepCode } from '../node/code-cache-keep.ts';
import { beBinary } from '../node/own-program.ts';
import { programs } from './programs.ts';

/** This script as a value: what a CommonJS module is called with, and who wants to know of each part that is loaded. */
export type Script = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: Partial<ScriptExports> },
  filename: string,
  dirname: string,
  loaded: (part: string) => void,
) => void;

/** What it exports. */
export interface ScriptExports {
  readonly start: typeof start;
  readonly startInBinary: typeof startInBinary;
}

/** Runs a program, whose code is a part of this script, and keeps that code for the next time. */
export function start(program: string, script: LoadedScript, parts: readonly string[]): void {
  keepCode(script, parts);
  void programs[program]?.();
}

/** Runs the program that the single binary is asked to be. */
export function startInBinary(): void {
  void programs[beBinary(Object.keys(programs))]?.();
}
