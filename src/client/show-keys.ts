import type { ConfigEnvironment } from '../config/environment.ts';
import { fingerprint } from '../core/keys/fingerprint.ts';
import type { Log } from '../core/util/log.ts';
import { splitNames } from '../core/util/pattern.ts';
import { whyInaccessible } from '../node/files.ts';
import type { ClientConfig } from './config.ts';
import { keyIdentity } from './debug-authentication.ts';
import { findCandidates } from './identities.ts';
import { identityPlan } from './plans.ts';

/** The keys that would be tried for a host, in their order, each as `-v` tells of it (-Z). The server is not asked. */
export async function keyLines(config: ClientConfig, environment: ConfigEnvironment, log: Log): Promise<readonly string[]> {
  const { options } = config;
  if (options.pubkeyAuthentication === 'false') return [];
  const plan = identityPlan(config, environment);
  const accepted = splitNames(options.pubkeyAcceptedAlgorithms);
  const candidates = await findCandidates(plan, undefined, { log, events: () => undefined });
  return candidates.flatMap(({ source, publicKey: key, explicit, agent }) => {
    // a default file that is not there is no key
    if (key === undefined && whyInaccessible(source) !== undefined) return [];
    if (key !== undefined && !key.signatureAlgorithms.some((name) => accepted.includes(name))) return [];
    const described = key === undefined ? {} : { keyType: key.shortName, fingerprint: fingerprint(key, plan.fingerprintHash) };
    return [keyIdentity({ method: 'publickey', source, explicit, agent, ...described, outcome: 'planned' })];
  });
}
