/** -p, -c and -y: a private key's passphrase, its comment and its public half. */
import { formatPublicKeyLine } from '../../core/keys/public-key.ts';
import { visibleText } from '../../core/util/vis.ts';
import { becauseOf, isWrongPassphrase, type LoadedKey, loadIdentity, mustExist, readPrivateFile } from './key-input.ts';
import { savePrivate, savePublic } from './key-output.ts';
import { askLine, askSecret, askTwice, givenComment, givenPassphrase, keyFile } from './prompts.ts';
import { Exit } from './endings.ts';
import type { Run } from './run.ts';

const QUESTION = 'Enter file in which the key is';

/** -p: another passphrase, or none. */
export async function changePassphrase(run: Run): Promise<number> {
  const file = keyFile(run, QUESTION);
  mustExist(file);
  const { key, comment } = await openFor(run, file, `Failed to load key ${file}`, 'Enter old passphrase: ', ['P']);
  try {
    if (comment !== undefined) run.outVisible(`Key has comment '${comment}'\n`);
    const passphrase = givenPassphrase(run, 'N') ?? (await askTwice('Enter new passphrase (empty for no passphrase): '));
    if (passphrase === undefined) {
      run.out('Pass phrases do not match.  Try again.\n');
      return 1;
    }
    try {
      await savePrivate(run, file, key, comment ?? '', passphrase);
    } finally {
      passphrase.fill(0);
    }
    run.out('Your identification has been saved with the new passphrase.\n');
    return 0;
  } finally {
    key.wipe();
  }
}

/** -c: another comment, in both files. */
export async function changeComment(run: Run): Promise<number> {
  const file = keyFile(run, QUESTION);
  mustExist(file);
  const { key, comment, passphrase } = await openFor(run, file, `Cannot load private key "${file}"`, 'Enter passphrase: ', ['P', 'N']);
  try {
    if (/^(?:ssh-rsa|ecdsa-)/.test(key.publicKey.name) && run.options.format !== undefined && run.options.format !== 'RFC4716') {
      run.error('Comments are only supported for keys stored in the new format (-o).');
      throw new Exit(1);
    }
    run.out(comment === undefined ? 'No existing comment\n' : `Old comment: ${visibleText(comment)}\n`);
    const wanted = givenComment(run) ?? askLine(run, 'New comment: ');
    if (wanted === comment) {
      run.out('No change to comment\n');
      return 0;
    }
    await savePrivate(run, file, key, wanted, passphrase);
    savePublic(`${file}.pub`, key.publicKey, wanted);
    run.out(wanted === '' ? 'Comment removed\n' : `Comment '${wanted}' applied\n`);
    return 0;
  } finally {
    passphrase.fill(0);
    key.wipe();
  }
}

/** -y: the public key of a private one, with its comment. */
export async function printPublic(run: Run): Promise<number> {
  const file = keyFile(run, QUESTION);
  mustExist(file);
  const { key, comment = '' } = await loadIdentity(run, file);
  key.wipe();
  run.out(`${formatPublicKeyLine(key.publicKey, comment)}\n`);
  return 0;
}

/** Opens a key, without a passphrase where it has none, else with one that was given or is asked for. */
async function openFor(
  run: Run,
  file: string,
  what: string,
  question: string,
  flags: readonly ('P' | 'N')[],
): Promise<LoadedKey & { readonly passphrase: Uint8Array }> {
  try {
    return { ...(await readPrivateFile(run, file, undefined)), passphrase: new Uint8Array(0) };
  } catch (error) {
    if (!isWrongPassphrase(error)) throw await becauseOf(run, what, file, error);
  }
  const passphrase = givenPassphrase(run, ...flags) ?? (await askSecret(question));
  try {
    return { ...(await readPrivateFile(run, file, passphrase)), passphrase };
  } catch (error) {
    passphrase.fill(0);
    throw await becauseOf(run, what, file, error);
  }
}
