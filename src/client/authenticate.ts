import type { Candidate } from '../core/auth/candidates.ts';
import { authenticate } from '../core/auth/client.ts';
import { keyboardInteractiveMethod } from '../core/auth/client-kbdint.ts';
import { passwordMethod } from '../core/auth/client-password.ts';
import { type KeyProbe, probingMethod } from '../core/auth/client-probe.ts';
import { publickeyMethod } from '../core/auth/client-publickey.ts';
import type { ClientMethod } from '../core/auth/client-session.ts';
import { preferredMethods } from '../core/auth/methods.ts';
import type { EventSink } from '../core/events.ts';
import { fingerprint, type FingerprintHash } from '../core/keys/fingerprint.ts';
import type { Transport } from '../core/transport/transport.ts';
import type { Log } from '../core/util/log.ts';
import { readPassphrase } from '../node/read-passphrase.ts';

/** Who wants in, and by which methods (ssh_config(5)). */
export interface AuthenticationPlan {
  readonly user: string;
  /** The host as messages name it, and as prompts do (HostKeyAlias). */
  readonly host: string;
  readonly promptHost: string;
  /** PreferredAuthentications, where it is set. */
  readonly preferred: readonly string[] | undefined;
  readonly batchMode: boolean;
  readonly enabled: { readonly publickey: boolean; readonly password: boolean; readonly keyboardInteractive: boolean };
  /** Whether signatures are bound to the host key (PubkeyAuthentication). */
  readonly hostBound: boolean;
  readonly accepted: readonly string[];
  readonly mostPrompts: number;
  readonly devices: readonly string[];
  readonly fingerprintHash: FingerprintHash;
  readonly candidates: () => Promise<readonly Candidate[]>;
  /** Lets this machine vouch for the user; undefined where it is not to. */
  readonly hostbased: (() => Promise<ClientMethod>) | undefined;
  /** Keys that the server is asked about before any is used. */
  readonly probe: KeyProbe | undefined;
  readonly log: Log;
}

/**
 * Authenticates over a transport that has exchanged keys. `succeeded` gives the link its next handler before another message is read.
 *
 * @throws PermissionDenied where nothing is left to try; SshError where the connection ends.
 */
export async function authenticateClient(
  transport: Transport,
  plan: AuthenticationPlan,
  events: EventSink,
  succeeded: (method: string) => void,
): Promise<void> {
  const rows: Readonly<Record<string, (() => ClientMethod | Promise<ClientMethod>) | false | undefined>> = {
    hostbased: plan.hostbased,
    publickey: plan.enabled.publickey && (() => publickey(transport, plan)),
    password: plan.enabled.password && (() => password(plan)),
    'keyboard-interactive': plan.enabled.keyboardInteractive && (() => keyboardInteractive(plan)),
  };
  const methods: ClientMethod[] = [];
  for (const name of preferredMethods(plan.preferred, plan.batchMode)) {
    const make = rows[name];
    if (make !== undefined && make !== false) methods.push(await make());
  }
  await authenticate(transport, { user: plan.user, host: plan.host, methods, emit: events, succeeded });
}

function publickey(transport: Transport, plan: AuthenticationPlan): ClientMethod {
  const { probe, accepted } = plan;
  const method = publickeyMethod({
    candidates: async () =>
      (await plan.candidates()).filter(({ publicKey }) => publicKey === undefined || probe?.refused(publicKey) !== true),
    accepted,
    hostKey: plan.hostBound ? transport.hostKeyProof?.hostKey : undefined,
    fingerprint: (key) => fingerprint(key, plan.fingerprintHash),
  });
  return probe === undefined ? method : probingMethod(probe, accepted, method);
}

function password(plan: AuthenticationPlan): ClientMethod {
  return passwordMethod({ prompt: promptOf(plan), host: plan.promptHost, mostPrompts: plan.mostPrompts });
}

function keyboardInteractive(plan: AuthenticationPlan): ClientMethod {
  return keyboardInteractiveMethod({ prompt: promptOf(plan), host: plan.promptHost, mostTries: plan.mostPrompts, devices: plan.devices });
}

function promptOf({ log }: AuthenticationPlan): (text: string, echo: boolean) => Promise<Uint8Array | undefined> {
  return (text, echo) => readPassphrase(text, { echo, problem: (problem) => log('FATAL', problem) });
}
