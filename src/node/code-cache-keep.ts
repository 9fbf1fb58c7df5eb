import { statSync } from 'node:fs';
import path from 'node:path';
import { formatKept, type LoadedScript } from './code-cache.ts';
import { compileAsEver } from './compile-less.ts';
import { makeFolder, replaceFile } from './files.ts';
import { changedFlags } from './small.ts';

/**
 * Has the code of a script kept for its next run, as Python keeps its modules', when this process exits: where parts of it were loaded
 * that the kept code lacks, and only by the user who owns the folder of the script, so that nobody runs what another has compiled.
 *
 * @param parts what is loaded; read when the process exits.
 */
export function keepCode({ compiled, keepFile, keptParts }: LoadedScript, parts: readonly string[]): void {
  process.on('exit', () => {
    const known = new Set(keptParts);
    if (changedFlags() || parts.every((part) => known.has(part))) return;
    compileAsEver();
    const folder = path.dirname(keepFile);
    try {
      if (statSync(path.dirname(folder)).uid !== process.geteuid?.()) return;
      makeFolder(folder, 0o755);
      replaceFile(keepFile, formatKept(compiled(), [...new Set([...keptParts, ...parts])]), { mode: 0o644, forceMode: true });
    } catch {
      // a full or read-only disk: the next run compiles again
    }
  });
}
