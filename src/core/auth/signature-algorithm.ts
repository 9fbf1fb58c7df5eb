import type { PublicKey } from '../keys/key.ts';
import { plainAlgorithm } from '../keys/key-types.ts';

/** What decides with which algorithm a client signs. */
export interface SignatureTerms {
  /** The names that PubkeyAcceptedAlgorithms allows, best first, its patterns already resolved. */
  readonly accepted: readonly string[];
  /** The server's server-sig-algs (RFC 8308 section 3.1); undefined where it sent none. */
  readonly serverAlgorithms: readonly string[] | undefined;
  /** The server's identification, which tells of old servers' faults. */
  readonly peerIdent: string;
}

/**
 * The algorithm to sign with, by its name in the request (with the certificate suffix for a certificate), or undefined where the user's
 * and the server's leave none.
 *
 * Only an RSA key has a choice, and only where the server names what it takes: the first that the user accepts and the server knows.
 * Without server-sig-algs it is the key's own name, which for RSA is SHA-1's: used only where the user allows it.
 */
export function signatureAlgorithm(key: PublicKey, terms: SignatureTerms): string | undefined {
  const { accepted } = terms;
  const fault = faults.find((row) => row.server.test(terms.peerIdent));
  const certificate = key.certificate !== undefined;
  let server = terms.serverAlgorithms;
  if (server !== undefined && !certificate && fault?.algorithms !== undefined) server = fault.algorithms;
  if (server === undefined || key.signatureAlgorithms.length < 2 || (certificate && fault !== undefined)) {
    return accepted.includes(key.name) ? key.name : undefined;
  }
  const known = server;
  return accepted.find((name) => key.signatureAlgorithms.includes(name) && known.includes(plainAlgorithm(name)));
}

/** Servers that get RSA's newer signatures wrong in certificates, or know them and do not say so (OpenSSH's compat.c). */
const faults: readonly { readonly server: RegExp; readonly algorithms?: readonly string[] }[] = [
  { server: /^SSH-[^-]*-OpenSSH_7\.4/, algorithms: ['rsa-sha2-256', 'rsa-sha2-512'] },
  { server: /^SSH-[^-]*-OpenSSH_(?:6\.[56]|7\.[0-3567])/ },
];
