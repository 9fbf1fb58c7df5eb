import { configChecks } from './config-checks.ts';
import { fileChecks } from './file-checks.ts';
import type { Check, DoctorScene, Finding } from './finding.ts';
import { keyChecks } from './key-checks.ts';
import { knownHostsChecks } from './known-hosts-checks.ts';

/** What is looked at on this machine, in its order. */
const checks: readonly Check[] = [...fileChecks, ...keyChecks, ...configChecks, ...knownHostsChecks];

/** Looks at the user's files: a row for each thing that is wrong, and one for each check that found nothing. Changes nothing. */
export async function examine(scene: DoctorScene): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, well, run } of checks) {
    const found = await run(scene);
    findings.push(...(found.length === 0 ? [{ check: name, status: 'ok', subject: '', problem: well, fix: '' } as const] : found));
  }
  return findings;
}
