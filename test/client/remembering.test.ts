import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { type Answer, inTerminal, withoutHint } from './in-terminal.ts';

const programs = { tsh: () => own('tsh'), ssh: () => peerProgram('openssh-10', 'ssh') };

describePeer(['openssh-10', 'expect'], 'what is kept for the next time', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10', hostKeys: ['ed25519', 'rsa'] });
  });
  afterAll(() => server.stop());
  const file = (name: string): string => path.join(server.folder, name);

  describe('a key in the agent (AddKeysToAgent)', () => {
    let agent: { readonly env: { readonly SSH_AUTH_SOCK: string }; readonly pid: number };
    beforeAll(() => {
      const socket = file('agent');
      const said = execFileSync(peerProgram('openssh-10', 'ssh-agent'), ['-a', socket], { encoding: 'utf8' });
      agent = { env: { SSH_AUTH_SOCK: socket }, pid: Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1]) };
      copyFileSync(server.identity, file('locked'));
      copyFileSync(`${server.identity}.pub`, file('locked.pub'));
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-p', '-P', '', '-N', 'secret', '-f', file('locked')]);
      const config = readFileSync(server.config, 'utf8').replace(/^ *Identit.*\n/gm, '');
      writeFileSync(file('agent-config'), `${config}  IdentityFile ${file('locked')}\n`);
    });
    afterAll(() => void process.kill(agent.pid));
    beforeEach(() => void held('-D'));

    /** What ssh-add says: the keys that the agent holds, or what came of it. */
    function held(flag = '-l'): string {
      try {
        const env = { ...process.env, ...agent.env };
        return execFileSync(peerProgram('openssh-10', 'ssh-add'), [flag], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      } catch (error) {
        return (error as { readonly stdout: string }).stdout;
      }
    }

    const logIn = (word: string): string[] => {
      return ['-F', file('agent-config'), '-o', 'BatchMode=no', '-o', `AddKeysToAgent=${word}`, 'server', 'echo in'];
    };
    const unlock = (): readonly Answer[] => [[`Enter passphrase for key '${file('locked')}': `, 'secret']];

    test.each([
      ['yes', '(ED25519)'],
      ['no', 'no identities'],
      ['1h', '(ED25519)'],
    ])('%s', async (word, expected) => {
      const seen = [];
      for (const program of [programs.ssh(), programs.tsh()]) {
        held('-D');
        seen.push({ shown: await inTerminal(program, logIn(word), unlock(), { env: agent.env }), keys: held() });
      }
      const [theirs, ours] = seen;
      expect(ours).toEqual(theirs);
      expect(ours?.shown).toContain('in\r\n');
      expect(ours?.keys).toContain(expected);
    });

    test.each([
      ['yes', '(ED25519)'],
      ['YES', '(ED25519)'],
      ['', '(ED25519)'],
      ['no', 'no identities'],
      ['y', 'no identities'],
    ])('ask, answered %j', async (answer, expected) => {
      const askpass = file('askpass');
      const lines = ['#!/bin/sh', 'echo "$SSH_ASKPASS_PROMPT: $1" >&2', `case $1 in Enter*) echo secret;; *) echo '${answer}';; esac`];
      writeFileSync(askpass, `${lines.join('\n')}\n`, { mode: 0o755 });
      const seen = [];
      for (const program of [programs.ssh(), programs.tsh()]) {
        held('-D');
        const env = { ...agent.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
        const { out, err, code } = await run(program, logIn('ask'), { env });
        seen.push({ out, err, code, keys: held() });
      }
      const [theirs, ours] = seen;
      expect(ours).toEqual(theirs);
      expect(ours).toMatchObject({ out: 'in\n', code: 0 });
      expect(ours?.err).toContain(`confirm: Add key ${file('locked')} (test) to agent?`);
      expect(ours?.keys).toContain(expected);
    });

    test.each(['1', 'confirm 1'])('for a time, %j', async (word) => {
      expect(await inTerminal(programs.tsh(), logIn(word), unlock(), { env: agent.env })).toContain('in\r\n');
      // a key that is kept for good would stay
      await expect.poll(() => held(), { timeout: 20_000, interval: 200 }).toContain('no identities');
    });

    test('confirm asks at each use', async () => {
      expect(await inTerminal(programs.tsh(), logIn('confirm'), unlock(), { env: agent.env })).toContain('in\r\n');
      expect(held()).toContain('(ED25519)');
      // the agent can ask nobody here, and does not sign
      const { err, code } = await run(own('tsh'), ['-F', file('agent-config'), 'server', 'true'], { env: agent.env });
      expect(code).toBe(255);
      expect(err).toContain('agent refused operation');
    });
  });

  describe('other keys of the host (UpdateHostKeys ask)', () => {
    let shell: Sshd;
    beforeAll(async () => {
      // a shell that says nothing before it is told something
      shell = await startSshd({ peer: 'openssh-10', hostKeys: ['ed25519', 'rsa'], lines: ['ForceCommand read line; echo over'] });
    });
    afterAll(() => shell.stop());

    /** What both programs show, and what known_hosts holds then. */
    async function learnt(
      args: readonly string[],
      answers: readonly Answer[],
    ): Promise<{ readonly shown: string; readonly known: string }> {
      const known = file('known');
      const seen = [];
      for (const program of [programs.ssh(), programs.tsh()]) {
        writeFileSync(known, `h.example ${shell.hostKeys[0]}\n`);
        const options = ['UpdateHostKeys=ask', 'HostKeyAlias=h.example', `UserKnownHostsFile=${known}`, 'BatchMode=no'];
        const all = ['-F', shell.config, ...options.flatMap((option) => ['-o', option]), ...args];
        // whether this terminal or the server's shows the last line, or both, is a matter of when it is typed
        const shown = withoutHint(await inTerminal(program, all, answers)).replace(/^go on\r*\n/gm, '');
        seen.push({ shown, known: readFileSync(known, 'utf8') });
      }
      rmSync(known);
      const [theirs, ours] = seen;
      expect(ours).toEqual(theirs);
      return ours as (typeof seen)[number];
    }

    test.each([
      ['yes', true],
      ['no', false],
    ])('answered %s', async (answer, expected) => {
      const question = 'Accept updated hostkeys? (yes/no): ';
      const { shown, known } = await learnt(
        ['server'],
        [
          [question, answer],
          ['\r\n', 'go on'],
        ],
      );
      expect(shown).toContain('over');
      expect(known.includes('ssh-rsa')).toBe(expected);
    });

    test.each([[['-n', 'server', 'ignored']], [['-n', '-T', 'server']]])('are not asked about with %j', async (args) => {
      const { shown, known } = await learnt(args, []);
      expect(shown).toContain('over');
      expect(known).not.toContain('ssh-rsa');
    });
  });
});
