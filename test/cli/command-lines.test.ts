import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tshFlags } from '../../src/cli/tsh-options.ts';
import { sshUsage } from '../../src/cli/usage.ts';
import { comparable } from '../known-differences.ts';
import { describePeer } from '../peers.ts';
import { ours, theirs } from '../config/run.ts';

/** Flags that only we have, that end the run, or that say debug lines of the program's own; 1, -K and -k are GSSAPI's and the old protocol's. */
const leftOut = new Set(['Z', 'V', 'v', 'K', 'E', 'Q']);

const flags = Object.entries(tshFlags).filter(([flag]) => flag.length === 1 && !leftOut.has(flag));
const plain = flags.filter(([, row]) => row.value !== true).map(([flag]) => flag);

const values: Readonly<Record<string, readonly string[]>> = {
  B: ['lo', ''],
  b: ['127.0.0.1', '*'],
  c: ['aes128-ctr', 'aes256-ctr,aes128-ctr', '+3des-cbc', '^aes256-ctr', '-aes*', 'none', ''],
  D: ['1080', '*:1080', '[::1]:1080', '/tmp/s', 'x', '0', 'a:b:c'],
  e: ['none', '^a', 'x', '^', 'ab', ''],
  F: ['none'],
  I: ['/lib/x.so'],
  i: ['/etc/passwd', '/nonexistent', '~/nonexistent'],
  J: ['gate', 'ssh://[::1]:22', 'ssh://gate.', 'u@gate:22', 'a,b', 'none', 'a;b', '-x', '', 'ssh://u@h:2', '[::1]:22'],
  L: ['1:h:2', 'a:1:h:2', '/a:/b', '1:/b', '/a:h:1', '1', 'x:h:2', '[::1]:1:[::1]:2', '1:h:http'],
  l: ['bob', 'a b', 'a;b', '-x', 'x\\', 'dom\\user', ''],
  m: ['hmac-sha1', 'hmac-sha2-256,hmac-sha1', '+hmac-md5', 'none'],
  O: ['check', 'exit', 'forward', 'nonsense'],
  o: [
    'Port=23',
    'Port 24',
    'User=carol',
    'Compression=yes',
    'Compression=maybe',
    'Nonsense=1',
    'IgnoreUnknown=Non*',
    'AddressFamily=inet6',
    'ProxyJump=gate',
    'ProxyCommand=nc %h %p',
    'RequestTTY=force',
    'SessionType=none',
    'SessionType=subsystem',
    'SessionType=default',
    'ControlMaster=auto',
    'ControlPath=/tmp/%r',
    'IdentityFile=x',
    'LogLevel=ERROR',
    'ForkAfterAuthentication=yes',
    'RemoteCommand=ls',
    'LocalForward=1 h:1',
    'ClearAllForwardings=yes',
    'Hostname=%h.example.com',
    'Hostname=%q',
    'Host=x',
    'Ciphers=aes128-ctr',
    'Port',
    '=',
    '',
    'Tag=x',
    'User="a b"',
    'EscapeChar=none',
    'GatewayPorts=yes',
    'Tunnel=ethernet',
    'StdinNull=yes',
    'ForwardX11=no',
    'BindAddress=::1',
  ],
  P: ['web', ''],
  p: ['22', '0', '65535', '65536', 'ssh', 'x', '', '+5', ' 7'],
  R: ['1:h:2', '1', '0', 'a:1', '/a:/b', 'x'],
  S: ['/tmp/s', 'none', '~/%C'],
  W: ['h:22', '[::1]:22', 'h', '22', 'h:x'],
  w: ['0', '1:2', 'any', 'x', '1:any'],
};

const valued = fc
  .constantFrom(...Object.entries(values))
  .chain(([flag, all]) => fc.tuple(fc.constant(flag), fc.constantFrom(...all), fc.constantFrom(...plain, ''), fc.boolean()))
  .map(([flag, value, before, attached]) => (attached && value !== '' ? [`-${before}${flag}${value}`] : [`-${before}${flag}`, value]));
const cluster = fc
  .array(fc.constantFrom(...plain, '%', '5', '-'), { minLength: 1, maxLength: 3 })
  .map((letters) => [`-${letters.join('')}`]);
const sane = fc
  .array(fc.constantFrom('4', '6', 'A', 'a', 'C', 'G', 'g', 'M', 'N', 'n', 'q', 'T', 't', 'X', 'x', 'Y', 'y'), {
    minLength: 1,
    maxLength: 3,
  })
  .map((letters) => [`-${letters.join('')}`]);
const option = fc.oneof({ weight: 4, arbitrary: valued }, { weight: 3, arbitrary: sane }, { weight: 1, arbitrary: cluster });
const destination = fc.constantFrom(
  'host',
  'HOST',
  'bob@host',
  'a@b@host',
  'ssh://host',
  'ssh://bob@host:2222',
  'ssh://bob%40x@host/',
  'ssh://host:0',
  'ssh://host.',
  'ssh://a..b',
  'ssh://[::1]:22',
  'ssh://%2dx',
  'ssh://h%00st',
  'ssh://u%00x@host',
  'ssh://a%3bb@host',
  'ssh://x_y',
  'ssh://host/path',
  'ssh://@host',
  'ssh://',
  '@host',
  'bob@',
  '[::1]',
  '::1',
  '192.0.2.1',
  'host;ls',
  '$(x)',
  'a b',
  '',
  '-',
);
const likely = fc.constantFrom('host', 'bob@host', 'ssh://bob@host:2222', 'HOST');
const commandLine = fc
  .record({
    before: fc.array(option, { maxLength: 3 }),
    end: fc.constantFrom([], [], [], ['--']),
    host: fc.oneof({ weight: 3, arbitrary: likely }, { weight: 1, arbitrary: destination }),
    after: fc.array(option, { maxLength: 2 }),
    secondEnd: fc.constantFrom([], [], [], ['--']),
    command: fc.constantFrom([], [], ['ls'], ['ls', '-l', '-p', '5'], ['-x'], ['']),
  })
  .map(({ before, end, host, after, secondEnd, command }) => [
    '-G',
    '-F',
    'none',
    ...before.flat(),
    ...end,
    host,
    ...after.flat(),
    ...secondEnd,
    ...command,
  ]);

/** How many command lines are tried: the same ones each time, or others on demand. */
const asked = process.env['TSH_COMMAND_LINES'];
const numRuns = Number(asked ?? 2000);

describePeer('openssh-10', 'random command lines', () => {
  test(
    'mean what they mean to ssh',
    async () => {
      await fc.assert(
        fc.asyncProperty(commandLine, async (argv) => {
          const expected = theirs(argv);
          const got = await ours(argv);
          expect(comparable('-G', got.stdout)).toEqual(comparable('-G', expected.stdout));
          expect(comparable('stderr', got.stderr)).toEqual(comparable('stderr', expected.stderr));
          expect(got.status).toBe(expected.status);
        }),
        { numRuns, ...(asked === undefined ? { seed: 10 } : {}) },
      );
    },
    60_000 + numRuns * 100,
  );

  test('-Q answers as ssh does', async () => {
    const lists = ['help', 'cipher', 'cipher-auth', 'compression', 'kex', 'key', 'key-cert', 'key-plain', 'key-ca-sign', 'key-sig', 'mac'];
    const names = [
      'protocol-version',
      'sig',
      'Ciphers',
      'macs',
      'KexAlgorithms',
      'HostKeyAlgorithms',
      'PubkeyAcceptedKeyTypes',
      'CASignatureAlgorithms',
    ];
    for (const list of [...lists, ...names, 'nonsense', 'Cipher', '', 'constructor']) {
      const expected = theirs(['-Q', list]);
      const got = await ours(['-Q', list]);
      expect(comparable('-Q', got.stdout), list).toEqual(comparable('-Q', expected.stdout));
      expect(got.stderr, list).toBe(expected.stderr);
      expect(got.status, list).toBe(expected.status);
    }
  });

  test('the usage is ssh’s', () => {
    expect(theirs([]).stderr).toBe(sshUsage);
  });
});

test('the usage names every flag, but those that nobody should use', () => {
  const hidden = ['1', '2', 'Z', 'Q'];
  const named = sshUsage.match(/\[-([A-Za-z0-9]+)\]/)?.[1] ?? '';
  for (const [flag, row] of Object.entries(tshFlags)) {
    if (flag.length > 1 || hidden.includes(flag)) continue;
    if (row.value === true) expect(sshUsage, flag).toContain(`[-${flag} `);
    else expect(named, flag).toContain(flag);
  }
});
