import type { CipherName, CompressionName, KexName, MacName } from '../crypto/names.ts';
import type { AgreedAlgorithms, AgreedDirection, OfferedAlgorithms } from '../events.ts';
import { SshError, type SshErrorCode } from '../util/errors.ts';
import { kexInit, type KexInit } from '../wire/transport-messages.ts';

/** What one side offers, each list in order of preference. */
export interface Proposal {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
  readonly compression: readonly string[];
}

/** What one direction was agreed to use. */
export interface AgreedProtection extends AgreedDirection {
  readonly cipher: CipherName;
  readonly mac: MacName | undefined;
  readonly compression: CompressionName;
}

/** The outcome of a negotiation (RFC 4253 section 7.1). */
export interface Agreement extends AgreedAlgorithms {
  readonly kex: KexName;
  readonly clientToServer: AgreedProtection;
  readonly serverToClient: AgreedProtection;
  /** Whether the peer's guess was wrong, so that its next packet is to be dropped. */
  readonly guessedWrong: boolean;
  /** Whether the peer takes EXT_INFO (RFC 8308 section 2.1). */
  readonly peerTakesExtInfo: boolean;
}

/** Nothing in common: which class of algorithm, and both lists. */
export class NegotiationError extends SshError {
  readonly own: readonly string[];
  /** As it was sent, markers and all: so OpenSSH shows it. */
  readonly peer: readonly string[];

  constructor(code: SshErrorCode, own: readonly string[], peer: readonly string[]) {
    super(code, `Their offer: ${peer.join(',')}`);
    this.own = own;
    this.peer = peer;
  }
}

/** The names in a kex list that are no methods (RFC 8308 section 2.1, PROTOCOL section 1.10). */
const markers = {
  extInfo: { client: 'ext-info-c', server: 'ext-info-s' },
  strict: { client: 'kex-strict-c-v00@openssh.com', server: 'kex-strict-s-v00@openssh.com' },
} as const;

/** The KEXINIT of a proposal; the markers are offered in the initial exchange only. */
export function proposalMessage(proposal: Proposal, role: 'client' | 'server', cookie: Uint8Array, initial: boolean): Uint8Array {
  const extra = initial ? [markers.extInfo[role], markers.strict[role]] : [];
  return kexInit.encode({
    cookie,
    kexAlgorithms: [...proposal.kex, ...extra],
    serverHostKeyAlgorithms: proposal.hostKey,
    encryptionClientToServer: proposal.ciphers,
    encryptionServerToClient: proposal.ciphers,
    macClientToServer: proposal.macs,
    macServerToClient: proposal.macs,
    compressionClientToServer: proposal.compression,
    compressionServerToClient: proposal.compression,
    languagesClientToServer: [],
    languagesServerToClient: [],
    firstKexPacketFollows: false,
    reserved: 0,
  });
}

/**
 * Agrees on each algorithm: the first of the client's that the server knows too.
 *
 * `isAuthenticated` tells the ciphers that need no MAC. `strict` is what the initial exchange found; undefined in that one.
 *
 * @throws NegotiationError where a class has nothing in common.
 */
export function negotiate(
  client: KexInit,
  server: KexInit,
  role: 'client' | 'server',
  isAuthenticated: (cipher: string) => boolean,
  strict: boolean | undefined,
): Agreement {
  const [own, peer] = role === 'client' ? [client, server] : [server, client];
  const choose = (code: SshErrorCode, pick: (init: KexInit) => readonly string[]): string => {
    const known = pick(server);
    const name = pick(client).find((candidate) => known.includes(candidate) && !isMarker(candidate));
    if (name === undefined) throw new NegotiationError(code, pick(own).filter(isMethod), pick(peer));
    return name;
  };
  const direction = (
    ciphers: (init: KexInit) => readonly string[],
    macs: (init: KexInit) => readonly string[],
    compressions: (init: KexInit) => readonly string[],
  ): AgreedProtection => {
    const cipher = choose('SSH_ERR_NO_CIPHER_ALG_MATCH', ciphers) as CipherName;
    const mac = isAuthenticated(cipher) ? undefined : (choose('SSH_ERR_NO_MAC_ALG_MATCH', macs) as MacName);
    return { cipher, mac, compression: choose('SSH_ERR_NO_COMPRESS_ALG_MATCH', compressions) as CompressionName };
  };
  const kex = choose('SSH_ERR_NO_KEX_ALG_MATCH', (init) => init.kexAlgorithms) as KexName;
  const hostKey = choose('SSH_ERR_NO_HOSTKEY_ALG_MATCH', (init) => init.serverHostKeyAlgorithms);
  const agreed = {
    kex,
    hostKey,
    clientToServer: direction(
      (init) => init.encryptionClientToServer,
      (init) => init.macClientToServer,
      (init) => init.compressionClientToServer,
    ),
    serverToClient: direction(
      (init) => init.encryptionServerToClient,
      (init) => init.macServerToClient,
      (init) => init.compressionServerToClient,
    ),
  };
  // a guess is right where both prefer the same, not where it happens to be what was agreed on (RFC 4253 section 7.1)
  const guessed = (pick: (init: KexInit) => readonly string[]): boolean => pick(own).find(isMethod) === pick(peer).find(isMethod);
  const guess = guessed((init) => init.kexAlgorithms) && guessed((init) => init.serverHostKeyAlgorithms);
  const other = role === 'client' ? 'server' : 'client';
  return {
    ...agreed,
    strict: strict ?? (client.kexAlgorithms.includes(markers.strict.client) && server.kexAlgorithms.includes(markers.strict.server)),
    guessedWrong: peer.firstKexPacketFollows && !guess,
    peerTakesExtInfo: peer.kexAlgorithms.includes(markers.extInfo[other]),
  };
}

/** A KEXINIT's lists as the events tell them. */
export function offerOf(init: KexInit): OfferedAlgorithms {
  return {
    kex: init.kexAlgorithms,
    hostKey: init.serverHostKeyAlgorithms,
    cipherClientToServer: init.encryptionClientToServer,
    cipherServerToClient: init.encryptionServerToClient,
    macClientToServer: init.macClientToServer,
    macServerToClient: init.macServerToClient,
    compressionClientToServer: init.compressionClientToServer,
    compressionServerToClient: init.compressionServerToClient,
    firstKexFollows: init.firstKexPacketFollows,
  };
}

const markerNames: readonly string[] = [...Object.values(markers.extInfo), ...Object.values(markers.strict)];

function isMarker(name: string): boolean {
  return markerNames.includes(name);
}

function isMethod(name: string): boolean {
  return !isMarker(name);
}
