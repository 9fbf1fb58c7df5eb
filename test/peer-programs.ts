import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const openssh10 = process.env['OPENSSH10'] ?? '/opt/openssh-10';

/** A library in the place of a security key, which OpenSSH 10.0's own tests use: its keys are in software, and sign without a touch. */
export const softwareSecurityKey = `${openssh10}/regress/misc/sk-dummy/sk-dummy.so`;

/** Folders in which a peer's programs are looked for, and those without which it is not there. */
const peers = {
  'openssh-10': {
    folders: [`${openssh10}/bin`, `${openssh10}/libexec`],
    needs: ['ssh', 'sshd', 'ssh-keygen', 'sshd-session', 'sftp-server', 'ssh-sk-helper'],
  },
  openssh: {
    folders: ['/usr/bin', '/usr/sbin', '/usr/lib/openssh', '/usr/libexec', '/usr/local/bin', '/usr/local/sbin'],
    needs: ['ssh', 'sshd', 'ssh-keygen', 'sftp-server'],
  },
  dropbear: { folders: searchPath(), needs: ['dropbear', 'dropbearkey', 'dbclient'] },
  putty: { folders: searchPath(), needs: ['plink', 'puttygen'] },
  tmux: { folders: searchPath(), needs: ['tmux'] },
  expect: { folders: searchPath(), needs: ['expect'] },
  mandoc: { folders: searchPath(), needs: ['mandoc'] },
  bash: { folders: searchPath(), needs: ['bash'] },
  zsh: { folders: searchPath(), needs: ['zsh'] },
  fish: { folders: searchPath(), needs: ['fish'] },
  git: { folders: searchPath(), needs: ['git'] },
  gnupg: { folders: searchPath(), needs: ['gpg-agent', 'gpgconf', 'gpg-connect-agent'] },
  gdb: { folders: searchPath(), needs: ['gdb'] },
  postgresql: { folders: [...versionFolders('/usr/lib/postgresql'), ...searchPath()], needs: ['initdb', 'postgres', 'psql'] },
  openssl: { folders: searchPath(), needs: ['openssl'] },
} as const satisfies Record<string, { folders: readonly string[]; needs: readonly string[] }>;

/** What tests may run against: OpenSSH 10.0, the system's own (older) OpenSSH, and others' programs. */
export type Peer = keyof typeof peers;

/** The path of a peer's program; the bare name where it is not installed, so that a skipped suite can be collected. */
export function peerProgram(peer: Peer, name: string): string {
  return find(peer, name) ?? name;
}

/** Why a peer can't be used here, or undefined where it can. */
export function peerMissing(peer: Peer): string | undefined {
  const missing = peers[peer].needs.filter((name) => find(peer, name) === undefined);
  return missing.length === 0 ? undefined : `${peer} lacks ${missing.join(' ')}; test/tools/install-peers installs it`;
}

function searchPath(): string[] {
  return [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
}

/** The folders of programs of each version, newest first, where Debian has several beside each other. */
function versionFolders(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => path.join(folder, version, 'bin'));
}

function find(peer: Peer, name: string): string | undefined {
  return peers[peer].folders.map((folder) => path.join(folder, name)).find(executable);
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
