import type { KnownHostsEntry } from '../core/keys/known-hosts.ts';
import { knownKeyOfType } from '../core/keys/known-hosts.ts';
import { plainAlgorithm } from '../core/keys/key-types.ts';

/**
 * Orders the host key algorithms so that those come first for which a key is known, else as they were: so a server is asked for the key
 * that can be checked.
 *
 * @param entries what is known of the host.
 */
export function orderHostKeyAlgorithms(algorithms: readonly string[], entries: readonly KnownHostsEntry[]): readonly string[] {
  const best = algorithms[0];
  if (best === undefined || entries.length === 0) return algorithms;
  const known = (algorithm: string): boolean => knownKeyOfType(entries, keyTypeOf(algorithm)) !== undefined;
  if (known(best)) return algorithms;
  const authority = entries.some(({ marker }) => marker === 'cert-authority');
  const first = algorithms.filter((algorithm) => (authority && algorithm.includes('-cert-')) || known(algorithm));
  return [...first, ...algorithms.filter((algorithm) => !first.includes(algorithm))];
}

/** The type of key that an algorithm's signatures are made with. */
function keyTypeOf(algorithm: string): string {
  const plain = plainAlgorithm(algorithm);
  return plain.startsWith('rsa-sha2-') ? 'ssh-rsa' : plain;
}
