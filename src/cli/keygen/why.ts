/** --why: what is wrong with a key file, in one line. */
import { diagnosePrivateKey } from '../../core/keys/diagnose.ts';
import { SshError } from '../../core/util/errors.ts';
import { readWholeFile } from '../../node/files.ts';
import { visibleText } from '../../core/util/vis.ts';
import { reason } from './endings.ts';
import { isUtf8Locale } from './run.ts';

/** Why a key file was not read, in one line without its end. */
export async function diagnose(path: string, error: unknown): Promise<string> {
  return visibleText(`${path}: ${await reasonOf(path, error)}`, isUtf8Locale());
}

async function reasonOf(path: string, error: unknown): Promise<string> {
  if (!(error instanceof SshError)) return `the file can't be read: ${reason(error)}`;
  if (error.code === 'SSH_ERR_KEY_BAD_PERMISSIONS') return 'others may read the file: chmod 600 makes it private';
  if (error.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE' && error.detail !== 'no passphrase') {
    return 'the passphrase is wrong, or the file is damaged';
  }
  const { bytes } = readWholeFile(path);
  try {
    return (await diagnosePrivateKey(bytes)) ?? error.message;
  } finally {
    bytes.fill(0);
  }
}
