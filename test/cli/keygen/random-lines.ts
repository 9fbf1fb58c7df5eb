/**
 * Command lines of ssh-keygen's by chance: an operation, flags and values that go with it or not, and operands. Each is told by one number,
 * so that one that failed can be had again.
 *
 * None of them touches a file outside its folder: what writes is given -f, and -A is left out. Left out is also what asks for hardware or
 * a library (-D, -K, -w), and what takes long.
 */
import { numbersFrom } from './random-cases.ts';

type Below = (bound: number) => number;

const keys = ['ed25519', 'ecdsa', 'rsa', 'ed25519.locked', 'rsa.locked', 'ecdsa.PEM', 'rsa.PEM.locked', 'ecdsa.PKCS8', 'rsa.PKCS8.locked'];
const publicKeys = ['ed25519.pub', 'ecdsa.pub', 'rsa.pub', 'rsa.rfc', 'rsa.spki', 'ecdsa.spki', 'rsa.pkcs1'];
const certificates = ['ed25519-cert.pub', 'ecdsa-cert.pub', 'rsa-cert.pub'];
const others = ['known', 'hashed', 'authorized', 'allowed', 'krl', 'krl2', 'sig', 'sig.rsa', 'sig.cert', 'spec', 'msg'];
const odd = ['missing', 'none/missing', 'folder', 'empty', 'closed', 'link', '', '-', '.', 'new', 'new.krl', 'a b', '-x', '*'];
const files = [...keys, ...publicKeys, ...certificates, ...others, ...odd];

/** Values of flags: what is right and what is not. */
const values: Readonly<Record<string, readonly string[]>> = {
  C: ['', 'new comment', 'é', 'a\tb', '\u001b[1m', '# x'],
  E: ['sha256', 'md5', 'sha1', 'SHA512', 'sha384', 'bad', ''],
  F: ['host', 'host2', 'a.x', '[host]:2222', 'no.x', '', 'HOST', '1.2.3.4'],
  I: ['id', '', 'a b', 'é\n'],
  M: ['bad', 'gen', ''],
  N: ['', 'secret', 'other pass', 'abc'],
  O: [
    'clear',
    'no-pty',
    'permit-pty',
    'no-x11-forwarding',
    'force-command=ls',
    'force-command=',
    'source-address=10.0.0.0/8',
    'source-address=x',
    'verify-required',
    'no-touch-required',
    'critical:a=b',
    'extension:a',
    'extension:x@y=z',
    'critical:',
    'hashalg=sha256',
    'hashalg=sha512',
    'hashalg=md5',
    'verify-time=20250101',
    'verify-time=x',
    'print-pubkey',
    'print-pubkey=1',
    'bad',
    '',
    '=',
    'application=ssh:x',
    'lines=1',
  ],
  P: ['', 'secret', 'wrong!'],
  R: ['host', 'host2', 'a.x', '[host]:2222', 'no.x', ''],
  V: [
    'always:forever',
    '20200101:20300101',
    '20200101Z:20300101Z',
    '20300101:20200101',
    '0x10:0x20',
    '-1w:+1d',
    '+1d',
    'forever',
    'x',
    ':',
    '',
  ],
  Y: ['sign', 'verify', 'check-novalidate', 'find-principals', 'match-principals', 'signature', 'bad', ''],
  Z: ['aes128-ctr', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', '3des-cbc', 'none', 'bad', ''],
  a: ['1', '2', '+3', '0', '-1', 'x', '', '2147483648'],
  b: ['256', '384', '521', '1024', '2048', '1023', '257', '0', '-1', 'x', '', '16385', '4294967296'],
  f: files,
  m: ['PEM', 'PKCS8', 'RFC4716', 'ssh2', 'pkcs8', 'bad', ''],
  n: ['a,b', 'x', '', ',', 'file', 'a b', '*'],
  r: ['host', 'a.x', '', 'h h', 'é'],
  s: ['ed25519', 'ecdsa', 'rsa', 'rsa.locked', 'ed25519.pub', 'missing', 'NONE', 'sig', 'sig.cert', 'folder', 'empty', ''],
  t: ['ed25519', 'ecdsa', 'ED25519', 'ecdsa-sha2-nistp384', 'ssh-ed25519', 'dsa', 'rsa1', 'rsa-sha2-512', 'ssh-rsa', 'bad', ''],
  z: ['5', '+5', '0', '0x10', '010', '-1', '18446744073709551615', '18446744073709551616', 'x', '', '+'],
};

const switches = ['B', 'H', 'L', 'Q', 'U', 'X', 'c', 'e', 'g', 'h', 'i', 'k', 'l', 'o', 'p', 'q', 'u', 'v', 'y', '?', 'G', 'T', 'x', '4'];

/** What is asked for, with what belongs to it: flags, flags whose value is drawn, and files behind them. */
const operations: readonly { readonly flags: readonly string[]; readonly operands?: readonly string[] }[] = [
  { flags: ['-N', '', '-f', 'new'] },
  { flags: ['-t', 'ecdsa', '-b', '384', '-N', '', '-f', 'new'] },
  { flags: ['-q', '-t', '*t', '-N', '*N', '-f', 'new'] },
  { flags: ['-q', '-t', 'rsa', '-b', '1024', '-m', '*m', '-N', '*N', '-f', 'new'] },
  { flags: ['-f', '*f'] },
  { flags: ['-l', '-f', '*f'] },
  { flags: ['-lv', '-E', '*E', '-f', '*f'] },
  { flags: ['-B', '-f', '*f'] },
  { flags: ['-y', '-P', '*P', '-f', '*f'] },
  { flags: ['-e', '-m', '*m', '-P', '*P', '-f', '*f'] },
  { flags: ['-i', '-m', '*m', '-f', '*f'] },
  { flags: ['-p', '-P', '*P', '-N', '*N', '-f', '*f'] },
  { flags: ['-p', '-P', 'secret', '-N', '*N', '-m', '*m', '-f', '*f'] },
  { flags: ['-c', '-P', '*P', '-C', '*C', '-f', '*f'] },
  { flags: ['-F', '*F', '-f', '*f'] },
  { flags: ['-R', '*R', '-f', '*f'] },
  { flags: ['-H', '-f', '*f'] },
  { flags: ['-L', '-f', '*f'] },
  { flags: ['-r', '*r', '-f', '*f'] },
  { flags: ['-g', '-r', '*r', '-f', '*f'] },
  { flags: ['-s', '*s', '-I', '*I', '-P', '*P'], operands: files },
  { flags: ['-s', '*s', '-I', 'id', '-n', '*n', '-V', '*V'], operands: publicKeys },
  { flags: ['-s', 'rsa', '-I', 'id', '-O', '*O', '-z', '*z'], operands: publicKeys },
  { flags: ['-h', '-s', '*s', '-I', 'id', '-n', '*n', '-O', '*O'], operands: publicKeys },
  { flags: ['-k', '-f', '*f', '-s', '*s'], operands: files },
  { flags: ['-k', '-f', 'new.krl', '-z', '*z'], operands: [...publicKeys, ...certificates, 'spec'] },
  { flags: ['-k', '-u', '-f', '*f'], operands: files },
  { flags: ['-Q', '-f', '*f'], operands: files },
  { flags: ['-Ql', '-f', 'krl'], operands: [...keys, ...publicKeys, ...certificates] },
  { flags: ['-Y', 'sign', '-n', '*n', '-P', '*P', '-f', '*f'], operands: ['msg', 'msg', 'spec', ...odd] },
  { flags: ['-Y', 'sign', '-n', 'file', '-O', '*O', '-f', 'ed25519'], operands: ['msg', 'missing', 'folder'] },
  { flags: ['-Y', 'verify', '-n', '*n', '-I', '*I', '-s', '*s', '-f', '*f'] },
  { flags: ['-Y', 'verify', '-n', 'file', '-I', 'me@x', '-s', 'sig', '-f', 'allowed', '-r', '*f', '-O', '*O'] },
  { flags: ['-Y', 'check-novalidate', '-n', '*n', '-s', '*s', '-O', '*O'] },
  { flags: ['-Y', 'find-principals', '-s', '*s', '-f', '*f', '-O', '*O'] },
  { flags: ['-Y', 'match-principals', '-I', '*n', '-f', '*f', '-O', '*O'] },
  { flags: ['-M', '*M', '-O', '*O'], operands: odd },
  { flags: [] },
];

/** The arguments of a number. */
export function randomLine(seed: number): string[] {
  const below = numbersFrom(seed);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const { flags, operands = files } = one(operations);
  const args = flags.map((flag) => (flag.startsWith('*') ? valueOf(flag.slice(1), below) : flag));
  for (let more = Math.max(0, below(6) - 2); more > 0; more--) {
    const extra = below(3) === 0 ? [`-${one(switches)}`] : withValue(one(Object.keys(values)), below);
    // somewhere among them, but not between a flag and its value
    if (below(2) === 0) args.unshift(...extra);
    else args.push(...extra);
  }
  const wanted = flags.length > 0 && operands !== files ? 1 + below(2) : below(8) === 0 ? 1 : operands === files ? below(2) : 0;
  if (below(12) === 0) args.push('--');
  for (let i = 0; i < wanted; i++) args.push(one(operands));
  return confined(args);
}

function valueOf(flag: string, below: Below): string {
  const all = values[flag] ?? [];
  // the first ones are the likely ones
  return all[below(2) === 0 ? below(Math.min(all.length, flag === 'f' ? keys.length : 3)) : below(all.length)] ?? '';
}

function withValue(flag: string, below: Below): string[] {
  const value = valueOf(flag, below);
  return below(3) === 0 && value !== '' ? [`-${flag}${value}`] : [`-${flag}`, value];
}

/** The arguments, with a file of the folder's own for what would else write to the user's own known_hosts. */
function confined(args: string[]): string[] {
  return args.some((arg) => /^-\w*[RHA]/.test(arg)) && !args.some((arg) => arg.startsWith('-f')) ? ['-f', 'known', ...args] : args;
}
