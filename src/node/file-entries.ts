/** What is done to files by their names: their state, other names, removal. */
import fs from 'node:fs';
import { systemCall } from './errno.ts';

/** What stat(2) says of a file. @throws SystemError where there is none or it can't be reached. */
export function fileState(path: string): fs.Stats {
  return systemCall(() => fs.statSync(path));
}

/** Whether there is anything of this name that can be reached, symbolic links followed. */
export function fileExists(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** Whether the name is a symbolic link's, wherever that leads. */
export function isLink(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false;
  }
}

/** Removes a file's name; that there is none is no error. @throws SystemError */
export function removeFile(path: string): void {
  systemCall(() => fs.rmSync(path, { force: true }));
}

/** Gives a file another name, over what has it. @throws SystemError */
export function renameFile(path: string, name: string): void {
  systemCall(() => fs.renameSync(path, name));
}
