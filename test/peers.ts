import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';
import { type Peer, peerMissing } from './peer-programs.ts';

export type { Peer };
export { peerProgram } from './peer-programs.ts';

/** What a test may do on this machine that not everybody may: each says why not here, or undefined where it may. */
const rights = {
  root: () => (process.getuid?.() === 0 ? undefined : 'only root may do what it does'),
  'user namespaces': () =>
    spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--net', 'true']).status === 0
      ? undefined
      : 'user namespaces are forbidden here',
} as const satisfies Record<string, () => string | undefined>;

/** dropbear reads the user's own authorized_keys alone: the tests mount theirs over it. */
const implied: Partial<Record<Peer, keyof typeof rights>> = { dropbear: 'root' };

/** What a test needs: another's program, or a right. */
export type Need = Peer | keyof typeof rights;

/** A suite that needs something: it is skipped, with the reason in its name, where that is missing, and fails where CI=true. */
export function describePeer(needed: Need | readonly Need[], name: string, body: () => void): void {
  const reason = reasonOf(needed);
  if (reason === undefined) describe(name, body);
  else if (mustRun()) test(name, () => Promise.reject(new Error(reason)));
  else if (lacksRight(needed)) test.skip(`${name} (skipped: ${reason})`, () => {});
  else describe.skip(`${name} (skipped: ${reason})`, body);
}

/** A test that needs something: it is skipped, with the reason in its name, where that is missing, and fails where CI=true. */
export function testPeer(needed: Need | readonly Need[], name: string, body: () => Promise<void> | void): void {
  const reason = reasonOf(needed);
  if (reason === undefined) test(name, body);
  else if (mustRun()) test(name, () => Promise.reject(new Error(reason)));
  else test.skip(`${name} (skipped: ${reason})`, body);
}

function reasonOf(needed: Need | readonly Need[]): string | undefined {
  const missing = [needed].flat().flatMap((need) => (isRight(need) ? [] : (peerMissing(need) ?? [])));
  const reasons = [...missing, ...rightsOf(needed).flatMap((right) => withheld(right) ?? [])];
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

/** The bodies of suites that need one make at once what only it lets them make. */
function lacksRight(needed: Need | readonly Need[]): boolean {
  return rightsOf(needed).some((right) => withheld(right) !== undefined);
}

function rightsOf(needed: Need | readonly Need[]): (keyof typeof rights)[] {
  return [...new Set([needed].flat().flatMap((need) => (isRight(need) ? need : (implied[need] ?? []))))];
}

function isRight(need: Need): need is keyof typeof rights {
  return Object.hasOwn(rights, need);
}

const asked = new Map<keyof typeof rights, string | undefined>();

function withheld(right: keyof typeof rights): string | undefined {
  if (!asked.has(right)) asked.set(right, rights[right]());
  return asked.get(right);
}

function mustRun(): boolean {
  return process.env['CI'] === 'true';
}
