import { hostbasedMethod } from '../core/auth/client-hostbased.ts';
import type { ClientMethod } from '../core/auth/client-session.ts';
import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import { SshError } from '../core/util/errors.ts';
import type { Log } from '../core/util/log.ts';
import { loadCertificateBeside, loadPublicKey } from '../files/key-files.ts';
import { errnoOf } from '../node/errno.ts';
import { localName, signWithKeysign } from '../node/keysign.ts';
import type { SocketStream } from '../node/socket.ts';

/** What hostbased authentication depends on. */
export interface HostbasedPlan {
  /** HostbasedAcceptedAlgorithms, its patterns resolved. */
  readonly accepted: readonly string[];
  readonly fingerprintHash: FingerprintHash;
  /** The user's name here. */
  readonly localUser: string;
  readonly connection: SocketStream;
  readonly log: Log;
}

/** The keys that ssh-keysign signs with; it has no other way to be told of more. */
const hostKeyFiles = ['/etc/ssh/ssh_host_ecdsa_key', '/etc/ssh/ssh_host_ed25519_key', '/etc/ssh/ssh_host_rsa_key'];

/** The method hostbased with this machine's keys and OpenSSH's ssh-keysign. */
export function hostbased({ accepted, fingerprintHash, localUser, connection, log }: HostbasedPlan): ClientMethod {
  return hostbasedMethod({
    keys: () => hostKeys(log),
    accepted,
    clientHost: () => localName(connection),
    clientUser: localUser,
    sign: (data) => signWithKeysign(data, connection, log),
    fingerprint: (key) => fingerprint(key, fingerprintHash),
  });
}

function hostKeys(log: Log): readonly PublicKey[] {
  const loaders = [loadCertificateBeside, loadPublicKey];
  const keys = loaders.flatMap((load) =>
    hostKeyFiles.flatMap((file) => {
      const key = ifAny(() => load(file).key);
      if (key !== undefined) log('DEBUG2', `hostbased key: ${key.name} key from "${file}"`);
      return key ?? [];
    }),
  );
  if (keys.length === 0) log('DEBUG', 'HostbasedAuthentication enabled but no local public host keys could be loaded.');
  return keys;
}

function ifAny(read: () => PublicKey): PublicKey | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
