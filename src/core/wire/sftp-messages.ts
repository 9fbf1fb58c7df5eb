import { SshError } from '../util/errors.ts';
import { type Codec, rest, string, uint32, uint64, utf8 } from './codec.ts';
import { message, struct, variants } from './message.ts';
import type { WireReader } from './reader.ts';

/**
 * The messages of SFTP version 3 (draft-ietf-secsh-filexfer-02) and OpenSSH's extensions (PROTOCOL section 4). Each travels with its length
 * before it, as a uint32. Names of files are bytes: a server's file system need not hold UTF-8.
 */

/** The version that is spoken. */
export const SFTP_VERSION = 3;

/** The longest message that is sent or taken, in bytes without its length: OpenSSH's limit. */
export const LONGEST_SFTP_MESSAGE = 256 * 1024;

/** A file's attributes; what is not told is not there (section 5). */
export interface SftpAttributes {
  readonly size?: bigint;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** st_mode as POSIX has it, the file's type in it. */
  readonly permissions?: number;
  /** Seconds since 1970. */
  readonly times?: { readonly accessed: number; readonly modified: number };
}

const attributeFlags = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x80000000 } as const;

const owner = struct({ uid: uint32, gid: uint32 });
const times = struct({ accessed: uint32, modified: uint32 });

/** A file's attributes; extended ones, which nobody defines, are passed over. */
const attributes: Codec<SftpAttributes> = {
  read: (reader) => {
    const flags = reader.uint32();
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const found: SftpAttributes = {
      ...(has(attributeFlags.size) && { size: reader.uint64() }),
      ...(has(attributeFlags.owner) && { owner: owner.read(reader) }),
      ...(has(attributeFlags.permissions) && { permissions: reader.uint32() }),
      ...(has(attributeFlags.times) && { times: times.read(reader) }),
    };
    for (let strings = has(attributeFlags.extended) ? 2 * count(reader, 8) : 0; strings > 0; strings--) reader.string();
    return found;
  },
  write: (writer, value) => {
    const names = ['size', 'owner', 'permissions', 'times'] as const;
    writer.uint32(names.reduce((flags, name) => (value[name] === undefined ? flags : flags | attributeFlags[name]), 0));
    if (value.size !== undefined) writer.uint64(value.size);
    if (value.owner !== undefined) owner.write(writer, value.owner);
    if (value.permissions !== undefined) writer.uint32(value.permissions);
    if (value.times !== undefined) times.write(writer, value.times);
  },
};

/** How many things follow, each of at least so many bytes: no more than the message can hold. */
function count(reader: WireReader, least: number): number {
  const number = reader.uint32();
  if (number * least > reader.remaining) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', `SFTP message with ${number} entries`);
  return number;
}

/** One name of a listing or of a path's answer. */
export interface SftpName {
  readonly filename: Uint8Array;
  /** As `ls -l` would show it. */
  readonly longname: Uint8Array;
  readonly attributes: SftpAttributes;
}

const name: Codec<SftpName> = struct({ filename: string, longname: string, attributes });

const names: Codec<readonly SftpName[]> = {
  read: (reader) => Array.from({ length: count(reader, 12) }, () => name.read(reader)),
  write: (writer, value) => {
    writer.uint32(value.length);
    for (const one of value) name.write(writer, one);
  },
};

/** The extensions that a server announces: names, and data which for OpenSSH's is a version in decimal. */
const extensions: Codec<readonly { readonly name: string; readonly data: string }[]> = {
  read: (reader) => {
    const found: { name: string; data: string }[] = [];
    while (reader.remaining > 0) found.push({ name: utf8.read(reader), data: utf8.read(reader) });
    return found;
  },
  write: (writer, value) => {
    for (const one of value) {
      utf8.write(writer, one.name);
      utf8.write(writer, one.data);
    }
  },
};

/** Opens the conversation (section 4). */
export const sftpInit = message(1, 'SSH_FXP_INIT', { version: uint32, extensions });
/** Answers it. */
export const sftpVersion = message(2, 'SSH_FXP_VERSION', { version: uint32, extensions });
/** Opens a file; `flags` are of {@link sftpOpenFlags} (section 6.3). */
export const sftpOpen = message(3, 'SSH_FXP_OPEN', { id: uint32, path: string, flags: uint32, attributes });
/** Closes a file or folder. */
export const sftpClose = message(4, 'SSH_FXP_CLOSE', { id: uint32, handle: string });
/** Reads from a file (section 6.4). */
export const sftpRead = message(5, 'SSH_FXP_READ', { id: uint32, handle: string, offset: uint64, length: uint32 });
/** Writes to a file (section 6.4). */
export const sftpWrite = message(6, 'SSH_FXP_WRITE', { id: uint32, handle: string, offset: uint64, data: string });
/** Attributes of a path, of the link itself where it is one (section 6.8). */
export const sftpLstat = message(7, 'SSH_FXP_LSTAT', { id: uint32, path: string });
/** Attributes of an open file. */
export const sftpFstat = message(8, 'SSH_FXP_FSTAT', { id: uint32, handle: string });
/** Changes a path's attributes (section 6.9). */
export const sftpSetstat = message(9, 'SSH_FXP_SETSTAT', { id: uint32, path: string, attributes });
/** Changes an open file's attributes. */
export const sftpFsetstat = message(10, 'SSH_FXP_FSETSTAT', { id: uint32, handle: string, attributes });
/** Removes a file (section 6.5). */
export const sftpRemove = message(13, 'SSH_FXP_REMOVE', { id: uint32, path: string });
/** Makes a folder (section 6.6). */
export const sftpMkdir = message(14, 'SSH_FXP_MKDIR', { id: uint32, path: string, attributes });
/** The path as the server sees it, absolute (section 6.11). */
export const sftpRealpath = message(16, 'SSH_FXP_REALPATH', { id: uint32, path: string });
/** Attributes of what a path leads to (section 6.8). */
export const sftpStat = message(17, 'SSH_FXP_STAT', { id: uint32, path: string });
/** Renames; OpenSSH's refuses where the new name exists (section 6.5). */
export const sftpRename = message(18, 'SSH_FXP_RENAME', { id: uint32, oldPath: string, newPath: string });
/** A request of an extension, with contents that are its own: {@link sftpExtensions}. */
export const sftpExtended = message(200, 'SSH_FXP_EXTENDED', { id: uint32, name: utf8, contents: rest });

/** How a request ended (section 7); some servers leave the text out. */
export const sftpStatus = message(101, 'SSH_FXP_STATUS', { id: uint32, code: uint32, text: rest });
/** An open file or folder. */
export const sftpHandle = message(102, 'SSH_FXP_HANDLE', { id: uint32, handle: string });
/** What was read. */
export const sftpData = message(103, 'SSH_FXP_DATA', { id: uint32, data: string });
/** Names. */
export const sftpNames = message(104, 'SSH_FXP_NAME', { id: uint32, names });
/** Attributes. */
export const sftpAttrs = message(105, 'SSH_FXP_ATTRS', { id: uint32, attributes });
/** An extension's own answer: {@link sftpExtensionReplies}. */
export const sftpExtendedReply = message(201, 'SSH_FXP_EXTENDED_REPLY', { id: uint32, contents: rest });

/** How a file is opened (section 6.3). */
export const sftpOpenFlags = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** How a request ended (section 7). */
export const sftpStatusCodes = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

/** What extension requests hold, by name (PROTOCOL sections 4.3 to 4.9). */
export const sftpExtensions = variants({
  'posix-rename@openssh.com': struct({ oldPath: string, newPath: string }),
  'fsync@openssh.com': struct({ handle: string }),
  'limits@openssh.com': struct({}),
});

/** What answers to them hold, where that is more than a status. */
export const sftpExtensionReplies = variants({
  'limits@openssh.com': struct({ packetLength: uint64, readLength: uint64, writeLength: uint64, openHandles: uint64 }),
});
