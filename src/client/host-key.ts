import type { EventSink, HostKeyVerdict } from '../core/events.ts';
import { checkCertificate } from '../core/keys/certificate.ts';
import { fingerprint, type FingerprintHash, randomArt } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import {
  checkHostKey,
  type HostKeyStatus,
  type KnownHostsEntry,
  type KnownHostsFile,
  knownHostsEntries,
  knownHostsName,
  knownKeyOfType,
  parseKnownHostsLine,
} from '../core/keys/known-hosts.ts';
import { plainAlgorithm } from '../core/keys/key-types.ts';
import { base64 } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import type { Log } from '../core/util/log.ts';
import { matchPattern } from '../core/util/pattern.ts';

/** How the keys of hosts are judged (ssh_config(5)). */
export interface HostKeyPolicy {
  /** StrictHostKeyChecking; `false` is `no`. */
  readonly strict: 'true' | 'false' | 'ask' | 'accept-new';
  /** HostKeyAlias, under which the host's keys stand, without a port. */
  readonly alias: string | undefined;
  readonly hostname: string;
  /** The numeric address; undefined where a command makes the connection. */
  readonly address: string | undefined;
  readonly port: number;
  readonly fingerprintHash: FingerprintHash;
  readonly visual: boolean;
  /** CASignatureAlgorithms. */
  readonly caAlgorithms: readonly string[];
  /** Where a new host would be written, for the messages. */
  readonly userFile: string | undefined;
}

/** What judging a host key needs from its surroundings. */
export interface HostKeySurroundings {
  readonly log: Log;
  readonly events: EventSink;
  readonly seconds: () => number;
  /** The user's files and then the system's, as they are now. */
  readonly files: () => { readonly user: readonly KnownHostsFile[]; readonly system: readonly KnownHostsFile[] };
  /** Asks the user, who sees the answer; undefined where nobody can be asked. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** A path as messages show it: with ~ for the home folder. */
  readonly abbreviate: (path: string) => string;
  /** Writes a new host's key to the user's file under this name. @throws where it can't be written. */
  readonly remember: (name: string, key: PublicKey) => void;
}

/** The host key was not accepted; everything that there is to say was said. */
export class HostKeyRefused extends Error {
  constructor() {
    super('Host key verification failed.');
    this.name = 'HostKeyRefused';
  }
}

const rule = '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@';

/** The name under which a host's keys stand in known_hosts. */
function hostKeyName(policy: HostKeyPolicy): string {
  return policy.alias ?? knownHostsName(policy.hostname.toLowerCase(), policy.port);
}

/**
 * Orders the host key algorithms so that those come first for which a key is known, else as they were: so a server is asked for the key
 * that can be checked.
 */
export function orderHostKeyAlgorithms(
  algorithms: readonly string[],
  policy: HostKeyPolicy,
  around: HostKeySurroundings,
): readonly string[] {
  const { user, system } = around.files();
  const entries = knownHostsEntries([...user, ...system], hostKeyName(policy));
  const best = algorithms[0];
  if (best === undefined || entries.length === 0) return algorithms;
  const known = (algorithm: string): boolean => knownKeyOfType(entries, keyTypeOf(algorithm)) !== undefined;
  if (known(best)) return algorithms;
  const authority = entries.some(({ marker }) => marker === 'cert-authority');
  const first = algorithms.filter((algorithm) => (authority && algorithm.includes('-cert-')) || known(algorithm));
  return [...first, ...algorithms.filter((algorithm) => !first.includes(algorithm))];
}

/**
 * Judges a host's key by known_hosts, and asks the user or remembers it as StrictHostKeyChecking says.
 *
 * Settles with whether the key is another than the known one and the user wants to go on all the same: then nothing secret may be sent.
 *
 * @throws HostKeyRefused where the connection must not go on.
 */
export async function verifyHostKey(
  key: PublicKey,
  policy: HostKeyPolicy,
  around: HostKeySurroundings,
): Promise<{ readonly changed: boolean }> {
  const { user, system } = around.files();
  const files = [...user, ...system];
  const name = hostKeyName(policy);
  const judge = new Judge(policy, around, name);
  const offered = judge.usable(key);
  let entries = knownHostsEntries(files, name);
  let status = checkHostKey(entries, offered);
  if (offered.certificate !== undefined && status.status === 'new') {
    around.log('DEBUG', 'No matching CA found. Retry with plain key');
    status = checkHostKey(entries, offered.plain);
  }
  if (status.status === 'new' && policy.alias === undefined && policy.port !== 22) {
    around.log('DEBUG', 'checking without port identifier');
    entries = knownHostsEntries(files, policy.hostname.toLowerCase());
    const unported = checkHostKey(entries, offered.plain);
    if (unported.status === 'ok') {
      around.log('DEBUG', 'found matching key w/out port');
      status = unported;
    }
  }
  return await judge.decide(offered, status, files);
}

class Judge {
  private readonly policy: HostKeyPolicy;
  private readonly around: HostKeySurroundings;
  private readonly name: string;

  constructor(policy: HostKeyPolicy, around: HostKeySurroundings, name: string) {
    this.policy = policy;
    this.around = around;
    this.name = name;
  }

  /** The key itself, or the plain key of a certificate that can't be used for this host. */
  usable(key: PublicKey): PublicKey {
    if (key.certificate === undefined) return key;
    try {
      const { alias, hostname, caAlgorithms } = this.policy;
      checkCertificate(key.certificate, {
        role: 'host',
        principal: alias ?? hostname.toLowerCase(),
        now: this.around.seconds(),
        signatureAlgorithms: caAlgorithms,
        matches: (principal, wanted) => matchPattern(wanted, principal),
      });
      return key;
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.around.log('ERROR', error.detail ?? error.message);
      return key.plain;
    }
  }

  async decide(key: PublicKey, status: HostKeyStatus, files: readonly KnownHostsFile[]): Promise<{ readonly changed: boolean }> {
    switch (status.status) {
      case 'ok':
        this.tell(key.certificate !== undefined && status.entry.marker !== undefined ? 'certified' : 'known', key, status.entry);
        if (this.policy.visual) this.showKey(key);
        return { changed: false };
      case 'revoked':
        this.tell('revoked', key, status.entry);
        return this.revoked(key);
      case 'changed':
        this.tell('changed', key, status.entry);
        return this.changed(key, status.entry);
      case 'new':
        this.tell('new', key);
        await this.unknown(key.plain, files);
        return { changed: false };
    }
  }

  private showKey(key: PublicKey): void {
    const { fingerprintHash } = this.policy;
    this.around.log('INFO', `Host key fingerprint is ${fingerprint(key, fingerprintHash)}\n${randomArt(key, fingerprintHash)}`);
  }

  private tell(verdict: HostKeyVerdict, key: PublicKey, at?: KnownHostsEntry): void {
    const { events } = this.around;
    const place = at === undefined ? {} : { at: { file: at.file, line: at.line } };
    events({ type: 'host-key-checked', verdict, host: this.name, keyType: shortName(key), ...place });
  }

  private async unknown(key: PublicKey, files: readonly KnownHostsFile[]): Promise<void> {
    const { strict } = this.policy;
    const { log } = this.around;
    const type = shortName(key);
    if (strict === 'true') {
      log('ERROR', `No ${type} host key is known for ${this.name} and you have requested strict checking.`);
      throw this.refused(key);
    }
    if (strict === 'ask' && !(await this.confirmed(key, files))) throw this.refused(key);
    try {
      this.around.remember(this.name, key);
      log('INFO', `Warning: Permanently added '${this.name}' (${type}) to the list of known hosts.`);
    } catch {
      log('INFO', `Failed to add the host to the list of known hosts (${this.policy.userFile ?? ''}).`);
    }
  }

  /** Asks yes, no or the fingerprint itself. */
  private async confirmed(key: PublicKey, files: readonly KnownHostsFile[]): Promise<boolean> {
    const { fingerprintHash, visual, address, port } = this.policy;
    const print = fingerprint(key, fingerprintHash);
    const at = address === undefined ? '<no hostip for proxy command>' : knownHostsName(address, port);
    const art = visual ? `${randomArt(key, fingerprintHash)}\n` : '';
    let question =
      `The authenticity of host '${this.name} (${at})' can't be established.\n` +
      `${shortName(key)} key fingerprint is ${print}.\n${art}${this.otherNames(key, files)}` +
      'Are you sure you want to continue connecting (yes/no/[fingerprint])? ';
    for (;;) {
      const answer = (await this.around.ask(question))?.replace(/^[ \t]+|[ \t\r\n]+$/g, '');
      if (answer === undefined || answer === '' || answer.toLowerCase() === 'no') return false;
      if (answer.toLowerCase() === 'yes' || answer === print) return true;
      question = "Please type 'yes', 'no' or the fingerprint: ";
    }
  }

  /** The other names that known_hosts has for this very key. */
  private otherNames(key: PublicKey, files: readonly KnownHostsFile[]): string {
    const found = namesOfKey(files, key);
    if (found.length === 0) return 'This key is not known by any other names.\n';
    const shown = found.slice(0, MOST_NAMES).map(({ file, line, hosts }) => `    ${this.around.abbreviate(file)}:${line}: ${hosts}\n`);
    const more = found.length > MOST_NAMES ? `    (${found.length - MOST_NAMES} additional names omitted)\n` : '';
    return `This host key is known by the following other names/addresses:\n${shown.join('')}${more}`;
  }

  private changed(key: PublicKey, entry: KnownHostsEntry): { readonly changed: boolean } {
    const { log } = this.around;
    const { strict, fingerprintHash, userFile } = this.policy;
    const type = shortName(key);
    const lines = [
      rule,
      '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
      rule,
      'IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!',
      'Someone could be eavesdropping on you right now (man-in-the-middle attack)!',
      'It is also possible that a host key has just been changed.',
      `The fingerprint for the ${type} key sent by the remote host is\n${fingerprint(key, fingerprintHash)}.`,
      'Please contact your system administrator.',
      `Add correct host key in ${userFile ?? ''} to get rid of this message.`,
      `Offending ${shortName(entry.key)} key in ${entry.file}:${entry.line}`,
    ];
    for (const line of lines) log('ERROR', line);
    if (strict !== 'false') {
      log('ERROR', `Host key for ${this.name} has changed and you have requested strict checking.`);
      throw this.refused(key);
    }
    return { changed: true };
  }

  private revoked(key: PublicKey): { readonly changed: boolean } {
    const { log } = this.around;
    const lines = [
      rule,
      '@       WARNING: REVOKED HOST KEY DETECTED!               @',
      rule,
      `The ${shortName(key)} host key for ${this.name} is marked as revoked.`,
      'This could mean that a stolen key is being used to',
      'impersonate this host.',
    ];
    for (const line of lines) log('ERROR', line);
    if (this.policy.strict !== 'false') {
      log('ERROR', `${shortName(key)} host key for ${this.name} was revoked and you have requested strict checking.`);
      throw this.refused(key);
    }
    return { changed: true };
  }

  private refused(key: PublicKey): HostKeyRefused {
    this.tell('refused', key);
    return new HostKeyRefused();
  }
}

/** How many other names of a key are shown. */
const MOST_NAMES = 8;

/** Every line that has just this key, with its names as they may be shown. */
function namesOfKey(
  files: readonly KnownHostsFile[],
  key: PublicKey,
): { readonly file: string; readonly line: number; readonly hosts: string }[] {
  const encoded = base64(key.blob);
  return files.flatMap(({ file, text }) =>
    text.split('\n').flatMap((content, index) => {
      const line = parseKnownHostsLine(content);
      if (line.at !== 'entry' || line.marker !== undefined || line.encodedKey !== encoded) return [];
      return [{ file, line: index + 1, hosts: line.hosts.startsWith('|') ? '[hashed name]' : line.hosts }];
    }),
  );
}

/** The key type as people read it; a certificate is called by its key. */
function shortName(key: PublicKey): string {
  return key.plain.shortName;
}

/** The type of key that an algorithm's signatures are made with. */
function keyTypeOf(algorithm: string): string {
  const plain = plainAlgorithm(algorithm);
  return plain.startsWith('rsa-sha2-') ? 'ssh-rsa' : plain;
}
