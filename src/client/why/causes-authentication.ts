/** Causes between the key exchange and the login: who we are is not believed. */
import type { CredentialStory, Evidence } from '../../core/events.ts';
import { type Cause, hostBlock, type Scene } from './cause.ts';

const isDenied = ({ story }: Scene): boolean => story.stopped?.code === 'PermissionDenied';

const takes = ({ story }: Scene, method: string): boolean => story.canContinue?.includes(method) === true;

const keys = ({ credentials }: Scene): readonly CredentialStory[] => credentials.filter(({ method }) => method === 'publickey');

const offeredKeys = (scene: Scene): readonly CredentialStory[] => keys(scene).filter(({ offered }) => offered);

/** Key files that the user named, or that are there, and that could not be used. */
const brokenFiles = ({ findings }: Scene): readonly (readonly [string, string])[] =>
  [...findings.keyFiles].filter(([, { missing }]) => !missing).map(([path, { cure }]) => [path, cure]);

const wasRefused = ({ story }: Scene, method: string): boolean =>
  story.attempts.some((attempt) => attempt.method === method && attempt.outcome === 'refused');

/** How many tries a server allows by default (sshd_config(5) MaxAuthTries). */
const USUAL_TRIES = 6;

/** Causes of a login that fails. */
export const authenticationCauses: readonly Cause[] = [
  {
    code: 'auth.too-many-keys',
    holds: (scene) =>
      scene.story.phase === 'authentication' &&
      scene.story.hungUp &&
      (/too many authentication failures|too many auth/i.test(scene.story.goodbye ?? '') ||
        scene.story.refusedKeys.length >= USUAL_TRIES - 1) &&
      scene.story.refusedKeys.length > 1,
    sentence: (scene) => {
      const held = scene.story.agent?.keys ?? 0;
      const tried = offeredKeys(scene).length;
      return `The server hung up after ${tried} keys that it does not know${held > tried ? `: the agent holds ${held}, and the right one did not get its turn` : ''}.`;
    },
    wayOut: ({ asked }) => [
      `Name the right key and offer no other, in ~/.ssh/config:\n${hostBlock(asked, 'IdentityFile ~/.ssh/the_right_key', 'IdentitiesOnly yes')}`,
      'If the key is in the agent only, put its public half (tsh-add -L shows it) into a file and name that as IdentityFile.',
      'Or take keys out of the agent that you do not need: tsh-add -d FILE',
    ],
  },
  {
    code: 'auth.too-many-failures',
    holds: ({ story }) => story.phase === 'authentication' && story.hungUp && /too many auth/i.test(story.goodbye ?? ''),
    sentence: () => 'The server hung up, as too many tries had failed.',
    wayOut: ({ asked }) => [
      `Is ${asked.user} your name there? If not: tsh NAME@${asked.originalHost}`,
      'If you do not know the password any more, whoever runs the server must set a new one.',
    ],
  },
  {
    code: 'auth.closed',
    holds: ({ story }) => story.phase === 'authentication' && (story.hungUp || story.timedOut),
    sentence: ({ story }) =>
      story.goodbye === undefined || story.goodbye === ''
        ? 'The server hung up before anyone was logged in.'
        : `The server hung up before anyone was logged in and said: ${story.goodbye}`,
    wayOut: ({ asked }) => [
      'It does so when a login takes too long (LoginGraceTime, two minutes as a rule): answer its prompts sooner.',
      `It also does so for users that may not log in (AllowUsers, DenyUsers, a locked account): is ${asked.user} your name there?`,
      "The server's log has the reason: journalctl -u ssh (or sshd)",
    ],
  },
  {
    code: 'auth.partial',
    holds: (scene) => isDenied(scene) && scene.story.partial.length > 0,
    sentence: ({ story }) =>
      `${story.partial.join(' and ')} was right, but the server wants more: ${(story.canContinue ?? []).join(' or ')}.`,
    wayOut: ({ story, asked }) => [
      `The server asks for several proofs in a row. Give it the next one, too: ${(story.canContinue ?? []).join(' or ')}.`,
      ...(asked.options.batchMode ? ['BatchMode is on, so nothing can be asked of you: try without it (-o BatchMode=no).'] : []),
    ],
  },
  {
    code: 'auth.key-file',
    holds: (scene) => isDenied(scene) && takes(scene, 'publickey') && brokenFiles(scene).length > 0,
    sentence: (scene) => {
      const [[path] = ['']] = brokenFiles(scene);
      return `The key in ${path} could not be used: ${scene.findings.keyFiles.get(path)?.problem ?? ''}.`;
    },
    wayOut: (scene) => brokenFiles(scene).map(([, cure]) => cure),
  },
  {
    code: 'auth.agent-refused',
    holds: (scene) => isDenied(scene) && scene.story.attempts.some(({ agent, outcome }) => agent === true && outcome === 'failed'),
    sentence: () => 'The server would take a key that the agent holds, but the agent did not sign with it.',
    wayOut: () => [
      'Some keys want to be confirmed or touched: look for a window that asks, or for the blinking key. Locked agents sign nothing: tsh-add -X',
      'Take the key out and in again: tsh-add -d FILE; tsh-add FILE',
    ],
  },
  {
    code: 'auth.key-mismatch',
    holds: (scene) =>
      isDenied(scene) &&
      scene.story.attempts.some(({ outcome, reason }) => outcome === 'failed' && /do not match public/.test(reason ?? '')),
    sentence: ({ story }) =>
      `The private key and the .pub file beside it do not belong together: ${story.attempts.find(({ outcome }) => outcome === 'failed')?.source ?? ''}.`,
    wayOut: ({ story }) => {
      const file = story.attempts.find(({ outcome }) => outcome === 'failed')?.source ?? 'FILE';
      return [`Make the public half anew: tsh-keygen -y -f ${file} > ${file}.pub`];
    },
  },
  {
    code: 'auth.key-algorithm',
    holds: (scene) =>
      isDenied(scene) &&
      takes(scene, 'publickey') &&
      offeredKeys(scene).length === 0 &&
      keys(scene).some(({ answer }) => /algorithm/.test(answer)),
    sentence: () => 'There are keys, but none that can sign in a way that both sides allow.',
    wayOut: ({ asked }) => [
      ...asked
        .origins('pubkeyAcceptedAlgorithms')
        .map(
          (origin) =>
            `PubkeyAcceptedAlgorithms is set ${origin.line === 0 ? 'on the command line' : `in ${origin.file} line ${origin.line}`}: take that away, or widen it.`,
        ),
      'Make a new key, which every server of the last ten years takes: tsh-keygen -t ed25519',
      `If only old RSA with SHA-1 will do (a very old server), allow it for this host alone:\n${hostBlock(asked, 'PubkeyAcceptedAlgorithms +ssh-rsa')}`,
    ],
  },
  {
    code: 'auth.keysign',
    holds: (scene) => isDenied(scene) && scene.story.attempts.some(({ method, outcome }) => method === 'hostbased' && outcome === 'failed'),
    sentence: () => 'This machine was to vouch for you (HostbasedAuthentication), but its ssh-keysign gave no signature.',
    wayOut: (scene) => [
      'Whoever runs this machine must write EnableSSHKeysign yes into /etc/ssh/ssh_config, outside of Host blocks; ssh-keysign must be installed and belong to root with its setuid bit.',
      'What ssh-keysign itself complained of stands above.',
      ...untried(scene),
    ],
  },
  {
    code: 'auth.keys-refused',
    holds: (scene) =>
      isDenied(scene) &&
      takes(scene, 'publickey') &&
      scene.story.refusedKeys.length > 0 &&
      !wasRefused(scene, 'password') &&
      !wasRefused(scene, 'keyboard-interactive'),
    sentence: ({ asked, story }) =>
      story.refusedKeys.length === 1
        ? `The server does not take the key that was offered for ${asked.user}.`
        : `The server takes none of the ${story.refusedKeys.length} keys that were offered for ${asked.user}.`,
    wayOut: (scene) => [
      `Is ${scene.asked.user} your name there, not only here? If not: tsh NAME@${scene.asked.originalHost}`,
      `Put the key on the server, by a way that still works: tsh-copy-id${scene.asked.port === 22 ? '' : ` -p ${scene.asked.port}`} ${scene.asked.user}@${scene.asked.originalHost}`,
      'If it is there already: on the server ~ and ~/.ssh must not be writable for others, nor ~/.ssh/authorized_keys: chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys',
      ...untried(scene),
    ],
  },
  {
    code: 'auth.password-refused',
    holds: (scene) => isDenied(scene) && (wasRefused(scene, 'password') || wasRefused(scene, 'keyboard-interactive')),
    sentence: ({ asked }) => `The password was wrong, or ${asked.user} may not log in by one.`,
    wayOut: ({ asked }) => [
      `Is ${asked.user} your name there? If not: tsh NAME@${asked.originalHost}`,
      ...(asked.user === 'root' ? ['Servers often let root in by a key only (PermitRootLogin prohibit-password).'] : []),
      'If the password is surely right, the account may be locked or expired: whoever runs the server sees it in its log.',
    ],
  },
  {
    code: 'auth.no-key',
    holds: (scene) => isDenied(scene) && takes(scene, 'publickey') && offeredKeys(scene).length === 0,
    sentence: ({ asked }) =>
      asked.options.pubkeyAuthentication === 'false'
        ? 'The server takes keys, but PubkeyAuthentication no keeps them back.'
        : 'The server takes keys, but there was none to offer.',
    wayOut: (scene) =>
      scene.asked.options.pubkeyAuthentication === 'false'
        ? ['Take PubkeyAuthentication no away, or try -o PubkeyAuthentication=yes', ...untried(scene)]
        : [
            ...(scene.asked.options.identitiesOnly && keys(scene).some(({ answer }) => /IdentitiesOnly/.test(answer))
              ? ['The agent has keys, but IdentitiesOnly yes keeps all back whose file is not named: name it with IdentityFile or -i.']
              : []),
            ...agentLine(scene),
            'If you have a key elsewhere, name it: -i FILE, or IdentityFile in ~/.ssh/config.',
            `If you have none, make one and put it on the server: tsh-keygen -t ed25519 && tsh-copy-id${scene.asked.port === 22 ? '' : ` -p ${scene.asked.port}`} ${scene.asked.user}@${scene.asked.originalHost}`,
            ...untried(scene),
          ],
  },
  {
    code: 'auth.no-method',
    holds: isDenied,
    sentence: ({ story }) =>
      `Of the ways in that the server offers (${(story.canContinue ?? []).join(', ') || 'none'}) none could be tried.`,
    wayOut: (scene) => {
      const out = untried(scene);
      return out.length === 0 ? ['Ask whoever runs the server which way of logging in is meant for you.'] : out;
    },
  },
];

/** Why methods that the server takes were not tried, each with what to change. */
function untried(scene: Scene): readonly string[] {
  const { options } = scene.asked;
  const methods = ['password', 'keyboard-interactive'].filter(
    (method) => takes(scene, method) && !scene.story.attempts.some((attempt) => attempt.method === method),
  );
  return methods.map((method) => {
    const preferred = options.preferredAuthentications;
    const off = method === 'password' ? !options.passwordAuthentication : !options.kbdInteractiveAuthentication;
    if (options.batchMode) return `The server also takes ${method}, but BatchMode keeps tsh from asking: try -o BatchMode=no`;
    if (off)
      return `The server also takes ${method}, but it is switched off here: try -o ${method === 'password' ? 'PasswordAuthentication' : 'KbdInteractiveAuthentication'}=yes`;
    if (preferred !== undefined) return `The server also takes ${method}, but PreferredAuthentications (${preferred}) leaves it out.`;
    return `The server also takes ${method}: run tsh where it can ask you, in a terminal.`;
  });
}

function agentLine({ story }: Scene): readonly string[] {
  if (story.agent?.problem !== undefined)
    return [
      `The agent could not be asked (${story.agent.socket}: ${story.agent.problem}): start one with eval $(tsh-agent), or unset SSH_AUTH_SOCK.`,
    ];
  if (story.agent?.keys === 0) return ['The agent is empty: tsh-add FILE'];
  return [];
}

/** What is shown of a login that failed: every credential, the agent, and the methods that the server would still take. */
export function loginEvidence({ story, credentials, findings }: Scene): readonly Evidence[] {
  if (story.phase !== 'authentication') return [];
  const missing = [...findings.keyFiles].filter(([, finding]) => finding.missing).map(([path]) => path);
  return [
    { title: 'What was tried', lines: credentials.length === 0 ? ['nothing'] : credentialTable(credentials) },
    ...(missing.length === 0 ? [] : [{ title: 'Key files that are not there', lines: missing }]),
    {
      title: 'The agent',
      lines: [
        story.agent === undefined
          ? 'not asked (no SSH_AUTH_SOCK, or IdentityAgent none)'
          : (story.agent.problem ?? `${story.agent.keys} keys (${story.agent.socket})`),
      ],
    },
    {
      title: 'What the server still takes',
      lines: [story.canContinue === undefined ? 'it did not say' : story.canContinue.join(', ') || 'nothing'],
    },
  ];
}

/** The credentials as a table. */
function credentialTable(credentials: readonly CredentialStory[]): readonly string[] {
  const rows = credentials.map(({ method, from, source, keyType, fingerprint, offered, answer }) => [
    from === undefined ? method : `${source} (${from})`,
    [keyType, fingerprint].filter((part) => part !== undefined).join(' '),
    offered ? 'offered' : 'not offered',
    answer,
  ]);
  return alignColumns([['credential', 'key', '', 'what came of it'], ...rows]);
}

/** Rows of words in columns that are as wide as their widest word. */
function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((word, column) => (column === row.length - 1 ? word : word.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
