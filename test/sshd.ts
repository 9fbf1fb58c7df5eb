import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { peerMissing, peerProgram } from './peer-programs.ts';

/** The servers that tests log in to. */
export type ServerPeer = 'openssh-10' | 'openssh' | 'dropbear';

/** The kinds of keys that the peers' own tools make. */
export type KeyType = 'ed25519' | 'rsa' | 'ecdsa-256' | 'ecdsa-384' | 'ecdsa-521';

/** A key pair in OpenSSH's formats. */
export interface KeyPair {
  readonly privateKey: string;
  /** One line: type, base64, comment. */
  readonly publicKey: string;
}

export interface SshdOptions {
  readonly peer: ServerPeer;
  /** Lines of sshd_config, which win over the defaults here; for dropbear, more arguments. */
  readonly lines?: readonly string[];
  /** For dropbear: shell commands in its name space of mounts, before it starts. */
  readonly scene?: string;
  /** An Ed25519 key where nothing is said. */
  readonly hostKeys?: readonly KeyType[];
  /** What the user logs in with: an Ed25519 key where nothing is said. */
  readonly userKey?: KeyType;
}

/** A running server on a loopback port of its own, and all that a client needs to log in to it as whoever runs the tests. */
export interface Sshd {
  readonly peer: ServerPeer;
  readonly port: number;
  readonly user: string;
  /** Where its files are; removed by {@link stop}. Tests may put theirs there. */
  readonly folder: string;
  /** An ssh_config file for `-F`: `tsh -F config server true`, the host being called `server`. */
  readonly config: string;
  /** The user's private key; its public key is beside it, and in authorized_keys. */
  readonly identity: string;
  readonly authorizedKeys: string;
  readonly knownHosts: string;
  /** The host's public keys, one line each. */
  readonly hostKeys: readonly string[];
  /** What the server has logged so far. */
  log(): string;
  /** Ends the server and every connection, and removes the folder. */
  stop(): Promise<void>;
}

const tries = 5;
const startMs = 20_000;

/**
 * Starts a server and waits until it greets.
 *
 * @throws Error with its log where it does not start.
 */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-sshd-'));
  chmodSync(folder, 0o755);
  const identity = path.join(folder, 'id');
  const authorizedKeys = path.join(folder, 'ssh', 'authorized_keys');
  const knownHosts = path.join(folder, 'known_hosts');
  const config = path.join(folder, 'config');
  const logFile = path.join(folder, 'log');
  const { username: user, uid } = userInfo();

  const userKey = keyPair(options.userKey ?? 'ed25519');
  writeFileSync(identity, userKey.privateKey, { mode: 0o600 });
  writeFileSync(`${identity}.pub`, userKey.publicKey);
  mkdirSync(path.dirname(authorizedKeys), { mode: 0o700 });
  writeFileSync(authorizedKeys, userKey.publicKey, { mode: 0o600 });
  if (options.peer !== 'dropbear' && uid === 0) preparePrivilegeSeparation();

  const hostKeyTypes = options.hostKeys ?? ['ed25519'];
  const hostKeys = hostKeyTypes.map((type) => hostKey(options.peer, type, path.join(folder, `host-${type}`)));

  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const [program, ...args] = commandLine(options, { folder, port, authorizedKeys, hostKeyTypes });
    const server = await launch(program, args, port, logFile);
    if (server === undefined) {
      const log = readFileSync(logFile, 'utf8');
      if (attempt < tries && /in use/i.test(log)) continue;
      rmSync(folder, { recursive: true });
      throw new Error(`${options.peer}'s server does not start on port ${String(port)}:\n${log}`);
    }
    writeFileSync(knownHosts, hostKeys.map((line) => `[127.0.0.1]:${String(port)} ${line}\n`).join(''));
    writeFileSync(config, clientConfig({ port, user, identity, knownHosts }));
    return {
      peer: options.peer,
      port,
      user,
      folder,
      config,
      identity,
      authorizedKeys,
      knownHosts,
      hostKeys,
      log: () => readFileSync(logFile, 'utf8'),
      stop: async () => {
        await end(server);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
}

const made = new Map<string, KeyPair>();

/** A key pair made by ssh-keygen, once per type and test file. */
export function keyPair(type: KeyType): KeyPair {
  const known = made.get(type);
  if (known !== undefined) return known;
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-key-'));
  const file = path.join(folder, 'key');
  const [name = type, bits] = type.split('-');
  const keygen = peerProgram(peerMissing('openssh-10') === undefined ? 'openssh-10' : 'openssh', 'ssh-keygen');
  execFileSync(keygen, ['-q', '-t', name, ...(bits === undefined ? [] : ['-b', bits]), '-N', '', '-C', 'test', '-f', file]);
  const pair = { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8') };
  rmSync(folder, { recursive: true });
  made.set(type, pair);
  return pair;
}

/** Writes a host key for the peer and returns its public key's line. */
function hostKey(peer: ServerPeer, type: KeyType, file: string): string {
  const pair = keyPair(type);
  writeFileSync(file, pair.privateKey, { mode: 0o600 });
  if (peer === 'dropbear') {
    execFileSync(peerProgram('dropbear', 'dropbearconvert'), ['openssh', 'dropbear', file, `${file}.dropbear`], { stdio: 'ignore' });
  }
  return pair.publicKey.trim();
}

interface Layout {
  readonly folder: string;
  readonly port: number;
  readonly authorizedKeys: string;
  readonly hostKeyTypes: readonly KeyType[];
}

function commandLine(options: SshdOptions, layout: Layout): [string, ...string[]] {
  return options.peer === 'dropbear' ? dropbearCommand(options, layout) : sshdCommand(options, layout);
}

function sshdCommand({ peer, lines = [] }: SshdOptions, { folder, port, authorizedKeys, hostKeyTypes }: Layout): [string, ...string[]] {
  const file = path.join(folder, 'sshd_config');
  const blocks = lines.findIndex((line) => /^\s*match\b/i.test(line));
  const before = blocks === -1 ? lines : lines.slice(0, blocks);
  const matches = blocks === -1 ? [] : lines.slice(blocks);
  const defaults = [
    `Port ${String(port)}`,
    'ListenAddress 127.0.0.1',
    ...hostKeyTypes.map((type) => `HostKey ${path.join(folder, `host-${type}`)}`),
    `AuthorizedKeysFile ${authorizedKeys}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'MaxStartups 100',
    'LogLevel VERBOSE',
    'Subsystem sftp internal-sftp',
    // bash would else read the user's ~/.bashrc, whatever that prints, as it does wherever sshd starts it
    'SetEnv SHLVL=1',
    ...(peer === 'openssh-10'
      ? ['PerSourcePenalties no', `SshdSessionPath ${peerProgram(peer, 'sshd-session')}`, `SshdAuthPath ${peerProgram(peer, 'sshd-auth')}`]
      : []),
  ];
  // The first value that is given wins.
  writeFileSync(file, [...before, ...defaults, ...matches, ''].join('\n'));
  return [peerProgram(peer, 'sshd'), '-D', '-e', '-f', file];
}

/** dropbear knows only the user's own authorized_keys: in a name space of mounts it gets the test's. */
function dropbearCommand(
  { lines = [], scene = ':' }: SshdOptions,
  { folder, port, authorizedKeys, hostKeyTypes }: Layout,
): [string, ...string[]] {
  const keys = hostKeyTypes.flatMap((type) => ['-r', path.join(folder, `host-${type}.dropbear`)]);
  const mount = `mkdir -p -m 700 "$1" && mount --bind "$2" "$1" && shift 2 && { ${scene}; } && exec "$@"`;
  const args = ['-F', '-E', '-m', '-s', '-p', `127.0.0.1:${String(port)}`, '-P', path.join(folder, 'pid'), ...keys, ...lines];
  const home = path.join(userInfo().homedir, '.ssh');
  return ['unshare', '--mount', 'sh', '-c', mount, 'sh', home, path.dirname(authorizedKeys), peerProgram('dropbear', 'dropbear'), ...args];
}

function clientConfig({ port, user, identity, knownHosts }: Pick<Sshd, 'port' | 'user' | 'identity' | 'knownHosts'>): string {
  return [
    'Host server',
    '  Hostname 127.0.0.1',
    `  Port ${String(port)}`,
    `  User ${user}`,
    `  IdentityFile ${identity}`,
    '  IdentitiesOnly yes',
    '  BatchMode yes',
    '  StrictHostKeyChecking yes',
    `  UserKnownHostsFile ${knownHosts}`,
    '  GlobalKnownHostsFile /dev/null',
    '',
  ].join('\n');
}

/** sshd, run as root, wants an empty folder and a user without rights for what it does before a user is known. */
function preparePrivilegeSeparation(): void {
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  if (/^sshd:/m.test(readFileSync('/etc/passwd', 'utf8'))) return;
  execFileSync('useradd', ['--system', '--home-dir', '/run/sshd', '--shell', '/usr/sbin/nologin', 'sshd']);
}

/** The server's process once it greets, or undefined where it ended before that. */
async function launch(program: string, args: readonly string[], port: number, logFile: string): Promise<ChildProcess | undefined> {
  // Whatever becomes of this process, the server ends with it: the shell's input is then at its end.
  const guard = 'exec 3<&0; "$@" </dev/null 3<&- & p=$!; { read _ <&3; kill $p; } & g=$!; wait $p; c=$?; kill $g; exit $c';
  const log = openSync(logFile, 'w');
  const server = spawn('sh', ['-c', guard, 'sh', program, ...args], { stdio: ['pipe', log, log] });
  server.stdin?.on('error', () => {});
  let over = false;
  server.on('exit', () => (over = true));
  server.on('error', () => (over = true));
  const giveUp = Date.now() + startMs;
  while (Date.now() < giveUp && !over) {
    if (await greets(port)) return server;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await end(server);
  return undefined;
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString('latin1').includes('SSH-2.0-'));
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return;
  const sessions = descendants(server.pid);
  const over = new Promise((resolve) => server.on('exit', resolve));
  server.stdin?.end();
  for (const pid of sessions) stopProcess(pid, 'SIGTERM');
  const timer = setTimeout(() => {
    for (const pid of sessions) stopProcess(pid, 'SIGKILL');
  }, 3000);
  await over;
  clearTimeout(timer);
}

function stopProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

/** The processes that a process started, and those that they started: a server's connections are in sessions of their own. */
function descendants(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [, parent = ''] = /.*\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'latin1')) ?? [];
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(entry)]);
    } catch {
      // It ended while this was read.
    }
  }
  const found: number[] = [];
  for (let queue = [pid]; queue.length > 0; ) {
    queue = queue.flatMap((parent) => children.get(parent) ?? []);
    found.push(...queue);
  }
  return found;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
