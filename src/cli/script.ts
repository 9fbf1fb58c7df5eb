/** All programs as one script, which launch.ts runs. */
import type { LoadedScript } from '../node/code-cache.ts';
import { keepCode } from '../node/code-cache-keep.ts';
import { programs } from './programs.ts';

/** Runs a program, whose code is a part of this script, and keeps that code for the next time. */
export function start(program: string, script: LoadedScript, parts: readonly string[]): void {
  keepCode(script, parts);
  void programs[program]?.();
}
