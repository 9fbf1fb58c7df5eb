/** Configuration on this machine: what the parser asks of the world, answered by files, users and interfaces. */
import { SystemError } from '../node/errno.ts';
import { readWholeFile } from '../node/files.ts';
import { globFiles } from '../node/glob.ts';
import { interfaceAddresses, localHostname, servicePort, shellStatus } from '../node/local-host.ts';
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
    run: shellStatus,
    localAddresses: interfaceAddresses,
    homeOf: (name) => findUser(name)?.home,
  };
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
