/** Key pairs: halves that don't match, keys that can't be read, duplicates, weak ones. */
import { diagnosePrivateKey } from '../../core/keys/diagnose.ts';
import { parsePrivateKeyFile } from '../../core/keys/formats.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { isOpensshPrivate, readOpensshEnvelope } from '../../core/keys/openssh-private.ts';
import { equalBytes, latin1Text, utf8Text } from '../../core/util/bytes.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { SshError } from '../../core/util/errors.ts';
import { errnoOf } from '../../node/errno.ts';
import { readWholeFile } from '../../node/files.ts';
import { inspect, listFolder } from '../../node/inspect.ts';
import { bad, type Check, type DoctorScene, type Finding } from './finding.ts';

/** RSA keys below this are within reach of the strongest attackers. */
const LEAST_RSA_BITS = 2048;

/** Checks of the user's keys. */
export const keyChecks: readonly Check[] = [
  { name: 'keys', well: 'every key can be read, fits its .pub file, and is strong enough', run: keys },
];

interface Found {
  readonly path: string;
  /** The public half that the private file itself tells; undefined where only its passphrase would. */
  readonly key: PublicKey | undefined;
  readonly problem: string | undefined;
}

async function keys({ folder }: DoctorScene): Promise<readonly Finding[]> {
  const found: Found[] = [];
  for (const name of listFolder(folder)) {
    const key = await privateKey(`${folder}/${name}`);
    if (key !== undefined) found.push(key);
  }
  return found.flatMap((one, index) => [...broken(one), ...mismatched(one), ...weak(one), ...duplicate(one, found.slice(0, index))]);
}

/** What a private key's file tells without a passphrase; undefined for other files. */
async function privateKey(path: string): Promise<Found | undefined> {
  if (path.endsWith('.pub') || inspect(path)?.kind !== 'file') return undefined;
  let bytes: Uint8Array;
  try {
    bytes = readWholeFile(path).bytes;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
  try {
    if (!/-----BEGIN .*PRIVATE KEY-----/.test(latin1Text(bytes.subarray(0, 4096)))) return undefined;
    const problem = await diagnosePrivateKey(bytes);
    const locked = problem?.includes('passphrase') === true;
    return { path, key: await publicHalf(bytes), problem: locked ? undefined : problem };
  } finally {
    bytes.fill(0);
  }
}

async function publicHalf(bytes: Uint8Array): Promise<PublicKey | undefined> {
  try {
    if (isOpensshPrivate(bytes)) return readOpensshEnvelope(bytes).publicKey;
    const { key } = await parsePrivateKeyFile(bytes);
    key.wipe();
    return key.publicKey;
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function broken({ path, problem }: Found): readonly Finding[] {
  return problem === undefined ? [] : [bad('keys', path, problem, 'copy it again from where it came, or take it away')];
}

function mismatched({ path, key }: Found): readonly Finding[] {
  if (key === undefined) return [];
  const beside = publicFile(`${path}.pub`);
  if (beside === undefined || equalBytes(beside.plain.blob, key.plain.blob)) return [];
  return [bad('keys', `${path}.pub`, 'it is not the public half of the key beside it', `tsh-keygen -y -f ${path} > ${path}.pub`)];
}

function publicFile(path: string): PublicKey | undefined {
  try {
    return parsePublicKeyLine(utf8Text(readWholeFile(path).bytes).split('\n')[0] ?? '').key;
  } catch (error) {
    if (error instanceof SshError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function weak({ path, key }: Found): readonly Finding[] {
  if (key?.plain.name !== 'ssh-rsa' || key.bits >= LEAST_RSA_BITS) return [];
  return [
    bad(
      'keys',
      path,
      `an RSA key of ${key.bits} bits is too short to be safe`,
      'tsh-keygen -t ed25519, and put the new key where the old one is used',
    ),
  ];
}

function duplicate({ path, key }: Found, before: readonly Found[]): readonly Finding[] {
  const twin = key === undefined ? undefined : before.find((one) => one.key !== undefined && equalBytes(one.key.blob, key.blob));
  return twin === undefined
    ? []
    : [bad('keys', path, `the same key as ${twin.path}: servers count it as one more try`, `rm ${path} once nothing names it`)];
}
