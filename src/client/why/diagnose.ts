import type { Diagnosis } from '../../core/events.ts';
import type { ClientConfig } from '../config.ts';
import type { IdentityPlan } from '../identities.ts';
import type { Asked, Cause } from './cause.ts';
import { authenticationCauses, loginEvidence } from './causes-authentication.ts';
import { connectCauses } from './causes-connect.ts';
import { keyCauses } from './causes-keys.ts';
import { sessionCauses } from './causes-session.ts';
import { credentialStories } from './credentials.ts';
import { findOut } from './findings.ts';
import type { Story } from './story.ts';

/** What no other row recognises: still the phase and the error are told. */
const unknown: Cause = {
  code: 'unknown',
  holds: () => true,
  sentence: ({ story }) =>
    `It ended in the phase "${story.phase}": ${story.stopped?.detail ?? story.stopped?.message ?? 'no reason was given'}.`,
  wayOut: () => ['tsh --explain tells the run step by step; tsh -vvv shows every packet.'],
};

/** Every cause that `--why` can name, in the order in which they are looked for. */
export const causes: readonly Cause[] = [...connectCauses, ...keyCauses, ...authenticationCauses, ...sessionCauses, unknown];

/** What a configuration asked for, as far as causes look at it. */
export function askedOf(config: ClientConfig, identities: IdentityPlan): Asked {
  const { originalHost, host, port, user, options, settings } = config;
  return { originalHost, host, port, user, options, origins: (option) => settings.origins(option), identityFiles: identities.files };
}

/** Names the cause of a failed run. It reads key files and known_hosts, changes nothing, asks nobody. */
export async function diagnose(story: Story, asked: Asked): Promise<Diagnosis> {
  const findings = await findOut(story, asked);
  const credentials = credentialStories(story, asked, (path) => findings.keyFiles.get(path)?.missing === true);
  const explained = credentials.map((one) => {
    const finding = findings.keyFiles.get(one.source);
    return finding === undefined || one.from === 'agent' ? one : { ...one, answer: finding.problem };
  });
  const scene = { story, asked, findings, credentials: explained };
  const cause = causes.find(({ holds }) => holds(scene)) ?? unknown;
  return {
    cause: cause.code,
    phase: story.phase,
    sentence: cause.sentence(scene),
    credentials: explained,
    evidence: [...(cause.evidence?.(scene) ?? []), ...loginEvidence(scene)],
    wayOut: cause.wayOut(scene),
  };
}
