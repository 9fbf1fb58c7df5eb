import fs from 'node:fs';
import tty from 'node:tty';
import { libc } from './native/libc.ts';

const F_SETPIPE_SZ = 1031;
const LARGE_PIPE = 1024 * 1024;

/** What stands behind a descriptor, as far as it decides how to read and write it. */
export type DescriptorKind = 'terminal' | 'pipe' | 'socket' | 'file';

/** What a descriptor leads to; devices other than terminals count as files: they are read and written without waiting. */
export function descriptorKind(fd: number): DescriptorKind {
  if (tty.isatty(fd)) return 'terminal';
  try {
    const stat = fs.fstatSync(fd);
    if (stat.isFIFO()) return 'pipe';
    return stat.isSocket() ? 'socket' : 'file';
  } catch {
    return 'file';
  }
}

/**
 * A second, non-blocking open file over the same pipe or terminal, or undefined where the system has no such thing.
 *
 * O_NONBLOCK belongs to the open file, which a parent shell and its other children share: set on the one that was inherited, it would
 * make their writes fail.
 */
export function reopenNonBlocking(fd: number, access: 'read' | 'write'): number | undefined {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  try {
    return fs.openSync(`/proc/self/fd/${fd}`, (access === 'read' ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** Lets a pipe hold a MiB, which is as much as Linux gives everyone; whether it does, which needs native calls. */
export function widenPipe(fd: number): boolean {
  return (libc('fcntl')?.(fd, F_SETPIPE_SZ, LARGE_PIPE) ?? -1) > 0;
}

/** Puts an inherited open file, which the event loop has made non-blocking, back at the process' end. */
export function blockAgainAtExit(stream: object): void {
  const handle = handleOf(stream);
  if (handle?.setBlocking === undefined) return;
  process.once('exit', () => {
    handleOf(stream)?.setBlocking?.(true);
  });
}

/**
 * What destroys a stream over a descriptor and closes the descriptor too where the stream would leave it: libuv opens a terminal again for
 * itself. Asked for when the stream is new.
 */
export function closerOf(stream: { destroy(): unknown }, fd: number): () => void {
  const own = handleOf(stream)?.fd;
  return () => {
    stream.destroy();
    if (own !== undefined && own !== fd) fs.closeSync(fd);
  };
}

/** The stream's handle below, whose setBlocking is not public but has been the way to this setting since Node 4. */
export function handleOf(stream: object): StreamHandle | undefined {
  const { _handle } = stream as { _handle?: StreamHandle | null };
  return _handle ?? undefined;
}

/** What is used of a stream's handle. */
export interface StreamHandle {
  readonly fd?: number;
  setBlocking?(blocking: boolean): number;
}
