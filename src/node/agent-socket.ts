import { createHash, randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { errnoOf, systemCall } from './errno.ts';
import { makeFolder } from './files.ts';
import { ownUser } from './users.ts';

/**
 * Where agents listen (ssh-agent(1) of OpenSSH 10.1 and later): `~/.ssh/agent/s.HOST.agent.RANDOM`, with a hash of the host's name
 * because homes may be shared between machines.
 */

const folderMode = 0o700;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const hostLength = 10;
const randomLength = 10;
/** A socket that is younger may belong to an agent that does not listen yet. */
const youngMs = 5000;

/** The user's folder of agents' sockets, whether it is there or not. */
function agentFolder(): string {
  const home = process.env['HOME'];
  return `${home === undefined || home === '' ? (ownUser()?.home ?? '') : home}/.ssh/agent`;
}

/** A new socket's path in the user's folder, which is made where it is missing. @throws Error in ssh-agent's words */
export function newAgentPath(): string {
  const folder = agentFolder();
  for (const missing of [path.dirname(folder), folder]) told(`ensure_mkdir: mkdir ${missing}`, () => makeFolder(missing, folderMode));
  return `${folder}/s.${hostHash()}.agent.${randomName()}`;
}

/** A socket's path in a new folder under TMPDIR, which is for this user alone. @throws Error in ssh-agent's words */
export function temporaryAgentPath(): string {
  const folder = told('mkdtemp: private socket dir', () => fs.mkdtempSync(`${process.env['TMPDIR'] ?? '/tmp'}/ssh-`));
  return `${folder}/agent.${process.pid}`;
}

/** A system call whose error tells what was tried. */
function told<T>(attempt: string, call: () => T): T {
  try {
    return systemCall(call);
  } catch (error) {
    throw new Error(`${attempt}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Removes an agent's socket, and its folder where that was made for it. */
export function removeAgentSocket(file: string, folderToo: boolean): void {
  try {
    fs.unlinkSync(file);
    if (folderToo) fs.rmdirSync(path.dirname(file));
  } catch {
    // Somebody was faster, or may: there is nobody to tell.
  }
}

/** Removes sockets from the user's folder on which nobody listens, of agents on this host or of all. */
export async function removeStaleAgents(everyHost: boolean): Promise<void> {
  const folder = agentFolder();
  const prefix = everyHost ? 's.' : `s.${hostHash()}.`;
  for (const name of namesIn(folder)) {
    const file = `${folder}/${name}`;
    if (name.startsWith(prefix) && isOldSocket(file) && (await isDeserted(file))) removeAgentSocket(file, false);
  }
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function isOldSocket(file: string): boolean {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat?.isSocket() === true && Date.now() - stat.mtimeMs >= youngMs;
}

function isDeserted(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED'));
  });
}

function hostHash(): string {
  const hash = createHash('sha512').update(os.hostname()).digest();
  return [...hash.subarray(0, hostLength)].map((byte) => letters.charAt(byte % letters.length)).join('');
}

function randomName(): string {
  return Array.from({ length: randomLength }, () => letters.charAt(randomInt(letters.length))).join('');
}

/**
 * The socket that a supervisor (systemd) has made and handed over as descriptor 3, by LISTEN_PID and LISTEN_FDS; both are taken out of
 * the environment.
 */
export function handedSocket(): number | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = process.env;
  if (pid !== String(process.pid) || count !== '1') return undefined;
  delete process.env['LISTEN_PID'];
  delete process.env['LISTEN_FDS'];
  return firstHandedSocket;
}

const firstHandedSocket = 3;
