/** The single binary: every program in one file. It acts by the name that it is called by. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { compileScript } from '../node/code-cache.ts';
import { askedProgram, startAsset } from '../node/own-program.ts';
import type { Script, ScriptExports } from './script.ts';

/** The names of the programs. The first is what the binary is under every other name. */
declare const PROGRAM_NAMES: readonly string[];

/** Runs the script that the binary holds, with the code that was kept for the program that is asked for, where it was made for this platform. */
function launchBinary(): void {
  const file = process.execPath;
  const source = viewOf(startAsset('programs'))?.toString('latin1') ?? '';
  const kept = startAsset(`code/${askedProgram(PROGRAM_NAMES)}`);
  const script = compileScript(source, file, viewOf(kept), '');
  const module: { exports: Partial<ScriptExports> } = { exports: {} };
  (script.run() as Script)(module.exports, createRequire(file), module, file, path.dirname(file), () => undefined);
  module.exports.startInBinary?.();
}

function viewOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

launchBinary();
