import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { type Answer, inTerminal, withoutHint } from './in-terminal.ts';

/** What both programs print in a real terminal, bytes and all, on the same command line with the same answers. */
const programs = { tsh: () => own('tsh'), ssh: () => peerProgram('openssh-10', 'ssh') };

describePeer(['openssh-10', 'expect'], 'questions in a terminal', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd({ peer: 'openssh-10', lines: ['KbdInteractiveAuthentication no'] });
  });
  afterAll(() => sshd.stop());

  const ask = (program: string, args: readonly string[], answers: readonly Answer[]): Promise<string> =>
    inTerminal(program, ['-F', sshd.config, ...args], answers);

  async function same(args: readonly string[], answers: readonly Answer[], between: () => void = () => {}): Promise<string> {
    const theirs = await ask(programs.ssh(), args, answers);
    between();
    const ours = await ask(programs.tsh(), args, answers);
    expect(withoutHint(ours)).toBe(theirs);
    return ours;
  }

  test('an unknown host: no, a wrong word, the fingerprint', async () => {
    const known = path.join(sshd.folder, 'unknown');
    const args = ['-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=ask', '-o', 'BatchMode=no', 'server', 'echo in'];
    const question = '(yes/no/[fingerprint])? ';
    const again = "Please type 'yes', 'no' or the fingerprint: ";
    expect(await same(args, [[question, 'no']])).toContain('Host key verification failed.');
    expect(
      await same(
        args,
        [
          [question, 'perhaps'],
          [again, 'yes'],
        ],
        () => rmSync(known, { force: true }),
      ),
    ).toContain('Permanently added');
    expect(await ask(programs.tsh(), args, [])).toContain('in\r\n');
  });

  test('a passphrase: wrong, then right, then none at all', async () => {
    const locked = path.join(sshd.folder, 'locked');
    copyFileSync(sshd.identity, locked);
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-p', '-P', '', '-N', 'right one', '-f', locked]);
    copyFileSync(`${sshd.identity}.pub`, `${locked}.pub`);
    const args = ['-o', 'BatchMode=no', '-o', `IdentityFile=${locked}`, '-o', 'PreferredAuthentications=publickey', 'server', 'echo in'];
    const prompt = `Enter passphrase for key '${locked}': `;
    const withoutPlainKey = sshd.config;
    writeFileSync(`${sshd.folder}/locked-config`, execFileSync('grep', ['-v', 'IdentityFile', withoutPlainKey]));
    const config = ['-F', `${sshd.folder}/locked-config`, ...args];
    const shown = await same(config, [
      [prompt, 'wrong'],
      [prompt, 'right one'],
    ]);
    expect(shown).toContain('in\r\n');
    expect(shown).not.toContain('right one');
    expect(await same(config, [[prompt, '']])).toContain('Permission denied');
  });
});

describePeer(['openssh-10', 'expect', 'root'], 'passwords', () => {
  const user = `tsh${randomBytes(4).toString('hex')}`;
  const password = 'correct horse';
  let sshd: Sshd;
  beforeAll(async () => {
    execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', user]);
    execFileSync('chpasswd', { input: `${user}:${password}\n` });
    sshd = await startSshd({
      peer: 'openssh-10',
      lines: ['PasswordAuthentication yes', 'KbdInteractiveAuthentication no', 'UsePAM no', 'MaxAuthTries 6'],
    });
  });
  afterAll(async () => {
    await sshd.stop();
    execFileSync('userdel', ['--remove', '--force', user], { stdio: 'ignore' });
  });

  const asUser = (program: 'tsh' | 'ssh', answers: readonly string[]) => {
    const askpass = path.join(sshd.folder, 'askpass');
    const count = path.join(sshd.folder, 'count');
    rmSync(count, { force: true });
    const cases = answers.map((answer, index) => `${index + 1}) echo '${answer}';;`).join(' ');
    writeFileSync(askpass, `#!/bin/sh\necho x >>${count}; echo "$1" >&2; case $(wc -l <${count}) in ${cases} *) exit 1;; esac\n`, {
      mode: 0o755,
    });
    const env = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
    const args = [
      '-F',
      sshd.config,
      '-o',
      'BatchMode=no',
      '-o',
      'PubkeyAuthentication=no',
      '-o',
      'PasswordAuthentication=yes',
      '-l',
      user,
      'server',
      'id -un',
    ];
    return run(programs[program](), args, { env });
  };

  test.each([
    ['right at once', ['correct horse'], 0],
    ['right at the second try', ['wrong', 'correct horse'], 0],
    ['wrong three times', ['wrong', 'wrong', 'wrong'], 255],
  ])('%s', async (_name, answers, expected) => {
    const ours = await asUser('tsh', answers);
    const theirs = await asUser('ssh', answers);
    expect({ out: ours.out, err: ours.err, code: ours.code }).toEqual({ out: theirs.out, err: theirs.err, code: theirs.code });
    expect(ours.code).toBe(expected);
    expect(ours.err).toContain(`${user}@127.0.0.1's password: `);
  });
});

describePeer('openssh-10', "keys of OpenSSH's agent", () => {
  let sshd: Sshd;
  let agent: { readonly socket: string; readonly pid: number };
  beforeAll(async () => {
    sshd = await startSshd({ peer: 'openssh-10', userKey: 'rsa' });
    const socket = path.join(sshd.folder, 'agent');
    const said = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-a', socket], { encoding: 'utf8' });
    agent = { socket, pid: Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1]) };
    execFileSync(peerProgram('openssh-10', 'ssh-add'), ['-q', sshd.identity], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    writeFileSync(`${sshd.folder}/agent-config`, execFileSync('grep', ['-v', 'Identit', sshd.config]));
  });
  afterAll(async () => {
    process.kill(agent.pid);
    await sshd.stop();
  });

  const tsh = (...args: readonly string[]) =>
    run(own('tsh'), ['-F', `${sshd.folder}/agent-config`, ...args, 'server', 'echo in'], { env: { SSH_AUTH_SOCK: agent.socket } });

  test('an RSA key signs with SHA-2', async () => {
    const { out, err, code } = await tsh('-v', '-o', 'IdentityFile=none');
    expect({ out, code }).toEqual({ out: 'in\n', code: 0 });
    expect(err).toMatch(/Server accepts key: .* RSA SHA256:\S+ agent/);
  });

  test('with IdentitiesOnly only what a file names', async () => {
    expect((await tsh('-o', 'IdentityFile=none', '-o', 'IdentitiesOnly=yes')).code).toBe(255);
    expect((await tsh('-o', `IdentityFile=${sshd.identity}.pub`, '-o', 'IdentitiesOnly=yes')).code).toBe(0);
  });

  test('-Z shows them in the order in which they are tried', async () => {
    const { out, err, code } = await tsh('-Z', '-o', `IdentityFile=${sshd.identity}`, '-o', 'IdentityFile=/nonexistent');
    const { err: tried } = await tsh('-v', '-o', `IdentityFile=${sshd.identity}`);
    const planned = [...tried.matchAll(/Will attempt key: (.*?)\r?\n/g)].map(([, key]) => `${key}\n`);
    expect(planned.length).toBeGreaterThan(0);
    expect({ out, err, code }).toEqual({ out: planned.join(''), err: '', code: 0 });
    expect((await tsh('-Z', '-o', 'IdentityFile=none', '-o', 'PubkeyAcceptedAlgorithms=ssh-ed25519')).out).toBe('');
    expect((await tsh('-Z', '-o', 'PubkeyAuthentication=no')).out).toBe('');
  });

  test('with IdentityAgent=none nobody is asked', async () => {
    expect((await tsh('-o', 'IdentityFile=none', '-o', 'IdentityAgent=none')).code).toBe(255);
  });
});
