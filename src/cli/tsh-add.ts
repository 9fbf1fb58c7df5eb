import { randomBytes, systemRandom } from '../core/crypto/random.ts';
import type { AgentClient } from '../core/agent/client.ts';
import { fingerprintLine } from '../core/keys/fingerprint.ts';
import { formatPublicKeyLine } from '../core/keys/public-key.ts';
import { concat, equalBytes } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { type Log, stderrLog, verboseLevel } from '../core/util/log.ts';
import { visibleText } from '../core/util/vis.ts';
import { string } from '../core/wire/codec.ts';
import { encode } from '../core/wire/message.ts';
import { loadPublicKey } from '../files/key-files.ts';
import { readKnownHosts } from '../files/known-hosts-files.ts';
import { expandTilde, whyInaccessible, writeTo } from '../node/files.ts';
import { readPassphrase } from '../node/read-passphrase.ts';
import { ownUser } from '../node/users.ts';
import { connectAgent } from './keygen/agent.ts';
import { runProgram } from './program.ts';
import { DestinationError, parseDestination } from './tsh-add-destinations.ts';
import { KeyAdder, reason } from './tsh-add-keys.ts';
import { type AddOptions, parseAddOptions } from './tsh-add-options.ts';

/** What ssh-add exits with: where what was asked for failed, where there is no agent, and where options contradict each other. */
const FAILED = 1;
const NO_AGENT = 2;
const CONTRADICTION = 255;

/** The identity files that are added where none is named; those that exist. */
const defaultFiles = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];
const defaultHostKeyFiles = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

/** A run that has its agent and its options. */
interface Run {
  readonly client: AgentClient;
  readonly options: AddOptions;
  readonly log: Log;
}

async function main(argv: readonly string[]): Promise<number> {
  const agent = await connected();
  if (typeof agent === 'string') {
    say(`${agent}\n`);
    return NO_AGENT;
  }
  const options = parseAddOptions(argv);
  if ('message' in options) {
    say(options.message);
    return options.status;
  }
  const log = stderrLog({ level: verboseLevel(options.verbosity), write: say });
  const run = { client: agent.client, options, log };
  if (options.action !== undefined) return (await actions[options.action](run)) ? 0 : FAILED;
  try {
    return await changeKeys(run);
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error;
    log('FATAL', error.message);
    return CONTRADICTION;
  }
}

async function connected(): Promise<Awaited<ReturnType<typeof connectAgent>> | string> {
  try {
    return await connectAgent(() => {});
  } catch (error) {
    if (error instanceof SshError && error.code === 'SSH_ERR_AGENT_NOT_PRESENT') {
      return 'Could not open a connection to your authentication agent.';
    }
    return `Error connecting to agent: ${reason(error)}`;
  }
}

const actions: Readonly<Record<NonNullable<AddOptions['action']>, (run: Run) => Promise<boolean>>> = {
  list: (run) => list(run, (key, comment) => fingerprintLine(key, comment, run.options.hash)),
  print: (run) => list(run, (key, comment) => `${formatPublicKeyLine(key)} ${comment}`),
  lock: (run) => lock(run, true),
  unlock: (run) => lock(run, false),
  'delete-all': deleteAll,
};

async function list(
  { client }: Run,
  format: (key: Parameters<typeof formatPublicKeyLine>[0], comment: string) => string,
): Promise<boolean> {
  try {
    const keys = await client.list();
    if (keys.length === 0) {
      writeTo(1, 'The agent has no identities.\n');
      return false;
    }
    writeTo(1, keys.map(({ key, comment }) => `${visibleText(format(key, comment))}\n`).join(''));
    return true;
  } catch (error) {
    say(`error fetching identities: ${reason(error)}\n`);
    return false;
  }
}

async function lock({ client }: Run, locking: boolean): Promise<boolean> {
  const passphrase = await ask('Enter lock password: ');
  try {
    if (locking) {
      const again = await ask('Again: ');
      const same = equalBytes(again, passphrase);
      again.fill(0);
      if (!same) {
        say('Passwords do not match.\n');
        return false;
      }
    }
    await (locking ? client.lock(passphrase) : client.unlock(passphrase));
    say(`Agent ${locking ? '' : 'un'}locked.\n`);
    return true;
  } catch (error) {
    say(`Failed to ${locking ? '' : 'un'}lock agent: ${reason(error)}\n`);
    return false;
  } finally {
    passphrase.fill(0);
  }
}

async function deleteAll({ client, options }: Run): Promise<boolean> {
  try {
    await client.removeAll();
  } catch (error) {
    reason(error);
    say('Failed to remove all identities.\n');
    return false;
  }
  if (!options.quiet) say('All identities removed.\n');
  return true;
}

async function changeKeys(run: Run): Promise<number> {
  const { client, options, log } = run;
  const hostKeys =
    options.destinations.length === 0
      ? []
      : readKnownHosts((options.hostKeyFiles.length === 0 ? defaultHostKeyFiles : options.hostKeyFiles).map(expanded));
  const destinations = options.destinations.map((text) => parseDestination(text, hostKeys));
  if (options.testing) return testKeys(run);
  const adder = new KeyAdder(client, options, destinations, log);
  if (options.token !== undefined) return (await changeToken(run, options.token, adder)) ? 0 : FAILED;
  if (options.resident) return (await addResident(run, adder)) ? 0 : FAILED;
  if (options.files.length === 0 && ownUser() === undefined) {
    say(`No user found with uid ${process.getuid?.() ?? -1}\n`);
    return FAILED;
  }
  const files = options.files.length > 0 ? options.files : existingDefaults();
  let failed = files.length === 0;
  for (const file of files) if (!(await adder.apply(file))) failed = true;
  adder.wipe();
  return failed ? FAILED : 0;
}

/** Adds the keys that a security key keeps itself. */
async function addResident({ log }: Run, adder: KeyAdder): Promise<boolean> {
  const pin = await ask('Enter PIN for authenticator: ');
  try {
    return await adder.addResident(pin);
  } catch (error) {
    log('ERROR', `Unable to load resident keys: ${reason(error)}`);
    return false;
  } finally {
    pin.fill(0);
  }
}

/** A file of host keys by its whole path. @throws DestinationError */
function expanded(file: string): string {
  try {
    return expandTilde(file);
  } catch (error) {
    throw new DestinationError(`tilde_expand: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function existingDefaults(): string[] {
  return defaultFiles.map((name) => expandTilde(`~/.ssh/${name}`)).filter((file) => whyInaccessible(file) === undefined);
}

/** Has the agent sign with each key, and verifies that. */
async function testKeys({ client, options, log }: Run): Promise<number> {
  if (options.files.length === 0) {
    log('FATAL', 'no keys to test');
    return CONTRADICTION;
  }
  let failed = false;
  for (const file of options.files) {
    let doing = "Couldn't read public key";
    try {
      const { key } = loadPublicKey(file);
      const data = randomBytes(systemRandom, 1024);
      const algorithm = key.signatureAlgorithms.find((name) => name.startsWith('rsa-sha2-256')) ?? key.signatureAlgorithms[0] ?? key.name;
      doing = 'Agent signature failed for';
      const signature = await client.sign(key, data, algorithm);
      doing = 'Signature verification failed for';
      key.verify(signature, data, algorithm);
    } catch (error) {
      log('ERROR', `${doing} ${file}: ${reason(error)}`);
      failed = true;
    }
  }
  return failed ? FAILED : 0;
}

/** Adds or removes the keys of a token, which the agent's own library drives. */
async function changeToken({ client, options, log }: Run, provider: string, adder: KeyAdder): Promise<boolean> {
  const { deleting, kinds, lifetime } = options;
  const certificates: Uint8Array[] = [];
  for (const file of options.files) {
    try {
      certificates.push(loadPublicKey(file).key.blob);
    } catch (error) {
      log('FATAL', `load certificate "${file}": ${reason(error)}`);
      return false;
    }
  }
  const pin = deleting ? new Uint8Array(0) : await ask('Enter passphrase for PKCS#11: ');
  try {
    if (deleting) await client.removeToken(provider, pin);
    else {
      const constraints = adder.constraints(lifetime, undefined);
      if (certificates.length > 0) {
        const blobs = concat(...certificates.map((blob) => encode(string, blob)));
        constraints.push({ type: 'certificates', certificatesOnly: kinds === 'certificates', blobs });
      }
      await client.addToken(provider, pin, constraints);
    }
  } catch (error) {
    say(`Could not ${deleting ? 'remove' : 'add'} card "${provider}": ${reason(error)}\n`);
    return false;
  } finally {
    pin.fill(0);
  }
  if (!options.quiet) say(`Card ${deleting ? 'removed' : 'added'}: ${provider}\n`);
  return true;
}

async function ask(prompt: string): Promise<Uint8Array> {
  return (await readPassphrase(prompt, { allowStdin: true })) ?? new Uint8Array(0);
}

function say(text: string): void {
  writeTo(2, text);
}

runProgram('tsh-add', CONTRADICTION, main);
