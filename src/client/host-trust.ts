import type { EventSink } from '../core/events.ts';
import type { FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import { type KnownHostsFile, knownHostsEntries } from '../core/keys/known-hosts.ts';
import type { Log } from '../core/util/log.ts';
import { splitNames } from '../core/util/pattern.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { connectionTokens } from '../config/tokens.ts';
import { addKnownHost, readKnownHosts } from '../files/known-hosts-files.ts';
import { isRevokedBy } from '../files/revoked-keys.ts';
import { systemClock } from '../node/clock.ts';
import { readAnswer } from '../node/read-passphrase.ts';
import type { ClientConfig } from './config.ts';
import { verifyHostKey } from './host-key.ts';
import { type HostKeyOutcome, type HostKeyPolicy, type HostKeySurroundings, hostKeyName } from './host-key-policy.ts';
import { orderHostKeyAlgorithms } from './host-key-order.ts';
import { type KnownHostsReason, runKnownHostsCommand } from './known-hosts-command.ts';

/** Whether a host is the one that was meant, by this machine's files, programs, DNS and user. */
export class HostTrust {
  private readonly config: ClientConfig;
  private readonly environment: ConfigEnvironment;
  private readonly events: EventSink;
  private readonly log: Log;
  private readonly policy: HostKeyPolicy;

  /** `address` is the host's own; undefined where a command makes the connection. */
  constructor(config: ClientConfig, address: string | undefined, environment: ConfigEnvironment, events: EventSink) {
    this.config = config;
    this.environment = environment;
    this.events = events;
    this.log = environment.log;
    this.policy = hostKeyPolicy(config, address);
  }

  /**
   * The host key algorithms to propose: those first for which a key is known, unless the user chose the order.
   *
   * @throws KnownHostsCommandError
   */
  async algorithms(): Promise<readonly string[]> {
    const { options, settings } = this.config;
    const all = splitNames(options.hostKeyAlgorithms);
    const chosen = settings.get('hostKeyAlgorithms');
    if (chosen !== undefined && !/^[+-]/.test(chosen)) return all;
    const name = hostKeyName(this.policy);
    const told = await this.command('ORDER', name, undefined);
    const { user, system } = this.files();
    return orderHostKeyAlgorithms(all, knownHostsEntries([...user, ...system, ...(told === undefined ? [] : [told])], name));
  }

  /** Judges the host's key. @throws HostKeyRefused, KnownHostsCommandError */
  verify(key: PublicKey): Promise<HostKeyOutcome> {
    return verifyHostKey(key, this.policy, this.surroundings());
  }

  private surroundings(): HostKeySurroundings {
    const { config, log, environment } = this;
    const { options } = config;
    const { home } = environment.user;
    return {
      log,
      events: this.events,
      seconds: () => systemClock.seconds(),
      files: () => this.files(),
      command: (reason, name, key) => this.command(reason, name, key),
      revokes: (key) => options.revokedHostKeys !== undefined && isRevokedBy(options.revokedHostKeys, key),
      dns: async (key) => {
        const [{ askDns }, { resolveSshfp }] = await Promise.all([import('./host-key-dns.ts'), import('../node/dns-query.ts')]);
        return await askDns(config.host, key, resolveSshfp, log);
      },
      ask: async (question) =>
        options.batchMode ? undefined : await readAnswer(question, { echo: true, problem: (text) => log('FATAL', text) }),
      abbreviate: (path) => (path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path),
      remember: (names, key) => {
        const file = this.policy.userFile;
        if (file !== undefined) addKnownHost(file, names, key, options.hashKnownHosts);
      },
    };
  }

  private files(): { readonly user: readonly KnownHostsFile[]; readonly system: readonly KnownHostsFile[] } {
    const { userKnownHostsFile, globalKnownHostsFile } = this.config.options;
    return { user: readKnownHosts(unlessNone(userKnownHostsFile)), system: readKnownHosts(unlessNone(globalKnownHostsFile)) };
  }

  private async command(reason: KnownHostsReason, name: string, key: PublicKey | undefined): Promise<KnownHostsFile | undefined> {
    const { config, environment } = this;
    const { knownHostsCommand: command, fingerprintHash } = config.options;
    if (command === undefined) return undefined;
    const hash = fingerprintHash.toLowerCase() as FingerprintHash;
    const tokens = connectionTokens(config.tokens, environment);
    return await runKnownHostsCommand({ command, tokens, fingerprintHash: hash, environment }, reason, name, key);
  }
}

function hostKeyPolicy({ host, options, port }: ClientConfig, address: string | undefined): HostKeyPolicy {
  return {
    strict: options.strictHostKeyChecking,
    alias: options.hostKeyAlias,
    hostname: host,
    address,
    port,
    fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
    visual: options.visualHostKey,
    hostKeyAlgorithms: splitNames(options.hostKeyAlgorithms),
    caAlgorithms: splitNames(options.caSignatureAlgorithms),
    requiredRsaBits: options.requiredRSASize,
    checkHostIp: options.checkHostIP,
    trustsLocalhost: options.noHostAuthenticationForLocalhost,
    dns: options.verifyHostKeyDNS,
    revokedFile: options.revokedHostKeys,
    userFile: unlessNone(options.userKnownHostsFile)[0],
    systemFile: unlessNone(options.globalKnownHostsFile)[0],
  };
}

/** The files that a keyword names; none where it says so. */
export function unlessNone(files: readonly string[]): readonly string[] {
  return files.length === 1 && files[0]?.toLowerCase() === 'none' ? [] : files;
}
