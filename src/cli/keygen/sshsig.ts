/** -Y: signatures of files, and who may have made them. */
import { certifiedSigner } from '../../core/keys/certificate.ts';
import type { PublicKey, Signer } from '../../core/keys/key.ts';
import { formatPublicKeyLine } from '../../core/keys/public-key.ts';
import { fingerprint } from '../../core/keys/fingerprint.ts';
import {
  formatSshsig,
  messageDigest,
  parseSshsig,
  signMessage,
  type Sshsig,
  type SshsigHash,
  sshsigFaults,
  sshsigHashes,
  sshsigPublicKey,
  verifySshsig,
} from '../../core/keys/sshsig.ts';
import { parseAbsoluteTime } from '../../core/util/absolute-time.ts';
import { hex, utf8Bytes } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { loadPublicKey } from '../../files/key-files.ts';
import { fileState } from '../../node/file-entries.ts';
import { overwriteFile, readWholeFile } from '../../node/files.ts';
import { readFilePieces, readInput } from '../../node/standard-input.ts';
import { mayOverwrite } from './prompts.ts';
import { isRevoked } from './revoked.ts';
import { Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';
import { messageSigner } from './sk-signer.ts';
import { checkSigner, findPrincipals, matchPrincipals } from './signers.ts';
import { isArmourFault, tellFault } from './sshsig-faults.ts';
import { agentWith, privateKeyOf } from './sshsig-signers.ts';
import { usage } from './usage.ts';

const FAILED = 255;

/** What the search for a signer is called in complaints. */
const FIND = 'sig_find_principals';

/** An operation, by the word that -Y begins with, and what it can't be without. */
interface SignatureOperation {
  readonly word: string;
  readonly needs: readonly { readonly flag: 'f' | 'I' | 'n' | 's'; readonly told: string }[];
  readonly act: (run: Run) => number | Promise<number>;
}

/** Every operation. */
export const signatureOperations: readonly SignatureOperation[] = [
  {
    word: 'find-principals',
    needs: [
      { flag: 's', told: 'Too few arguments for find-principals:missing signature file' },
      { flag: 'f', told: 'Too few arguments for find-principals:missing allowed keys file' },
    ],
    act: find,
  },
  {
    word: 'match-principals',
    needs: [
      { flag: 'f', told: 'Too few arguments for match-principals:missing allowed keys file' },
      { flag: 'I', told: 'Too few arguments for match-principals: missing principal ID' },
    ],
    act: match,
  },
  {
    word: 'sign',
    needs: [
      { flag: 'n', told: 'Too few arguments for sign: missing namespace' },
      { flag: 'f', told: 'Too few arguments for sign: missing key' },
    ],
    act: sign,
  },
  {
    word: 'check-novalidate',
    needs: [
      { flag: 'n', told: 'Too few arguments for check-novalidate: missing namespace' },
      { flag: 's', told: 'Too few arguments for check-novalidate: missing signature file' },
    ],
    act: (run) => verify(run, undefined),
  },
  {
    word: 'verify',
    needs: [
      { flag: 'n', told: 'Too few arguments for verify: missing namespace' },
      { flag: 's', told: 'Too few arguments for verify: missing signature file' },
      { flag: 'f', told: 'Too few arguments for sign: missing allowed keys file' },
      { flag: 'I', told: 'Too few arguments for verify: missing principal identity' },
    ],
    act: (run) => verify(run, { file: value(run, 'f'), principal: value(run, 'I') }),
  },
];

/** Does what -Y names. */
export async function signatures(run: Run): Promise<number> {
  const name = value(run, 'Y');
  const operation = signatureOperations.find(({ word }) => name.startsWith(word));
  if (operation === undefined) throw usage(run, `Unsupported operation for -Y: "${name}"`);
  for (const { flag, told } of operation.needs) {
    const given = run.options.values.get(flag);
    // an empty namespace is none
    if (given !== undefined && (given !== '' || flag !== 'n')) continue;
    run.error(told);
    return 1;
  }
  return operation.act(run);
}

function value(run: Run, flag: string): string {
  return run.options.values.get(flag) ?? '';
}

/** What -O says. */
interface SignatureOptions {
  readonly hash: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly printKey: boolean;
}

/** Reads -O, of which each operation takes some; undefined where one is wrong, of which the user has been told. */
function readOptions(run: Run, allowed: readonly ('hashalg' | 'verify-time' | 'print-pubkey')[]): SignatureOptions | undefined {
  let hash = 'sha512';
  let time = Math.floor(Date.now() / 1000);
  let printKey = false;
  for (const option of run.options.list) {
    const [, name = '', content] = /^([^=]*)(?:=([^]*))?$/.exec(option) ?? [];
    const known = allowed.find((one) => one === name.toLowerCase() && (content === undefined) === (one === 'print-pubkey'));
    if (known === undefined) {
      run.error(`Invalid option "${option}"`);
      return undefined;
    }
    if (known === 'hashalg') hash = content ?? '';
    else if (known === 'print-pubkey') printKey = true;
    else {
      try {
        time = parseAbsoluteTime(content ?? '');
      } catch (error) {
        reason(error);
        run.error('Invalid "verify-time" option');
        return undefined;
      }
    }
  }
  return { hash, time, printKey };
}

async function sign(run: Run): Promise<number> {
  const { operands } = run.options;
  if (operands.length > 1 && operands.includes('-')) throw new Fatal('Cannot sign mix of paths and standard input');
  const options = readOptions(run, ['hashalg']);
  if (options === undefined) return FAILED;
  const file = value(run, 'f');
  let publicKey: PublicKey;
  try {
    publicKey = loadPublicKey(file).key;
  } catch (error) {
    run.error(`Couldn't load public key ${file}: ${reason(error)}`);
    return FAILED;
  }
  const agent = await agentWith(run, publicKey);
  const key = agent === undefined ? await privateKeyOf(run, file, publicKey) : undefined;
  const signer = agent?.client.signer(publicKey) ?? (key && certified(messageSigner(run, key), publicKey));
  try {
    for (const one of operands.length === 0 ? ['-'] : operands) {
      if (signer === undefined || !(await signOne(run, agent === undefined ? signer : tellingSigner(run, signer), one, options.hash)))
        return FAILED;
    }
    return 0;
  } finally {
    agent?.close();
    key?.wipe();
  }
}

function certified(key: Signer, publicKey: PublicKey): Signer {
  return publicKey.certificate === undefined ? key : certifiedSigner(key, publicKey);
}

/** The agent's signer, of whose refusal the user is told at once. */
function tellingSigner(run: Run, signer: Signer): Signer {
  return {
    publicKey: signer.publicKey,
    sign: async (data, algorithm) => {
      try {
        return await signer.sign(data, algorithm);
      } catch (error) {
        run.error(`Couldn't sign message (signer): ${reason(error)}`);
        throw error;
      }
    },
  };
}

async function signOne(run: Run, signer: Signer, file: string, hashName: string): Promise<boolean> {
  const isStdin = file === '-';
  const name = isStdin ? '(stdin)' : file;
  if (!isStdin) {
    try {
      fileState(file);
    } catch (error) {
      throw new Fatal(`Cannot open ${file} for signing: ${reason(error)}`, { cause: error });
    }
  }
  if (!run.options.quiet) run.complain(isStdin ? 'Signing data on standard input\n' : `Signing file ${file}\n`);
  let armored: string;
  try {
    const hash = hashNamed(run, hashName);
    const digest = digestOf(run, 'sshsig_sign_fd', hash, isStdin ? undefined : file);
    armored = formatSshsig(await signMessage(signer, value(run, 'n'), hash, digest));
  } catch (error) {
    run.error(`Signing ${name} failed: ${reason(error)}`);
    return false;
  }
  if (isStdin) {
    run.out(armored);
    return true;
  }
  const target = `${file}.sig`;
  if (!mayOverwrite(run, target)) return true;
  try {
    overwriteFile(target, utf8Bytes(armored), 0o666);
  } catch (error) {
    run.error(`Cannot open ${target} for writing: ${reason(error)}`);
    return false;
  }
  if (!run.options.quiet) run.complain(`Write signature to ${target}\n`);
  return true;
}

function hashNamed(run: Run, name: string): SshsigHash {
  const hash = sshsigHashes.find((one) => one === name);
  if (hash !== undefined) return hash;
  run.error(`sshsig_check_hashalg: unsupported hash algorithm "${name}"`);
  run.error('sshsig_sign_fd: hash_file: signature algorithm not supported');
  throw new SshError('SSH_ERR_SIGN_ALG_UNSUPPORTED', name);
}

/** The digest of a file or of stdin, for what is named in complaints. @throws SystemError where it can't be read, which was told already */
function digestOf(run: Run, where: string, hash: SshsigHash, file?: string): Uint8Array {
  const digest = messageDigest(hash);
  let length = 0;
  const take = (piece: Uint8Array): void => {
    length += piece.length;
    digest.update(piece);
  };
  try {
    if (file === undefined) readInput(take);
    else readFilePieces(file, take);
  } catch (error) {
    run.error(`hash_file: read: ${reason(error)}`);
    run.error(`${where}: hash_file: ${reason(error)}`);
    throw error;
  }
  const value = digest.digest();
  run.log('DEBUG2', `hash_file: hashed ${length} bytes`);
  run.log('DEBUG3', `hash_file: final hash: ${hex(value)}`);
  return value;
}

/** What is read from the signature's file; undefined where that fails, of which the user has been told. */
function signatureText(run: Run): Uint8Array | undefined {
  try {
    return readWholeFile(value(run, 's')).bytes;
  } catch (error) {
    run.error(`Couldn't read signature file: ${reason(error)}`);
    return undefined;
  }
}

/** The signature in a file; undefined where there is none, of which the user has been told. */
function readSignature(run: Run): Sshsig | undefined {
  const bytes = signatureText(run);
  if (bytes === undefined) return undefined;
  try {
    return parseSshsig(bytes);
  } catch (error) {
    if (!tellFault(run, 'sig_verify', error)) throw error;
    return undefined;
  }
}

/** The key of the signature in a file; undefined where there is none, of which the user has been told. */
function readSigner(run: Run): PublicKey | undefined {
  const bytes = signatureText(run);
  if (bytes === undefined) return undefined;
  try {
    return sshsigPublicKey(bytes);
  } catch (error) {
    const { detail } = error as SshError;
    if (detail !== sshsigFaults.fields) tellFault(run, FIND, error);
    if (!isArmourFault(detail)) run.error(`${FIND}: sshsig_get_pubkey: ${reason(error)}`);
    return undefined;
  }
}

function verify(run: Run, signer: { readonly file: string; readonly principal: string } | undefined): number {
  const options = readOptions(run, ['verify-time', 'print-pubkey']);
  const sshsig = options === undefined ? undefined : readSignature(run);
  const namespace = value(run, 'n');
  if (options === undefined || sshsig === undefined || !isRight(run, sshsig, namespace)) return refuse(run);
  const { publicKey } = sshsig;
  const print = fingerprint(publicKey, run.options.hash);
  run.log('DEBUG', `Valid (unverified) signature from key ${print}`);
  const revoked = run.options.values.get('r');
  if (revoked !== undefined && signer !== undefined && isRevoked(run, revoked, publicKey)) return refuse(run);
  if (signer !== undefined) {
    const use = { key: publicKey, namespace, time: options.time };
    if (!checkSigner(run, signer.file, signer.principal, use)) {
      run.log('DEBUG3', 'sig_verify: sshsig_check_allowed_keys: key not found');
      return refuse(run);
    }
  }
  if (!run.options.quiet) {
    const whom = signer === undefined ? '' : `for ${signer.principal} `;
    run.outText(`Good "${namespace}" signature ${whom}with ${publicKey.shortName} key ${print}\n`);
  }
  if (options.printKey) run.out(`${formatPublicKeyLine(publicKey)}\n`);
  return 0;
}

function refuse(run: Run): number {
  run.tell('Could not verify signature.\n');
  return FAILED;
}

/** Whether a signature is right for what comes on stdin; where it is not, the user has been told. */
function isRight(run: Run, sshsig: Sshsig, namespace: string): boolean {
  run.log('DEBUG', `sshsig_verify_fd: signature made with hash "${sshsig.hash}"`);
  let digest: Uint8Array;
  try {
    digest = digestOf(run, 'sshsig_verify_fd', sshsig.hash);
  } catch (error) {
    // of which the user has been told
    reason(error);
    return false;
  }
  run.log('DEBUG', `sshsig_wrap_verify: verify message length ${digest.length}`);
  if (sshsig.namespace !== namespace) {
    run.error("Couldn't verify signature: namespace does not match");
    run.log('DEBUG', `sshsig_wrap_verify: expected namespace "${namespace}" received "${sshsig.namespace}"`);
    return false;
  }
  try {
    verifySshsig(sshsig, namespace, digest);
    return true;
  } catch (error) {
    if (!tellFault(run, 'sig_verify', error)) run.error(`Signature verification failed: ${reason(error)}`);
    return false;
  }
}

function find(run: Run): number {
  const options = readOptions(run, ['verify-time']);
  const key = options === undefined ? undefined : readSigner(run);
  if (options === undefined || key === undefined) return none(run, FAILED);
  const principals = findPrincipals(run, value(run, 'f'), key, options.time);
  if (principals === undefined) return none(run, FAILED);
  run.outText(`${principals.join('\n')}\n`);
  return 0;
}

/** What match-principals exits with where -O is wrong: the lowest byte of OpenSSH's number of the error. */
const WRONG_OPTION = 246;

/** The same of what may be wrong in the file, and the error's text. */
const matchFailures = {
  unreadable: { status: 232, text: 'No such file or directory' },
  malformed: { status: 252, text: 'invalid format' },
  none: { status: 210, text: 'key not found' },
} as const;

function match(run: Run): number {
  if (readOptions(run, ['verify-time']) === undefined) return WRONG_OPTION;
  const lists = matchPrincipals(run, value(run, 'f'), value(run, 'I')) ?? 'unreadable';
  if (typeof lists === 'object' && lists.length > 0) {
    run.outText(lists.map((list) => `${list}\n`).join(''));
    return 0;
  }
  const { status, text } = matchFailures[typeof lists === 'object' ? 'none' : lists];
  run.log('DEBUG', `sig_match_principals: match: ${text}`);
  return none(run, status);
}

function none(run: Run, status: number): number {
  run.complain('No principal matched.\n');
  return status;
}
