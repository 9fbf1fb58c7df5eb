import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';

/** The agent's user, another one, and a group that neither is in. */
const nobody = 65534;
const stranger = 65533;

/** OpenSSH's own tests of this, agent-getpeereid and agent-ptrace, do nothing for root: here root makes itself those users. */
describePeer(['gdb', 'openssh-10', 'root'], 'the agent and other users', () => {
  const place = mkdtempSync(path.join(tmpdir(), 'tsh-agent-users-'));
  const program = (name: string): string => path.join(place, 'bin', name);
  const agent = { socket: path.join(place, 'home', 's'), pid: 0 };

  const asUser = (uid: number, file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
    run('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', file, ...args], {
      cwd: '/',
      env: { HOME: path.join(place, 'home'), SSH_AUTH_SOCK: agent.socket, ...env },
    });

  beforeAll(async () => {
    chmodSync(place, 0o755);
    mkdirSync(path.join(place, 'home'));
    chmodSync(path.join(place, 'home'), 0o777);
    // the project may lie where only its owner may look
    const bin = path.dirname(own('tsh-agent'));
    const copied =
      process.env['TSH_BIN'] === undefined ? ['bin', 'dist', 'package.json', 'node_modules/koffi', 'node_modules/@koromix'] : [];
    if (copied.length === 0) cpSync(bin, path.join(place, 'bin'), { recursive: true, verbatimSymlinks: true });
    for (const name of copied) {
      cpSync(realpathSync(path.join(bin, '..', name)), path.join(place, name), { recursive: true, dereference: true });
    }
    const { out, err } = await asUser(nobody, program('tsh-agent'), ['-s', '-a', agent.socket]);
    expect(err).toBe('');
    agent.pid = Number(/SSH_AGENT_PID=(\d+)/.exec(out)?.[1]);
  });
  afterAll(() => {
    if (agent.pid > 0) process.kill(agent.pid, 'SIGTERM');
    rmSync(place, { recursive: true, force: true });
  });

  test('a socket that others may look at is still one for its owner alone', async () => {
    chmodSync(agent.socket, 0o644);
    for (const add of [program('tsh-add'), peerProgram('openssh-10', 'ssh-add')]) {
      expect(await asUser(nobody, add, ['-l'])).toMatchObject({ code: 1, out: 'The agent has no identities.\n', err: '' });
      const { code, err } = await asUser(stranger, add, ['-l']);
      expect([code, err]).toEqual([2, 'Error connecting to agent: Permission denied\n']);
    }
  });

  test('a user whom the system has no name for is told so, where a home is asked for', async () => {
    const mine = { agent: program('tsh-agent'), add: program('tsh-add'), keygen: program('tsh-keygen') };
    const peer = { agent: '', add: '', keygen: '' };
    for (const name of ['agent', 'add', 'keygen'] as const) peer[name] = peerProgram('openssh-10', `ssh-${name}`);
    const told = async ({ agent: holder, add, keygen }: typeof mine): Promise<readonly Ended[]> => [
      await asUser(stranger, holder, ['-a', path.join(place, 'home', 'other'), add]),
      await asUser(stranger, keygen, ['-F', 'host']),
    ];
    const ours = await told(mine);
    expect(ours).toEqual(await told(peer));
    expect(ours.map(({ err }) => err)).toEqual([`No user found with uid ${stranger}\n`, `No user exists for uid ${stranger}\r\n`]);
  });

  test('who may open it but is another user is turned away, but for root', async () => {
    chmodSync(agent.socket, 0o666);
    expect(await asUser(nobody, program('tsh-add'), ['-l'])).toMatchObject({ code: 1, out: 'The agent has no identities.\n' });
    const refused = 'error fetching identities: communication with agent failed\n';
    expect(await asUser(stranger, program('tsh-add'), ['-l'])).toMatchObject({ code: 1, out: '', err: refused });
    expect(await asUser(0, program('tsh-add'), ['-l'])).toMatchObject({ code: 1, out: 'The agent has no identities.\n' });
  });

  test("processes of its own user can neither trace it nor read its memory, as they can another one's", async () => {
    const trace = (pid: number): Promise<Ended> =>
      asUser(nobody, peerProgram('gdb', 'gdb'), ['-q', '-batch', '-nx', '-ex', `attach ${pid}`, '-ex', 'info proc']);
    const sleeper = await asUser(nobody, 'sh', ['-c', 'sleep 60 >/dev/null 2>&1 & echo $!']);
    const other = Number(sleeper.out);
    try {
      expect((await trace(other)).err).not.toContain('not permitted');
      expect((await trace(agent.pid)).err).toContain('ptrace: Operation not permitted.');
      const read = (pid: number): Promise<Ended> => asUser(nobody, 'sh', ['-c', `: </proc/${pid}/mem`]);
      expect((await read(other)).code).toBe(0);
      expect((await read(agent.pid)).err).toContain('Permission denied');
    } finally {
      process.kill(other, 'SIGKILL');
    }
  });
});
