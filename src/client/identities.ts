import { AgentClient, type SessionBinding } from '../core/agent/client.ts';
import { SK_PROVIDER } from '../core/agent/constraints.ts';
import { arrangeCandidates, type Candidate } from '../core/auth/candidates.ts';
import type { EventSink } from '../core/events.ts';
import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey, Signer } from '../core/keys/key.ts';
import type { PrivateKeyFile } from '../core/keys/openssh-private.ts';
import type { PrivateKey } from '../core/keys/private-key.ts';
import { equalBytes, utf8Bytes } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import type { AgentConstraint } from '../core/wire/agent-messages.ts';
import type { Log } from '../core/util/log.ts';
import { loadCertificateBeside, loadPrivateKey, loadPublicKey } from '../files/key-files.ts';
import { errnoOf, errnoText } from '../node/errno.ts';
import { fileExists } from '../node/file-entries.ts';
import { readAnswer, readPassphrase } from '../node/read-passphrase.ts';
import { connectUnix } from '../node/unix-socket.ts';
import { type SecurityKeyPlan, signerOf } from './security-keys.ts';

/** Which keys a client may try (ssh_config(5)). */
export interface IdentityPlan {
  /** IdentityFile, its tokens expanded. */
  readonly files: readonly { readonly path: string; readonly explicit: boolean }[];
  /** CertificateFile, likewise. */
  readonly certificates: readonly string[];
  readonly identitiesOnly: boolean;
  /** The agent's socket; undefined where there is none. */
  readonly agentSocket: string | undefined;
  readonly batchMode: boolean;
  /** The hash of the fingerprints that events name keys by. */
  readonly fingerprintHash: FingerprintHash;
  /** NumberOfPasswordPrompts: how often a passphrase is asked for. */
  readonly mostPrompts: number;
  /** RequiredRSASize: smaller RSA keys are left alone. */
  readonly requiredRsaBits: number;
  /** AddKeysToAgent: whether a key that was loaded is given to the agent, for how many seconds (0 for good). */
  readonly addToAgent: { readonly when: 'yes' | 'no' | 'ask' | 'confirm'; readonly seconds: number };
  readonly securityKeys: SecurityKeyPlan;
}

/** What the agent is told of the session, so that it can keep keys to their destinations; undefined before keys are exchanged. */
export type AgentBinding = Omit<SessionBinding, 'isForwarding'> | undefined;

/** Who is told what comes of looking for keys. */
export interface IdentitySurroundings {
  readonly log: Log;
  readonly events: EventSink;
}

/** The keys to try, in OpenSSH's order: from files, from certificates, from the agent. */
export async function findCandidates(
  plan: IdentityPlan,
  binding: AgentBinding,
  around: IdentitySurroundings,
): Promise<readonly Candidate[]> {
  const { log, events } = around;
  const { unset } = plan.securityKeys;
  if (unset !== undefined) log('DEBUG', `Authenticator provider ${unset} did not resolve; disabling`);
  const files = plan.files.flatMap((file) => fileCandidates(file, plan, around));
  const certificates = plan.certificates.flatMap((path) => {
    const publicKey = longEnough(
      quietly(() => loadPublicKey(path).key),
      'certificate',
      path,
      plan,
      log,
    );
    if (publicKey?.certificate === undefined) return [];
    return [{ source: path, publicKey, explicit: true, agent: false }];
  });
  const agent = plan.agentSocket === undefined ? [] : await agentCandidates(plan.agentSocket, binding, plan, around);
  const candidates = arrangeCandidates({ certificates, files, agent, identitiesOnly: plan.identitiesOnly });
  if (plan.identitiesOnly) tellLeftAlone(agent, candidates, plan.fingerprintHash, events);
  return candidates;
}

/** The agent's keys that IdentitiesOnly keeps back are told of, as a user may wonder why they are not tried. */
function tellLeftAlone(agent: readonly Candidate[], tried: readonly Candidate[], hash: FingerprintHash, events: EventSink): void {
  for (const { source, publicKey } of agent) {
    if (publicKey === undefined || tried.some((one) => one.publicKey !== undefined && equalBytes(one.publicKey.blob, publicKey.blob)))
      continue;
    const described = { keyType: publicKey.shortName, fingerprint: fingerprint(publicKey, hash) };
    const attempt = { method: 'publickey', source, agent: true, ...described, outcome: 'skipped', reason: 'IdentitiesOnly' } as const;
    events({ type: 'authentication-try', attempt });
  }
}

/** A key file's candidates: the key, and its certificate where one lies beside it. */
function fileCandidates({ path, explicit }: IdentityPlan['files'][number], plan: IdentityPlan, around: IdentitySurroundings): Candidate[] {
  const { log, events } = around;
  const publicKey = longEnough(
    quietly(() => loadPublicKey(path).key),
    'pubkey',
    path,
    plan,
    log,
  );
  log('DEBUG', `identity file ${path} type ${publicKey === undefined ? -1 : 0}`);
  if (publicKey?.application !== undefined && plan.securityKeys.provider === undefined) {
    log('DEBUG', `pubkey_prepare: ignoring authenticator-hosted key ${path} as no SecurityKeyProvider has been specified`);
    const described = { keyType: publicKey.shortName, fingerprint: fingerprint(publicKey, plan.fingerprintHash) };
    const attempt = {
      method: 'publickey',
      source: path,
      explicit,
      ...described,
      outcome: 'skipped',
      reason: 'no SecurityKeyProvider',
    } as const;
    events({ type: 'authentication-try', attempt });
    return [];
  }
  const load = once(() => loadSigner(path, explicit, plan, { log, events }));
  const key: Candidate = { source: path, publicKey, explicit, agent: false, load };
  if (plan.certificates.length > 0) return [key];
  const certificate = longEnough(
    quietly(() => loadCertificateBeside(path).key),
    'pubkey',
    path,
    plan,
    log,
  );
  log('DEBUG', `identity file ${path}-cert type ${certificate === undefined ? -1 : 0}`);
  return certificate === undefined ? [key] : [key, { ...key, publicKey: certificate }];
}

/** The private half of a key file; asks for its passphrase where it needs one. Undefined where it can't be had. */
async function loadSigner(
  path: string,
  explicit: boolean,
  plan: IdentityPlan,
  { log, events }: IdentitySurroundings,
): Promise<Signer | undefined> {
  const warn = (line: string): void => log('ERROR', line);
  let passphrase: Uint8Array | undefined;
  for (let asked = 0; ; asked++) {
    try {
      return await usableSigner(path, await loadPrivateKey(path, passphrase, warn), plan, log);
    } catch (error) {
      passphrase?.fill(0);
      const locked = error instanceof SshError && error.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE';
      if (!locked) {
        tellUnreadable(path, explicit, error, log);
        return undefined;
      }
      if (asked > 0) {
        events({ type: 'wrong-passphrase', source: path });
        log('DEBUG2', 'bad passphrase given, try again...');
      }
      if (plan.batchMode || asked === plan.mostPrompts) return undefined;
      passphrase = await readPassphrase(`Enter passphrase for key '${path}': `, { problem: (text) => log('FATAL', text) });
      if (passphrase === undefined || passphrase.length === 0) {
        log('DEBUG2', 'no passphrase given, try next key');
        return undefined;
      }
    }
  }
}

/** A key that was loaded, given to the agent where that is wanted; undefined where it is too short. */
async function usableSigner(path: string, { key, comment }: PrivateKeyFile, plan: IdentityPlan, log: Log): Promise<Signer | undefined> {
  if (isTooShort(key.publicKey, plan)) {
    log('DEBUG', `load_identity_file: Skipping key ${path}: ${new SshError('SSH_ERR_KEY_LENGTH').message}`);
    key.wipe();
    return undefined;
  }
  if (!key.canSign && plan.securityKeys.provider === undefined) {
    log('DEBUG', `load_identity_file: key "${path}" is an authenticator-hosted key, but no provider specified`);
    key.wipe();
    return undefined;
  }
  if (plan.addToAgent.when !== 'no') await addToAgent(path, key, comment, plan, log);
  return signerOf(path, key, plan.securityKeys, log);
}

/** Gives a key to the agent (AddKeysToAgent); that it won't take it is no reason not to use it. */
async function addToAgent(
  path: string,
  key: PrivateKey,
  comment: string,
  { addToAgent, agentSocket, securityKeys: { provider } }: IdentityPlan,
  log: Log,
): Promise<void> {
  const agent = agentSocket === undefined ? undefined : await connectAgent(agentSocket, { log, events: () => undefined });
  if (agent === undefined) {
    log('DEBUG3', 'no authentication agent, not adding key');
    return;
  }
  const { when, seconds } = addToAgent;
  if (when === 'ask') {
    const answer = await readAnswer(`Add key ${path} (${comment}) to agent?`, {
      useAskpass: true,
      allowNone: true,
      hint: 'confirm',
      problem: (text) => log('FATAL', text),
    });
    if (answer === undefined || (answer !== '' && answer.toLowerCase() !== 'yes')) {
      log('DEBUG3', 'user denied adding this key');
      return;
    }
  }
  try {
    const constraints: AgentConstraint[] = [
      ...(seconds === 0 ? [] : [{ type: 'lifetime', seconds } as const]),
      ...(when === 'confirm' ? [{ type: 'confirm' } as const] : []),
      ...(key.canSign ? [] : [{ type: 'extension', name: SK_PROVIDER, contents: utf8Bytes(provider ?? '') } as const]),
    ];
    await agent.add({ name: key.publicKey.plain.name, fields: key.fields, comment: comment === '' ? path : comment }, constraints);
    log('DEBUG', `identity added to agent: ${path}`);
  } catch (error) {
    log('DEBUG', `could not add identity to agent: ${path} (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** The key, unless it is an RSA key that is too short to be used, which is told. */
function longEnough(key: PublicKey | undefined, what: string, path: string, plan: IdentityPlan, log: Log): PublicKey | undefined {
  if (key === undefined || !isTooShort(key, plan)) return key;
  log('ERROR', `load ${what} "${path}": ${new SshError('SSH_ERR_KEY_LENGTH').message}`);
  return undefined;
}

function isTooShort(key: PublicKey, { requiredRsaBits }: IdentityPlan): boolean {
  return key.plain.name === 'ssh-rsa' && key.bits < requiredRsaBits;
}

function tellUnreadable(path: string, explicit: boolean, error: unknown, log: Log): void {
  const code = errnoOf(error);
  // one that can't even be looked at, in a folder of somebody else's, counts as missing
  if (code !== undefined && !fileExists(path)) {
    log(explicit ? 'INFO' : 'DEBUG3', `no such identity: ${path}: ${errnoText(code)}`);
    return;
  }
  log('ERROR', `Load key "${path}": ${code === undefined ? whyNoKey(error) : errnoText(code)}`);
}

/** OpenSSH hands what it can't read itself to libcrypto, whose complaint is then the last. */
function whyNoKey(error: unknown): string {
  if (!(error instanceof SshError)) return String(error);
  return error.code === 'SSH_ERR_KEY_BAD_PERMISSIONS' ? error.message : new SshError('SSH_ERR_LIBCRYPTO_ERROR').message;
}

async function agentCandidates(
  socket: string,
  binding: AgentBinding,
  plan: IdentityPlan,
  around: IdentitySurroundings,
): Promise<Candidate[]> {
  const { log, events } = around;
  const agent = await connectAgent(socket, around);
  if (agent === undefined) return [];
  if (binding !== undefined) await bind(agent, binding, log);
  try {
    const keys = await agent.list();
    log('DEBUG', `get_agent_identities: agent returned ${keys.length} keys`);
    events({ type: 'agent', socket, keys: keys.length });
    const usable = keys.filter(({ key }) => {
      const short = isTooShort(key, plan);
      if (short) log('DEBUG', `pubkey_prepare: ignoring ${key.name} agent key: ${new SshError('SSH_ERR_KEY_LENGTH').message}`);
      return !short;
    });
    return usable.map(({ key, comment }) => ({
      source: comment,
      publicKey: key,
      explicit: false,
      agent: true,
      load: () => Promise.resolve(agent.signer(key)),
    }));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log('DEBUG', `get_agent_identities: ssh_fetch_identitylist: ${problem}`);
    events({ type: 'agent', socket, keys: 0, problem });
    return [];
  }
}

/** An agent that knows nothing of sessions is used all the same: only keys with a destination need it. */
async function bind(agent: AgentClient, binding: NonNullable<AgentBinding>, log: Log): Promise<void> {
  try {
    await agent.bindSession({ ...binding, isForwarding: false });
    log('DEBUG', 'get_agent_identities: bound agent to hostkey');
  } catch (error) {
    log('DEBUG2', `get_agent_identities: ssh_agent_bind_hostkey: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A client of the agent at this socket; undefined where nobody answers there. */
export async function connectAgent(socket: string, { log, events }: IdentitySurroundings): Promise<AgentClient | undefined> {
  try {
    const stream = await connectUnix(socket);
    const agent = new AgentClient((bytes) => void stream.write(bytes));
    const buffer = new Uint8Array(16 * 1024);
    stream.start({
      space: () => buffer,
      filled: (length) => {
        agent.receive(buffer.subarray(0, length));
        return true;
      },
      ended: () => agent.closed(),
      failed: (error) => agent.closed(error),
      drained: () => undefined,
    });
    return agent;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log('DEBUG', `get_agent_identities: ssh_get_authentication_socket: ${problem}`);
    events({ type: 'agent', socket, keys: 0, problem });
    return undefined;
  }
}

function quietly(read: () => PublicKey): PublicKey | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
