/** The destinations of `tsh-add -h`: hops between hosts, each host known by the keys that known_hosts files have of it. */
import type { Destination, HopHost } from '../core/agent/destinations.ts';
import { knownHostsEntries, type KnownHostsFile } from '../core/keys/known-hosts.ts';
import { lowerCase } from '../core/util/pattern.ts';

/** A destination that can't be understood, or whose host has no known key; the message is OpenSSH's. */
export class DestinationError extends Error {
  override readonly name = 'DestinationError';
}

/**
 * Reads `[user@]host` or `host>[user@]host`.
 *
 * @throws DestinationError
 */
export function parseDestination(text: string, files: readonly KnownHostsFile[]): Destination {
  const arrow = text.indexOf('>');
  if (arrow === -1) return { from: { user: '', hostname: '', keys: [] }, to: parseHop(text, files) };
  const first = text.slice(0, arrow);
  const from = parseHop(first, files);
  const to = parseHop(text.slice(arrow + 1), files);
  if (from.user !== '') throw new DestinationError(`Invalid key constraint ${first}: cannot specify user on 'from' host`);
  return { from, to };
}

function parseHop(text: string, files: readonly KnownHostsFile[]): HopHost {
  const at = text.indexOf('@');
  const user = at === -1 ? '' : text.slice(0, at);
  const hostname = text.slice(at + 1).replace(/^\[([^\]]*)\]$/, '$1');
  if (hostname === '') {
    if (user === '') throw new DestinationError(`Invalid key destination constraint "${text}": does not specify user or host`);
    return { user, hostname: '*', keys: [] };
  }
  const keys = knownHostsEntries(files, lowerCase(hostname))
    .filter(({ marker }) => marker !== 'revoked')
    .map(({ key, marker }) => ({ key, isAuthority: marker === 'cert-authority' }));
  if (keys.length === 0) throw new DestinationError(`No host keys found for destination "${hostname}"`);
  return { user, hostname, keys };
}
