import type { Certificate } from './certificate.ts';

/**
 * A public key, plain or inside a certificate.
 *
 * `name` is the key type's name on the wire, with -cert-v01@openssh.com for a certificate; `blob` is its encoding (RFC 4253 section 6.6).
 */
export interface PublicKey {
  readonly name: string;
  readonly blob: Uint8Array;
  /** The size that people know it by: 256 for Ed25519, the curve's for ECDSA, the modulus' for RSA. */
  readonly bits: number;
  /** The certified key of a certificate; the key itself where it is plain. */
  readonly plain: PublicKey;
  /** The certificate's fields, where this is one. */
  readonly certificate?: Certificate;
  /** The signature algorithms that this key can be used with, best first: for RSA rsa-sha2-512, rsa-sha2-256, ssh-rsa; with the certificate suffix for a certificate. */
  readonly signatureAlgorithms: readonly string[];
  /**
   * Whether the signature (its whole encoding: algorithm name and blob) is this key's over the data, made with just this algorithm
   * (a name of {@link signatureAlgorithms}; a certificate's suffix does not stand in the signature itself).
   *
   * @throws SshError SSH_ERR_INVALID_FORMAT, SSH_ERR_SIGN_ALG_UNSUPPORTED or SSH_ERR_SIGNATURE_INVALID; it returns only where all is well.
   */
  verify(signature: Uint8Array, data: Uint8Array, algorithm: string): void;
}

/** Whoever can sign with a key: a private key here, an agent or a helper program. */
export interface Signer {
  readonly publicKey: PublicKey;
  /**
   * A signature (its whole encoding) over the data with this algorithm, a name of the key's signatureAlgorithms.
   *
   * @throws SshError where it can't or won't.
   */
  sign(data: Uint8Array, algorithm: string): Promise<Uint8Array>;
}
