/** Which keys `tsh-copy-id` installs: the agent's, a file's, or those of the file that is meant where none is named. */
import { connectAgent } from '../client/identities.ts';
import type { KeyLine } from '../client/install-keys.ts';
import { authorizedKey, parseAuthorizedKeysLine } from '../core/keys/authorized-keys.ts';
import type { PublicKey } from '../core/keys/key.ts';
import { formatPublicKeyLine } from '../core/keys/public-key.ts';
import { utf8Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { readWholeFile } from '../node/files.ts';
import { globFiles } from '../node/glob.ts';
import type { CopyIdOptions } from './copy-id-options.ts';

/** A line for authorized_keys, and the key in it where it is one that we can read. */
export interface IdentityLine extends KeyLine {
  readonly key: PublicKey | undefined;
}

/** Where keys come from. */
export interface IdentitySource {
  /** As ssh-copy-id names it. */
  readonly name: string;
  readonly identities: readonly IdentityLine[];
  /** The private key's file, where the keys come from one file. */
  readonly privateFile: string | undefined;
}

/** There are no keys to be had; the message says why. */
export class NoIdentities extends Error {}

/**
 * Finds the keys.
 *
 * @throws NoIdentities with the line that is to be printed, as it is, behind the program's name.
 */
export async function findIdentities(
  options: Pick<CopyIdOptions, 'identity' | 'force'>,
  around: { readonly home: string; readonly agentSocket: string | undefined },
): Promise<IdentitySource> {
  if (options.identity !== undefined) {
    const file = options.identity.file ?? newestIdentity(around.home);
    if (file === undefined) throw new NoIdentities('no ID file found');
    return ofFile(file, options.force);
  }
  const held = around.agentSocket === undefined ? [] : await agentKeys(around.agentSocket);
  if (held.length > 0) return { name: 'ssh-add -L', identities: held, privateFile: undefined };
  const file = newestIdentity(around.home);
  return file === undefined ? { name: '', identities: [], privateFile: undefined } : ofFile(file, options.force);
}

async function agentKeys(socket: string): Promise<readonly IdentityLine[]> {
  try {
    const agent = await connectAgent(socket, { log: () => undefined, events: () => undefined });
    const keys = (await agent?.list()) ?? [];
    // a comment is anyone's text, and a line break in it would be a line of its own in authorized_keys
    return keys.map(({ key, comment }) => ({ line: formatPublicKeyLine(key, oneLine(comment)), match: formatPublicKeyLine(key), key }));
  } catch (error) {
    if (error instanceof SshError) return [];
    throw error;
  }
}

function oneLine(comment: string): string {
  return Array.from(comment, (letter) => (letter < ' ' ? ' ' : letter)).join('');
}

/** The public key that was changed last, of those that bear the names of identities. */
function newestIdentity(home: string): string | undefined {
  const dated = (globFiles(`${home}/.ssh/id*.pub`) ?? []).flatMap((file) => {
    if (file.endsWith('-cert.pub')) return [];
    const read = opened(file);
    return typeof read === 'string' ? [] : [{ file, changed: read.stat.mtimeMs }];
  });
  return dated.sort((a, b) => b.changed - a.changed)[0]?.file;
}

function ofFile(named: string, force: boolean): IdentitySource {
  const file = named.endsWith('.pub') ? named : `${named}.pub`;
  const base = file.slice(0, -'.pub'.length);
  const privateFile = force ? undefined : base.includes('/') ? base : `./${base}`;
  const read = opened(file);
  if (typeof read === 'string') throw new NoIdentities(`failed to open ID file '${file}': ${read}`);
  if (privateFile !== undefined) {
    const other = opened(privateFile);
    if (typeof other === 'string') {
      const hint = `\t(to install the contents of '${file}' anyway, look at the -f option)`;
      throw new NoIdentities(`failed to open ID file '${privateFile}': ${other}\n${hint}`);
    }
    other.bytes.fill(0);
  }
  const identities = utf8Text(read.bytes)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(identityLine);
  return { name: `"${file}"`, identities, privateFile };
}

/** A file, or why it can't be read. */
function opened(file: string): ReturnType<typeof readWholeFile> | string {
  try {
    return readWholeFile(file);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    // in the words of the shell that runs ssh-copy-id
    return code === 'ENOENT' ? 'No such file' : errnoText(code);
  }
}

/** A line as it stands in a file, which may have options in front of the key; then no other line will do in its place. */
function identityLine(line: string): IdentityLine {
  const parsed = parseAuthorizedKeysLine(line);
  if (parsed.at !== 'key') return { line, match: line, key: undefined };
  const match = parsed.options === '' ? `${parsed.keyType} ${parsed.encodedKey}` : line;
  try {
    return { line, match, key: authorizedKey(parsed) };
  } catch (error) {
    if (error instanceof SshError) return { line, match, key: undefined };
    throw error;
  }
}
