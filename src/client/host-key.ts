import type { HostKeyVerdict } from '../core/events.ts';
import { checkCertificate } from '../core/keys/certificate.ts';
import { fingerprint, randomArt } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import {
  checkHostKey,
  type HostKeyStatus,
  isKnownHostsName,
  type KnownHostsEntry,
  type KnownHostsFile,
  knownHostsEntries,
  knownHostsName,
  namesOfKey,
} from '../core/keys/known-hosts.ts';
import { SshError } from '../core/util/errors.ts';
import { isLoopback } from '../core/util/addr.ts';
import type { Log } from '../core/util/log.ts';
import { lowerCase, matchPattern } from '../core/util/pattern.ts';
import {
  checkedAddress,
  hostKeyName,
  type HostKeyOutcome,
  type HostKeyPolicy,
  HostKeyRefused,
  type HostKeySurroundings,
} from './host-key-policy.ts';
import { type AddressStatus, changedKeyLines, newKeyQuestion, revokedKeyLines, spoofingLines, validityText } from './host-key-words.ts';

/**
 * Judges a host's key by revocations, DNS, known_hosts and KnownHostsCommand, and asks the user or remembers it as StrictHostKeyChecking
 * says (sshconnect.c's order and words).
 *
 * @throws HostKeyRefused where the connection must not go on.
 */
export async function verifyHostKey(key: PublicKey, policy: HostKeyPolicy, around: HostKeySurroundings): Promise<HostKeyOutcome> {
  const { log } = around;
  if (key.plain.name === 'ssh-rsa' && key.bits < policy.requiredRsaBits) {
    throw new HostKeyRefused('Bad server host key: Invalid key length');
  }
  tellCertificate(key, policy, log);
  refuseRevoked(key, policy, around);
  let inDns: boolean | undefined;
  if (policy.dns !== 'false') {
    const { verdict, secure } = await around.dns(key.plain);
    if (policy.dns === 'true' && verdict === 'match' && secure) return { trusted: true, updatable: true };
    inDns = verdict === 'match';
    if (verdict === 'mismatch') {
      for (const line of changedKeyLines(key.plain, policy.fingerprintHash)) log('ERROR', line);
      log('ERROR', 'Update the SSHFP RR in DNS with the new host key to get rid of this message.');
    }
  }
  return await new Judge(policy, around, inDns).judge(key);
}

function tellCertificate(key: PublicKey, { fingerprintHash: hash }: HostKeyPolicy, log: Log): void {
  const { certificate } = key;
  if (certificate === undefined) return;
  const { serial, keyId, signatureKey, validAfter, validBefore, principals } = certificate;
  const about = `${key.name} ${fingerprint(key, hash)}, serial ${serial} ID "${keyId}"`;
  const by = `CA ${signatureKey.name} ${fingerprint(signatureKey, hash)} valid ${validityText(validAfter, validBefore)}`;
  log('DEBUG', `Server host certificate: ${about} ${by}`);
  for (const principal of principals) log('DEBUG2', `Server host certificate hostname: ${principal}`);
}

function refuseRevoked(key: PublicKey, { fingerprintHash, revokedFile }: HostKeyPolicy, { log, revokes }: HostKeySurroundings): void {
  if (revokedFile === undefined) return;
  const named = `${key.shortName} ${fingerprint(key, fingerprintHash)}`;
  try {
    if (!revokes(key)) return;
    log('ERROR', `Host key ${named} revoked by file ${revokedFile}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log('ERROR', `Error checking host key ${named} in revoked keys file ${revokedFile}: ${reason}`);
  }
  throw new HostKeyRefused();
}

/** Everything that is known under one name. */
interface Known {
  readonly entries: readonly KnownHostsEntry[];
  /** Those of the user's own files, which alone may be updated. */
  readonly own: readonly KnownHostsEntry[];
}

/** Where a host stands in known_hosts. */
interface Place {
  readonly host: string;
  readonly address: string;
  /** Only looked at, never written, with no word about a key that is not there. */
  readonly quiet: boolean;
}

class Judge {
  private readonly policy: HostKeyPolicy;
  private readonly around: HostKeySurroundings;
  private readonly inDns: boolean | undefined;
  private readonly files: readonly KnownHostsFile[];
  private readonly userFiles: number;
  private readonly local: boolean;

  constructor(policy: HostKeyPolicy, around: HostKeySurroundings, inDns: boolean | undefined) {
    this.policy = policy;
    this.around = around;
    this.inDns = inDns;
    const { user, system } = around.files();
    this.files = [...user, ...system];
    this.userFiles = user.length;
    this.local = policy.address !== undefined && isLoopback(policy.address);
  }

  async judge(key: PublicKey): Promise<HostKeyOutcome> {
    const { policy, around } = this;
    const { alias, address, port } = policy;
    if (policy.trustsLocalhost && alias === undefined && this.local) {
      around.log('DEBUG', 'Forcing accepting of host key for loopback/localhost.');
      return { trusted: true, updatable: false };
    }
    if (alias !== undefined) around.log('DEBUG', `using hostkeyalias: ${alias}`);
    const place = {
      host: hostKeyName(policy),
      address: address === undefined ? '<no hostip for proxy command>' : knownHostsName(address, port),
      quiet: false,
    };
    const outcome = await this.judgeAt(place, key);
    if (outcome === undefined) throw new HostKeyRefused();
    return outcome;
  }

  /** Judges a certificate and then, where its authority is not known for the host, its plain key; undefined where neither will do. */
  private async judgeAt(place: Place, offered: PublicKey): Promise<HostKeyOutcome | undefined> {
    const { policy, around } = this;
    const wantsAddress = offered.certificate === undefined && checkedAddress(policy) !== undefined;
    const host = await this.known(place, 'HOSTNAME', place.host, offered);
    const address = wantsAddress ? await this.known(place, 'ADDRESS', place.address, offered) : undefined;
    for (const key of offered.certificate === undefined ? [offered] : [offered, offered.plain]) {
      if (!key.signatureAlgorithms.some((name) => policy.hostKeyAlgorithms.includes(name))) {
        around.log('ERROR', `host key ${key.name} not permitted by HostkeyAlgorithms`);
      } else {
        const outcome = await this.decide(place, key, host, address);
        if (outcome === 'revoked') return undefined;
        if (outcome !== undefined) return outcome;
      }
      if (key.certificate !== undefined) around.log('DEBUG', 'No matching CA found. Retry with plain key');
    }
    return undefined;
  }

  private async known(place: Place, why: 'HOSTNAME' | 'ADDRESS', name: string, key: PublicKey): Promise<Known> {
    const { log } = this.around;
    const skipped = (file: string, line: number, reason: string): void => log('DEBUG3', `${file}:${line}: ${reason}`);
    const own = knownHostsEntries(this.files.slice(0, this.userFiles), name, skipped);
    const system = knownHostsEntries(this.files.slice(this.userFiles), name, skipped);
    const told = place.quiet ? undefined : await this.around.command(why, name, key);
    return { entries: [...own, ...system, ...(told === undefined ? [] : knownHostsEntries([told], name, skipped))], own };
  }

  private async decide(
    place: Place,
    key: PublicKey,
    host: Known,
    address: Known | undefined,
  ): Promise<HostKeyOutcome | 'revoked' | undefined> {
    const status = checkHostKey(host.entries, key);
    const ip = address === undefined || key.certificate !== undefined ? undefined : addressStatus(checkHostKey(address.entries, key));
    let outcome: HostKeyOutcome | undefined;
    switch (status.status) {
      case 'ok':
        outcome = this.matched(place, key, status.entry, host, ip === undefined ? undefined : { ...ip, own: address?.own ?? [] });
        break;
      case 'new':
        outcome = await this.unknown(place, key, ip?.status === 'new');
        break;
      case 'revoked':
        this.tell('revoked', place, key, status.entry);
        for (const line of revokedKeyLines(key, place.host)) this.around.log('ERROR', line);
        if (this.policy.strict === 'false') return distrusted;
        this.around.log('ERROR', `${key.shortName} host key for ${place.host} was revoked and you have requested strict checking.`);
        this.tell('refused', place, key);
        return 'revoked';
      case 'changed':
        return this.changed(place, key, status.entry, ip);
    }
    if (outcome === undefined || ip?.status !== 'changed') return outcome;
    return (await this.goesOn(place, key, ip.entry, status)) ? outcome : undefined;
  }

  /** The key, or a certificate's authority, is the one that is known. */
  private matched(
    place: Place,
    key: PublicKey,
    entry: KnownHostsEntry,
    host: Known,
    ip: (AddressEntry & { readonly own: readonly KnownHostsEntry[] }) | undefined,
  ): HostKeyOutcome | undefined {
    const { policy, around } = this;
    const certified = key.certificate !== undefined;
    this.tell(certified ? 'certified' : 'known', place, key, entry);
    if (!this.certifies(key)) return undefined;
    if (ip?.status === 'new') this.addAddress(place, key);
    else if (policy.visual) {
      const { fingerprintHash } = policy;
      around.log('INFO', `Host key fingerprint is ${fingerprint(key, fingerprintHash)}\n${randomArt(key, fingerprintHash)}`);
    }
    const ownAddress = ip?.status !== 'ok' || ip.entry === undefined || ip.own.includes(ip.entry);
    return { trusted: true, updatable: !certified && !place.quiet && host.own.includes(entry) && ownAddress };
  }

  /** Whether a certificate may be used for this host now. */
  private certifies(key: PublicKey): boolean {
    if (key.certificate === undefined) return true;
    const { alias, hostname, caAlgorithms } = this.policy;
    try {
      checkCertificate(key.certificate, {
        role: 'host',
        principal: alias ?? lowerCase(hostname),
        now: this.around.seconds(),
        signatureAlgorithms: caAlgorithms,
        matches: (principal, wanted) => matchPattern(wanted, principal),
      });
      return true;
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      const disallowed = error.code === 'SSH_ERR_SIGN_ALG_UNSUPPORTED' ? 'Certificate signed with disallowed algorithm' : undefined;
      this.around.log('ERROR', disallowed ?? error.detail ?? error.message);
      return false;
    }
  }

  private addAddress({ address, quiet }: Place, key: PublicKey): void {
    const { log } = this.around;
    const type = key.shortName;
    if (quiet || !isKnownHostsName(this.policy.hostname)) {
      log('INFO', `${type} host key for IP address '${address}' not in list of known hosts.`);
      return;
    }
    try {
      this.around.remember([address], key);
      log('INFO', `Warning: Permanently added the ${type} host key for IP address '${address}' to the list of known hosts.`);
    } catch {
      const file = this.policy.userFile ?? '';
      log('INFO', `Failed to add the ${type} host key for IP address '${address}' to the list of known hosts (${file}).`);
    }
  }

  private async unknown(place: Place, key: PublicKey, newAddress: boolean): Promise<HostKeyOutcome | undefined> {
    const { policy, around } = this;
    const { log } = around;
    if (policy.alias === undefined && policy.port !== 22 && !place.quiet) {
      log('DEBUG', 'checking without port identifier');
      const bare = { host: lowerCase(policy.hostname), address: policy.address ?? place.address, quiet: true };
      const outcome = await this.judgeAt(bare, key);
      if (outcome !== undefined) {
        log('DEBUG', 'found matching key w/out port');
        return { ...outcome, updatable: false };
      }
    }
    if (place.quiet || key.certificate !== undefined || policy.userFile === undefined) return undefined;
    if (!isKnownHostsName(policy.hostname)) {
      log('DEBUG', `invalid hostname "${policy.hostname}"; will not record`);
      return undefined;
    }
    this.tell('new', place, key);
    const type = key.shortName;
    if (policy.strict === 'true') {
      log('ERROR', `No ${type} host key is known for ${place.host} and you have requested strict checking.`);
      this.refused(place, key);
      return undefined;
    }
    if (policy.strict === 'ask' && !(await this.confirmed(place, key))) {
      this.refused(place, key);
      return undefined;
    }
    const names = newAddress ? [place.host, place.address] : [place.host];
    try {
      around.remember(names, key);
      log('INFO', `Warning: Permanently added '${names.join(',')}' (${type}) to the list of known hosts.`);
    } catch {
      log('INFO', `Failed to add the host to the list of known hosts (${policy.userFile}).`);
    }
    return { trusted: true, updatable: policy.strict === 'ask' };
  }

  /** Asks yes, no or the fingerprint itself. */
  private async confirmed(place: Place, key: PublicKey): Promise<boolean> {
    const { fingerprintHash: hash, visual } = this.policy;
    const others = namesOfKey(this.files, key, [place.host, place.address]).map((one) => ({
      ...one,
      file: this.around.abbreviate(one.file),
    }));
    const question = newKeyQuestion({ key, host: place.host, address: place.address, hash, visual, inDns: this.inDns, others });
    return await this.confirm(question, fingerprint(key, hash));
  }

  private async confirm(first: string, print?: string): Promise<boolean> {
    let question = first;
    for (;;) {
      const answer = await this.around.ask(question);
      const word = /^[ \t]*([^ \t\r\n]*)/.exec(answer ?? '')?.[1] ?? '';
      if (word === '' || lowerCase(word) === 'no') return false;
      if (lowerCase(word) === 'yes' || word === print) return true;
      question = print === undefined ? "Please type 'yes' or 'no': " : "Please type 'yes', 'no' or the fingerprint: ";
    }
  }

  private changed(place: Place, key: PublicKey, entry: KnownHostsEntry, ip: AddressEntry | undefined): HostKeyOutcome | undefined {
    const { log } = this.around;
    const { strict, fingerprintHash, userFile, systemFile } = this.policy;
    const file = userFile ?? systemFile;
    if (place.quiet) return undefined;
    this.tell('changed', place, key, entry);
    const otherAddress =
      ip !== undefined && (ip.status !== 'changed' || (ip.entry !== undefined && Buffer.compare(ip.entry.key.blob, entry.key.blob) !== 0));
    if (otherAddress) for (const line of spoofingLines(key, place, ip.status, ip.entry)) log('ERROR', line);
    for (const line of changedKeyLines(key, fingerprintHash)) log('ERROR', line);
    if (file !== undefined) log('ERROR', `Add correct host key in ${file} to get rid of this message.`);
    log('ERROR', `Offending ${entry.key.shortName} key in ${entry.file}:${entry.line}`);
    if (strict === 'false') return distrusted;
    log('ERROR', `Host key for ${place.host} has changed and you have requested strict checking.`);
    this.refused(place, key);
    return undefined;
  }

  /** The host's key will do, but another one stands under its address. */
  private async goesOn(place: Place, key: PublicKey, entry: KnownHostsEntry | undefined, status: HostKeyStatus): Promise<boolean> {
    const { log } = this.around;
    const { strict } = this.policy;
    const offending = entry === undefined ? '' : `\nOffending key for IP in ${entry.file}:${entry.line}`;
    const matching = status.status === 'ok' ? `\nMatching host key in ${status.entry.file}:${status.entry.line}` : '';
    const differs = `Warning: the ${key.shortName} host key for '${place.host}' differs from the key for the IP address '${place.address}'`;
    const message = `${differs}${offending}${matching}`;
    if (strict === 'ask') return await this.confirm(`${message}\nAre you sure you want to continue connecting (yes/no)? `);
    log('INFO', message);
    if (strict === 'false') return true;
    log('ERROR', 'Exiting, you have requested strict checking.');
    return false;
  }

  private tell(verdict: HostKeyVerdict, place: Place, key: PublicKey, at?: KnownHostsEntry): void {
    const where = at === undefined ? {} : { at: { file: at.file, line: at.line } };
    this.around.events({ type: 'host-key-checked', verdict, host: place.host, keyType: key.shortName, ...where });
  }

  private refused(place: Place, key: PublicKey): void {
    this.tell('refused', place, key);
  }
}

/** The connection may go on, but the host's word is worth nothing. */
const distrusted: HostKeyOutcome = { trusted: false, updatable: false };

interface AddressEntry {
  readonly status: AddressStatus;
  readonly entry: KnownHostsEntry | undefined;
}

/** A key that is revoked for the address is as good as another one. */
function addressStatus(status: HostKeyStatus): AddressEntry {
  if (status.status === 'new') return { status: 'new', entry: undefined };
  return { status: status.status === 'ok' ? 'ok' : 'changed', entry: status.entry };
}
