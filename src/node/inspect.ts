import fs from 'node:fs';
import { errnoOf, systemCall } from './errno.ts';

/** What is at a path. */
export interface Inspected {
  readonly kind: 'file' | 'folder' | 'socket' | 'other';
  readonly uid: number;
  /** The permission bits. */
  readonly mode: number;
}

/** What is at a path, links followed; undefined where nothing is, or nothing that may be seen. */
export function inspect(path: string): Inspected | undefined {
  try {
    const stat = fs.statSync(path);
    const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : stat.isSocket() ? 'socket' : 'other';
    return { kind, uid: stat.uid, mode: stat.mode & 0o7777 };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** The names in a folder in their order; none where it can't be read. */
export function listFolder(path: string): readonly string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

/** Gives a file or folder another mode. @throws SystemError */
export function changeMode(path: string, mode: number): void {
  systemCall(() => fs.chmodSync(path, mode));
}
