import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparable } from '../known-differences.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

const address = '192.0.2.1';

/** The addresses of a loopback interface are not checked: the server has another one, in a network of its own. */
const alone = `
ip link set lo up && ip address add ${address}/32 dev lo && mount --bind "$1" /etc/hosts || exit 99
sshd=$2 config=$3 port=$4; shift 4
"$sshd" -D -e -f "$config" -o ListenAddress=${address} 2>/dev/null & server=$!
until grep -q "010200C0:$port 00000000:0000 0A" /proc/net/tcp; do sleep 0.05; done
"$@"; code=$?; kill $server; exit $code
`;

describePeer(['openssh-10', 'root'], 'CheckHostIP', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-address-'));
  const at = (name: string): string => path.join(folder, name);
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
    writeFileSync(at('alone'), alone);
    writeFileSync(at('hosts'), `127.0.0.1 localhost\n${address} h.example\n`);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const right = (): string => server.hostKeys[0] ?? '';
  /** A key of the same type that nobody has. */
  const other = (): string => right().replace(/(?<= \S{50})./, (letter) => (letter === 'A' ? 'B' : 'A'));
  type Entry = 'right' | 'other' | 'none';
  const known = (name: Entry, ip: Entry): string =>
    (
      [
        ['h.example', name],
        [address, ip],
      ] as const
    )
      .flatMap(([host, which]) =>
        which === 'none' ? [] : [`[${host}]:${server.port} ${(which === 'right' ? right() : other()).trim()}\n`],
      )
      .join('');

  const entries: readonly Entry[] = ['right', 'other', 'none'];
  const cases = entries.flatMap((name) =>
    entries.flatMap((ip) => ['yes', 'ask', 'accept-new', 'no'].map((strict) => [name, ip, strict] as const)),
  );
  test.each(cases)("the name's key: %s, the address': %s, StrictHostKeyChecking=%s", async (name, ip, strict) => {
    const seen = [];
    for (const program of [peerProgram('openssh-10', 'ssh'), own('tsh')]) {
      writeFileSync(at('known_hosts'), known(name, ip));
      const options = [
        `UserKnownHostsFile=${at('known_hosts')}`,
        'Hostname=h.example',
        'CheckHostIP=yes',
        `StrictHostKeyChecking=${strict}`,
        'UpdateHostKeys=no',
      ].flatMap((option) => ['-o', option]);
      const port = server.port.toString(16).toUpperCase().padStart(4, '0');
      const sshd = [peerProgram('openssh-10', 'sshd'), path.join(server.folder, 'sshd_config'), port];
      const asked = [program, ...options, '-F', server.config, 'server', 'echo in'];
      const { out, err, code } = await run('unshare', ['--mount', '--net', 'sh', at('alone'), at('hosts'), ...sshd, ...asked]);
      seen.push({ out, code, err: comparable('stderr', err), known: readFileSync(at('known_hosts'), 'utf8') });
    }
    const [theirs, ours] = seen;
    expect(ours).toEqual(theirs);
    if (name === 'right' && ip !== 'other') expect(ours?.out).toBe('in\n');
    if (name === 'right' && ip === 'other' && strict !== 'ask')
      expect(ours?.err.join('\n')).toContain(`differs from the key for the IP address '[${address}]`);
    if (name === 'other' && ip !== 'other') expect(ours?.err.join('\n')).toContain('POSSIBLE DNS SPOOFING');
  });
});
