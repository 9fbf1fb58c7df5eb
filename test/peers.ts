import { describe, test } from 'vitest';
import { type Peer, peerMissing } from './peer-programs.ts';

export type { Peer };
export { peerProgram } from './peer-programs.ts';

/** A suite that needs peers: it is skipped, with the reason in its name, where one is missing, and fails where CI=true. */
export function describePeer(needed: Peer | readonly Peer[], name: string, body: () => void): void {
  const reason = reasonOf(needed);
  if (reason === undefined) describe(name, body);
  else if (mustRun()) test(name, () => Promise.reject(new Error(reason)));
  else describe.skip(`${name} (skipped: ${reason})`, body);
}

/** A test that needs peers: it is skipped, with the reason in its name, where one is missing, and fails where CI=true. */
export function testPeer(needed: Peer | readonly Peer[], name: string, body: () => Promise<void> | void): void {
  const reason = reasonOf(needed);
  if (reason === undefined) test(name, body);
  else if (mustRun()) test(name, () => Promise.reject(new Error(reason)));
  else test.skip(`${name} (skipped: ${reason})`, body);
}

function reasonOf(needed: Peer | readonly Peer[]): string | undefined {
  const reasons = [needed].flat().flatMap((peer) => peerMissing(peer) ?? []);
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

function mustRun(): boolean {
  return process.env['CI'] === 'true';
}
