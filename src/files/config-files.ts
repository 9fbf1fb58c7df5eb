/** Configuration on this machine: what the parser asks of the world, answered by files, users and interfaces. */
import { SystemError } from '../node/errno.ts';
import { readWholeFile } from '../node/files.ts';
import { globFiles } from '../node/glob.ts';
import { expectExecutable, interfaceAddresses, localHostname, servicePort, shellStatus } from '../node/local-host.ts';
import { configFileIsSafe } from '../node/permissions.ts';
import { findUser, ownUser } from '../node/users.ts';
import type { Log } from '../core/util/log.ts';
import { fatal, type ConfigEnvironment, type ConfigFile } from '../config/environment.ts';

/** The largest configuration file that is read: 16 MiB. */
const largestFile = 16 * 1024 * 1024;

/**
 * The world as this machine and this user have it.
 *
 * @throws ConfigError where the user has no entry in the user database.
 */
export function localEnvironment(log: Log): ConfigEnvironment {
  const user = ownUser();
  if (user === undefined) throw fatal(log, `No user exists for uid ${process.getuid?.() ?? -1}`);
  return {
    user: { name: user.name, uid: user.uid, home: user.home },
    hostname: localHostname(),
    variable: (name) => process.env[name],
    servicePort,
    log,
    readFile: readConfigFile,
    glob: globFiles,
    run: (command) => commandStatus(command, log),
    localAddresses: interfaceAddresses,
    homeOf: (name) => findUser(name)?.home,
  };
}

/**
 * Runs a command of Match exec by the user's shell; a variable that is empty names none here.
 *
 * @throws ConfigError where $SHELL is nothing that can be executed.
 */
function commandStatus(command: string, log: Log): number | undefined {
  const shell = process.env['SHELL'] ?? '/bin/sh';
  try {
    expectExecutable(shell);
  } catch (error) {
    throw fatal(log, `Shell "${shell}" is not executable: ${reasonOf(error)}`);
  }
  let status: number | undefined;
  try {
    status = shellStatus(shell, command);
  } catch (error) {
    log('ERROR', `Unable to execute '${command.slice(0, 100)}': ${reasonOf(error)}`);
  }
  if (status === undefined) log('ERROR', `command '${command.slice(0, 100)}' exited abnormally`);
  return status;
}

function reasonOf(error: unknown): string {
  if (error instanceof SystemError) return error.message;
  throw error;
}

class UnsafeFile extends Error {}

/** Reads a configuration file; `strict` refuses one that others than root and the user could have written. */
function readConfigFile(path: string, strict: boolean): ConfigFile {
  try {
    const { bytes } = readWholeFile(path, largestFile, (stat) => {
      if (strict && !configFileIsSafe(stat)) throw new UnsafeFile(path);
    });
    return { text: Buffer.from(bytes).toString('utf8') };
  } catch (error) {
    if (error instanceof UnsafeFile) return { problem: 'permissions' };
    if (!(error instanceof SystemError)) throw error;
    // A folder opens, and has no line in it.
    if (error.code === 'EISDIR') return { text: '' };
    if (error.code === 'ENOENT') return { problem: 'missing' };
    return { problem: 'other', reason: error.message };
  }
}
