import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, type Peer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

/** An agent that runs. */
interface Agent {
  readonly socket: string;
  end(): Promise<void> | void;
}

interface AgentKind {
  readonly name: string;
  readonly peers: readonly Peer[];
  readonly start: (folder: string) => Promise<Agent>;
  /** What logs in with its keys. */
  readonly clients: readonly string[];
}

function opensshAgent(program: string): AgentKind['start'] {
  return async (folder) => {
    const socket = path.join(folder, 'agent');
    const { out } = await run(program, ['-s', '-a', socket]);
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(out)?.[1]);
    return { socket, end: () => void process.kill(pid, 'SIGTERM') };
  };
}

/** It keeps keys in files, each with a passphrase that it asks for. */
async function gpgAgent(folder: string): Promise<Agent> {
  const home = path.join(folder, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const pinentry = path.join(home, 'pinentry');
  const answers = 'case $line in GETPIN*) echo "D secret"; echo OK;; BYE*) echo OK; exit;; *) echo OK;; esac';
  writeFileSync(pinentry, `#!/bin/sh\necho OK\nwhile read -r line; do ${answers}; done\n`);
  chmodSync(pinentry, 0o755);
  writeFileSync(
    path.join(home, 'gpg-agent.conf'),
    `pinentry-program ${pinentry}\ndisable-scdaemon\ns2k-count 65536\nlog-file ${home}/log\n`,
  );
  await run(peerProgram('gnupg', 'gpg-agent'), ['--homedir', home, '--enable-ssh-support', '--daemon']);
  const { out } = await run(peerProgram('gnupg', 'gpgconf'), ['--homedir', home, '--list-dirs', 'agent-ssh-socket']);
  const end = async (): Promise<void> => {
    await run(peerProgram('gnupg', 'gpg-connect-agent'), ['--homedir', home, 'killagent', '/bye']);
  };
  return { socket: out.trim(), end };
}

const everyClient = [own('tsh'), peerProgram('openssh-10', 'ssh'), peerProgram('openssh', 'ssh')];

const agents: readonly AgentKind[] = [
  { name: 'tsh-agent', peers: ['openssh-10', 'openssh'], start: opensshAgent(own('tsh-agent')), clients: everyClient },
  {
    name: 'the agent of OpenSSH 10.0',
    peers: ['openssh-10', 'openssh'],
    start: opensshAgent(peerProgram('openssh-10', 'ssh-agent')),
    clients: [own('tsh')],
  },
  {
    name: 'the system’s ssh-agent',
    peers: ['openssh-10', 'openssh'],
    start: opensshAgent(peerProgram('openssh', 'ssh-agent')),
    clients: [own('tsh')],
  },
  { name: 'gpg-agent', peers: ['openssh-10', 'openssh', 'gnupg'], start: gpgAgent, clients: [own('tsh')] },
];

const types = ['rsa', 'ecdsa', 'ed25519'];
const adders = [own('tsh-add'), peerProgram('openssh-10', 'ssh-add')];

for (const { name, peers, start, clients } of agents) {
  describePeer(peers, name, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsh-agents-'));
    let server: Sshd;
    let agent: Agent;

    beforeAll(async () => {
      for (const type of types) {
        await run(own('tsh-keygen'), ['-q', '-t', type, '-N', '', '-C', type, '-f', type], { cwd: folder });
        copyFileSync(path.join(folder, `${type}.pub`), path.join(folder, `public-${type}.pub`));
      }
      server = await startSshd({ peer: 'openssh-10' });
      writeFileSync(server.authorizedKeys, types.map((type) => readFileSync(path.join(folder, `${type}.pub`), 'utf8')).join(''));
      agent = await start(folder);
    }, 60_000);

    afterAll(async () => {
      await agent.end();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    function withAgent(program: string, args: readonly string[]): Promise<Ended> {
      return run(program, args, { cwd: folder, env: { SSH_AUTH_SOCK: agent.socket, HOME: folder } });
    }

    test('takes keys from tsh-add and ssh-add, which say the same of it', async () => {
      const lines = [
        '-D',
        types.join(' '),
        '-l',
        '-L',
        '-T rsa.pub ecdsa.pub ed25519.pub',
        '-d ecdsa',
        '-t 1h ecdsa',
        '-q rsa',
        '-E md5 -l',
      ];
      const said = [];
      for (const add of adders) {
        const results = [];
        for (const line of lines) {
          const { code, out, err } = await withAgent(add, line.split(' '));
          results.push({ line, code, out, err });
        }
        said.push(results);
      }
      expect(said[0]).toEqual(said[1]);
      expect(said[0]?.every(({ code }) => code === 0)).toBe(true);
    }, 120_000);

    test.each(types)('has a %s key log in', async (type) => {
      await withAgent(own('tsh-add'), ['-q', type]);
      for (const client of clients) {
        const args = ['-F', server.config, '-o', `IdentityFile=public-${type}.pub`, 'server', 'echo in'];
        const { code, out, err } = await withAgent(client, args);
        expect({ client, code, out, err }).toEqual({ client, code: 0, out: 'in\n', err: '' });
      }
    }, 60_000);

    test.runIf(clients === everyClient)(
      'signs commits of git by either ssh-keygen, which the other one verifies',
      async () => {
        await withAgent(own('tsh-add'), ['-q', ...types]);
        writeFileSync(
          path.join(folder, 'signers'),
          types.map((type) => `me ${readFileSync(path.join(folder, `${type}.pub`), 'utf8')}`).join(''),
        );
        const keygens = [own('tsh-keygen'), peerProgram('openssh-10', 'ssh-keygen')];
        for (const [index, keygen] of keygens.entries()) {
          for (const type of types) {
            const repository = path.join(folder, `repository-${index}-${type}`);
            const git = (by: string, ...args: string[]): Promise<Ended> => {
              const signing = ['gpg.format=ssh', `gpg.ssh.program=${by}`, `gpg.ssh.allowedSignersFile=${folder}/signers`];
              const settings = [...signing, `user.signingkey=${folder}/public-${type}.pub`, 'user.name=me', 'user.email=me@example.com'];
              return withAgent('git', ['-C', repository, ...settings.flatMap((one) => ['-c', one]), ...args]);
            };
            mkdirSync(repository);
            await git(keygen, 'init', '-q');
            const { code, err } = await git(keygen, 'commit', '-q', '-S', '--allow-empty', '-m', 'signed');
            expect({ code, err }).toEqual({ code: 0, err: '' });
            const verified = await git(keygens[1 - index] ?? '', 'verify-commit', 'HEAD');
            expect(verified).toMatchObject({ code: 0, err: expect.stringContaining('Good "git" signature for me') as unknown });
          }
        }
      },
      120_000,
    );
  });
}
