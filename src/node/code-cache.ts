/**
 * Scripts whose compiled code is kept beside them: most of a short run's time would go into compiling what the last run has compiled.
 *
 * What is kept depends on what ran, so a run that has loaded parts of the script which the kept code lacks keeps it anew on its way out
 * (code-cache-keep.ts). V8 refuses what another version of it has made, and compiles as ever.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

/** A script and its compiled code. */
export interface LoadedScript {
  /** Makes the script's value; to be called once. */
  readonly run: () => unknown;
  /** The code of all functions that are compiled by now. */
  readonly compiled: () => Uint8Array;
  /** Where it is kept. */
  readonly keepFile: string;
  /** The parts of the script that the code had been used for which was there. */
  readonly keptParts: readonly string[];
}

/**
 * Compiles the script of a file, or takes the code that is kept.
 *
 * @param file ASCII. Its name changes with its content: V8 compares no more of a source than its length.
 * @param use tells one use of the script from another, which needs other code.
 */
export function loadScript(file: string, keepFolder: string, use: string): LoadedScript {
  const flags = process.execArgv.map((flag) => `.${flag.replace(/[^\w=-]/g, '_')}`).join('');
  const keepFile = path.join(keepFolder, `${path.basename(file)}.${use}.${process.version}.${process.arch}${flags}`);
  return compileScript(readFileSync(file, 'latin1'), file, readIfAny(keepFile), keepFile);
}

/** Compiles a script, or takes the code of `kept`, which {@link formatKept} has made of it. */
export function compileScript(source: string, filename: string, kept: Buffer | undefined, keepFile: string): LoadedScript {
  const { code, parts } = kept === undefined ? nothing : parseKept(kept);
  const script = new vm.Script(source, { filename, ...(code && { cachedData: code }) });
  return {
    run: (): unknown => script.runInThisContext(),
    compiled: () => script.createCachedData(),
    keepFile,
    keptParts: script.cachedDataRejected === true ? [] : parts,
  };
}

interface Kept {
  readonly code: Uint8Array | undefined;
  readonly parts: readonly string[];
}

const nothing: Kept = { code: undefined, parts: [] };

const LENGTH_BYTES = 4;

/** The bytes of a file of kept code: the code first, as V8 wants it aligned, then the parts' names, then how long those are. */
export function formatKept(code: Uint8Array, parts: readonly string[]): Uint8Array {
  const names = Buffer.from(parts.join('\n'));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(names.length);
  return Buffer.concat([code, names, length]);
}

function parseKept(bytes: Buffer): Kept {
  const namesEnd = bytes.length - LENGTH_BYTES;
  const codeEnd = namesEnd < 0 ? -1 : namesEnd - bytes.readUInt32LE(namesEnd);
  if (codeEnd < 0) return nothing;
  return { code: bytes.subarray(0, codeEnd), parts: bytes.toString('utf8', codeEnd, namesEnd).split('\n') };
}

function readIfAny(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
