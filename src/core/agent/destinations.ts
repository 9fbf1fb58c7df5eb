import { checkCertificate } from '../keys/certificate.ts';
import type { PublicKey } from '../keys/key.ts';
import { plainAlgorithm } from '../keys/key-types.ts';
import { parsePublicKey } from '../keys/public-key.ts';
import { equalBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { matchPattern } from '../util/pattern.ts';
import type { Codec } from '../wire/codec.ts';
import { boolean, string, utf8 } from '../wire/codec.ts';
import { decode, encode, struct } from '../wire/message.ts';
import { WireReader } from '../wire/reader.ts';

/**
 * Keys that may be used only on the way to certain hosts (PROTOCOL.agent section 2).
 *
 * A connection to the agent tells over which sessions it comes, each proved by a host's signature. A key's constraints name the hops that
 * it may take; every hop of the connection must be one of them, the last with the user whom the signature is to log in.
 */

/** The most constraints of one key, and the most hops of a connection: OpenSSH's limits. */
const MOST_DESTINATIONS = 1024;
const MOST_HOPS = 16;
const LONGEST_SESSION_ID = 128;

/** The constraint's name on the wire. */
export const RESTRICT_DESTINATION = 'restrict-destination-v00@openssh.com';

/** A host in a constraint, known by its keys. */
export interface HopHost {
  /** A user's name or pattern; empty for any. */
  readonly user: string;
  /** Empty, as are the keys, for where the agent runs. */
  readonly hostname: string;
  readonly keys: readonly HopKey[];
}

/** A key that a host has, or the authority that certifies it. */
export interface HopKey {
  readonly key: PublicKey;
  readonly isAuthority: boolean;
}

/** One hop that a key may take. */
export interface Destination {
  readonly from: HopHost;
  readonly to: HopHost;
}

/** One session that a connection to the agent comes over. */
export interface SessionHop {
  readonly hostKey: PublicKey;
  readonly sessionId: Uint8Array;
  /** Whether the agent was forwarded over it; else it is the session that logs in. */
  readonly forwarded: boolean;
}

/** The contents of the constraint's extension. */
export function encodeDestinations(destinations: readonly Destination[]): Uint8Array {
  return encode(destinationList, destinations);
}

/**
 * Reads the contents of the constraint's extension.
 *
 * @throws SshError where they are malformed, none or contradictory.
 */
export function readDestinations(contents: Uint8Array): readonly Destination[] {
  const destinations = decode(destinationList, contents);
  if (destinations.length === 0) throw new SshError('SSH_ERR_INVALID_FORMAT', 'constraint: no destination');
  for (const { from, to } of destinations) {
    if ((from.hostname === '') !== (from.keys.length === 0) || from.user !== '') {
      throw new SshError('SSH_ERR_INVALID_FORMAT', 'constraint: inconsistent origin');
    }
    if (to.hostname === '' || to.keys.length === 0) throw new SshError('SSH_ERR_INVALID_FORMAT', 'constraint: incomplete destination');
  }
  return destinations;
}

/**
 * The hops with one more, once its signature was checked.
 *
 * @throws SshError where the connection is already bound to a login, or the session to another host.
 */
export function withHop(hops: readonly SessionHop[], hop: SessionHop, signature: Uint8Array): readonly SessionHop[] {
  const { hostKey, sessionId } = hop;
  if (sessionId.length === 0 || sessionId.length > LONGEST_SESSION_ID) throw new SshError('SSH_ERR_INVALID_FORMAT', 'session identifier');
  verifyAny(hostKey, signature, sessionId);
  for (const known of hops) {
    if (!known.forwarded) throw new SshError('SSH_ERR_INVALID_FORMAT', 'the connection is bound to a login already');
    if (!equalBytes(known.sessionId, sessionId)) continue;
    if (equalBytes(known.hostKey.blob, hostKey.blob)) return hops;
    throw new SshError('SSH_ERR_INVALID_FORMAT', 'the session is known with another host key');
  }
  if (hops.length === MOST_HOPS) throw new SshError('SSH_ERR_INVALID_FORMAT', 'too many hops');
  return [...hops, hop];
}

/** What is to be done with a key at the end of its way: shown, or to log in a user. */
export type KeyPurpose = { readonly purpose: 'show' } | { readonly purpose: 'login'; readonly user: string };

/** Whether constraints permit the way over these hops. `now` is in seconds since 1970, for hosts' certificates. */
export function permitsWay(destinations: readonly Destination[], hops: readonly SessionHop[], use: KeyPurpose, now: number): boolean {
  const last = hops.at(-1);
  if (last === undefined) return true;
  if (use.purpose === 'login' && last.forwarded) return false;
  let from: PublicKey | undefined;
  for (const hop of hops) {
    if (hop !== last && !hop.forwarded) return false;
    const user = hop === last && use.purpose === 'login' ? use.user : undefined;
    if (!permitsHop(destinations, { from, to: hop.hostKey, user }, now)) return false;
    from = hop.hostKey;
  }
  // A key that may log in to a host, but is of no use beyond it, is not shown there.
  return !last.forwarded || permitsHop(destinations, { from: last.hostKey, to: undefined, user: undefined }, now);
}

interface Hop {
  readonly from: PublicKey | undefined;
  readonly to: PublicKey | undefined;
  readonly user: string | undefined;
}

function permitsHop(destinations: readonly Destination[], hop: Hop, now: number): boolean {
  return destinations.some(({ from, to }) => {
    if (hop.from === undefined ? from.keys.length > 0 : !isHost(from, hop.from, now)) return false;
    if (hop.to !== undefined && !isHost(to, hop.to, now)) return false;
    return hop.user === undefined || to.user === '' || matchPattern(hop.user, to.user);
  });
}

function isHost(host: HopHost, key: PublicKey, now: number): boolean {
  const { certificate } = key;
  return host.keys.some((known) => {
    if (certificate === undefined) return !known.isAuthority && equalBytes(known.key.blob, key.blob);
    if (!known.isAuthority || !equalBytes(known.key.blob, certificate.signatureKey.blob)) return false;
    try {
      const matches = (principal: string, wanted: string): boolean => matchPattern(wanted, principal);
      checkCertificate(certificate, { role: 'host', principal: host.hostname, now, matches });
      return true;
    } catch (error) {
      if (error instanceof SshError) return false;
      throw error;
    }
  });
}

/** Verifies with whichever of the key's algorithms the signature names. */
function verifyAny(key: PublicKey, signature: Uint8Array, data: Uint8Array): void {
  const name = utf8.read(new WireReader(signature));
  const algorithm = key.signatureAlgorithms.find((one) => plainAlgorithm(one) === name);
  key.verify(signature, data, algorithm ?? name);
}

const hopKeys: Codec<readonly HopKey[]> = {
  read: (reader) => {
    const keys: HopKey[] = [];
    while (reader.remaining > 0) keys.push({ key: parsePublicKey(string.read(reader)), isAuthority: boolean.read(reader) });
    return keys;
  },
  write: (writer, keys) => {
    for (const { key, isAuthority } of keys) {
      string.write(writer, key.blob);
      boolean.write(writer, isAuthority);
    }
  },
};

/** A string that later versions may fill; what it would mean is unknown, so it must be empty. */
const reserved: Codec<undefined> = {
  read: (reader) => {
    if (string.read(reader).length > 0) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', 'constraint: an extension of it');
    return undefined;
  },
  write: (writer) => string.write(writer, new Uint8Array(0)),
};

const host = inString(struct({ user: utf8, hostname: utf8, reserved, keys: hopKeys }));
const destination = inString(struct({ from: host, to: host, reserved }));

const destinationList: Codec<readonly Destination[]> = {
  read: (reader) => {
    const list: Destination[] = [];
    while (reader.remaining > 0) {
      if (list.length === MOST_DESTINATIONS) throw new SshError('SSH_ERR_INVALID_FORMAT', 'constraint: too many destinations');
      list.push(destination.read(reader));
    }
    return list;
  },
  write: (writer, list) => {
    for (const { from, to } of list) {
      destination.write(writer, { from: { ...from, reserved: undefined }, to: { ...to, reserved: undefined }, reserved: undefined });
    }
  },
};

function inString<T>(inner: Codec<T>): Codec<T> {
  return { read: (reader) => decode(inner, string.read(reader)), write: (writer, value) => string.write(writer, encode(inner, value)) };
}
