/**
 * Cases by chance: a command of ssh-keygen's and files that were damaged in some way, all of it told by one number, so that a case that
 * failed can be had again.
 */

/** A file that a case changes, and what it becomes. */
export interface RandomCase {
  /** A shell command with the program in $K. */
  readonly command: string;
  readonly file: string;
  readonly content: Uint8Array;
  /** How the file was damaged. */
  readonly damage: string;
}

const types = ['ed25519', 'ecdsa', 'rsa'] as const;

/** The files that are damaged, by their sorts, each with what is done to them: FILE is the damaged one, SIG it or a signature. */
const sorts: readonly { readonly files: readonly string[]; readonly commands: readonly string[] }[] = [
  {
    files: types.flatMap((type) => [
      type,
      type,
      `${type}.locked`,
      `${type}.PEM`,
      `${type}.PKCS8`,
      `${type}.PEM.locked`,
      `${type}.PKCS8.locked`,
    ]),
    commands: [
      "$K -y -P '' -f FILE",
      '$K -y -P secret -f FILE',
      '$K -y -P wrong! -f FILE',
      'rm -f FILE.pub; $K -lf FILE',
      'rm -f FILE.pub; $K -lvf FILE -E md5',
      'rm -f FILE.pub; $K -e -P secret -f FILE',
      'rm -f FILE.pub; $K -e -P secret -m PEM -f FILE',
      '$K -p -P secret -N "" -f FILE',
      '$K -c -P secret -C "new one" -f FILE',
      'rm -f FILE.pub; $K -Y sign -P secret -f FILE -n file < msg | head -1',
      'cp ed25519.pub z.pub; $K -s FILE -P secret -I id z.pub',
      'rm -f FILE.pub; $K -r host -f FILE',
      '$K -i -f FILE',
      '$K -i -m PKCS8 -f FILE',
      '$K -L -f FILE',
    ],
  },
  {
    files: types.flatMap((type) => [`${type}.pub`, `${type}.pub`, `${type}.rfc`, `${type}.spki`, `${type}.pkcs1`]),
    commands: [
      '$K -lf FILE',
      '$K -Bf FILE',
      '$K -lvf FILE',
      '$K -e -f FILE',
      '$K -e -m PEM -f FILE',
      '$K -e -m PKCS8 -f FILE',
      '$K -i -f FILE',
      '$K -i -m PEM -f FILE',
      '$K -i -m PKCS8 -f FILE',
      '$K -r host -f FILE',
      '$K -g -r host -f FILE',
      '$K -L -f FILE',
      '$K -y -P "" -f FILE',
      '$K -Q -f krl FILE',
      '$K -Q -f krl2 FILE',
      '$K -s rsa -I id -n x -V always:forever FILE',
      '$K -k -f new.krl FILE',
      '$K -k -s FILE -f new.krl spec',
      '$K -lf - < FILE',
    ],
  },
  {
    files: ['ed25519-cert.pub', 'ecdsa-cert.pub', 'rsa-cert.pub'],
    commands: [
      '$K -L -f FILE',
      '$K -L -f - < FILE',
      '$K -lf FILE',
      '$K -Q -f krl FILE',
      '$K -Q -f krl2 FILE',
      '$K -e -f FILE',
      '$K -k -f new.krl -s rsa.pub FILE',
      '$K -r x -f FILE',
    ],
  },
  {
    files: ['known', 'hashed'],
    commands: [
      '$K -F host -f FILE',
      '$K -lF host -f FILE',
      '$K -F a.x -f FILE',
      '$K -F "[host]:2222" -f FILE',
      '$K -HF host2 -f FILE',
      '$K -R host -f FILE',
      '$K -R host2 -f FILE',
      '$K -R no.x -f FILE',
      '$K -H -f FILE',
      '$K -lf FILE',
    ],
  },
  { files: ['authorized'], commands: ['$K -lf FILE', '$K -lvf FILE', '$K -Bf FILE', '$K -L -f FILE', '$K -lf - < FILE'] },
  {
    files: ['allowed', 'sig', 'sig.rsa', 'sig.cert'],
    commands: [
      '$K -Y verify -f allowed -n file -I me@x -s SIG < msg',
      '$K -Y verify -f allowed -n file -I "a b" -s SIG -O print-pubkey < msg',
      '$K -Y verify -f allowed -n file -I c@z -s SIG -O verify-time=20250101 < msg',
      '$K -Y verify -f allowed -n file -I q@y -s SIG -r krl < msg',
      '$K -Y find-principals -f allowed -s SIG',
      '$K -Y find-principals -f allowed -s SIG -O verify-time=20180101Z',
      '$K -Y match-principals -f allowed -I me@x',
      '$K -Y match-principals -f allowed -I "a b"',
      '$K -Y check-novalidate -n file -s SIG < msg',
    ],
  },
  {
    files: ['krl', 'krl2'],
    commands: [
      '$K -Ql -f FILE',
      '$K -Q -f FILE rsa.pub ed25519-cert.pub',
      '$K -Ql -f FILE ecdsa.pub',
      '$K -Y verify -f allowed -n file -I me@x -s sig -r FILE < msg',
      '$K -k -u -f FILE ecdsa.pub',
    ],
  },
  {
    files: ['spec'],
    commands: [
      '$K -k -f new.krl -s rsa.pub spec; $K -Ql -f new.krl',
      '$K -k -f new.krl spec',
      '$K -k -f new.krl -s rsa - < spec; od -tx1 new.krl | sed 2,3d',
    ],
  },
];

/** A generator of numbers from 0 up to, not including, a bound: always the same ones for a seed (mulberry32). */
export function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** The case of a number. */
export function randomCase(seed: number, read: (file: string) => Uint8Array): RandomCase {
  const below = numbersFrom(seed);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const { files, commands } = one(sorts);
  const file = one(files);
  const signature = file.startsWith('sig') ? file : one(['sig', 'sig.rsa', 'sig.cert']);
  const command = one(commands).replaceAll('FILE', file).replaceAll('SIG', signature);
  const [damage, act] = one(damages);
  return { command, file, content: act(read(file), below), damage };
}

type Damage = (content: Uint8Array, below: (bound: number) => number) => Uint8Array;

const damages: readonly (readonly [name: string, act: Damage])[] = [
  ['none', (content) => content],
  ['a bit', (content, below) => changed(content, below(content.length), (byte) => byte ^ (1 << below(8)))],
  ['a byte', (content, below) => changed(content, below(content.length), () => below(256))],
  ['cut', (content, below) => content.slice(0, below(content.length))],
  ['cut in front', (content, below) => content.slice(below(content.length))],
  ['more', (content, below) => Buffer.concat([content, Buffer.from(Array.from({ length: 1 + below(20) }, () => below(256)))])],
  ['a byte put in', (content, below) => spliced(content, below(content.length), 0, Buffer.of(below(256)))],
  ['a byte taken out', (content, below) => spliced(content, below(content.length), 1, Buffer.alloc(0))],
  ['CRLF', (content) => lines(content, (list) => list.map((line) => `${line}\r`))],
  ['no last line break', (content) => Buffer.from(Buffer.from(content).toString('latin1').replace(/\n+$/, ''), 'latin1')],
  ['a byte order mark', (content) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), content])],
  ['a line twice', (content, below) => lines(content, (list) => list.toSpliced(below(list.length), 0, list[below(list.length)] ?? ''))],
  ['a line less', (content, below) => lines(content, (list) => list.toSpliced(below(list.length), 1))],
  ['an empty line', (content, below) => lines(content, (list) => list.toSpliced(below(list.length), 0, ''))],
  ['a space', (content, below) => spliced(content, below(content.length), 0, Buffer.from(below(2) === 0 ? ' ' : '\t'))],
  ['lines swapped', (content, below) => lines(content, (list) => list.toSpliced(below(list.length), 1, list[below(list.length)] ?? ''))],
  [
    'a bit inside',
    (content, below) => inside(content, below, (blob) => changed(blob, below(blob.length), (byte) => byte ^ (1 << below(8)))),
  ],
  [
    'a bit at the front inside',
    (content, below) => inside(content, below, (blob) => changed(blob, below(Math.min(64, blob.length)), (byte) => byte ^ (1 << below(8)))),
  ],
  ['a length inside', (content, below) => inside(content, below, (blob) => lengthChanged(blob, below))],
  ['cut inside', (content, below) => inside(content, below, (blob) => blob.slice(0, below(blob.length)))],
  ['more inside', (content, below) => inside(content, below, (blob) => Buffer.concat([blob, Buffer.alloc(1 + below(9), below(256))]))],
];

function changed(content: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(content);
  if (copy.length > 0) copy[at] = change(copy[at] as number);
  return copy;
}

function spliced(content: Uint8Array, at: number, remove: number, put: Uint8Array): Uint8Array {
  return Buffer.concat([content.subarray(0, at), put, content.subarray(at + remove)]);
}

function lines(content: Uint8Array, change: (list: string[]) => string[]): Uint8Array {
  const text = Buffer.from(content).toString('latin1');
  const list = text.split('\n');
  if (list.at(-1) === '') list.pop();
  return Buffer.from(
    change(list)
      .map((line) => `${line}\n`)
      .join(''),
    'latin1',
  );
}

/** Changes what a run of base64 in the file stands for; a file that has none is binary, and changed itself. */
function inside(content: Uint8Array, below: (bound: number) => number, change: (blob: Uint8Array) => Uint8Array): Uint8Array {
  const text = Buffer.from(content).toString('latin1');
  const runs = [...text.matchAll(/(?:[A-Za-z0-9+/]{30,}\n?)+={0,2}|[A-Za-z0-9+/\n]{60,}={0,2}/g)];
  const found = runs[below(Math.max(runs.length, 1))];
  if (found === undefined || text.includes('\0')) return change(content);
  const [run] = found;
  const width = run.includes('\n') ? Math.max(run.indexOf('\n'), 1) : Infinity;
  const encoded = Buffer.from(change(Buffer.from(run, 'base64'))).toString('base64');
  const wrapped = width === Infinity ? encoded : (encoded.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\n');
  const tail = run.endsWith('\n') ? '\n' : '';
  return Buffer.from(`${text.slice(0, found.index)}${wrapped}${tail}${text.slice(found.index + run.length)}`, 'latin1');
}

/** Puts another number where one of four bytes seems to be a length. */
function lengthChanged(blob: Uint8Array, below: (bound: number) => number): Uint8Array {
  const places = Array.from({ length: Math.max(blob.length - 4, 0) }, (_, at) => at).filter((at) => {
    const length = Buffer.from(blob).readUInt32BE(at);
    return length > 0 && length <= blob.length - at - 4;
  });
  const at = places[below(Math.max(places.length, 1))];
  if (at === undefined) return blob;
  const copy = Buffer.from(blob);
  const length = copy.readUInt32BE(at);
  const other = [0, length - 1, length + 1, 0x7fffffff, 0xffffffff, 0x40000, 0x10000000, length ^ 0x100][below(8)] ?? 0;
  copy.writeUInt32BE(other >>> 0, at);
  return copy;
}
