/** Owners and modes of what is in ~/.ssh, and sockets that nobody answers on. */
import { latin1Text } from '../../core/util/bytes.ts';
import { errnoOf } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';
import { inspect, type Inspected, listFolder } from '../../node/inspect.ts';
import { connectUnix } from '../../node/unix-socket.ts';
import { userName } from '../../node/users.ts';
import { bad, type Check, type DoctorScene, type Finding } from './finding.ts';

/** What files of ~/.ssh are, by their names and what they begin with, and which bits of their mode are too many. */
const kinds: readonly {
  readonly what: string;
  readonly is: (name: string, start: string) => boolean;
  readonly forbidden: number;
  readonly mode: number;
}[] = [
  {
    what: 'private key',
    is: (_, start) => /^-----BEGIN .*PRIVATE KEY-----|^PuTTY-User-Key-File/m.test(start),
    forbidden: 0o077,
    mode: 0o600,
  },
  { what: 'configuration', is: (name) => name === 'config', forbidden: 0o022, mode: 0o600 },
  { what: 'authorized_keys', is: (name) => /^authorized_keys2?$/.test(name), forbidden: 0o022, mode: 0o600 },
  { what: 'known_hosts', is: (name) => /^known_hosts/.test(name), forbidden: 0o022, mode: 0o600 },
];

/** Checks of owners, modes and sockets. */
export const fileChecks: readonly Check[] = [
  { name: 'folder', well: '~/.ssh belongs to you, and nobody else may write there', run: folder },
  { name: 'files', well: 'keys are yours alone, and nobody else may write the other files', run: files },
  { name: 'sockets', well: 'an agent answers where one is named, and no dead sockets lie about', run: sockets },
];

function folder({ folder: path, home, uid }: DoctorScene): readonly Finding[] {
  const found = inspect(path);
  if (found === undefined) return [];
  return [
    ...ownedByOther('folder', path, found, uid),
    ...tooOpen('folder', path, found, 0o022, 0o700, 'others may write there, and a server here then takes none of your keys'),
    ...[inspect(home)].flatMap((seen) =>
      seen === undefined
        ? []
        : tooOpen(
            'folder',
            home,
            seen,
            0o022,
            seen.mode & ~0o022,
            'others may write to your home folder, and a server here then takes none of your keys',
          ),
    ),
  ];
}

function files({ folder: path, uid }: DoctorScene): readonly Finding[] {
  return listFolder(path).flatMap((name) => {
    const file = `${path}/${name}`;
    const found = inspect(file);
    if (found?.kind !== 'file') return [];
    const owner = ownedByOther('files', file, found, uid);
    if (owner.length > 0) return owner;
    const kind = kinds.find(({ is }) => is(name, startOf(file)));
    if (kind === undefined) return [];
    const problem =
      kind.forbidden === 0o077
        ? 'others may read this private key, so ssh will not use it'
        : `others may write this ${kind.what} file, so it can't be trusted`;
    return tooOpen('files', file, found, kind.forbidden, kind.mode, problem);
  });
}

function ownedByOther(check: string, path: string, { uid }: Inspected, own: number): readonly Finding[] {
  if (uid === own) return [];
  return [bad(check, path, `it belongs to ${userName(uid)}, not to you`, `sudo chown ${userName(own)} ${path}`)];
}

function tooOpen(check: string, path: string, found: Inspected, forbidden: number, mode: number, problem: string): readonly Finding[] {
  if ((found.mode & forbidden) === 0) return [];
  const wanted = mode.toString(8);
  return [bad(check, path, `mode ${octal(found.mode)}: ${problem}`, `chmod ${wanted} ${path}`, { path, mode })];
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

function startOf(path: string): string {
  try {
    const { bytes } = readWholeFile(path);
    const start = latin1Text(bytes.subarray(0, 128));
    bytes.fill(0);
    return start;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return '';
  }
}

async function sockets({ folder: path, environment, config }: DoctorScene): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const agent = environment.variable('SSH_AUTH_SOCK');
  if (agent !== undefined && agent !== '' && !(await answers(agent)))
    findings.push(bad('sockets', agent, 'SSH_AUTH_SOCK names it, but no agent answers there', 'eval $(tsh-agent), or unset SSH_AUTH_SOCK'));
  const named = config?.options.identityAgent;
  if (named !== undefined && named.startsWith('/') && named !== agent && !(await answers(named)))
    findings.push(bad('sockets', named, 'IdentityAgent names it, but no agent answers there', 'start that agent, or take the line away'));
  for (const socket of socketsUnder(path)) {
    if (socket !== agent && !(await answers(socket)))
      findings.push(bad('sockets', socket, 'a dead socket: its program is gone', `rm ${socket}`));
  }
  return findings;
}

/** The sockets in a folder and in the folders in it. */
function socketsUnder(path: string, depth = 0): readonly string[] {
  return listFolder(path).flatMap((name) => {
    const entry = `${path}/${name}`;
    const found = inspect(entry);
    if (found?.kind === 'socket') return [entry];
    return found?.kind === 'folder' && depth === 0 ? socketsUnder(entry, depth + 1) : [];
  });
}

async function answers(path: string): Promise<boolean> {
  try {
    (await connectUnix(path, { timeoutMs: 2000 })).destroy();
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
