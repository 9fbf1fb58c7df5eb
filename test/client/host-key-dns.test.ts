import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparable } from '../known-differences.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, own, run } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';

/** A name server that answers every question with the SSHFP records of its arguments, in hex; the first is the header's flags. */
const nameServer = `
const [ready, flags, ...records] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
socket.on('message', (query, peer) => {
  const end = query.indexOf(0, 12) + 5;
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(parseInt(flags, 16), 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  const answers = records.map((hex) => Buffer.concat([Buffer.from([0xc0, 12, 0, 44, 0, 1, 0, 0, 0, 9, 0, hex.length / 2]), Buffer.from(hex, 'hex')]));
  socket.send(Buffer.concat([head, query.subarray(12, end), ...answers]), peer.port, peer.address);
});
socket.bind(53, '127.0.0.1', () => require('fs').writeFileSync(ready, ''));
`;

describePeer(['openssh-10', 'root'], 'a host key in DNS', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-dns-'));
  const at = (name: string): string => path.join(folder, name);
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
    const script = [
      'ip link set lo up && mount --bind "$1" /etc/resolv.conf || exit 99',
      'node=$2 ready=$3; shift 3',
      'rm -f "$ready"; "$node" -e "$NAME_SERVER" "$ready" $RECORDS </dev/null >/dev/null & server=$!',
      'while ! test -e "$ready"; do sleep 0.05; done',
      '"$@"; code=$?; kill $server; exit $code',
    ];
    writeFileSync(at('alone'), `${script.join('\n')}\n`);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const record = (publicKey: string): string => {
    const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
    return `0402${createHash('sha256').update(blob).digest('hex')}`;
  };
  const right = (): string => record(server.hostKeys[0] ?? '');
  const wrong = (): string => `0402${'00'.repeat(32)}`;

  /** Asks for the host where only the test's name server is; sshd is behind a pipe. */
  async function asked(program: string, records: readonly string[], resolver: string, options: readonly string[]): Promise<Ended> {
    writeFileSync(at('resolv.conf'), `nameserver 127.0.0.1\noptions ${resolver} timeout:10\n`);
    writeFileSync(at('known_hosts'), '');
    const all = [
      `ProxyCommand=${peerProgram('openssh-10', 'sshd')} -i -f ${server.folder}/sshd_config`,
      `UserKnownHostsFile=${at('known_hosts')}`,
      'Hostname=h.example',
      ...options,
    ].flatMap((option) => ['-o', option]);
    return await run(
      'unshare',
      [
        '--mount',
        '--net',
        'sh',
        at('alone'),
        at('resolv.conf'),
        process.execPath,
        at('ready'),
        program,
        ...all,
        '-F',
        server.config,
        'server',
        'echo in',
      ],
      { env: { NAME_SERVER: nameServer, RECORDS: records.join(' ') } },
    );
  }

  test.each<[string, () => readonly string[], string, readonly string[], number]>([
    ['that is validated is enough', () => ['81a0', right()], 'edns0 trust-ad', ['VerifyHostKeyDNS=yes'], 0],
    ['that is validated is only told where it is asked', () => ['81a0', right()], 'edns0 trust-ad', ['VerifyHostKeyDNS=ask'], 255],
    ['that is not validated is not enough', () => ['8180', right()], 'edns0 trust-ad', ['VerifyHostKeyDNS=yes'], 255],
    ['validated by a resolver that is not trusted is not enough', () => ['81a0', right()], 'edns0', ['VerifyHostKeyDNS=yes'], 255],
    ['of another key is a warning', () => ['81a0', wrong()], 'edns0 trust-ad', ['VerifyHostKeyDNS=yes'], 255],
    ['among others is a warning', () => ['81a0', right(), wrong()], 'edns0 trust-ad', ['VerifyHostKeyDNS=yes'], 255],
    ['that is not there', () => ['8183'], 'edns0 trust-ad', ['VerifyHostKeyDNS=yes'], 255],
    ['is not looked for where that is not wanted', () => ['81a0', right()], 'edns0 trust-ad', ['VerifyHostKeyDNS=no'], 255],
    ['of another key, but the user takes any', () => ['81a0', wrong()], 'edns0', ['VerifyHostKeyDNS=yes', 'StrictHostKeyChecking=no'], 0],
  ])('%s', async (_, records, resolver, options, code) => {
    const seen = [];
    for (const program of [peerProgram('openssh-10', 'ssh'), own('tsh')]) {
      const { out, err, code: status } = await asked(program, records(), resolver, options);
      seen.push({ out, code: status, err: comparable('stderr', err) });
    }
    const [theirs, ours] = seen;
    expect(ours).toEqual(theirs);
    expect(ours?.code).toBe(code);
  });
});
