/** Causes in the key exchange and with the host's key. */
import { cipherNames, kexNames, macNames } from '../../core/crypto/names.ts';
import type { Evidence } from '../../core/events.ts';
import { signatureNames } from '../../config/algorithm-lists.ts';
import type { AlgorithmOption } from '../../config/finalize-client.ts';
import { type Cause, hostBlock, type Scene } from './cause.ts';
import type { Story } from './story.ts';

/** The classes of algorithms: how a failure is told, the keyword, and what tsh could do at all. */
const classes: readonly {
  readonly error: string;
  readonly code: string;
  readonly name: string;
  readonly option: AlgorithmOption | undefined;
  readonly keyword: string;
  readonly all: () => readonly string[];
}[] = [
  {
    error: 'SSH_ERR_NO_KEX_ALG_MATCH',
    code: 'algorithm.kex',
    name: 'key exchange method',
    option: 'kexAlgorithms',
    keyword: 'KexAlgorithms',
    all: () => kexNames,
  },
  {
    error: 'SSH_ERR_NO_HOSTKEY_ALG_MATCH',
    code: 'algorithm.host-key',
    name: 'host key algorithm',
    option: 'hostKeyAlgorithms',
    keyword: 'HostKeyAlgorithms',
    all: signatureNames,
  },
  {
    error: 'SSH_ERR_NO_CIPHER_ALG_MATCH',
    code: 'algorithm.cipher',
    name: 'cipher',
    option: 'ciphers',
    keyword: 'Ciphers',
    all: () => cipherNames,
  },
  { error: 'SSH_ERR_NO_MAC_ALG_MATCH', code: 'algorithm.mac', name: 'MAC', option: 'macs', keyword: 'MACs', all: () => macNames },
  {
    error: 'SSH_ERR_NO_COMPRESS_ALG_MATCH',
    code: 'algorithm.compression',
    name: 'compression',
    option: undefined,
    keyword: 'Compression',
    all: () => ['none', 'zlib@openssh.com'],
  },
];

/** What allowing an old algorithm risks; none for those that are as good as the defaults. */
const risks: readonly (readonly [RegExp, string])[] = [
  [/group1-sha1/, 'a group of 1024 bits, which states and large firms can break: who records the session may read it'],
  [
    /group.*sha1$|^ssh-rsa|^rsa.*sha1|hmac-sha1/,
    'SHA-1, in which collisions can be made: a strong attacker in between could pose as the server',
  ],
  [/3des/, '64-bit blocks, which leak after some gigabytes in one session'],
  [/-cbc/, 'CBC, which lets an attacker in between guess at bits of the text'],
  [/md5|-96/, 'a MAC that is short or broken: changes to the stream might go unnoticed'],
  [/ssh-dss/, 'DSA keys of 1024 bits, which can be broken'],
];

/** How far an algorithm is to be mistrusted, for choosing the least of the evils. */
function riskOf(name: string): number {
  const at = risks.findIndex(([pattern]) => pattern.test(name));
  return at === 0 || at === risks.length - 1 ? 3 : at < 0 ? 0 : 1;
}

const noMatch: readonly Cause[] = classes.map(({ error, code, name, option, keyword, all }) => ({
  code,
  holds: ({ story }) => story.stopped?.code === error,
  sentence: (scene) => {
    const set = option === undefined ? [] : scene.asked.origins(option);
    return set.length === 0
      ? `The server knows no ${name} that is allowed by default: it is old, or set up to do only what it does.`
      : `The configuration leaves no ${name} that the server knows too.`;
  },
  evidence: (scene) => lists(scene, option),
  wayOut: (scene) => {
    const { story, asked } = scene;
    const [origin] = option === undefined ? [] : asked.origins(option);
    const possible = (story.noMatch?.peer ?? []).filter((one) => all().includes(one)).sort((a, b) => riskOf(a) - riskOf(b));
    const [best] = possible;
    const out =
      origin === undefined
        ? []
        : [
            `The list is cut by ${origin.line === 0 ? 'the command line' : `${origin.file} line ${origin.line}`}: take that away, or widen it.`,
          ];
    if (best !== undefined && origin !== undefined && riskOf(best) === 0) return out;
    if (best === undefined)
      return [...out, `tsh has none of what the server offers, nor has any recent program: the server must be updated.`];
    const risk = risks.find(([pattern]) => pattern.test(best))?.[1];
    return [
      ...out,
      ...(risk === undefined ? [] : ['Best: have the server updated; all servers of the last years know better algorithms.']),
      `Allow just this one, for just this host, in ~/.ssh/config (in front of other lines that set it):\n${hostBlock(asked, keyword === 'Compression' ? 'Compression yes' : `${keyword} +${best}`)}`,
      ...(risk === undefined ? [] : [`The risk of it: ${best} means ${risk}.`]),
    ];
  },
}));

function lists({ story, asked }: Scene, option: AlgorithmOption | undefined): readonly Evidence[] {
  const { own = [], peer = [] } = story.noMatch ?? {};
  const [origin] = option === undefined ? [] : asked.origins(option);
  const from =
    origin === undefined ? 'the default' : origin.line === 0 ? 'set on the command line' : `set in ${origin.file} line ${origin.line}`;
  return [
    { title: `Ours (${from})`, lines: own },
    { title: 'Theirs', lines: peer.filter((name) => !/^(ext-info|kex-strict)-/.test(name)) },
  ];
}

/** Causes that lie in the key exchange, the host key among them. */
export const keyCauses: readonly Cause[] = [
  ...noMatch,
  {
    code: 'host-key.command',
    holds: ({ story }) => story.stopped?.code === 'KnownHostsCommandError',
    sentence: ({ asked }) =>
      `KnownHostsCommand failed, so what it would say about the host's key is not known: ${asked.options.knownHostsCommand ?? ''}`,
    wayOut: ({ asked }) => [
      `Run the command by itself, as you, and read what it says; it must end with status 0: ${asked.options.knownHostsCommand ?? ''}`,
      `tsh -G --why ${asked.originalHost} shows the line that sets it.`,
    ],
  },
  {
    code: 'host-key.changed',
    holds: ({ story }) => story.hostKeyRefused && story.verdict?.verdict === 'changed',
    sentence: ({ story }) => `The server's key is not the one that is known for ${story.verdict?.host ?? ''}.`,
    evidence: (scene) => hostKeys(scene),
    wayOut: ({ story }) => [
      'First find out why, by another way than this connection. Innocent reasons: the machine was set up anew, or the name or address now belongs to another one. If there is none, someone may sit in between: do not go on.',
      `On the server's console, compare the fingerprint: ssh-keygen -lf /etc/ssh/ssh_host_${shortType(story)}_key.pub`,
      `If they are equal, forget the old key: tsh-keygen -R '${story.verdict?.host ?? ''}'${inFile(story.verdict?.at?.file)} - and connect again.`,
    ],
  },
  {
    code: 'host-key.revoked',
    holds: ({ story }) => story.hostKeyRefused && story.verdict?.verdict === 'revoked',
    sentence: ({ story }) =>
      `The server showed a key that is marked as revoked${story.verdict?.at === undefined ? '' : ` in ${story.verdict.at.file} line ${story.verdict.at.line}`}: whoever stole it can pose as the server.`,
    evidence: (scene) => hostKeys(scene),
    wayOut: () => ['Do not connect. Ask whoever runs the server for its new key, and to have the server use that.'],
  },
  {
    code: 'host-key.unknown',
    holds: ({ story, asked }) => story.hostKeyRefused && story.verdict?.verdict === 'new' && asked.options.strictHostKeyChecking === 'true',
    sentence: ({ story }) => `No key is known for ${story.verdict?.host ?? ''}, and StrictHostKeyChecking yes forbids to take a new one.`,
    evidence: (scene) => hostKeys(scene),
    wayOut: (scene) => trustLines(scene),
  },
  {
    code: 'host-key.not-confirmed',
    holds: ({ story }) => story.hostKeyRefused && story.verdict?.verdict === 'new',
    sentence: ({ story, asked }) =>
      asked.options.batchMode
        ? `No key is known for ${story.verdict?.host ?? ''}, and BatchMode keeps tsh from asking whether it is right.`
        : `No key is known for ${story.verdict?.host ?? ''}, and nobody confirmed the one that came.`,
    evidence: (scene) => hostKeys(scene),
    wayOut: (scene) => trustLines(scene),
  },
  {
    code: 'host-key.refused',
    holds: ({ story }) => story.hostKeyRefused,
    sentence: () => 'The server showed a key or a certificate that may not be used; the line above says for which reason.',
    evidence: (scene) => hostKeys(scene),
    wayOut: () => [
      'A certificate must name the host as you call it, be valid now, and be signed by an authority that known_hosts has: tsh-keygen -L -f FILE shows one.',
      'If RevokedHostKeys names the key, do not connect: ask whoever runs the server for its new key.',
    ],
  },
  {
    code: 'host-key.signature',
    holds: ({ story }) =>
      story.phase === 'key exchange' && ['SSH_ERR_SIGNATURE_INVALID', 'SSH_ERR_KEY_TYPE_MISMATCH'].includes(story.stopped?.code ?? ''),
    sentence: () => 'The server could not prove that it holds the key it showed: someone in between, or a broken server.',
    wayOut: () => [
      'Do not send anything secret this way. Try from another network; if it is the same there, tell whoever runs the server.',
    ],
  },
  {
    code: 'kex.timeout',
    holds: ({ story }) => story.phase === 'key exchange' && story.timedOut,
    sentence: () => 'The server greeted, but the key exchange did not come to its end in time.',
    evidence: said,
    wayOut: ({ asked }) => [
      'The first large packets are sent here. If they vanish, the way drops them: try a smaller MTU on this machine: ip link set dev DEVICE mtu 1400',
      `A shorter list makes smaller packets: -o KexAlgorithms=curve25519-sha256`,
      `If the server is merely slow, allow more time than ConnectTimeout ${asked.options.connectTimeout ?? ''}`.trimEnd(),
    ],
  },
  {
    code: 'kex.closed',
    holds: ({ story }) => story.phase === 'key exchange' && story.hungUp,
    sentence: ({ story }) =>
      story.goodbye === undefined
        ? 'The server greeted, then hung up during the key exchange.'
        : `The server hung up during the key exchange and said: ${story.goodbye}`,
    evidence: said,
    wayOut: () => [
      'A limit on connections hits here too (MaxStartups, a ban): wait a few minutes and try once.',
      'The server may have no usable host key, or break on what we offer; its log says which: journalctl -u ssh (or sshd)',
      'For a very old server, offer less: -o KexAlgorithms=curve25519-sha256 -o HostKeyAlgorithms=ssh-ed25519',
    ],
  },
  {
    code: 'connection.corrupt',
    holds: ({ story }) => ['SSH_ERR_MAC_INVALID', 'SSH_ERR_CONN_CORRUPT'].includes(story.stopped?.code ?? ''),
    sentence: () => 'What came over the wire was not what the server sent: it was changed on its way, or one side counts wrongly.',
    evidence: said,
    wayOut: () => [
      'Try once more. If it happens again, try from another network: routers and VPNs with faults do this.',
      'If it always happens with this server, try another cipher: -c aes128-ctr',
    ],
  },
  {
    code: 'protocol.broken',
    holds: ({ story }) =>
      /^SSH_ERR_(PROTOCOL_ERROR|MESSAGE_INCOMPLETE|INVALID_FORMAT|UNEXPECTED_TRAILING_DATA|STRING_TOO_LARGE|DH_GEX)/.test(
        story.stopped?.code ?? '',
      ),
    sentence: ({ story }) => `The server broke the protocol: ${story.stopped?.detail ?? story.stopped?.message ?? ''}.`,
    evidence: said,
    wayOut: () => ['This is a fault of the server, or of tsh. tsh --explain shows how far it came; tsh -vvv shows each packet.'],
  },
];

function said({ story }: Scene): readonly Evidence[] {
  return story.ident === undefined ? [] : [{ title: 'The server', lines: [story.ident] }];
}

function hostKeys({ story, findings }: Scene): readonly Evidence[] {
  const { hostKey, verdict } = story;
  const old = findings.oldHostKey;
  const at = verdict?.at;
  return [
    {
      title: 'The keys',
      lines: [
        ...(old === undefined || at === undefined || verdict?.verdict === 'revoked'
          ? []
          : [`known: ${old.keyType} ${old.fingerprint}  (${at.file} line ${at.line})`]),
        `shown: ${shortType(story).toUpperCase()} ${hostKey?.fingerprint ?? '?'}`,
      ],
    },
    {
      title: 'Other names under which the shown key is known',
      lines: findings.otherNames.length === 0 ? ['none'] : findings.otherNames,
    },
  ];
}

function trustLines({ story, asked, findings }: Scene): readonly string[] {
  return [
    ...(findings.otherNames.length === 0
      ? []
      : ['The same key is known under other names (above): if that is the same machine, the key is right.']),
    `Ask whoever runs the server for the key's fingerprint, or on its console: ssh-keygen -lf /etc/ssh/ssh_host_${shortType(story)}_key.pub`,
    `If it is ${story.hostKey?.fingerprint ?? 'the one above'}, connect once from a terminal and answer with that fingerprint:\ntsh -o BatchMode=no -o StrictHostKeyChecking=ask ${asked.port === 22 ? '' : `-p ${asked.port} `}${asked.user}@${asked.originalHost}`,
    'For scripts and machines that come and go, StrictHostKeyChecking accept-new takes new keys and still refuses changed ones.',
  ];
}

function inFile(file: string | undefined): string {
  return file === undefined || /\/\.ssh\/known_hosts$/.test(file) ? '' : ` -f ${file}`;
}

/** The host key's type as people and the server's files call it. */
function shortType({ hostKey }: Story): string {
  const name = hostKey?.keyType ?? '';
  return ['ed25519', 'ecdsa', 'rsa', 'dsa'].find((type) => name.toLowerCase().includes(type)) ?? name;
}
