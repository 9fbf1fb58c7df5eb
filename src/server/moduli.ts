import { group14, group16, group18 } from '../core/crypto/dh-groups.ts';
import type { ModuliSource } from '../core/transport/gex.ts';

/** The well-known groups and their sizes in bits, the largest first. */
const groups = [
  { bits: 8192, group: group18 },
  { bits: 4096, group: group16 },
  { bits: 2048, group: group14 },
] as const;

/**
 * Groups for diffie-hellman-group-exchange without a moduli file: the largest well-known one that the client takes and that is not
 * needlessly larger than it prefers (RFC 4419 section 3).
 */
export const knownGroups: ModuliSource = (min, preferred, max) => {
  const fitting = groups.filter(({ bits }) => bits >= min && bits <= max);
  return (fitting.findLast(({ bits }) => bits >= preferred) ?? fitting[0])?.group;
};
