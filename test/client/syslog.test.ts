import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

/** Runs a program where /dev/log is this script's own, and prints what comes there, a line each. */
const scene = `
mount -t tmpfs none "$1" || exit 99
for name in null zero random urandom tty; do : >"$1/$name"; mount --bind /dev/$name "$1/$name" || exit 98; done
ln -s /proc/self/fd "$1/fd" && mount --rbind "$1" /dev || exit 97
shift
exec python3 -c '
import socket, subprocess, sys, threading
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
def read():
  while (line := log.recv(65536)) != b"over": print(line.decode(), flush=True)
reader = threading.Thread(target=read)
reader.start()
code = subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"over", "/dev/log")
reader.join()
sys.exit(code)' "$@"
`;

describePeer(['openssh-10', 'user namespaces'], '-y', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-syslog-'));
  let server: Sshd;
  beforeAll(async () => {
    mkdirSync(path.join(folder, 'dev'));
    writeFileSync(path.join(folder, 'scene'), scene);
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** What the system's log and stderr get, without time, process and line number. */
  async function told(program: string, args: readonly string[]) {
    const words = ['--user', '--map-root-user', '--mount', 'sh', path.join(folder, 'scene'), path.join(folder, 'dev'), program];
    const { code, out, err } = await run('unshare', [...words, '-y', ...args]);
    const log = out
      .replaceAll(program, 'tsh')
      .replace(/^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d (tsh\[)\d+/gm, '$1$2')
      .replace(/:\d+ \(bin=tsh, pid=\d+\)/g, ':0 (bin=tsh)');
    return { code, err, log: log.trimEnd().split('\n') };
  }

  const plain = { error: 8 + 3, fatal: 8 + 2 };
  test.each<[string, () => readonly string[], string]>([
    [
      'a server that is not there',
      () => ['-F', 'none', '-p', '1', '127.0.0.1', 'true'],
      `<${plain.error}>tsh[]: error: ssh: connect to host`,
    ],
    [
      'a key that is not known, and its facility',
      () => ['-F', server.config, '-o', 'UserKnownHostsFile=/dev/null', '-o', 'SyslogFacility=LOCAL2', 'server', 'true'],
      `<${18 * 8 + 2}>tsh[]: fatal: Host key verification failed.`,
    ],
    ['an option that is wrong', () => ['-F', 'none', '-o', 'Nonsense=yes', 'server'], ''],
  ])('takes what stderr would get: %s', async (_name, args, line) => {
    const ours = await told(own('tsh'), args());
    expect(ours).toEqual(await told(peerProgram('openssh-10', 'ssh'), args()));
    expect(ours.code).toBe(255);
    expect(ours.log.at(-1)?.startsWith(line)).toBe(true);
  });

  test('takes what LogVerbose asks for, with its source', async () => {
    const args = ['-F', server.config, '-o', 'LogLevel=QUIET', '-o', 'LogVerbose=kex.c:*', 'server', 'true'];
    const [ours, theirs] = [await told(own('tsh'), args), await told(peerProgram('openssh-10', 'ssh'), args)];
    expect([ours.code, ours.err]).toEqual([0, '']);
    const line = '<15>tsh[]: debug1: kex.c:kex_input_kexinit():0 (bin=tsh): SSH2_MSG_KEXINIT received';
    for (const { log } of [ours, theirs]) {
      expect(log).toContain(line);
      expect(log.every((one) => /^<15>tsh\[\]: debug\d: kex\.c:/.test(one))).toBe(true);
    }
  });
});
