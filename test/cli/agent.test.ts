import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tsh-agent-'));
const started: number[] = [];

afterAll(() => {
  for (const pid of started) end(pid);
  rmSync(folder, { recursive: true, force: true });
});

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // it ended by itself
  }
}

interface Agent {
  readonly socket: string;
  readonly pid: number;
}

/** Starts an agent in the background, as a shell would. */
async function startAgent(program: string, args: readonly string[] = [], env: Record<string, string | undefined> = {}): Promise<Agent> {
  const { code, out, err } = await run(program, ['-s', ...args], { env });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [, socket = '', pid = ''] =
    /^SSH_AUTH_SOCK=(\S+); export SSH_AUTH_SOCK;\nSSH_AGENT_PID=(\d+); export SSH_AGENT_PID;\necho Agent pid \2;\n$/.exec(out) ?? [];
  started.push(Number(pid));
  return { socket, pid: Number(pid) };
}

async function add(socket: string, args: readonly string[], given: { stdin?: string; program?: string } = {}) {
  const { program = own('tsh-add'), stdin } = given;
  const { code, out, err } = await run(program, args, {
    cwd: folder,
    env: { SSH_AUTH_SOCK: socket },
    ...(stdin === undefined ? {} : { stdin }),
  });
  return { code, out, err };
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function makeKey(name: string, ...args: readonly string[]): Promise<void> {
  const { code } = await run(own('tsh-keygen'), ['-q', '-N', '', '-f', name, '-C', name, ...args], { cwd: folder });
  expect(code).toBe(0);
}

describe('the agent in the background', () => {
  test('listens in ~/.ssh/agent, for its owner alone, and is ended by -k, which takes the socket away', async () => {
    const home = path.join(folder, 'home');
    mkdirSync(home);
    const { socket, pid } = await startAgent(own('tsh-agent'), [], { HOME: home });
    expect(path.dirname(socket)).toBe(path.join(home, '.ssh/agent'));
    expect(path.basename(socket)).toMatch(/^s\.[A-Za-z0-9]{10}\.agent\.[A-Za-z0-9]{10}$/);
    const modes = [path.join(home, '.ssh'), path.dirname(socket), socket].map((file) => statSync(file).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
    expect(await add(socket, ['-l'])).toEqual({ code: 1, out: 'The agent has no identities.\n', err: '' });
    const killed = await run(own('tsh-agent'), ['-k'], { env: { SSH_AGENT_PID: String(pid), SSH_AUTH_SOCK: socket } });
    expect(killed.out).toBe(`unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\necho Agent pid ${pid} killed;\n`);
    await gone(pid);
    expect(existsSync(socket)).toBe(false);
  });

  test.runIf(process.platform === 'linux')(
    'keeps no descriptor that whoever started it had open, such as one that holds a lock',
    async () => {
      const script = 'exec 9>"$1" 20>"$1" 200>"$1"; "$0" -a "$1.sock"; "$0" -T ls -l /proc/self/fd; : >&9 >&20 >&200';
      const { code, out, err } = await run('bash', ['-c', script, own('tsh-agent'), path.join(folder, 'lock')]);
      const pid = Number(/AGENT_PID=(\d+)/.exec(out)?.[1]);
      started.push(pid);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const held = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      expect(held).toContain('/dev/null');
      expect(held.filter((file) => file.includes(folder))).toEqual([]);
      expect(out).not.toMatch(/-> .*lock$/m);
    },
  );

  test('leaves nothing under TMPDIR that -T made', async () => {
    const place = path.join(folder, 'tmp');
    mkdirSync(place);
    const { socket, pid } = await startAgent(own('tsh-agent'), ['-T'], { TMPDIR: place });
    expect(statSync(path.dirname(socket)).mode & 0o777).toBe(0o700);
    end(pid);
    await gone(pid);
    expect(readdirSync(place)).toEqual([]);
  });

  test.each([
    [[], { HOME: '/nonexistent' }, 'ensure_mkdir: mkdir /nonexistent/.ssh: No such file or directory\r\n'],
    [['-D'], { HOME: '/dev/null' }, 'ensure_mkdir: mkdir /dev/null/.ssh: Not a directory\r\n'],
    [['-T'], { TMPDIR: '/nonexistent' }, 'mkdtemp: private socket dir: No such file or directory\r\n'],
  ])('tells which folder can not be made: %j %j', async (args, env, err) => {
    expect(await run(own('tsh-agent'), args, { env })).toMatchObject({ code: 1, out: '', err });
  });

  test('-u removes sockets on which nobody listens, of this host, and nothing else', async () => {
    const home = path.join(folder, 'stale');
    mkdirSync(home);
    const env = { HOME: home };
    const dead = await startAgent(own('tsh-agent'), [], env);
    process.kill(dead.pid, 'SIGKILL');
    await gone(dead.pid);
    const alive = await startAgent(own('tsh-agent'), ['-U'], env);
    const old = new Date(Date.now() - 60_000);
    for (const { socket } of [dead, alive]) await run('touch', ['-d', old.toISOString(), socket]);
    writeFileSync(path.join(home, '.ssh/agent/s.file'), '');
    expect((await run(own('tsh-agent'), ['-u'], { env })).code).toBe(0);
    expect(readdirSync(path.join(home, '.ssh/agent')).sort()).toEqual(['s.file', path.basename(alive.socket)].sort());
  });

  test('forgets its keys on SIGUSR1, and no debugger opens', async () => {
    await makeKey('usr1');
    const { socket, pid } = await startAgent(own('tsh-agent'), ['-a', path.join(folder, 'usr1.sock')]);
    expect((await add(socket, ['usr1'])).err).toBe('Identity added: usr1 (usr1)\n');
    process.kill(pid, 'SIGUSR1');
    while ((await add(socket, ['-l'])).code !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    const sockets = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .filter((line) => / 0100007F:240D /.test(line));
    expect(sockets).toEqual([]);
  });

  test('is not to be traced, and small', async () => {
    const { pid } = await startAgent(own('tsh-agent'), ['-a', path.join(folder, 'small.sock')]);
    expect(residentMegabytes(pid)).toBeLessThan(mostMegabytes);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m);
    // What belongs to a process that is not dumpable belongs to root.
    if (process.getuid?.() === 0) expect(statSync(`/proc/${pid}/fd`).uid).toBe(0);
  });
});

/** How large an agent may be. Of a single binary, the system counts as much of the file as it happens to keep in one piece. */
const mostMegabytes = process.env['TSH_BIN'] === undefined ? 60 : 90;

/** The peak of a process' resident memory. */
function residentMegabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

test('the agent in the foreground is as small, and prints where it listens', async () => {
  const file = path.join(folder, 'front.sock');
  const child = spawn(own('tsh-agent'), ['-D', '-a', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(line.toString()).toBe(`SSH_AUTH_SOCK=${file}; export SSH_AUTH_SOCK;\necho Agent pid ${child.pid};\n`);
  expect(residentMegabytes(child.pid ?? 0)).toBeLessThan(mostMegabytes);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([2, null]);
  expect(existsSync(file)).toBe(false);
});

test('an idle agent sleeps: nothing wakes any of its threads', async () => {
  await makeKey('idle');
  const { socket, pid } = await startAgent(own('tsh-agent'), ['-a', path.join(folder, 'idle.sock')]);
  await add(socket, ['idle']);
  expect((await add(socket, ['-T', 'idle'])).code).toBe(0);
  // What use leaves to be done, such as giving memory back, is done once; the runtime's own ways of looking for more come every 8 s.
  let before = switches(pid);
  for (let quiet = 0; quiet < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = switches(pid);
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
}, 120_000);

/** How often the threads of a process went to sleep. */
function switches(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8'));
  return threads.reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]), 0);
}

test('a path that no socket can have is refused in words of ssh-agent', async () => {
  const long = `/tmp/${'x'.repeat(120)}`;
  const { code, err } = await run(own('tsh-agent'), ['-a', long, 'true']);
  expect([code, err]).toEqual([1, `unix_listener: path "${long}" too long for Unix domain socket\r\n`]);
  const empty = await run(own('tsh-agent'), ['-a', '', 'true']);
  expect([empty.code, empty.err]).toEqual([1, 'unix_listener: cannot bind to path : Invalid argument\r\n']);
});

describe('a command under the agent', () => {
  test('finds the agent, passes its exit status on and takes the agent with it', async () => {
    const script = 'echo $SSH_AGENT_PID; "$0" -l; exit 7';
    const { code, out, err } = await run(own('tsh-agent'), ['-T', 'sh', '-c', script, own('tsh-add')]);
    const [pid = '', ...lines] = out.split('\n');
    expect({ code, err, lines }).toEqual({ code: 7, err: '', lines: ['The agent has no identities.', ''] });
    await gone(Number(pid));
  });

  test('ends this program by the signal that ended it', async () => {
    const { code, signal } = await run(own('tsh-agent'), ['-T', 'sh', '-c', 'kill -KILL $$']);
    expect([code, signal]).toEqual([null, 'SIGKILL']);
  });

  test('that does not exist is told as by perror(3)', async () => {
    const { code, err } = await run(own('tsh-agent'), ['-T', '/nonexistent']);
    expect([code, err]).toEqual([1, '/nonexistent: No such file or directory\n']);
  });
});

describe('clients', () => {
  test('a thousand at once, some that stall and some that send garbage, are served or dropped alone', async () => {
    await makeKey('many');
    const { socket } = await startAgent(own('tsh-agent'), ['-a', path.join(folder, 'many.sock')]);
    await add(socket, ['many']);
    const stalled = await Promise.all(Array.from({ length: 100 }, () => opened(socket)));
    for (const one of stalled) one.write(Uint8Array.of(0, 4, 0, 0, 11));
    const garbage = await Promise.all(Array.from({ length: 100 }, () => opened(socket)));
    const dropped = garbage.map((one) => once(one, 'close'));
    for (const one of garbage) one.write(Uint8Array.of(255, 255, 255, 255, 0));
    await Promise.all(dropped);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const client = await opened(socket);
        const answer = once(client, 'data') as Promise<[Buffer]>;
        client.write(Uint8Array.of(0, 0, 0, 1, 11));
        const [bytes] = await answer;
        return { client, type: bytes[4] };
      }),
    );
    expect(answers.every(({ type }) => type === 12)).toBe(true);
    for (const { client } of answers) client.destroy();
    for (const one of stalled) one.destroy();
    expect((await add(socket, ['-l'])).code).toBe(0);
  });
});

async function opened(file: string): Promise<Socket> {
  const socket = connect(file);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('the agent serves the socket that a supervisor hands over', async () => {
  const file = path.join(folder, 'handed.sock');
  const program = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(5)
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], [sys.argv[2], '-D'])`;
  const child = spawn('/usr/bin/python3', ['-c', program, file, own('tsh-agent')], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect((await add(file, ['-l'])).code).toBe(1);
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(existsSync(file)).toBe(true);
});

test('certificates: an expired one is left out, one with an end is held five minutes longer, -N turns both off', async () => {
  await makeKey('ca');
  await makeKey('short');
  const certify = (validity: string) =>
    run(own('tsh-keygen'), ['-q', '-s', 'ca', '-I', 'id', '-n', 'me', '-V', validity, 'short.pub'], { cwd: folder });
  const { socket } = await startAgent(own('tsh-agent'), ['-a', path.join(folder, 'cert.sock')]);
  await certify('-2h:-1h');
  expect((await add(socket, ['-q', 'short'])).code).toBe(0);
  expect((await add(socket, ['-l'])).out.split('\n')).toHaveLength(2);
  expect((await add(socket, ['-N', 'short'])).err).toBe('Identity added: short (short)\nCertificate added: short-cert.pub (id)\n');
  await certify('-1h:+1h');
  const { err } = await add(socket, ['short']);
  const seconds = Number(/Certificate added: short-cert.pub \(id\)\nLifetime set to (\d+) seconds\n$/.exec(err)?.[1]);
  expect(seconds).toBeGreaterThan(3600);
  expect(seconds).toBeLessThanOrEqual(3900);
});

describePeer('openssh-10', "tsh-agent's and tsh-add's words beside OpenSSH's", () => {
  const theirs = { agent: peerProgram('openssh-10', 'ssh-agent'), add: peerProgram('openssh-10', 'ssh-add') };
  const ours = { agent: own('tsh-agent'), add: own('tsh-add') };

  test('each program with either other one says, byte for byte, what ssh-add says', async () => {
    await makeKey('ca2');
    await makeKey('k1');
    await makeKey('k2', '-t', 'rsa', '-b', '2048');
    await run(own('tsh-keygen'), ['-q', '-s', 'ca2', '-I', 'cid', '-n', 'me', 'k1.pub'], { cwd: folder });
    await run(own('tsh-keygen'), ['-q', '-N', 'secret', '-f', 'k3', '-C', 'three'], { cwd: folder });
    writeFileSync(path.join(folder, 'open'), readFileSync(path.join(folder, 'k1')), { mode: 0o644 });
    writeFileSync(path.join(folder, 'junk'), 'junk\n', { mode: 0o600 });
    writeFileSync(path.join(folder, 'kh'), `a,b ${readFileSync(path.join(folder, 'k1.pub'), 'utf8')}`);
    await makeKey('k4');
    await run('rm', ['k4.pub'], { cwd: folder });
    writeFileSync(path.join(folder, 'k4-cert.pub'), 'junk\n');
    const lines: { args: string; stdin?: string }[] = [
      ...['-l', '-L', 'k1', 'k2', '-t 1h k1', 'open', 'junk', 'nofile', '-l', '-L', '-T k1.pub k2', '-T k3.pub', '-T nofile', '-T'],
      ...['-d k2', '-d k2', '-d nofile', '-l -L', '-x -X', '-l -D', '-E foo -l', '-E md5 -l', '-t x k1', '-D', '-qD', '-h host k1'],
      ...[
        '-h >x k1',
        '-h u@a>b k1',
        '-H ~nobody-at-all/hosts -h foo k1',
        '-H /nonexist -h foo k1',
        '-s /nonexist.so',
        '-e /nonexist.so',
        '-vvv k1',
        '-q k1',
        '-k k1',
      ],
      ...['-C -d k1', '-x', '-X', 'k3', '-c k2', '-c -T k2', 'k4', '-d k4', '-d junk', '-H kh -h u@>b k1', '-H kh -h u@a>b k1'],
    ].map((args) => ({ args }));
    lines.push({ args: 'k3', stdin: 'secret\n' }, { args: 'k3', stdin: 'wrong\nsecret\n' }, { args: '-c k3', stdin: 'wrong\n' });
    lines.push({ args: '-x', stdin: 'a\nb\n' }, { args: '-x', stdin: 'a\na\n' }, { args: '-l' }, { args: 'k1' }, { args: '-D' });
    lines.push({ args: '-X', stdin: 'b\n' }, { args: '-X', stdin: 'a\n' }, { args: '-l' });
    const results = [];
    for (const [index, { agent, add: program }] of [
      theirs,
      ours,
      { agent: theirs.agent, add: ours.add },
      { agent: ours.agent, add: theirs.add },
    ].entries()) {
      const { socket, pid } = await startAgent(agent, ['-a', path.join(folder, `words${index}.sock`)]);
      const said: string[] = [];
      for (const { args, stdin } of lines) {
        const result = await add(socket, args.split(' '), { program, ...(stdin === undefined ? {} : { stdin }) });
        said.push(`${args}: ${JSON.stringify(result)}`);
      }
      results.push(said);
      end(pid);
    }
    for (const mixed of results.slice(1)) expect(mixed).toEqual(results[0]);
  }, 300_000);
});
