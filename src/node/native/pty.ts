import fs from 'node:fs';
import { libc } from './libc.ts';

/** A pseudo-terminal: the end that we hold, and the one that programs see. */
export interface Pty {
  readonly master: number;
  /** Kept open until the program has ended, so that what it wrote last is not lost. */
  readonly slave: number;
  readonly path: string;
}

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = fs.constants;
const O_CLOEXEC = 0o2000000;
const TIOCSWINSZ = 0x5414;

/** Opens a pseudo-terminal; undefined where there are no native calls or the system has none left. */
export function openPty(): Pty | undefined {
  const calls = [libc('posix_openpt'), libc('grantpt'), libc('unlockpt'), libc('ptsname_r')] as const;
  const [openMaster, grant, unlock, name] = calls;
  if (openMaster === undefined || grant === undefined || unlock === undefined || name === undefined) return undefined;
  const master = openMaster(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (master < 0) return undefined;
  const bytes = new Uint8Array(128);
  try {
    if (grant(master) === 0 && unlock(master) === 0 && name(master, bytes, bytes.length) === 0) {
      const path = Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString();
      return { master, slave: fs.openSync(path, O_RDWR | O_NOCTTY), path };
    }
  } catch {
    // there is no such terminal in this file system
  }
  fs.closeSync(master);
  return undefined;
}

/** Tells a terminal its size; whoever runs on it gets SIGWINCH. */
export function resizePty(fd: number, size: { columns: number; rows: number; widthPixels: number; heightPixels: number }): void {
  const winsize = Uint16Array.of(size.rows, size.columns, size.widthPixels, size.heightPixels);
  libc('ioctl')?.(fd, TIOCSWINSZ, new Uint8Array(winsize.buffer));
}
