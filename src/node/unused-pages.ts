import { readFileSync } from 'node:fs';
import { libc } from './native/libc.ts';

const MADV_DONTNEED = 4;

/** An entry of proc_pid_smaps(5) for a private mapping of a file that can't be written: from, to, and how much of it is no longer the file's. */
const fileMapping = /^([0-9a-f]+)-([0-9a-f]+) r-.p .*\/[^]*?^Anonymous: +(\d+) kB$/gm;

/**
 * Gives back the memory that holds parts of programs and libraries, half of what a runtime takes up once it has started: it comes back page by
 * page where it is used again, from the system's cache, and most of it is not. Nothing happens where native calls are off.
 */
export function releaseUnusedPages(): void {
  const madvise = libc('madvise');
  if (madvise === undefined) return;
  for (const [, from = '', to = '', changed] of mappings().matchAll(fileMapping)) {
    // What was changed, as by the loader, would come back as it is in the file.
    if (changed !== '0') continue;
    const start = Number.parseInt(from, 16);
    madvise(start, Number.parseInt(to, 16) - start, MADV_DONTNEED);
  }
}

function mappings(): string {
  try {
    return readFileSync('/proc/self/smaps', 'latin1');
  } catch {
    return '';
  }
}
