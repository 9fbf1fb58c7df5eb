import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** One entry of the user database (passwd(5)). */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The full name and whatever else stands in the entry's comment. */
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
}

let own: User | undefined;

/** The user that this process belongs to by its real user id, as the user database has it ($HOME and $USER are not asked), or undefined where no entry exists. */
export function ownUser(): User | undefined {
  if (own !== undefined) return own;
  try {
    const { username, uid, gid, homedir, shell } = userInfo();
    own = { name: username, uid, gid, comment: '', home: homedir, shell: shell === null || shell === '' ? '/bin/sh' : shell };
  } catch {
    // No entry for this user id.
  }
  return own;
}

/** The user of this name or number, from /etc/passwd or else by getent(1), which asks whatever nsswitch.conf names; undefined where there is none. */
export function findUser(key: string | number): User | undefined {
  if (key === '' || (typeof key === 'string' && /[:\n\0]/.test(key))) return undefined;
  return fromLines(passwdFile(), key) ?? fromLines(getent('passwd', String(key)), key);
}

/** The name of a user id, or the id's digits where it has none. */
export function userName(uid: number): string {
  const user = ownUser();
  return (user?.uid === uid ? user : findUser(uid))?.name ?? String(uid);
}

function passwdFile(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

function getent(database: string, key: string): string {
  const { stdout, status } = spawnSync('getent', ['--', database, key], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout : '';
}

function fromLines(text: string, key: string | number): User | undefined {
  for (const line of text.split('\n')) {
    const [name, , uid, gid, comment, home, shell] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined || home === undefined) continue;
    if (typeof key === 'string' ? name !== key : Number(uid) !== key || uid === '') continue;
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      comment: comment ?? '',
      home,
      shell: shell === undefined || shell === '' ? '/bin/sh' : shell,
    };
  }
  return undefined;
}
