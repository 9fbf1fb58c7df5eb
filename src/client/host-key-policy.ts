import type { EventSink } from '../core/events.ts';
import type { FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import { type KnownHostsFile, knownHostsName } from '../core/keys/known-hosts.ts';
import { isLoopback } from '../core/util/addr.ts';
import type { Log } from '../core/util/log.ts';

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
  /** HostKeyAlgorithms, resolved. */
  readonly hostKeyAlgorithms: readonly string[];
  /** CASignatureAlgorithms. */
  readonly caAlgorithms: readonly string[];
  /** RequiredRSASize, in bits. */
  readonly requiredRsaBits: number;
  readonly checkHostIp: boolean;
  /** NoHostAuthenticationForLocalhost. */
  readonly trustsLocalhost: boolean;
  /** VerifyHostKeyDNS; `false` is `no`. */
  readonly dns: 'true' | 'false' | 'ask';
  /** RevokedHostKeys, for the messages. */
  readonly revokedFile: string | undefined;
  /** Where a new host is written; undefined where nowhere: then it is refused. */
  readonly userFile: string | undefined;
  /** The first of the system's files, for the messages. */
  readonly systemFile: string | undefined;
}

/** What DNS says of a host's keys. */
export interface DnsVerdict {
  readonly verdict: 'match' | 'mismatch' | 'nothing';
  /** Whether the answer was validated by DNSSEC. */
  readonly secure: boolean;
}

/** What judging a host key needs from its surroundings. */
export interface HostKeySurroundings {
  readonly log: Log;
  readonly events: EventSink;
  readonly seconds: () => number;
  /** The user's files and then the system's, as they are now. */
  readonly files: () => { readonly user: readonly KnownHostsFile[]; readonly system: readonly KnownHostsFile[] };
  /** What KnownHostsCommand says when it is asked for this reason; undefined where there is none. @throws HostKeyRefused where it fails. */
  readonly command: (invocation: 'HOSTNAME' | 'ADDRESS', name: string, key: PublicKey) => Promise<KnownHostsFile | undefined>;
  /** Whether RevokedHostKeys has the key. @throws SshError and system errors where that can't be known. */
  readonly revokes: (key: PublicKey) => boolean;
  /** What DNS says of the key. */
  readonly dns: (key: PublicKey) => Promise<DnsVerdict>;
  /** Asks the user, who sees the answer; undefined where nobody can be asked. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** A path as messages show it: with ~ for the home folder. */
  readonly abbreviate: (path: string) => string;
  /** Writes a new host's key to the user's file under these names. @throws where it can't be written. */
  readonly remember: (names: readonly string[], key: PublicKey) => void;
}

/** What came of judging a host's key, where the connection goes on. */
export interface HostKeyOutcome {
  /** Whether the key is trusted; if not, nothing secret may be sent to the host. */
  readonly trusted: boolean;
  /** Whether the host may tell other keys of itself (UpdateHostKeys). */
  readonly updatable: boolean;
}

/** The host key was not accepted; everything else that there is to say was said. */
export class HostKeyRefused extends Error {
  constructor(message = 'Host key verification failed.') {
    super(message);
    this.name = 'HostKeyRefused';
  }
}

/** The name under which a host's keys stand in known_hosts. */
export function hostKeyName(policy: Pick<HostKeyPolicy, 'alias' | 'hostname' | 'port'>): string {
  return policy.alias ?? knownHostsName(policy.hostname, policy.port);
}

/** The name of a host's address in known_hosts, where it is to be checked beside the host's own (CheckHostIP). */
export function checkedAddress({ address, hostname, port, checkHostIp }: AddressPolicy): string | undefined {
  if (!checkHostIp || address === undefined || isLoopback(address)) return undefined;
  const name = knownHostsName(address, port);
  return name === hostname ? undefined : name;
}

type AddressPolicy = Pick<HostKeyPolicy, 'address' | 'hostname' | 'port' | 'checkHostIp'>;
