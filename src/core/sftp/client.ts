/**
 * The client's side of SFTP version 3 over any stream of bytes: a call per request. Requests may be made without waiting for earlier ones;
 * each answer finds its request by number.
 */
import { utf8Bytes, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { FrameReader, frame } from '../wire/frames.ts';
import type { Message } from '../wire/message.ts';
import { WireReader } from '../wire/reader.ts';
import {
  LONGEST_SFTP_MESSAGE,
  SFTP_VERSION,
  type SftpAttributes,
  sftpAttrs,
  sftpClose,
  sftpData,
  sftpExtended,
  sftpExtendedReply,
  sftpExtensionReplies,
  sftpExtensions,
  sftpFsetstat,
  sftpFstat,
  sftpHandle,
  sftpInit,
  sftpLstat,
  sftpMkdir,
  sftpNames,
  sftpOpen,
  sftpOpenFlags,
  sftpRead,
  sftpRealpath,
  sftpRemove,
  sftpRename,
  sftpSetstat,
  sftpStat,
  sftpStatus,
  sftpStatusCodes,
  sftpVersion,
  sftpWrite,
} from '../wire/sftp-messages.ts';

/** A file's name on the server: text goes as UTF-8. */
export type SftpPath = string | Uint8Array;

/** How a file may be opened. */
export type SftpOpenFlag = keyof typeof sftpOpenFlags;

/** The server said no. The message is what OpenSSH's sftp says for the code. */
export class SftpError extends Error {
  /** A number of sftpStatusCodes, or one that is not among them. */
  readonly status: number;
  /** The server's own words, as they came: to be made safe before they are shown. */
  readonly serverText: string;

  constructor(status: number, serverText: string) {
    super(statusTexts[status] ?? 'Unknown status');
    this.name = 'SftpError';
    this.status = status;
    this.serverText = serverText;
  }
}

const statusTexts: readonly string[] = [
  'Success',
  'End of file',
  'No such file or directory',
  'Permission denied',
  'Failure',
  'Bad message',
  'No connection',
  'Connection lost',
  'Operation unsupported',
];

/** How much a server takes in one request, in bytes. */
export interface SftpLimits {
  readonly read: number;
  readonly write: number;
}

/** What every server takes (section 3). */
const leastLimits: SftpLimits = { read: 32 * 1024, write: 32 * 1024 };
/** What a message holds beside the data of a read or write. */
const MESSAGE_OVERHEAD = 1024;
/** The most requests that may wait for their answer. */
const MOST_PENDING = 1024;
/** The longest handle that a server may give (section 6.2). */
const LONGEST_HANDLE = 256;

interface Pending {
  readonly take: (payload: Uint8Array) => void;
  readonly fail: (error: Error) => void;
}

/**
 * One conversation with an SFTP server: `write` sends, and what arrives is given to {@link receive}. {@link start} comes first.
 *
 * Every request throws SftpError where the server refuses, and SshError: SSH_ERR_CONN_CLOSED where the conversation is over,
 * SSH_ERR_INVALID_FORMAT and the like where an answer is malformed, after which it is over, SSH_ERR_NO_BUFFER_SPACE where too many wait.
 */
export class SftpClient {
  private readonly write: (bytes: Uint8Array) => void;
  private readonly frames = new FrameReader(LONGEST_SFTP_MESSAGE, 'SFTP');
  private readonly waiting = new Map<number, Pending>();
  private greeting: Pending | undefined;
  private over: Error | undefined;
  private nextId = 0;
  private announced: ReadonlyMap<string, string> = new Map();
  private limited = leastLimits;

  /** `write` owns the bytes that it is given. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.write = write;
  }

  /** What the server takes in one request; smaller than that does for every server until {@link start} has asked. */
  get limits(): SftpLimits {
    return this.limited;
  }

  /** Whether the server announced an extension. */
  knows(extension: string): boolean {
    return this.announced.has(extension);
  }

  /**
   * Agrees on the version, and asks for the server's limits where it tells them.
   *
   * @throws SshError SSH_ERR_FEATURE_UNSUPPORTED where the server speaks an older version.
   */
  async start(): Promise<void> {
    const answer = await new Promise<Uint8Array>((take, fail) => {
      if (this.over !== undefined) throw this.over;
      this.greeting = { take, fail };
      this.write(frame(sftpInit.encode({ version: SFTP_VERSION, extensions: [] })));
    });
    const { version, extensions } = sftpVersion.decode(answer);
    if (version < SFTP_VERSION) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', `SFTP version ${version}`);
    this.announced = new Map(extensions.map(({ name, data }) => [name, data]));
    if (this.knows('limits@openssh.com')) await this.askLimits();
  }

  /** Bytes from the server; nothing of them is kept after this returns but an unfinished answer. */
  receive(bytes: Uint8Array): void {
    if (this.over !== undefined) return;
    try {
      for (const payload of this.frames.read(bytes)) this.answered(payload);
    } catch (error) {
      this.closed(error as Error);
    }
  }

  /** The stream is over: what waits for an answer fails, as does every later request. */
  closed(error?: Error): void {
    this.over ??= error instanceof SshError ? error : new SshError('SSH_ERR_CONN_CLOSED', error?.message, { cause: error });
    const pending = [this.greeting, ...this.waiting.values()];
    this.greeting = undefined;
    this.waiting.clear();
    for (const one of pending) one?.fail(this.over);
  }

  /** The absolute path that the server understands by this one. */
  async realpath(path: SftpPath): Promise<Uint8Array> {
    const { names } = await this.ask(sftpNames, (id) => sftpRealpath.encode({ id, path: bytesOf(path) }));
    const [first] = names;
    if (first === undefined || names.length > 1) throw this.broken(`SSH_FXP_NAME with ${names.length} names for a path`);
    return first.filename;
  }

  /** Attributes of what a path leads to. */
  async stat(path: SftpPath): Promise<SftpAttributes> {
    return (await this.ask(sftpAttrs, (id) => sftpStat.encode({ id, path: bytesOf(path) }))).attributes;
  }

  /** Attributes of a path, of the link itself where it is one. */
  async lstat(path: SftpPath): Promise<SftpAttributes> {
    return (await this.ask(sftpAttrs, (id) => sftpLstat.encode({ id, path: bytesOf(path) }))).attributes;
  }

  /** Attributes of an open file. */
  async fstat(handle: Uint8Array): Promise<SftpAttributes> {
    return (await this.ask(sftpAttrs, (id) => sftpFstat.encode({ id, handle }))).attributes;
  }

  /** Changes those attributes of a path that are given. */
  setstat(path: SftpPath, attributes: SftpAttributes): Promise<void> {
    return this.done((id) => sftpSetstat.encode({ id, path: bytesOf(path), attributes }));
  }

  /** Changes those attributes of an open file that are given. */
  fsetstat(handle: Uint8Array, attributes: SftpAttributes): Promise<void> {
    return this.done((id) => sftpFsetstat.encode({ id, handle, attributes }));
  }

  /** Makes a folder. */
  mkdir(path: SftpPath, attributes: SftpAttributes = {}): Promise<void> {
    return this.done((id) => sftpMkdir.encode({ id, path: bytesOf(path), attributes }));
  }

  /** Removes a file. */
  remove(path: SftpPath): Promise<void> {
    return this.done((id) => sftpRemove.encode({ id, path: bytesOf(path) }));
  }

  /** Renames, over what has the new name where the server knows how (posix-rename@openssh.com). */
  rename(oldPath: SftpPath, newPath: SftpPath): Promise<void> {
    const paths = { oldPath: bytesOf(oldPath), newPath: bytesOf(newPath) };
    const name = 'posix-rename@openssh.com';
    if (!this.knows(name)) return this.done((id) => sftpRename.encode({ id, ...paths }));
    return this.done((id) => sftpExtended.encode({ id, name, contents: sftpExtensions.encode(name, paths) }));
  }

  /** Opens a file; the attributes are those of one that is made. What is given back is good for {@link read} and the like. */
  async open(path: SftpPath, how: readonly SftpOpenFlag[], attributes: SftpAttributes = {}): Promise<Uint8Array> {
    const flags = how.reduce((all, flag) => all | sftpOpenFlags[flag], 0);
    const { handle } = await this.ask(sftpHandle, (id) => sftpOpen.encode({ id, path: bytesOf(path), flags, attributes }));
    if (handle.length > LONGEST_HANDLE) throw this.broken(`SSH_FXP_HANDLE of ${handle.length} bytes`);
    return handle;
  }

  /** Closes a file. */
  close(handle: Uint8Array): Promise<void> {
    return this.done((id) => sftpClose.encode({ id, handle }));
  }

  /** Reads up to `length` bytes, at least one; undefined at the end of the file. */
  async read(handle: Uint8Array, offset: bigint, length: number): Promise<Uint8Array | undefined> {
    try {
      const { data } = await this.ask(sftpData, (id) => sftpRead.encode({ id, handle, offset, length }));
      if (data.length > length || data.length === 0)
        throw this.broken(`SSH_FXP_DATA of ${data.length} bytes where ${length} were asked for`);
      return data;
    } catch (error) {
      if (error instanceof SftpError && error.status === sftpStatusCodes.eof) return undefined;
      throw error;
    }
  }

  /** Writes bytes, no more of them than {@link limits} allow. */
  writeAt(handle: Uint8Array, offset: bigint, data: Uint8Array): Promise<void> {
    return this.done((id) => sftpWrite.encode({ id, handle, offset, data }));
  }

  /** Has the server write a file to its disk; nothing happens where it does not know how (fsync@openssh.com). */
  async fsync(handle: Uint8Array): Promise<void> {
    const name = 'fsync@openssh.com';
    if (this.knows(name)) await this.done((id) => sftpExtended.encode({ id, name, contents: sftpExtensions.encode(name, { handle }) }));
  }

  private async askLimits(): Promise<void> {
    const name = 'limits@openssh.com';
    const contents = sftpExtensions.encode(name, {});
    const reply = await this.ask(sftpExtendedReply, (id) => sftpExtended.encode({ id, name, contents }));
    const { readLength, writeLength } = sftpExtensionReplies.decode(name, reply.contents);
    this.limited = { read: usable(readLength, leastLimits.read), write: usable(writeLength, leastLimits.write) };
  }

  private async done(request: (id: number) => Uint8Array): Promise<void> {
    const { code, text } = sftpStatus.decode(await this.request(request, sftpStatus));
    if (code !== sftpStatusCodes.ok) throw refusal(code, text);
  }

  private async ask<T>(answer: Message<T>, request: (id: number) => Uint8Array): Promise<T> {
    const payload = await this.request(request, answer);
    if (payload[0] === sftpStatus.number) {
      const { code, text } = sftpStatus.decode(payload);
      // success is no answer to a question
      if (code === sftpStatusCodes.ok) throw this.broken(`SSH_FXP_STATUS 0 instead of ${answer.name}`);
      throw refusal(code, text);
    }
    try {
      return answer.decode(payload);
    } catch (error) {
      if (error instanceof SshError) this.closed(error);
      throw error;
    }
  }

  /** The payload that answers a request: the hoped for message or a status. */
  private async request(make: (id: number) => Uint8Array, hoped: Message<unknown>): Promise<Uint8Array> {
    const payload = await new Promise<Uint8Array>((take, fail) => {
      if (this.over !== undefined) throw this.over;
      if (this.waiting.size >= MOST_PENDING) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'SFTP requests without an answer');
      const id = this.nextId;
      const bytes = make(id);
      if (bytes.length > LONGEST_SFTP_MESSAGE) throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'SFTP request');
      this.nextId = (id + 1) >>> 0;
      this.waiting.set(id, { take, fail });
      this.write(frame(bytes));
    });
    const number = payload[0];
    if (number !== hoped.number && number !== sftpStatus.number) throw this.broken(`SFTP message ${number ?? ''} instead of ${hoped.name}`);
    return payload;
  }

  private answered(payload: Uint8Array): void {
    if (payload[0] === sftpVersion.number) {
      const { greeting } = this;
      if (greeting === undefined) throw new SshError('SSH_ERR_PROTOCOL_ERROR', 'SSH_FXP_VERSION that was not asked for');
      this.greeting = undefined;
      greeting.take(payload);
      return;
    }
    const reader = new WireReader(payload, 1);
    const id = reader.uint32();
    const pending = this.waiting.get(id);
    if (pending === undefined) throw new SshError('SSH_ERR_PROTOCOL_ERROR', `SFTP answer to request ${id}, which waits for none`);
    this.waiting.delete(id);
    pending.take(payload);
  }

  /** Ends the conversation with a server that does not keep to the protocol. */
  private broken(detail: string): SshError {
    const error = new SshError('SSH_ERR_INVALID_FORMAT', detail);
    this.closed(error);
    return error;
  }
}

function bytesOf(path: SftpPath): Uint8Array {
  return typeof path === 'string' ? utf8Bytes(path) : path;
}

function refusal(code: number, text: Uint8Array): SftpError {
  let words = '';
  try {
    words = text.length === 0 ? '' : utf8Text(new WireReader(text).string());
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
  }
  return new SftpError(code, words);
}

/** A limit as the server tells it, 0 standing for none, and no more than fits a message. */
function usable(limit: bigint, least: number): number {
  const most = LONGEST_SFTP_MESSAGE - MESSAGE_OVERHEAD;
  if (limit === 0n) return least;
  return limit > BigInt(most) ? most : Number(limit);
}
