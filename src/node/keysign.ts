/** Signing with this machine's host keys by OpenSSH's ssh-keysign: a program that may read them, where the user may not. */
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import fs from 'node:fs';
import type { Log } from '../core/util/log.ts';
import { SshError } from '../core/util/errors.ts';
import { byte, string, uint32 } from '../core/wire/codec.ts';
import { frame, FrameReader } from '../core/wire/frames.ts';
import { decode, encode, struct } from '../core/wire/message.ts';
import { errnoOf, errnoText } from './errno.ts';
import { localHostname } from './local-host.ts';
import type { SocketStream } from './socket.ts';

/** Where OpenSSH installs the program, by distribution. It runs with more rights than ours: no variable names another one. */
const usualPlaces = [
  '/usr/lib/openssh/ssh-keysign',
  '/usr/libexec/openssh/ssh-keysign',
  '/usr/libexec/ssh-keysign',
  '/usr/lib/ssh/ssh-keysign',
  '/usr/local/libexec/ssh-keysign',
];

const VERSION = 2;
/** The descriptor under which the program finds the connection, whose own name it looks up itself. */
const CONNECTION = 3;
const LONGEST_ANSWER = 256 * 1024;

const request = struct({ version: byte, connection: uint32, data: string });
const answered = struct({ version: byte, signature: string });

/**
 * Has ssh-keysign sign a hostbased request for a connection; it checks that the request is for this connection's user and host.
 *
 * @returns the signature, its whole encoding; undefined where it gives none: why is in the log, in OpenSSH's words.
 */
export async function signWithKeysign(data: Uint8Array, connection: SocketStream, log: Log): Promise<Uint8Array | undefined> {
  log('DEBUG3', 'ssh_keysign: called');
  const signed = await askKeysign(data, connection, log);
  if (typeof signed !== 'string') return signed;
  log('ERROR', `ssh_keysign: ${signed}`);
  return undefined;
}

/** The signature, or why there is none. */
async function askKeysign(data: Uint8Array, connection: SocketStream, log: Log): Promise<Uint8Array | string> {
  const program = usualPlaces.find((place) => fs.existsSync(place));
  if (program === undefined) return `not installed: ${errnoText('ENOENT')}`;
  const message = frame(encode(request, { version: VERSION, connection: CONNECTION, data }));
  const { answer, status, problem } = await converse(program, message, connection);
  if (problem !== undefined) log('FATAL', `ssh_keysign: exec(${program}): ${problem}`);
  if (answer === undefined) return 'no reply';
  if (status !== 0) return status === null ? 'exited abnormally' : `exited with status ${status}`;
  if (answer[0] !== VERSION) return 'bad version';
  try {
    return decode(answered, answer).signature;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return `buffer error: ${error.message}`;
  }
}

interface KeysignEnd {
  readonly answer: Uint8Array | undefined;
  readonly status: number | null;
  /** Why it could not be started. */
  readonly problem: string | undefined;
}

function converse(program: string, message: Uint8Array, connection: SocketStream): Promise<KeysignEnd> {
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit', connection.descriptor] });
  const frames = new FrameReader(LONGEST_ANSWER, 'ssh-keysign');
  let answer: Uint8Array | undefined;
  child.stdout?.on('data', (piece: Buffer) => {
    try {
      for (const one of frames.read(piece)) answer ??= one;
    } catch {
      child.stdout?.destroy();
    }
  });
  // one that ends without reading tells why on stderr
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(message);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ answer: undefined, status: null, problem: errnoText(errnoOf(error) ?? 'EIO') }));
    child.once('close', (status) => resolve({ answer, status, problem: undefined }));
  });
}

/** This machine's name as a peer of the connection would look it up: what ssh-keysign finds too. */
export async function localName({ localAddress, localPort }: SocketStream): Promise<string> {
  if (localAddress === undefined) return localHostname();
  try {
    const { hostname } = await dns.promises.lookupService(localAddress, localPort ?? 0);
    return hostname;
  } catch {
    return localHostname();
  }
}
