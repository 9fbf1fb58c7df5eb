import type { AuthenticationTry, CredentialStory } from '../../core/events.ts';
import type { Asked } from './cause.ts';
import type { Story } from './story.ts';

/** What became of each credential, in the order in which they were met; key files that are not there are left out. */
export function credentialStories(story: Story, asked: Asked, missing: (path: string) => boolean): readonly CredentialStory[] {
  const groups = new Map<string, AuthenticationTry[]>();
  for (const attempt of story.attempts) {
    if (attempt.method === 'none') continue;
    const key = `${attempt.method}\n${attempt.source ?? ''}\n${attempt.source === undefined ? '' : (attempt.fingerprint ?? '')}${/-CERT$/.test(attempt.keyType ?? '') ? '\ncert' : ''}`;
    groups.set(key, [...(groups.get(key) ?? []), attempt]);
  }
  return [...groups.values()].flatMap((attempts) => {
    const [first] = attempts;
    if (first === undefined || (first.agent !== true && missing(first.source ?? ''))) return [];
    return [tellCredential(first, attempts, story, asked)];
  });
}

function tellCredential(first: AuthenticationTry, attempts: readonly AuthenticationTry[], story: Story, asked: Asked): CredentialStory {
  const offered = attempts.some(({ outcome }) => outcome === 'offered' || outcome === 'signed');
  return {
    method: first.method,
    from: first.method === 'publickey' ? originOf(first, asked) : undefined,
    source: first.source ?? first.method,
    keyType: attempts.find(({ keyType }) => keyType !== undefined)?.keyType,
    fingerprint: attempts.find(({ fingerprint }) => fingerprint !== undefined)?.fingerprint,
    offered,
    answer: answerOf(attempts, story),
  };
}

function originOf({ source, explicit, agent, keyType }: AuthenticationTry, asked: Asked): CredentialStory['from'] {
  if (/-CERT$/.test(keyType ?? '')) return 'certificate';
  const file = asked.identityFiles.find(({ path }) => path === source);
  if (file === undefined && agent === true && explicit !== true) return 'agent';
  return (file?.explicit ?? explicit) === true ? 'file' : 'default';
}

/** What reasons that have no words of their own for a user mean. */
const reasons: Readonly<Record<string, string>> = {
  IdentitiesOnly: 'IdentitiesOnly yes: its file is not named',
  'no private key to sign with': 'its private half could not be had',
  'no mutual signature algorithm': 'no signature algorithm that both sides allow',
};

function answerOf(attempts: readonly AuthenticationTry[], story: Story): string {
  const last = (outcome: AuthenticationTry['outcome']): AuthenticationTry | undefined =>
    attempts.findLast((one) => one.outcome === outcome);
  const signed = last('signed') !== undefined;
  if (last('succeeded') !== undefined || last('partial') !== undefined) return 'right';
  if (last('refused') !== undefined) return signed ? 'refused, though signed' : 'refused';
  const failed = last('failed') ?? last('skipped');
  if (failed !== undefined) return reasons[failed.reason ?? ''] ?? failed.reason ?? 'could not be used';
  if (last('offered') !== undefined || signed) return story.hungUp ? 'the server hung up' : 'no answer';
  return story.hungUp ? 'the server had hung up before' : 'its turn did not come';
}
