import path from 'node:path';
import type { PublicKey } from '../core/keys/key.ts';
import { formatKnownHostsLine, hashHost, type KnownHostsFile } from '../core/keys/known-hosts.ts';
import { latin1Bytes, latin1Text, utf8Text } from '../core/util/bytes.ts';
import { appendLines, editFile, expandTilde, makeFolder, readWholeFile } from '../node/files.ts';

/** Far more than the largest real file; what is larger is not read. */
const largestFile = 64 * 1024 * 1024;

const fileMode = 0o600;
const folderMode = 0o700;

/**
 * The known_hosts files that exist, in the order of their paths, which have no `~` any more.
 *
 * @param unreadable is told of each that can't be read, missing ones too; OpenSSH goes on without them.
 */
export function readKnownHosts(paths: readonly string[], unreadable: (file: string, error: Error) => void = () => {}): KnownHostsFile[] {
  const files: KnownHostsFile[] = [];
  for (const file of paths) {
    try {
      files.push({ file, text: utf8Text(readWholeFile(file, largestFile).bytes) });
    } catch (error) {
      unreadable(file, error instanceof Error ? error : new Error(String(error)));
    }
  }
  return files;
}

/**
 * Adds a host's key under these names to a known_hosts file, in one write: in one line, or with `hash` in a line for each name, hashed.
 * The user's own ~/.ssh is made where it is missing.
 *
 * @throws SystemError where the file can't be written; SshError SSH_ERR_INVALID_ARGUMENT where a name can't stand in it.
 */
export function addKnownHost(file: string, names: readonly string[], key: PublicKey, hash: boolean): void {
  // A name that can't stand there must not get in by its hash either.
  const plain = formatKnownHostsLine(names, key);
  const lines = hash ? names.map((name) => formatKnownHostsLine([hashHost(name)], key)) : [plain];
  makeUserFolder(file);
  appendLines(file, lines.map((line) => `${line}\n`).join(''), fileMode);
}

/**
 * Puts an edited text in a known_hosts file's place at once; what others append meanwhile is not lost, and bytes that are no UTF-8 stay.
 *
 * @param edit is given one character per byte, perhaps more than once; undefined leaves the file as it is.
 * @param options as for {@link editFile}
 * @throws SystemError
 */
export function rewriteKnownHosts(
  file: string,
  edit: (text: string) => string | undefined,
  options: { readonly replaceLink?: boolean } = {},
): void {
  editFile(
    file,
    (bytes) => {
      const edited = edit(latin1Text(bytes));
      return edited === undefined ? undefined : latin1Bytes(edited);
    },
    largestFile,
    options,
  );
}

function makeUserFolder(file: string): void {
  const folder = expandTilde('~/.ssh');
  if (path.isAbsolute(file) && path.resolve(file).startsWith(`${folder}/`)) makeFolder(folder, folderMode);
}
