import { type ChildProcess, spawn, spawnSync, type StdioOptions } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { SystemError, systemError } from './errno.ts';
import { libc } from './native/libc.ts';
import { type SocketStream, wrapSocket } from './socket.ts';

/** How a child process ended: by itself with a status, or by a signal. */
export interface ChildEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process whose input and output are streams. */
export interface PipedChild {
  readonly pid: number;
  /** Its stdout to read and its stdin to write. */
  readonly stream: SocketStream;
  /** Its stderr to read; undefined where it was inherited. */
  readonly stderr: SocketStream | undefined;
  /** Settles when it has ended; what it wrote may still be read. */
  readonly ended: Promise<ChildEnd>;
  /** Sends it a signal, and where it has a session of its own all that it started in it; one that has ended gets none. */
  kill(signal: NodeJS.Signals): void;
}

/** How a child process is started. */
export interface SpawnOptions {
  /** Its whole environment; without it ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
  /** What it sees as its name, argv[0], where that is not the program's path. */
  readonly name?: string;
  /** Ours by default. */
  readonly stderr?: 'inherit' | 'pipe';
  /** Starts it in a session of its own. */
  readonly ownSession?: boolean;
  /**
   * Gives it pipes, as sshd does, where native calls work: the runtime's own are sockets, which /dev/stdin can't open and for which bash
   * takes the program that started it for rshd.
   */
  readonly pipes?: boolean;
}

/** The user's shell for commands that are given as one string: $SHELL, or sh where that is empty. */
export function userShell(): string {
  const shell = process.env['SHELL'];
  return shell === undefined || shell === '' ? '/bin/sh' : shell;
}

/**
 * Starts a program with these arguments, no shell between.
 *
 * @throws SystemError ENOENT, EACCES and the like where it can't be started.
 */
export async function spawnPiped(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<PipedChild> {
  const pipes = options.pipes === true ? openPipes(options.stderr === 'pipe' ? 3 : 2) : undefined;
  const kinds: StdioOptions = pipes?.child ?? ['pipe', 'pipe', options.stderr ?? 'inherit'];
  if (pipes !== undefined && pipes.child.length === 2) (kinds as unknown[]).push('inherit');
  const child = spawn(program, args, {
    stdio: kinds,
    detached: options.ownSession === true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    ...(options.name === undefined ? {} : { argv0: options.name }),
  });
  for (const fd of pipes?.child ?? []) if (typeof fd === 'number') fs.closeSync(fd);
  const ended = endOf(child);
  try {
    await started(child);
  } catch (error) {
    for (const fd of pipes?.own ?? []) fs.closeSync(fd);
    throw systemError(error);
  }
  const [stdin, stdout, stderr] = pipes === undefined ? [child.stdin, child.stdout, child.stderr] : pipes.own.map(ownEnd);
  return {
    pid: child.pid ?? -1,
    stream: wrapSocket(stdout as net.Socket, stdin as net.Socket),
    stderr: stderr === null || stderr === undefined ? undefined : wrapSocket(stderr as net.Socket, 'nothing'),
    ended,
    kill: (signal) => {
      if (options.ownSession !== true || child.pid === undefined) child.kill(signal);
      else if (child.exitCode === null && child.signalCode === null) killGroup(child.pid, signal);
    },
  };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('exit', (status, signal) => resolve({ status, signal }));
  });
}

function killGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // it has just ended
  }
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

interface Pipes {
  /** The child's ends in the order of its descriptors. */
  readonly child: (number | 'inherit')[];
  /** Ours: the writing end of its stdin, the reading ends of the others. */
  readonly own: number[];
}

const O_CLOEXEC = 0o2000000;

/** Pipes for the first `count` descriptors of a child, or undefined where native calls are off. */
function openPipes(count: number): Pipes | undefined {
  const pipe2 = libc('pipe2');
  if (pipe2 === undefined) return undefined;
  const pipes: Pipes = { child: [], own: [] };
  for (let i = 0; i < count; i++) {
    const ends = new Int32Array(2);
    if (pipe2(new Uint8Array(ends.buffer), O_CLOEXEC) !== 0) {
      for (const fd of [...pipes.child, ...pipes.own]) if (typeof fd === 'number') fs.closeSync(fd);
      throw new SystemError('EMFILE');
    }
    const [reading = -1, writing = -1] = ends;
    pipes.child.push(i === 0 ? reading : writing);
    pipes.own.push(i === 0 ? writing : reading);
  }
  return pipes;
}

function ownEnd(fd: number, index: number): net.Socket {
  // Reading starts when the stream is started.
  return new net.Socket({ fd, readable: index > 0, writable: index === 0, manualStart: true } as net.SocketConstructorOpts);
}

/** What a program wrote to its stdout, and how it ended. */
export interface Captured {
  readonly output: string;
  readonly status: number | null;
  /** The number of the signal that ended it, or null. */
  readonly signal: number | null;
}

/**
 * Runs a program with no input and our stderr, and gives what it writes; once that is more than `most` bytes the program is ended.
 *
 * @throws SystemError ENOENT, EACCES and the like where it can't be started.
 */
export async function captureOutput(program: string, args: readonly string[], most: number): Promise<Captured> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (part: Buffer) => {
    length += part.length;
    if (length > most) child.kill('SIGKILL');
    else parts.push(part);
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  try {
    await started(child);
  } catch (error) {
    throw systemError(error);
  }
  const { status, signal } = await ended;
  return { output: Buffer.concat(parts).toString('utf8'), status, signal: signal === null ? null : os.constants.signals[signal] };
}

/**
 * Runs a command by the user's shell with our own input and output, and waits for it, however it ends.
 *
 * @throws SystemError where the shell can't be started.
 */
export function runShell(command: string): void {
  const { error } = spawnSync(userShell(), ['-c', command], { stdio: 'inherit' });
  if (error !== undefined) throw systemError(error);
}

/** Runs a command by the user's shell that has no input and of which only the messages are shown; settles when it has ended, however. */
export function runShellAside(command: string): Promise<void> {
  const child = spawn(userShell(), ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}

/** Runs a program with our own input and output; its exit status, or 128 and more where a signal ended it. */
export async function runInherited(program: string, args: readonly string[]): Promise<number> {
  return await startInherited(program, args).ended;
}

/** Starts a program with our own input and output. `stop` sends it SIGTERM and waits for its end. */
export function startInherited(program: string, args: readonly string[]): { readonly ended: Promise<number>; stop(): Promise<void> } {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(systemError(error)));
    child.once('exit', (status) => resolve(status ?? 128));
  });
  return {
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
