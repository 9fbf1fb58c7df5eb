import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import type { TshEvent } from '../../src/core/events.ts';
import { formatOpensshPrivate } from '../../src/core/keys/openssh-private.ts';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { equalBytes } from '../../src/core/util/bytes.ts';
import { ownUser } from '../../src/node/users.ts';
import type { ServerRules } from '../../src/server/connection.ts';
import { type ListenerOptions, type Server, startServer } from '../../src/server/listener.ts';
import { knownGroups } from '../../src/server/moduli.ts';

/** Our server in this process, and files by which OpenSSH's ssh logs in to it. */
export interface Served {
  readonly server: Server;
  readonly port: number;
  readonly folder: string;
  /** For `ssh -F config server`. */
  readonly config: string;
  readonly events: TshEvent[];
  readonly userKey: PrivateKey;
  readonly hostKeys: readonly PrivateKey[];
  stop(): Promise<void>;
}

/** Starts our server with throw-away keys; only one key may log in, and only as the user who runs the tests. */
export async function serve(rules: Partial<ServerRules> = {}, limits: Partial<ListenerOptions> = {}): Promise<Served> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-server-'));
  const hostKeys = await Promise.all(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'].map((type) => generatePrivateKey(type)));
  const userKey = await generatePrivateKey('ssh-ed25519');
  const events: TshEvent[] = [];
  const own = ownUser();
  // bash would read the user's ~/.bashrc, whatever that prints and waits for
  const user = own && { ...own, shell: '/bin/sh' };
  const server = await startServer(
    { address: '127.0.0.1', port: 0, mostStartups: 10, mostClients: 20, ...limits },
    {
      ident: 'SSH-2.0-tsh_0.1.0',
      hostKeys,
      moduli: knownGroups,
      rekeyLimit: { bytes: 0, seconds: 0 },
      account: (name) => (name === userInfo().username ? user : undefined),
      authorize: (_user, key) => Promise.resolve(equalBytes(key.blob, userKey.publicKey.blob)),
      permitsForward: () => true,
      acceptsEnv: (name) => name.startsWith('LC_'),
      subsystem: (name) => (name === 'echo' ? 'cat' : undefined),
      mostFailures: 6,
      loginGraceMs: 20_000,
      mostSessions: 10,
      keepalive: { intervalMs: 0, mostUnanswered: 3 },
      ...rules,
    },
    () => (event) => events.push(event),
  );
  const identity = path.join(folder, 'id');
  writeFileSync(identity, await formatOpensshPrivate(userKey), { mode: 0o600 });
  const line = (key: PrivateKey): string => `${key.publicKey.name} ${Buffer.from(key.publicKey.blob).toString('base64')}`;
  writeFileSync(`${identity}.pub`, `${line(userKey)}\n`);
  const knownHosts = path.join(folder, 'known_hosts');
  writeFileSync(knownHosts, hostKeys.map((key) => `[127.0.0.1]:${server.port} ${line(key)}\n`).join(''));
  const config = path.join(folder, 'config');
  const options = {
    Hostname: '127.0.0.1',
    Port: server.port,
    User: userInfo().username,
    IdentityFile: identity,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    LogLevel: 'ERROR',
  };
  writeFileSync(
    config,
    `Host server\n${Object.entries(options)
      .map(([name, value]) => `  ${name} ${value}\n`)
      .join('')}`,
  );
  return {
    server,
    port: server.port,
    folder,
    config,
    events,
    userKey,
    hostKeys,
    stop: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
