/**
 * `npm run demo`: tsh's main job on one machine. Our own server starts on loopback with throw-away keys; `tsh` runs commands on it and
 * carries real traffic through a tunnel, and tells each step as `--explain` does. Nothing outside a temporary folder is touched.
 */
import { formatPublicKeyLine } from '../core/keys/public-key.ts';
import { formatOpensshPrivate } from '../core/keys/openssh-private.ts';
import { generatePrivateKey } from '../core/keys/private-key.ts';
import { equalBytes, utf8Bytes } from '../core/util/bytes.ts';
import { fetchText, serveText } from '../node/web.ts';
import { replaceFile, temporaryFolder, writeTo } from '../node/files.ts';
import { runInherited, startInherited } from '../node/spawn.ts';
import { ownUser } from '../node/users.ts';
import { knownGroups } from '../server/moduli.ts';
import { type Server, startServer } from '../server/listener.ts';
import { runProgram } from './program.ts';
import { version } from './version.ts';

async function main(): Promise<number> {
  const user = ownUser();
  if (user === undefined) throw new Error('this user has no entry in the password file');
  const folder = temporaryFolder('tsh-demo-');
  const web = await serveText('This page came through the tunnel.\n');
  let server: Server | undefined;
  try {
    say('1. A server on loopback, with keys that live as long as this demo');
    const hostKey = await generatePrivateKey('ssh-ed25519');
    const userKey = await generatePrivateKey('ssh-ed25519');
    server = await startServer(
      { address: '127.0.0.1', port: 0, mostStartups: 10, mostClients: 10 },
      {
        ident: `SSH-2.0-tsh_${version}`,
        hostKeys: [hostKey],
        moduli: knownGroups,
        rekeyLimit: { bytes: 0, seconds: 0 },
        account: (name) => (name === user.name ? user : undefined),
        authorize: (_user, key) => Promise.resolve(equalBytes(key.blob, userKey.publicKey.blob)),
        permitsForward: (target) => target.kind === 'tcp' && target.end.port === web.port,
        acceptsEnv: () => false,
        subsystem: () => undefined,
        mostFailures: 6,
        loginGraceMs: 20_000,
        mostSessions: 10,
        keepalive: { intervalMs: 0, mostUnanswered: 3 },
      },
      () => () => undefined,
    );
    const identity = `${folder.path}/id_ed25519`;
    replaceFile(identity, await formatOpensshPrivate(userKey), { mode: 0o600, forceMode: true });
    const knownHost = `[127.0.0.1]:${server.port} ${formatPublicKeyLine(hostKey.publicKey)}\n`;
    replaceFile(`${folder.path}/known_hosts`, utf8Bytes(knownHost), { mode: 0o600, forceMode: true });
    const config = `${folder.path}/config`;
    replaceFile(config, utf8Bytes(configText(server.port, user.name, folder.path)), { mode: 0o600, forceMode: true });
    say(`   It listens on 127.0.0.1 port ${server.port}.`);

    say('2. A command on it, every step explained: tsh --explain demo uname -a');
    const explained = await runInherited(process.execPath, [...tsh(), '-F', config, '--explain', 'demo', 'uname -a']);
    if (explained !== 0) return explained;

    say("3. Its exit status comes back: tsh demo 'exit 3'");
    const status = await runInherited(process.execPath, [...tsh(), '-F', config, 'demo', 'exit 3']);
    say(`   tsh exited with ${status}.`);
    if (status !== 3) return 1;

    say(`4. A tunnel: tsh -N -L PORT:127.0.0.1:${web.port} demo, and a web page through it`);
    const port = await freePort();
    const tunnel = startInherited(process.execPath, [
      ...tsh(),
      '-F',
      config,
      '--explain',
      '-N',
      '-L',
      `127.0.0.1:${port}:127.0.0.1:${web.port}`,
      'demo',
    ]);
    try {
      const page = await fetchText(`http://127.0.0.1:${port}/`, 10_000);
      say(`   GET http://127.0.0.1:${port}/ answered: ${page.trim()}`);
    } finally {
      await tunnel.stop();
    }
    say('Done. Try it on your own server: tsh --explain user@server');
    return 0;
  } finally {
    await server?.close();
    await web.close();
    folder.remove();
  }
}

/** The arguments that start tsh as it was built with this program. */
function tsh(): readonly string[] {
  return [new URL('../bin/tsh', import.meta.url).pathname];
}

async function freePort(): Promise<number> {
  const probe = await serveText('');
  await probe.close();
  return probe.port;
}

function configText(port: number, user: string, folder: string): string {
  return `Host demo
  HostName 127.0.0.1
  Port ${port}
  User ${user}
  IdentityFile ${folder}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile ${folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  BatchMode yes
`;
}

function say(text: string): void {
  writeTo(1, `${text}\n`);
}

runProgram('demo', 1, main);
