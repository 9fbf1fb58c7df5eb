import type { GlobalRequests } from '../core/connection/global-requests.ts';
import type { FingerprintHash } from '../core/keys/fingerprint.ts';
import type { Transport } from '../core/transport/transport.ts';
import type { Log } from '../core/util/log.ts';
import { splitNames } from '../core/util/pattern.ts';
import type { FinalOptions } from '../config/finalize-client.ts';
import { readKnownHosts, rewriteKnownHosts } from '../files/known-hosts-files.ts';
import { errnoOf } from '../node/errno.ts';
import { readAnswer } from '../node/read-passphrase.ts';
import type { ClientConfig } from './config.ts';
import { checkedAddress, hostKeyName } from './host-key-policy.ts';
import { unlessNone } from './host-trust.ts';
import type { UpdatePlan, UpdateSurroundings } from './update-host-keys.ts';

/** A connection on which the host may tell its keys. */
export interface UpdatableHost {
  readonly config: ClientConfig;
  /** What holds of the configuration for this host. */
  readonly options: FinalOptions;
  /** Its numeric address; undefined where a command makes the connection. */
  readonly address: string | undefined;
  readonly transport: Transport;
  readonly globals: () => GlobalRequests;
  /** Asks the user something while the session has the terminal. */
  readonly aside: (question: () => Promise<string | undefined>) => Promise<string | undefined>;
  readonly log: Log;
}

/** Answers the host's `hostkeys-00@openssh.com`, once for each connection (UpdateHostKeys). */
export function hostKeyUpdates(host: UpdatableHost): (body: Uint8Array) => Promise<boolean> {
  const { options, log, config } = host;
  const asks = options.updateHostKeys === 'ask';
  let seen = false;
  if (asks && (config.session.command !== undefined || options.requestTTY === 'false')) {
    log('DEBUG', 'UpdateHostKeys=ask is incompatible with remote command execution; disabling');
    seen = true;
  }
  return async (body) => {
    const files = unlessNone(options.userKnownHostsFile);
    if (seen || options.updateHostKeys === 'false' || files.length === 0 || (asks && options.batchMode)) return true;
    seen = true;
    const { updateHostKeys } = await import('./update-host-keys.ts');
    await updateHostKeys(body, updatePlan(host, files), surroundings(host, log));
    return true;
  };
}

function updatePlan({ config, options, address, transport }: UpdatableHost, files: readonly string[]): UpdatePlan {
  const { host, port } = config;
  return {
    host: hostKeyName({ alias: options.hostKeyAlias, hostname: host, port }),
    address: checkedAddress({ address, hostname: host, port, checkHostIp: options.checkHostIP }),
    asks: options.updateHostKeys === 'ask',
    hashes: options.hashKnownHosts,
    hostKeyAlgorithms: splitNames(options.hostKeyAlgorithms),
    fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
    negotiated: transport.agreed?.hostKey ?? '',
    sessionId: transport.sessionId,
    files,
  };
}

function surroundings({ globals, aside }: UpdatableHost, log: Log): UpdateSurroundings {
  return {
    log,
    prove: (hostKeys) => globals().ask('hostkeys-prove-00@openssh.com', { hostKeys }),
    read: (path) => {
      let failure: Error | undefined;
      const [file] = readKnownHosts([path], (_, error) => {
        failure = error;
      });
      if (failure !== undefined && errnoOf(failure) !== 'ENOENT') throw failure;
      return file;
    },
    rewrite: rewriteKnownHosts,
    ask: (question) => aside(() => readAnswer(question, { allowNone: true, problem: (text) => log('FATAL', text) })),
  };
}
