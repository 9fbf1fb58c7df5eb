/** What `--why` finds in files once a run has failed. */
import { fingerprint, type FingerprintHash } from '../../core/keys/fingerprint.ts';
import { diagnosePrivateKey } from '../../core/keys/diagnose.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { type KnownHostsFile, knownHostsKey, parseKnownHostsLine } from '../../core/keys/known-hosts.ts';
import { SshError } from '../../core/util/errors.ts';
import { readKnownHosts } from '../../files/known-hosts-files.ts';
import { errnoOf, errnoText } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';
import { keyFileIsPrivate } from '../../node/permissions.ts';
import type { Asked, Findings, KeyFileFinding } from './cause.ts';
import type { Story } from './story.ts';

/** Looks at the key files that could not be used, and at what known_hosts says. */
export async function findOut(story: Story, asked: Asked): Promise<Findings> {
  const keyFiles = new Map<string, KeyFileFinding>();
  for (const path of unusedFiles(story, asked)) {
    const finding = await examineKeyFile(path, asked, story.wrongPassphrases.has(path));
    if (finding !== undefined) keyFiles.set(path, finding);
  }
  return { keyFiles, ...knownHosts(story, asked) };
}

/** The files whose private half was wanted and could not be had. */
function unusedFiles(story: Story, asked: Asked): readonly string[] {
  const failed = story.attempts.flatMap(({ outcome, agent, source }) =>
    outcome === 'skipped' && agent !== true && source !== undefined ? [source] : [],
  );
  return asked.identityFiles.map(({ path }) => path).filter((path) => failed.includes(path));
}

async function examineKeyFile(path: string, asked: Asked, wasGuessed: boolean): Promise<KeyFileFinding | undefined> {
  let bytes: Uint8Array;
  try {
    const file = readWholeFile(path);
    bytes = file.bytes;
    if (!keyFileIsPrivate(file.stat)) {
      // the public half may be read by everybody: closing it would help nobody
      const found = await diagnosePrivateKey(bytes);
      bytes.fill(0);
      if (found !== undefined && /public key/.test(found)) return { problem: found, cure: cureOf(found, path, asked), missing: false };
      const mode = (file.stat.mode & 0o777).toString(8).padStart(4, '0');
      return { problem: `others may read it (mode ${mode})`, cure: `Close it to others: chmod 600 ${path}`, missing: false };
    }
  } catch (error) {
    const code = errnoOf(error) ?? 'EIO';
    return {
      problem: errnoText(code),
      cure: code === 'EACCES' ? `Make it yours: sudo chown $USER ${path}` : `Name another file than ${path}.`,
      missing: code === 'ENOENT',
    };
  }
  try {
    const found = await diagnosePrivateKey(bytes);
    const problem = wasGuessed && found === NEEDS_PASSPHRASE ? WRONG_PASSPHRASE : found;
    return problem === undefined ? undefined : { problem, cure: cureOf(problem, path, asked), missing: false };
  } finally {
    bytes.fill(0);
  }
}

const NEEDS_PASSPHRASE = 'the key is encrypted and needs its passphrase';
const WRONG_PASSPHRASE = 'the passphrase that was given does not open it';

/** What helps against each fault that {@link diagnosePrivateKey} can find. */
const cures: readonly (readonly [RegExp, (path: string, asked: Asked) => string])[] = [
  [
    /needs its passphrase/,
    (path, asked) =>
      asked.options.batchMode
        ? `BatchMode keeps tsh from asking for the passphrase: put the key into an agent (tsh-add ${path}), or try -o BatchMode=no`
        : `Give its passphrase when asked, or put the key into an agent once: tsh-add ${path}`,
  ],
  [
    /does not open it/,
    (path) =>
      `Try again: small and capital letters differ. A passphrase that is forgotten can't be found out: make a new key, and put it in the place of ${path}.`,
  ],
  [/CRLF/, (path) => `Make its lines end in LF: sed -i 's/\\r$//' ${path}`],
  [/line break behind the last line/, (path) => `Add the line break: echo >> ${path}`],
  [
    /public key/,
    (path) =>
      path.endsWith('.pub') ? `Name the private key's file instead: ${path.slice(0, -4)}` : 'Name the file of the private key instead.',
  ],
  [/PuTTY/, (path) => `Convert it: puttygen ${path} -O private-openssh -o ${path}.openssh - and name the new file.`],
  [/SSH\.com/, (path) => `Convert it: tsh-keygen -i -f ${path} > ${path}.openssh - and name the new file.`],
  [/byte order mark/, (path) => `Take the mark away: sed -i '1s/^\\xef\\xbb\\xbf//' ${path}`],
  [/UTF-16/, (path) => `Convert it: iconv -f UTF-16 -t ASCII ${path} > ${path}.new - then put the new file in its place.`],
  [/cut short|damaged|not base64/, (path) => `Copy it again from where it came (in binary mode), whole: ${path}`],
  [
    /in front of|behind the|before or behind/,
    (path) => `Open it in an editor and leave only what stands from -----BEGIN to -----END: ${path}`,
  ],
];

function cureOf(problem: string, path: string, asked: Asked): string {
  const row = cures.find(([pattern]) => pattern.test(problem));
  return row === undefined ? `Name a file that holds a private key instead of ${path}.` : row[1](path, asked);
}

function knownHosts(story: Story, asked: Asked): Pick<Findings, 'oldHostKey' | 'otherNames'> {
  const { hostKey, verdict } = story;
  if (hostKey === undefined || !story.hostKeyRefused) return { oldHostKey: undefined, otherNames: [] };
  const { userKnownHostsFile, globalKnownHostsFile, fingerprintHash } = asked.options;
  const hash = fingerprintHash.toLowerCase() as FingerprintHash;
  const files = readKnownHosts([...userKnownHostsFile, ...globalKnownHostsFile]);
  const old = verdict?.at === undefined ? undefined : keyAt(files, verdict.at.file, verdict.at.line);
  return {
    oldHostKey: old === undefined ? undefined : { keyType: old.shortName, fingerprint: fingerprint(old, hash) },
    otherNames: namesOf(files, hostKey.fingerprint, hash),
  };
}

function keyAt(files: readonly KnownHostsFile[], file: string, line: number): PublicKey | undefined {
  const content = files.find((one) => one.file === file)?.text.split('\n')[line - 1];
  return content === undefined ? undefined : keyOf(content);
}

/** The lines that have the key of this fingerprint for whoever. */
function namesOf(files: readonly KnownHostsFile[], print: string, hash: FingerprintHash): readonly string[] {
  return files.flatMap(({ file, text }) =>
    text.split('\n').flatMap((content, index) => {
      const line = parseKnownHostsLine(content);
      if (line.at !== 'entry' || line.marker !== undefined) return [];
      const key = keyOf(content);
      if (key === undefined || fingerprint(key, hash) !== print) return [];
      return [`${line.hosts.startsWith('|') ? '[hashed name]' : line.hosts}  (${file} line ${index + 1})`];
    }),
  );
}

function keyOf(content: string): PublicKey | undefined {
  const line = parseKnownHostsLine(content);
  if (line.at !== 'entry') return undefined;
  try {
    return knownHostsKey(line);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
