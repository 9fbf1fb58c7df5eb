import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { examine } from '../../src/client/doctor/doctor.ts';
import type { Finding } from '../../src/client/doctor/finding.ts';
import { localEnvironment } from '../../src/files/config-files.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { keyPair, type Sshd, startSshd } from '../sshd.ts';

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'tsh-doctor-'));
  folder = path.join(home, '.ssh');
  mkdirSync(folder, { mode: 0o700 });
});
afterEach(() => rmSync(home, { recursive: true }));

const file = (name: string): string => path.join(folder, name);
const make = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(file(name), text, { mode });
  chmodSync(file(name), mode);
  return file(name);
};

/** What the doctor finds wrong in the folder. */
async function wrong(uid?: number): Promise<readonly Finding[]> {
  const environment = localEnvironment(() => {});
  const variable = (): undefined => undefined;
  const user = { ...environment.user, home };
  const scene = {
    folder,
    home,
    uid: uid ?? user.uid,
    environment: { ...environment, user, variable },
    configFile: undefined,
    config: undefined,
  };
  return (await examine(scene)).filter(({ status }) => status !== 'ok');
}

/** tsh --doctor with the test's folder in the place of the user's own ~/.ssh. */
async function doctor(args: readonly string[], stdin?: string, env = {}): Promise<Ended> {
  const mount = 'mkdir -p -m 700 "$1" && mount --bind "$2" "$1" && shift 2 && exec "$@"';
  const words = ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh', path.join(homedir(), '.ssh'), folder];
  return await run('unshare', [...words, own('tsh'), '--doctor', ...args], { ...(stdin !== undefined && { stdin }), env });
}

describePeer(['openssh-10', 'user namespaces'], 'what the doctor finds', () => {
  const pair = keyPair('ed25519');

  test('nothing where all is well', async () => {
    make('id_ed25519', pair.privateKey);
    make('id_ed25519.pub', pair.publicKey, 0o644);
    make('config', 'Host one\n  Port 2200\nHost *\n  Port 2201\n');
    make('known_hosts', `one ${pair.publicKey}`);
    expect(await wrong()).toEqual([]);
  });

  test('a folder and files that others may write or read, each with a mode that mends it', async () => {
    make('id', pair.privateKey, 0o644);
    make('config', '', 0o666);
    make('authorized_keys', '', 0o620);
    make('notes', '', 0o666);
    chmodSync(folder, 0o777);
    const found = (await wrong()).filter(({ mend }) => mend !== undefined);
    expect(found.map(({ mend }) => mend)).toEqual([
      { path: folder, mode: 0o700 },
      { path: file('authorized_keys'), mode: 0o600 },
      { path: file('config'), mode: 0o600 },
      { path: file('id'), mode: 0o600 },
    ]);
    expect(found.at(-1)?.fix).toBe(`chmod 600 ${file('id')}`);
  });

  test('what belongs to someone else', async () => {
    make('id', pair.privateKey);
    const other = statSync(folder).uid + 1;
    expect((await wrong(other)).map(({ check, subject, problem }) => [check, subject, problem])).toEqual([
      ['folder', folder, expect.stringMatching(/^it belongs to .*, not to you$/)],
      ['files', file('id'), expect.stringMatching(/^it belongs to .*, not to you$/)],
    ]);
  });

  test('halves that do not match, copies and broken files', async () => {
    make('a', pair.privateKey);
    make('a.pub', keyPair('ecdsa-256').publicKey);
    make('b', pair.privateKey);
    make('c', pair.privateKey.slice(0, 200));
    expect((await wrong()).map(({ subject, problem }) => [subject, problem])).toEqual([
      [file('a.pub'), expect.stringContaining('not the public half')],
      [file('b'), expect.stringContaining(`the same key as ${file('a')}`)],
      [file('c'), expect.stringContaining('cut short')],
    ]);
  });

  test('a weak key', async () => {
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', file('old')]);
    expect((await wrong()).map(({ problem }) => problem)).toEqual([expect.stringContaining('1024 bits')]);
  });

  test('lines that come too late, and a block that is for nobody', async () => {
    make('config', 'Host *\n  Port 22\nHost one two\n  Port 2200\n  User me\nHost !three\n  User you\n');
    expect((await wrong()).map(({ subject, problem }) => [subject, problem])).toEqual([
      [`${file('config')} line 6`, expect.stringContaining('never applies')],
      [`${file('config')} line 4`, `port never counts for one: ${file('config')} line 2 has set it before`],
      [`${file('config')} line 4`, `port never counts for two: ${file('config')} line 2 has set it before`],
    ]);
  });

  test('Match blocks that can not come to apply, and lines of theirs that come too late', async () => {
    const lines = [
      'Host one',
      '  User early',
      'Match host one user other exec "false"',
      '  Port 1',
      'Match originalhost one',
      '  User late',
      'Match host !two,!three',
      '  Port 2',
      'Match host four,!f*',
      '  Port 3',
      'Match tagged x user me',
      '  Port 4',
      'Match all',
      '  Compression yes',
    ];
    make('config', lines.join('\n'));
    expect((await wrong()).map(({ subject, problem, fix }) => [subject, problem, fix])).toEqual([
      [`${file('config')} line 7`, expect.stringContaining('only says which hosts it is not for'), 'Match host *,!two,!three'],
      [`${file('config')} line 9`, 'the block never applies: not host four,!f*: it is four', 'mend its patterns, or take it away'],
      [`${file('config')} line 6`, `user never counts for one: ${file('config')} line 2 has set it before`, expect.any(String)],
    ]);
  });

  test('a file that is included where it can not count, and one where it can', async () => {
    make('inner', 'Host five\n  Port 5\n');
    make('config', `Host six\n  Include ${file('inner')}\nMatch all\n  Include ${file('inner')}\n`);
    expect(await wrong()).toEqual([]);
    make('config', `Host six\n  Include ${file('inner')}\n`);
    expect((await wrong()).map(({ subject, problem }) => [subject, problem])).toEqual([
      [`${file('inner')} line 1`, `the block never applies: ${file('config')} line 2 includes it, within Host six, which does not apply`],
    ]);
  });

  test('a key that is named and is not there; its .pub file stands for an agent`s', async () => {
    make('agent-key.pub', pair.publicKey, 0o644);
    make('config', `Host one\n  IdentityFile ${file('agent-key')}\n  IdentityFile ~/.ssh/gone\n  IdentityFile ~/.ssh/%n\n`);
    expect((await wrong()).map(({ status, subject, problem }) => [status, subject, problem])).toEqual([
      ['note', `${file('config')} line 3`, 'IdentityFile ~/.ssh/gone is not there'],
    ]);
  });

  test('a configuration with a wrong line', async () => {
    make('config', 'Host *\n  Prot 22\n');
    expect((await wrong()).map(({ check, problem }) => [check, problem])).toEqual([
      ['config', expect.stringContaining('Bad configuration option: prot')],
    ]);
  });

  test('known_hosts lines that contradict each other or can not be read', async () => {
    const other = pair.publicKey.replace(/AAAAI[^ ]*/, (blob) => `${blob.slice(0, -4)}AAAA`);
    make('known_hosts', `one,two ${pair.publicKey}two ${other}three ssh-ed25519 nonsense\n`);
    expect((await wrong()).map(({ subject, problem }) => [subject, problem])).toEqual([
      [`${file('known_hosts')} line 3`, expect.stringContaining("can't be read")],
      [`${file('known_hosts')} line 2`, expect.stringContaining(`for two than ${file('known_hosts')} line 1`)],
    ]);
  });

  test('known_hosts lines that contradict each other under hashed names, and revoked keys that are trusted', async () => {
    const other = pair.publicKey.replace(/AAAAI[^ ]*/, (blob) => `${blob.slice(0, -4)}AAAA`);
    make('known_hosts', `one ${pair.publicKey}`);
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-H', '-f', file('known_hosts')], { stdio: 'ignore' });
    const hashed = readFileSync(file('known_hosts'), 'utf8');
    make('known_hosts', `${hashed}one ${other}two ${pair.publicKey}@revoked two ${pair.publicKey}@revoked three ${other}`);
    rmSync(file('known_hosts.old'), { force: true });
    expect((await wrong()).map(({ subject, problem }) => [subject, problem])).toEqual([
      [`${file('known_hosts')} line 2`, `another ssh-ed25519 key for one than ${file('known_hosts')} line 1`],
      [`${file('known_hosts')} line 3`, `the key for two is revoked by ${file('known_hosts')} line 4`],
    ]);
  });

  test('a dead socket, and one that lives', async () => {
    const server = net.createServer();
    await new Promise<void>((ready) => void server.listen(file('live'), ready));
    const script = `require('net').createServer().listen(${JSON.stringify(file('dead'))}, () => process.kill(process.pid, 'SIGKILL'))`;
    await run(process.execPath, ['-e', script]);
    expect((await wrong()).map(({ subject }) => subject)).toEqual([file('dead')]);
    await new Promise((closed) => server.close(closed));
  });
});

describePeer(['openssh-10', 'user namespaces'], 'tsh --doctor', () => {
  test('exits with 0 where all is well and tells of every check', async () => {
    const { out, code } = await doctor([]);
    expect(out).toMatch(/^ok {4}folder /);
    expect(out).toContain('All is well.');
    expect(code).toBe(0);
  });

  test('--json is the same as data', async () => {
    make('id', keyPair('ed25519').privateKey, 0o640);
    const { out, code } = await doctor(['--json']);
    expect((JSON.parse(out) as Finding[]).filter(({ status }) => status === 'bad')).toMatchObject([
      { check: 'files', problem: expect.stringContaining('0640') as string },
    ]);
    expect(code).toBe(1);
  });

  test('agents that are named and do not answer', async () => {
    const [named, agent] = [file('no-agent'), file('no-identity-agent')];
    const given = ['--json', '-F', 'none', '-p', '1', '-o', `IdentityAgent=${agent}`, '127.0.0.1'];
    const { out } = await doctor(given, undefined, { SSH_AUTH_SOCK: named });
    const found = (JSON.parse(out) as Finding[]).filter(({ check }) => check === 'sockets');
    expect(found.map(({ status, subject, problem }) => [status, subject, problem])).toEqual([
      ['bad', named, expect.stringContaining('SSH_AUTH_SOCK names it')],
      ['bad', agent, expect.stringContaining('IdentityAgent names it')],
    ]);
  });

  test.each([
    ['yes', 0o600, 0],
    ['no', 0o640, 1],
  ])('--fix asks before it mends, and is told %s', async (answer, mode, status) => {
    make('id', keyPair('ed25519').privateKey, 0o640);
    const askpass = path.join(home, 'askpass');
    writeFileSync(askpass, `#!/bin/sh\necho ${answer}\n`, { mode: 0o755 });
    const { code, out } = await doctor(['--fix'], undefined, { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' });
    expect(out).toContain(`BAD   files`);
    expect(statSync(file('id')).mode & 0o777).toBe(mode);
    expect(code).toBe(status);
  });
});

describePeer(['openssh-10', 'user namespaces'], 'tsh --doctor HOST', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({
      peer: 'openssh-10',
      lines: ['KexAlgorithms curve25519-sha256', 'Ciphers aes128-ctr,3des-cbc', 'MACs hmac-sha2-256', 'PasswordAuthentication yes'],
    });
  });
  afterAll(() => server.stop());

  test('tells what the server offers', async () => {
    const before = readFileSync(server.knownHosts, 'utf8');
    const { out, code } = await doctor(['--json', '-F', server.config, 'server']);
    const found = (JSON.parse(out) as Finding[]).slice(6).map(({ check, status, problem }) => [check, status, problem]);
    expect(found).toEqual([
      ['post-quantum', 'bad', expect.stringContaining('no post-quantum')],
      ['weak', 'bad', 'old ciphers: 3des-cbc'],
      ['host key', 'ok', expect.stringContaining(server.knownHosts)],
      ['login', 'note', expect.stringContaining('publickey, password')],
    ]);
    expect(code).toBe(1);
    expect(readFileSync(server.knownHosts, 'utf8')).toBe(before);
  });

  test('tells where there is none', async () => {
    const { out, code } = await doctor(['-F', server.config, '-p', '1', 'server']);
    expect(out).toContain('Connection refused');
    expect(code).toBe(1);
  });
});
