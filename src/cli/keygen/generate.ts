/** A new key pair, and the host's keys with -A. */
import path from 'node:path';
import { randomBytes, systemRandom } from '../../core/crypto/random.ts';
import { fingerprint, randomArt } from '../../core/keys/fingerprint.ts';
import { keyType } from '../../core/keys/key-types.ts';
import { generatePrivateKey, type PrivateKey } from '../../core/keys/private-key.ts';
import { hostKeyKinds, keyTypeNamed, type RequestedType } from './key-type.ts';
import { savePublicKey } from '../../files/key-files.ts';
import { fileExists, fileState, removeFile, renameFile } from '../../node/file-entries.ts';
import { makeFolder } from '../../node/files.ts';
import { racers } from '../../node/native/thread-race.ts';
import { askTwice, givenComment, givenPassphrase, keyFile, mayOverwrite } from './prompts.ts';
import { savePrivate, savePublic, writePrivate } from './key-output.ts';
import { Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';

/** Makes a key pair and its two files. */
export async function generate(run: Run): Promise<number> {
  const { values, bits } = run.options;
  const name = values.get('t') ?? 'ed25519';
  const type = keyTypeNamed(name, bits);
  run.tell(`Generating public/private ${name} key pair.\n`);
  const key = await newKey(type, isLarge(type) ? racers() : 1);
  try {
    const file = keyFile(run, 'Enter file in which to save the key');
    makeUserFolder(run, file);
    if (!mayOverwrite(run, file)) return 1;
    const passphrase = givenPassphrase(run, 'P', 'N') ?? (await askNew(run, file));
    const comment = givenComment(run) ?? run.userAtHost;
    try {
      await savePrivate(run, file, key, comment, passphrase);
    } finally {
      passphrase.fill(0);
    }
    run.tell(`Your identification has been saved in ${file}\n`);
    savePublic(`${file}.pub`, key.publicKey, comment);
    run.tell(`Your public key has been saved in ${file}.pub\n`);
    const { hash } = run.options;
    run.tell(`The key fingerprint is:\n${fingerprint(key.publicKey, hash)} ${comment}\n`);
    run.tell(`The key's randomart image is:\n${randomArt(key.publicKey, hash)}\n`);
    return 0;
  } finally {
    key.wipe();
  }
}

/** -A: makes every host key that is missing, below the folder of -f where it is given. */
export async function generateHostKeys(run: Run): Promise<number> {
  const prefix = run.options.values.get('f') ?? '';
  let announced = false;
  for (const { file, name, shortName } of hostKeyKinds) {
    const target = `${prefix}${file}`;
    if (isFilled(target)) continue;
    if (!announced) run.out('ssh-keygen: generating new host keys: ');
    announced = true;
    run.out(`${shortName} `);
    run.flush();
    if (!(await generateHostKey(run, target, name))) announced = false;
  }
  if (announced) run.out('\n');
  return 0;
}

/**
 * Makes one host key. Its files take their place only when both are whole: a private key without its public one would be kept for ever.
 *
 * @returns false where it could not, of which the user has been told
 */
async function generateHostKey(run: Run, target: string, name: string): Promise<boolean> {
  const key = await newKey(keyTypeNamed(name, undefined));
  const publicTarget = `${target}.pub`;
  const suffix = temporarySuffix();
  const temporary = `${target}.${suffix}`;
  const publicTemporary = `${publicTarget}.${suffix}`;
  const { publicKey } = key;
  const steps: readonly (readonly [what: string, act: () => void | Promise<void>])[] = [
    [`Could not save your private key in ${temporary}`, () => writePrivate(run, temporary, key, run.userAtHost, new Uint8Array(0))],
    [`Could not save your public key in ${publicTemporary}`, () => savePublicKey(publicTemporary, publicKey, run.userAtHost)],
    [`Unable to move ${publicTarget} into position`, () => renameFile(publicTemporary, publicTarget)],
    [`Unable to move ${target} into position`, () => renameFile(temporary, target)],
  ];
  try {
    for (const [what, act] of steps) {
      try {
        await act();
      } catch (error) {
        run.error(`${what}: ${reason(error)}`);
        return false;
      }
    }
    return true;
  } finally {
    key.wipe();
    for (const file of [temporary, publicTemporary]) removeFile(file);
  }
}

/** What makes a temporary file's name its own. */
function temporarySuffix(): string {
  return Array.from(randomBytes(systemRandom, 10), (byte) => (byte % 36).toString(36)).join('');
}

async function newKey(type: RequestedType, racing = 1): Promise<PrivateKey> {
  if (keyType(type.name)?.certificate === true) throw new Fatal('sshkey_generate failed');
  return generatePrivateKey(type.name, type.bits, racing);
}

/** Whether a key takes long to find, as luck has it, so that two are looked for at once. */
function isLarge({ name, bits = LARGE_BITS }: RequestedType): boolean {
  return name === 'ssh-rsa' && bits >= LARGE_BITS;
}

/** What RSA keys have where nothing is said. */
const LARGE_BITS = 3072;

async function askNew(run: Run, file: string): Promise<Uint8Array> {
  for (;;) {
    const passphrase = await askTwice(`Enter passphrase for "${file}" (empty for no passphrase): `);
    if (passphrase !== undefined) return passphrase;
    run.out('Passphrases do not match.  Try again.\n');
  }
}

/** The user's own ~/.ssh is made where it is missing. */
function makeUserFolder(run: Run, file: string): void {
  const folder = run.path('~/.ssh');
  if (!path.isAbsolute(file) || !path.resolve(file).startsWith(`${folder}/`) || fileExists(folder)) return;
  try {
    makeFolder(folder, 0o700);
  } catch (error) {
    run.error(`Could not create directory '${folder}' (${reason(error)}).`);
    return;
  }
  if (!run.options.quiet) run.info(`Created directory '${folder}'.`);
}

/** Whether a file is there and holds anything. @throws Fatal where that can't be told */
function isFilled(file: string): boolean {
  if (!fileExists(file)) return false;
  try {
    return fileState(file).size > 0;
  } catch (error) {
    throw new Fatal(reason(error), { cause: error });
  }
}
