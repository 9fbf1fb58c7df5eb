import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { peerProgram, softwareSecurityKey } from '../peer-programs.ts';
import { describePeer } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

const theirs = {
  ssh: peerProgram('openssh-10', 'ssh'),
  agent: peerProgram('openssh-10', 'ssh-agent'),
  add: peerProgram('openssh-10', 'ssh-add'),
};
const ours = { ssh: own('tsh'), agent: own('tsh-agent'), add: own('tsh-add') };

/** What each key is made with. */
const keys: Readonly<Record<string, readonly string[]>> = {
  ed: ['-t', 'ed25519-sk'],
  ec: ['-t', 'ecdsa-sk'],
  untouched: ['-t', 'ed25519-sk', '-O', 'no-touch-required'],
};

describePeer('openssh-10', 'security keys, beside OpenSSH', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-sk-'));
  const shown = path.join(folder, 'shown');
  const environment = {
    SSH_SK_HELPER: path.join(folder, 'helper'),
    SSH_SK_PROVIDER: softwareSecurityKey,
    SSH_ASKPASS: path.join(folder, 'askpass'),
  };
  let server: Sshd;

  beforeAll(async () => {
    writeFileSync(environment.SSH_ASKPASS, `#!/bin/sh\necho "$SSH_ASKPASS_PROMPT: $1" >>${shown}\n`);
    chmodSync(environment.SSH_ASKPASS, 0o755);
    // A notice is taken away when the key has signed, perhaps before it was shown: where it counts the key waits for that.
    const wait = `[ -z "$SHOWN" ] || until [ -s "$SHOWN" ]; do sleep 0.01; done`;
    writeFileSync(environment.SSH_SK_HELPER, `#!/bin/sh\n${wait}\nexec ${peerProgram('openssh-10', 'ssh-sk-helper')}\n`);
    chmodSync(environment.SSH_SK_HELPER, 0o755);
    for (const [name, args] of Object.entries(keys)) {
      const made = await program(peerProgram('openssh-10', 'ssh-keygen'), [...args, '-q', '-N', '', '-C', name, '-f', name]);
      expect(made.code).toBe(0);
    }
    server = await startSshd({ peer: 'openssh-10', lines: ['PubkeyAuthOptions none'] });
    const lines = Object.keys(keys).map((name) => `no-touch-required ${readFileSync(path.join(folder, `${name}.pub`), 'utf8')}`);
    writeFileSync(server.authorizedKeys, lines.join(''));
  }, 60_000);

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  function program(file: string, args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Ended> {
    return run(file, args, { cwd: folder, env: { ...environment, ...env } });
  }

  /** What the helper of questions was shown since the last call. */
  function takeShown(): string {
    const text = existsSync(shown) ? readFileSync(shown, 'utf8') : '';
    rmSync(shown, { force: true });
    return text;
  }

  test.each<[string, string, readonly string[], Record<string, string>?]>([
    ['an Ed25519 key', 'ed', ['-o', `SecurityKeyProvider=${softwareSecurityKey}`]],
    ['an ECDSA key', 'ec', ['-o', `SecurityKeyProvider=${softwareSecurityKey}`]],
    ['a key that need not be touched', 'untouched', ['-o', `SecurityKeyProvider=${softwareSecurityKey}`]],
    ['the library in a variable', 'ed', ['-o', 'SecurityKeyProvider=$SSH_SK_PROVIDER']],
    ['no such variable', 'ed', ['-o', 'SecurityKeyProvider=$SSH_SK_NOTHING']],
    ['no library', 'ed', ['-o', 'SecurityKeyProvider=none']],
    ['a file that is no library', 'ed', ['-o', 'SecurityKeyProvider=/dev/null']],
    ['no helper', 'ed', ['-o', `SecurityKeyProvider=${softwareSecurityKey}`], { SSH_SK_HELPER: '/nowhere' }],
  ])('a login: %s', async (_name, key, options, env = {}) => {
    const args = ['-F', server.config, '-o', `IdentityFile=${key}`, ...options, 'server', 'echo in'];
    const results = [];
    for (const ssh of [theirs.ssh, ours.ssh]) {
      const { code, out, err } = await program(ssh, args, env);
      results.push({ code, out, err });
    }
    expect(results[1]).toEqual(results[0]);
  });

  test.each([
    'exit 3',
    'head -c 4 >/dev/null; printf xxxxxxxx',
    'exec /nowhere',
  ])('what -v tells of a helper that fails: %s', async (script) => {
    const helper = path.join(folder, 'failing');
    writeFileSync(helper, `#!/bin/sh\n${script}\n`);
    chmodSync(helper, 0o755);
    const told = [];
    for (const ssh of [theirs.ssh, ours.ssh]) {
      const args = [
        '-v',
        '-F',
        server.config,
        '-o',
        'IdentityFile=ed',
        '-o',
        `SecurityKeyProvider=${softwareSecurityKey}`,
        'server',
        'true',
      ];
      const { err } = await program(ssh, args, { SSH_SK_HELPER: helper });
      // whether the request or the answer is missed depends on luck
      told.push(err.split(/\r?\n/).filter((line) => /reap_helper|identity_sign|signing|denied/.test(line)));
    }
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toContain('debug1: identity_sign: sshkey_sign: unexpected internal error');
  });

  test('who has to touch the key is told so by the helper of questions', async () => {
    const args = ['-F', server.config, '-o', `SecurityKeyProvider=${softwareSecurityKey}`];
    const texts = [];
    for (const ssh of [theirs.ssh, ours.ssh]) {
      const env = { SSH_ASKPASS_REQUIRE: 'force', SHOWN: shown };
      const { code } = await program(ssh, [...args, '-o', 'IdentityFile=ed', 'server', 'true'], env);
      texts.push(takeShown());
      const untouched = await program(ssh, [...args, '-o', 'IdentityFile=untouched', 'server', 'true'], { ...env, SHOWN: undefined });
      texts.push(takeShown());
      expect([code, untouched.code]).toEqual([0, 0]);
    }
    for (const program of [theirs, ours]) {
      const socket = path.join(folder, `notice-${texts.length}`);
      const agent = await startAgent(program.agent, ['-a', socket, '-P', '/*'], { SHOWN: shown });
      await runAdd(socket, ['ed']);
      expect(await runAdd(socket, ['-T', 'ed.pub'])).toMatchObject({ code: 0 });
      texts.push(takeShown());
      agent.end();
    }
    const notice = expect.stringMatching(/^none: Confirm user presence for key ED25519-SK SHA256:\S+\n$/) as string;
    expect(texts).toEqual([notice, '', notice, '', notice, notice]);
    expect(new Set(texts).size).toBe(2);
  });

  function runAdd(socket: string, args: readonly string[]): Promise<Ended> {
    return program(theirs.add, args, { SSH_AUTH_SOCK: socket });
  }

  test('a login gives the key to the agent with the library', async () => {
    const said = [];
    for (const ssh of [theirs.ssh, ours.ssh]) {
      const socket = path.join(folder, `given-${said.length}`);
      const agent = await startAgent(ours.agent, ['-a', socket, '-P', '/*']);
      const args = ['-F', server.config, '-o', 'IdentityFile=untouched', '-o', `SecurityKeyProvider=${softwareSecurityKey}`];
      await program(ssh, [...args, '-o', 'AddKeysToAgent=yes', 'server', 'true'], { SSH_AUTH_SOCK: socket });
      const { code, err } = await runAdd(socket, ['-T', 'untouched.pub']);
      said.push({ code, err });
      agent.end();
    }
    expect(said).toEqual(Array(2).fill({ code: 0, err: '' }));
  });

  test('an agent: both with either program add, list, test and refuse the same', async () => {
    const lines: { args: string; env?: Record<string, string | undefined> }[] = [
      ...['ed ec untouched', '-l', '-T ed.pub', '-T ec.pub untouched.pub', '-d ec', '-T ec.pub', '-t 1h ec', '-K'].map((args) => ({
        args,
      })),
      { args: 'ed', env: { SSH_SK_PROVIDER: undefined } },
      { args: '-T ed.pub' },
      { args: 'ed', env: { SSH_SK_PROVIDER: '/dev/null' } },
      { args: 'ed', env: { SSH_SK_PROVIDER: '' } },
      { args: `-S ${softwareSecurityKey} ed`, env: { SSH_SK_PROVIDER: '/dev/null' } },
      { args: '-T ed.pub' },
      { args: '-K', env: { SSH_SK_PROVIDER: '/dev/null' } },
      { args: '-K', env: { SSH_SK_HELPER: '/nowhere' } },
    ];
    const results = [];
    for (const [agent, add] of [
      [theirs.agent, theirs.add],
      [ours.agent, ours.add],
      [theirs.agent, ours.add],
      [ours.agent, theirs.add],
    ] as const) {
      const socket = path.join(folder, `agent-${results.length}`);
      const running = await startAgent(agent, ['-a', socket, '-P', `${path.dirname(softwareSecurityKey)}/*`]);
      const said: unknown[] = [];
      for (const { args, env } of lines) {
        const { code, out, err } = await program(add, args.split(' '), { SSH_AUTH_SOCK: socket, ...env });
        said.push({ args, code, out, err });
      }
      running.end();
      results.push(said);
    }
    for (const mixed of results.slice(1)) expect(mixed).toEqual(results[0]);
  }, 120_000);

  test('what agents tell of a helper that fails', async () => {
    const helper = path.join(folder, 'gone');
    writeFileSync(helper, '#!/bin/sh\nkill -9 $$\n');
    chmodSync(helper, 0o755);
    const told = [];
    for (const program of [theirs, ours]) {
      const socket = path.join(folder, `failing-${told.length}`);
      const agent = spawn(program.agent, ['-d', '-P', '/*', '-a', socket], {
        cwd: folder,
        env: { ...process.env, ...environment, SSH_SK_HELPER: helper },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const said = text(agent.stderr);
      await expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(true);
      expect(await runAdd(socket, ['untouched'])).toMatchObject({ code: 0 });
      expect(await runAdd(socket, ['-T', 'untouched.pub'])).toMatchObject({ code: 1 });
      agent.kill();
      told.push((await said).split(/\r?\n/).filter((line) => /^(debug1: )?process_sign_request2: sshkey_sign/.test(line)));
    }
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toContain('process_sign_request2: sshkey_sign: unexpected internal error');
  });

  test('an agent takes libraries only from where it may', async () => {
    const said = [];
    for (const agent of [theirs.agent, ours.agent]) {
      const socket = path.join(folder, `strict-${said.length}`);
      const running = await startAgent(agent, ['-a', socket]);
      const { code, err } = await runAdd(socket, ['ed']);
      running.end();
      said.push({ code, err });
    }
    expect(said).toEqual(Array(2).fill({ code: 1, err: 'Could not add identity "ed": agent refused operation\n' }));
  });

  /** Starts an agent that notifies by the helper of questions. */
  async function startAgent(agent: string, args: readonly string[], env: Record<string, string> = {}): Promise<{ end(): void }> {
    const { out } = await program(agent, ['-s', ...args], { SSH_ASKPASS_REQUIRE: 'force', ...env });
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(out)?.[1]);
    expect(pid).toBeGreaterThan(1);
    return { end: () => void process.kill(pid, 'SIGTERM') };
  }
});
