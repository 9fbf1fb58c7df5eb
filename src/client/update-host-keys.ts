/**
 * Learning a host's other keys and forgetting those that it no longer has (UpdateHostKeys; PROTOCOL section 2.5): once the user is
 * authenticated, a host whose key was known already may tell all of its keys. It proves each new one by a signature of the session.
 */
import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import {
  formatKnownHostsLine,
  hashHost,
  type KnownHostsFile,
  knownHostsKey,
  hostMatcher,
  parseKnownHostsLine,
} from '../core/keys/known-hosts.ts';
import { plainAlgorithm } from '../core/keys/key-types.ts';
import { parsePublicKey } from '../core/keys/public-key.ts';
import { equalBytes, latin1Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import type { Log, LogLevel } from '../core/util/log.ts';
import { ascii, string } from '../core/wire/codec.ts';
import { globalReplies, globalRequests } from '../core/wire/connection-messages.ts';
import { encode, struct } from '../core/wire/message.ts';
import { WireReader } from '../core/wire/reader.ts';

/** How a host's keys are updated. */
export interface UpdatePlan {
  /** The name that its keys stand under, and its address' where that counts too (CheckHostIP). */
  readonly host: string;
  readonly address: string | undefined;
  /** Whether the user is asked before anything is changed. */
  readonly asks: boolean;
  readonly hashes: boolean;
  /** HostKeyAlgorithms, resolved: other keys are of no use. */
  readonly hostKeyAlgorithms: readonly string[];
  readonly fingerprintHash: FingerprintHash;
  /** The algorithm that the host's key of this session signed with. */
  readonly negotiated: string;
  readonly sessionId: Uint8Array;
  /** The user's files; new keys are written to the first. */
  readonly files: readonly string[];
}

/** What updating needs from its surroundings. */
export interface UpdateSurroundings {
  readonly log: Log;
  /** Asks the host to prove that it has these keys: the reply's body, or undefined where it won't. */
  readonly prove: (hostKeys: readonly Uint8Array[]) => Promise<Uint8Array | undefined>;
  /** A known_hosts file as it is; undefined where there is none. @throws where it can't be read */
  readonly read: (file: string) => KnownHostsFile | undefined;
  /** Puts an edited text in a file's place; it stays as it is where `edit` gives undefined. @throws where it can't be written */
  readonly rewrite: (file: string, edit: (text: string) => string | undefined) => void;
  /** Asks the user; undefined where nobody can be asked. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

const RECEIVED = 'client_input_hostkeys';
const PROVED = 'client_global_hostkeys_prove_confirm';

/** More keys than any host has. */
const MOST_KEYS = 256;
const MOST_QUESTIONS = 3;

/** Handles one `hostkeys-00@openssh.com` of a host. Whatever comes of it is logged, never thrown. */
export async function updateHostKeys(body: Uint8Array, plan: UpdatePlan, around: UpdateSurroundings): Promise<void> {
  const { log } = around;
  const offered = offeredKeys(body, plan, log);
  if (offered === undefined) return;
  if (offered.length === 0) {
    log('DEBUG', `${RECEIVED}: server sent no hostkeys`);
    return;
  }
  const found = readable(() => survey(offered, plan, around), log);
  if (found === undefined) return;
  const fresh = offered.filter((_, index) => found.known[index] !== true);
  log('DEBUG3', `${RECEIVED}: ${offered.length} server keys: ${fresh.length} new, ${found.obsolete.length} to remove`);
  const obstacle = fresh.length === 0 && found.obsolete.length === 0 ? 'no new or deprecated keys from server' : found.obstacle;
  if (obstacle !== undefined) {
    log('DEBUG', `${RECEIVED}: ${obstacle}`);
    return;
  }
  const proved = fresh.length === 0 ? [] : await prove(fresh, plan, around);
  if (proved === undefined) return;
  const gone = fresh.filter((key) => !proved.includes(key));
  if (await isWanted(proved, found.obsolete, plan, around)) {
    write(
      offered.filter((key) => !gone.includes(key)),
      plan,
      around,
    );
  }
}

/** The keys that a host says are its own, as far as they are of use; undefined where it talks nonsense. */
function offeredKeys(body: Uint8Array, { hostKeyAlgorithms, fingerprintHash }: UpdatePlan, log: Log): PublicKey[] | undefined {
  const keys: PublicKey[] = [];
  let blobs: readonly Uint8Array[];
  try {
    blobs = globalRequests.decode('hostkeys-00@openssh.com', body).hostKeys;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    log('ERROR', `${RECEIVED}: parse key: ${error.message}`);
    return undefined;
  }
  for (const blob of blobs.slice(0, MOST_KEYS)) {
    let key: PublicKey;
    try {
      key = parsePublicKey(blob);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      log(error.code === 'SSH_ERR_KEY_TYPE_UNKNOWN' ? 'DEBUG' : 'ERROR', `${RECEIVED}: convert key: ${error.message}`);
      continue;
    }
    log('DEBUG3', `${RECEIVED}: received ${key.shortName} key ${fingerprint(key, fingerprintHash)}`);
    if (!key.signatureAlgorithms.some((name) => hostKeyAlgorithms.includes(name))) {
      log('DEBUG3', `${RECEIVED}: ${key.name} key not permitted by HostkeyAlgorithms`);
    } else if (key.certificate !== undefined) {
      log('DEBUG3', `${RECEIVED}: ${key.name} key is a certificate; skipping`);
    } else if (keys.some((one) => sameKey(one, key))) {
      log('ERROR', `${RECEIVED}: received duplicated ${key.name} host key`);
      return undefined;
    } else {
      keys.push(key);
    }
  }
  return keys;
}

interface Survey {
  /** Which of the offered keys stand under the host's name. */
  readonly known: readonly boolean[];
  /** Keys under the host's name that it did not offer. */
  readonly obsolete: readonly PublicKey[];
  /** Why nothing may be changed. */
  readonly obstacle: string | undefined;
}

function readable<T>(read: () => T, log: Log): T | undefined {
  try {
    return read();
  } catch (error) {
    log('ERROR', `${RECEIVED}: hostkeys_foreach failed: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** What the user's files say of the offered keys. */
function survey(offered: readonly PublicKey[], { host, address, files }: UpdatePlan, { log, read }: UpdateSurroundings): Survey {
  const known = offered.map(() => false);
  const obsolete: PublicKey[] = [];
  const elsewhere: PublicKey[] = [];
  let isComplex = false;
  let isOthers = false;
  const isHost = hostMatcher(host);
  const isAddress = address === undefined ? () => false : hostMatcher(address);
  for (const file of files) {
    log('DEBUG', `${RECEIVED}: searching ${file} for ${host} / ${address ?? '(none)'}`);
    for (const { key, hosts, isMarked } of keyLines(file, log, read) ?? []) {
      const ofHost = isHost(hosts);
      const ofAddress = isAddress(hosts);
      const index = offered.findIndex((one) => sameKey(one, key));
      if (!ofHost && !ofAddress) {
        if (index >= 0) isOthers = true;
        elsewhere.push(key);
      } else if (isMarked || isPatternOrList(hosts)) {
        isComplex = true;
      } else if (address !== undefined && hosts.includes(',') && !(ofHost && ofAddress)) {
        isOthers = true;
      } else if (index >= 0) {
        known[index] = true;
      } else {
        obsolete.push(key);
      }
    }
  }
  return { known, obsolete, obstacle: obstacleOf() };

  function obstacleOf(): string | undefined {
    if (isComplex) {
      return 'CA/revocation marker, manual host list or wildcard host pattern found, skipping UserKnownHostsFile update';
    }
    if (isOthers) return 'host key found matching a different name/address, skipping UserKnownHostsFile update';
    if (!obsolete.some((key) => elsewhere.some((one) => sameKey(one, key)))) return undefined;
    const names = address === undefined ? host : `${host},${address}`;
    return `key(s) for ${names} exist under other names; skipping UserKnownHostsFile update`;
  }
}

interface KeyLine {
  readonly key: PublicKey;
  readonly hosts: string;
  readonly isMarked: boolean;
}

function keyLines(file: string, log: Log, read: UpdateSurroundings['read']): readonly KeyLine[] | undefined {
  const content = read(file);
  if (content === undefined) {
    log('DEBUG', `${RECEIVED}: hostkeys file ${file} does not exist`);
    return undefined;
  }
  return content.text.split('\n').flatMap((text) => {
    const line = parseKnownHostsLine(text);
    if (line.at !== 'entry') return [];
    try {
      return [{ key: knownHostsKey(line), hosts: line.hosts, isMarked: line.marker !== undefined }];
    } catch (error) {
      if (error instanceof SshError) return [];
      throw error;
    }
  });
}

/** Whether names are more than a host and its address. */
function isPatternOrList(hosts: string): boolean {
  return /[*?]/.test(hosts) || hosts.split(',').length > 2;
}

const proof = struct({ request: ascii, sessionId: string, hostKey: string });

/** The keys that the host proved to have; undefined where it failed to for one of them, or would not. */
async function prove(
  keys: readonly PublicKey[],
  plan: UpdatePlan,
  { log, prove: ask }: UpdateSurroundings,
): Promise<PublicKey[] | undefined> {
  const request = 'hostkeys-prove-00@openssh.com';
  log('DEBUG3', `${RECEIVED}: asking server to prove ownership for ${keys.length} keys`);
  const reply = await ask(keys.map(({ blob }) => blob));
  if (reply === undefined) {
    log('ERROR', 'Server failed to confirm ownership of private host keys');
    return undefined;
  }
  const proved: PublicKey[] = [];
  try {
    const { signatures } = globalReplies.decode(request, reply);
    for (const [index, key] of keys.entries()) {
      const signature = signatures[index];
      if (signature === undefined) throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE');
      const algorithm = proofAlgorithm(key, signature, plan);
      if (algorithm === undefined) {
        log('DEBUG', `${PROVED}: server used untrusted RSA signature algorithm for key ${index}, disregarding`);
        continue;
      }
      log('DEBUG3', `${PROVED}: verify ${key.shortName} key ${index} using ${algorithm}`);
      try {
        key.verify(signature, encode(proof, { request, sessionId: plan.sessionId, hostKey: key.blob }), algorithm);
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        log('ERROR', `${PROVED}: server gave bad signature for ${key.shortName} key ${index}: ${error.message}`);
        return undefined;
      }
      proved.push(key);
    }
    if (signatures.length > keys.length) {
      log('ERROR', `${PROVED}: protocol error`);
      return undefined;
    }
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    log('ERROR', `${PROVED}: parse sig: ${error.message}`);
    return undefined;
  }
  return proved;
}

/**
 * The algorithm that a proof must be made with. For RSA it is the one that the host's own RSA key of this session signed with, else one of
 * the SHA-2 ones; undefined for what else the host may have used.
 */
function proofAlgorithm(key: PublicKey, signature: Uint8Array, { negotiated }: UpdatePlan): string | undefined {
  if (key.name !== 'ssh-rsa') return key.name;
  const own = plainAlgorithm(negotiated);
  if (key.signatureAlgorithms.includes(own)) return own;
  const used = latin1Text(new WireReader(signature).string());
  return used === 'rsa-sha2-256' || used === 'rsa-sha2-512' ? used : undefined;
}

/** Tells what will change, and asks about it where that is wanted. */
async function isWanted(
  learned: readonly PublicKey[],
  obsolete: readonly PublicKey[],
  { asks, fingerprintHash }: UpdatePlan,
  { log, ask }: UpdateSurroundings,
): Promise<boolean> {
  const level: LogLevel = asks ? 'INFO' : 'VERBOSE';
  const changes = [
    ...learned.map((key) => `Learned new hostkey: ${key.shortName} ${fingerprint(key, fingerprintHash)}`),
    ...obsolete.map((key) => `Deprecating obsolete hostkey: ${key.shortName} ${fingerprint(key, fingerprintHash)}`),
  ];
  if (asks && changes.length > 0) {
    log(level, 'The server has updated its host keys.');
    log(level, "These changes were verified by the server's existing trusted key.");
  }
  for (const change of changes) log(level, change);
  if (!asks) return true;
  for (let asked = 0; asked < MOST_QUESTIONS; asked++) {
    const answer = (await ask('Accept updated hostkeys? (yes/no): '))?.toLowerCase();
    if (answer === 'yes') return true;
    if (answer === undefined || answer === 'no') return false;
    log(level, 'Please enter "yes" or "no"');
  }
  return false;
}

/** Writes the host's keys to the first file, and takes what else stands under its name out of all. */
function write(keys: readonly PublicKey[], plan: UpdatePlan, { log, rewrite, read }: UpdateSurroundings): void {
  for (const [index, file] of plan.files.entries()) {
    try {
      if (read(file) === undefined) log('DEBUG', `update_known_hosts: known hosts file ${file} does not exist`);
      else rewrite(file, (text) => editedText(text, index === 0 ? keys : [], plan));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log('ERROR', `update_known_hosts: hostfile_replace_entries failed for ${file}: ${reason}`);
    }
  }
}

/** A known_hosts text with just these keys under the host's name; undefined where it is that already. Other lines stay as they are. */
function editedText(text: string, keys: readonly PublicKey[], { host, address, hashes }: UpdatePlan): string | undefined {
  const names = address === undefined ? [host] : [host, address];
  const matchers = names.map((name) => ({ name, matches: hostMatcher(name) }));
  const there = new Map<PublicKey, Set<string>>();
  const kept: string[] = [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const content of lines) {
    const line = parseKnownHostsLine(content);
    const named = line.at === 'entry' && line.marker === undefined ? matchers.filter(({ matches }) => matches(line.hosts)) : [];
    const key = line.at === 'entry' && named.length > 0 ? keyOf(line) : undefined;
    const own = keys.find((one) => key !== undefined && sameKey(one, key));
    if (own !== undefined) {
      const seen = there.get(own) ?? new Set();
      for (const { name } of named) seen.add(name);
      there.set(own, seen);
    }
    // a line that can't be read is nobody's to remove
    if (key === undefined || own !== undefined) kept.push(content);
  }
  const added = keys.flatMap((key) => {
    const missing = names.filter((name) => there.get(key)?.has(name) !== true);
    if (missing.length === 0) return [];
    return hashes ? missing.map((name) => formatKnownHostsLine([hashHost(name)], key)) : [formatKnownHostsLine(missing, key)];
  });
  if (added.length === 0 && kept.length === lines.length) return undefined;
  return [...kept, ...added].map((line) => `${line}\n`).join('');
}

function keyOf(line: Parameters<typeof knownHostsKey>[0]): PublicKey | undefined {
  try {
    return knownHostsKey(line);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function sameKey(a: PublicKey, b: PublicKey): boolean {
  return equalBytes(a.blob, b.blob);
}
