/** What a signature says besides being right. */
export interface SignatureDetails {
  /** What the security key signed about itself; absent for keys that are no security keys. */
  readonly securityKey?: {
    /** Somebody touched the key. */
    readonly userPresent: boolean;
    /** The key verified its user, by a PIN or a fingerprint. */
    readonly userVerified: boolean;
    /** How often the key has signed, by its own account. */
    readonly counter: number;
  };
}

/**
 * A public key, plain or inside a certificate.
 *
 * `name` is the key type's name on the wire, with -cert-v01@openssh.com for a certificate; `blob` is its encoding (RFC 4253 section 6.6).
 */
export interface PublicKey {
  readonly name: string;
  readonly blob: Uint8Array;
  /** The type as people read it, ssh-keygen's `(ED25519)`; with -CERT for a certificate. */
  readonly shortName: string;
  /** The size that people know it by: 256 for Ed25519, the curve's for ECDSA, the modulus' for RSA. */
  readonly bits: number;
  /** The certified key of a certificate; the key itself where it is plain. */
  readonly plain: PublicKey;
  /** The certificate's fields, where this is one. */
  readonly certificate?: Certificate;
  /** The application that a security key was made for, usually `ssh:`; absent for other keys. */
  readonly application?: string;
  /** The signature algorithms that this key can be used with, best first: for RSA rsa-sha2-512, rsa-sha2-256, ssh-rsa; with the certificate suffix for a certificate. */
  readonly signatureAlgorithms: readonly string[];
  /**
   * Whether the signature (its whole encoding: algorithm name and blob) is this key's over the data, made with just this algorithm
   * (a name of {@link signatureAlgorithms}; a certificate's suffix does not stand in the signature itself), or, where none is given, with
   * any of the key's.
   *
   * Whether a security key's user must have been present is its caller's to judge by what is returned.
   *
   * @throws SshError SSH_ERR_SIGNATURE_INVALID; SSH_ERR_INVALID_ARGUMENT for an empty one; SSH_ERR_INVALID_FORMAT, of Ed25519 also the
   *   errors of the wire's types; SSH_ERR_SIGN_ALG_UNSUPPORTED where the algorithm is another, SSH_ERR_KEY_TYPE_MISMATCH where none is
   *   given and it is none of the key's. It returns only where all is well.
   */
  verify(signature: Uint8Array, data: Uint8Array, algorithm?: string): SignatureDetails;
}

/** Whom a certificate certifies. */
export type CertificateRole = 'user' | 'host';

/** One critical option or extension: its name and its data, which for most is empty or one string. */
export interface CertificateOption {
  readonly name: string;
  readonly data: Uint8Array;
}

/** The fields of a certificate (PROTOCOL.certkeys) whose signature was found right. */
export interface Certificate {
  readonly role: CertificateRole;
  readonly serial: bigint;
  readonly keyId: string;
  /** Names that it is valid for; none means that it is valid for nobody. */
  readonly principals: readonly string[];
  /** Seconds since 1970 from which on it is valid. */
  readonly validAfter: bigint;
  /** Seconds since 1970 from which on it is no longer valid; 2^64 - 1 for never. */
  readonly validBefore: bigint;
  readonly criticalOptions: readonly CertificateOption[];
  readonly extensions: readonly CertificateOption[];
  readonly nonce: Uint8Array;
  /** The key that signed it. */
  readonly signatureKey: PublicKey;
  /** The algorithm that it was signed with, to be held against CASignatureAlgorithms. */
  readonly signatureAlgorithm: string;
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
