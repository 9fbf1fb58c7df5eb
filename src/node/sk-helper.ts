/**
 * Signing with keys that live in hardware, by OpenSSH's ssh-sk-helper: a program that loads the library which drives the hardware, so that
 * it is never loaded into a process that holds other keys.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { type PrivateKey, readPrivateKey } from '../core/keys/private-key.ts';
import { securityKeyFlags, USER_PRESENCE_REQUIRED } from '../core/keys/sk-flags.ts';
import { utf8Bytes } from '../core/util/bytes.ts';
import { numberedError, SshError } from '../core/util/errors.ts';
import { type Log, type LogLevel, logLevels } from '../core/util/log.ts';
import type { Codec } from '../core/wire/codec.ts';
import { FrameReader } from '../core/wire/frames.ts';
import { decode } from '../core/wire/message.ts';
import { WireReader } from '../core/wire/reader.ts';
import {
  LONGEST_SK_MESSAGE,
  SK_ERROR,
  SK_HELPER_VERSION,
  skAnswer,
  skLoadResidentRequest,
  skRequestHead,
  skRequests,
  skResidentKey,
  skSignAnswer,
  skSignRequest,
} from '../core/wire/sk-helper-messages.ts';
import { WireWriter } from '../core/wire/writer.ts';
import { systemError } from './errno.ts';
import { showNotice } from './notice.ts';
import { readPassphrase } from './read-passphrase.ts';

/** Where OpenSSH installs the program, by distribution. */
const usualPlaces = [
  '/usr/lib/openssh/ssh-sk-helper',
  '/usr/libexec/openssh/ssh-sk-helper',
  '/usr/libexec/ssh-sk-helper',
  '/usr/lib/ssh/ssh-sk-helper',
  '/usr/local/libexec/ssh-sk-helper',
];

/** How the program is used. */
export interface SecurityKeyAccess {
  /** The library that drives the hardware, or `internal` for the one that the program has built in. */
  readonly provider: string;
  readonly log: Log;
  /** How much the program itself tells on our stderr. */
  readonly level: LogLevel;
  /** Has it tell the system's log instead. */
  readonly quiet?: boolean;
}

/** What is said and asked while a security key signs. */
export interface SecurityKeyDialogue {
  /** That the key has to be touched, where that is so. */
  readonly notice: string;
  /** Shows the notice by SSH_ASKPASS even where stderr is a terminal. */
  readonly noticeByAskpass: boolean;
  /** Asks for the key's PIN, where it wants one. */
  readonly pinQuestion: string;
  readonly pinByAskpass: boolean;
  /** Told of each try that fails. */
  readonly failed?: (error: unknown) => void;
}

/**
 * Has a security key sign; whoever waits for it should have been told to touch it.
 *
 * @param pin where the key wants one; the caller wipes it.
 * @returns the signature, its whole encoding.
 * @throws SshError SSH_ERR_KEY_WRONG_PASSPHRASE where it wants a PIN or another one, and what else the program answers or fails with.
 */
export async function signWithSecurityKey(
  key: PrivateKey,
  data: Uint8Array,
  access: SecurityKeyAccess,
  pin: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array> {
  const serial = new WireWriter().string(utf8Bytes(key.publicKey.name)).raw(key.fields).take();
  const body = await converse('sign', access, skSignRequest, {
    ...{ key: serial, provider: access.provider, data, algorithm: '', compat: 0, pin },
  });
  serial.fill(0);
  return decode(skSignAnswer, body).signature;
}

/** {@link signWithSecurityKey} with what a user is told and asked meanwhile: to touch the key, and once for its PIN where it wants one. */
export async function signInDialogue(
  key: PrivateKey,
  data: Uint8Array,
  access: SecurityKeyAccess,
  dialogue: SecurityKeyDialogue,
): Promise<Uint8Array> {
  const sign = async (pin: Uint8Array | undefined): Promise<Uint8Array> => {
    const touch = (securityKeyFlags(key) & USER_PRESENCE_REQUIRED) !== 0;
    const notice = touch ? showNotice(dialogue.notice, dialogue.noticeByAskpass, access.log) : undefined;
    let confirmation: string | undefined;
    try {
      const signature = await signWithSecurityKey(key, data, access, pin);
      confirmation = 'User presence confirmed';
      return signature;
    } catch (error) {
      dialogue.failed?.(error);
      throw error;
    } finally {
      notice?.end(confirmation);
    }
  };
  try {
    return await sign(undefined);
  } catch (error) {
    if (!(error instanceof SshError) || error.code !== 'SSH_ERR_KEY_WRONG_PASSPHRASE') throw error;
    const pin = await readPassphrase(dialogue.pinQuestion, { useAskpass: dialogue.pinByAskpass });
    try {
      return await sign(pin);
    } finally {
      pin?.fill(0);
    }
  }
}

/**
 * The keys that a security key keeps itself. The caller wipes the PIN and the keys.
 *
 * @throws SshError as {@link signWithSecurityKey}
 */
export async function loadResidentKeys(access: SecurityKeyAccess, pin: Uint8Array): Promise<readonly PrivateKey[]> {
  const body = await converse('loadResident', access, skLoadResidentRequest, { provider: access.provider, device: '', pin, flags: 0 });
  const reader = new WireReader(body);
  const keys: PrivateKey[] = [];
  try {
    while (reader.remaining > 0) keys.push(readPrivateKey(new WireReader(skResidentKey.read(reader).key)));
    return keys;
  } catch (error) {
    for (const key of keys) key.wipe();
    throw error;
  } finally {
    body.fill(0);
  }
}

/** One request and its answer, without what every answer begins with. */
async function converse<T>(name: keyof typeof skRequests, access: SecurityKeyAccess, codec: Codec<T>, values: T): Promise<Uint8Array> {
  const { log, level } = access;
  const type = skRequests[name];
  const helper = findHelper(log);
  const writer = new WireWriter();
  const logsToStderr = access.quiet !== true;
  skRequestHead.write(writer, { version: SK_HELPER_VERSION, type, logsToStderr, level: logLevels.indexOf(level) });
  codec.write(writer, values);
  const request = writer.take();
  const { answer, failed } = await runHelper(helper, request, log).finally(() => request.fill(0));
  if (answer === undefined) log('ERROR', 'client_converse: receive: unexpected internal error');
  if (failed !== undefined) log('ERROR', `reap_helper: helper exited ${failed}`);
  if (answer === undefined) throw new SshError('SSH_ERR_INTERNAL_ERROR', 'no answer from ssh-sk-helper');
  const body = readAnswer(answer, type, log);
  if (failed !== undefined) throw new SshError('SSH_ERR_AGENT_FAILURE', `ssh-sk-helper exited ${failed}`);
  return body;
}

function readAnswer(answer: Uint8Array, type: number, log: Log): Uint8Array {
  if (answer[0] !== SK_HELPER_VERSION) {
    log('ERROR', `client_converse: unsupported version: got ${answer[0]}, expected ${SK_HELPER_VERSION}`);
    throw new SshError('SSH_ERR_INVALID_FORMAT', 'another version of ssh-sk-helper');
  }
  const { type: answered, body } = decode(skAnswer, answer);
  if (answered === SK_ERROR) {
    const number = new WireReader(body).uint32();
    log('DEBUG', `client_converse: helper returned error -${number}`);
    throw numberedError(number, 'ssh-sk-helper');
  }
  if (answered !== type) {
    log('ERROR', `client_converse: helper returned incorrect message type ${answered}, expecting ${type}`);
    throw new SshError('SSH_ERR_INTERNAL_ERROR', 'an answer to something else from ssh-sk-helper');
  }
  return body;
}

/** The program that SSH_SK_HELPER names, or the first that is installed. @throws SshError where it can't be started */
function findHelper(log: Log): string {
  const named = process.env['SSH_SK_HELPER'];
  const places = named === undefined || named === '' ? usualPlaces : [named];
  const helper = places.find((place) => whyNotExecutable(place) === undefined);
  if (helper !== undefined) return helper;
  const [first = ''] = places;
  const cause = systemError(whyNotExecutable(first));
  log('ERROR', `start_helper: helper "${first}" unusable: ${cause.message}`);
  throw new SshError('SSH_ERR_SYSTEM_ERROR', first, { cause });
}

function whyNotExecutable(file: string): unknown {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return undefined;
  } catch (error) {
    return error;
  }
}

interface HelperEnd {
  /** Its answer, if it gave a whole one. */
  readonly answer: Uint8Array | undefined;
  /** How it ended where that was not well. */
  readonly failed: 'abnormally' | 'with non-zero exit status' | undefined;
}

function runHelper(program: string, request: Uint8Array, log: Log): Promise<HelperEnd> {
  log('DEBUG', `start_helper: starting ${program} `);
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const frames = new FrameReader(LONGEST_SK_MESSAGE, 'ssh-sk-helper');
  let answer: Uint8Array | undefined;
  child.stdout.on('data', (piece: Buffer) => {
    try {
      for (const message of frames.read(piece)) answer ??= message;
    } catch {
      child.stdout.destroy();
    }
    piece.fill(0);
  });
  // One that ends without reading tells so by its status.
  child.stdin.on('error', () => {});
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, request.length);
  child.stdin.write(head);
  child.stdin.end(request);
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new SshError('SSH_ERR_SYSTEM_ERROR', program, { cause: systemError(error) })));
    child.on('close', (status) => {
      resolve({ answer, failed: status === null ? 'abnormally' : status === 0 ? undefined : 'with non-zero exit status' });
    });
  });
}
