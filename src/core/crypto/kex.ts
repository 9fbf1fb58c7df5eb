import type { Random } from './random.ts';

/** The hash functions that key exchange methods and signatures use. */
export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A prime group for Diffie-Hellman; both as unsigned big-endian bytes. */
export interface DhGroup {
  readonly prime: Uint8Array;
  readonly generator: Uint8Array;
}

/**
 * The arithmetic of a key exchange method, shaped as a key encapsulation: the client makes a key pair, the server answers its public
 * value, and both have the secret. Diffie-Hellman, elliptic curves and hybrids all fit.
 *
 * Public values are the bytes of a string, or an unsigned magnitude where the row's `publicValue` is 'mpint'. Every value of the peer's
 * is checked: a bad length, point, range or all-zero result throws SshError (SSH_ERR_INVALID_FORMAT, SSH_ERR_KEY_INVALID_EC_VALUE,
 * SSH_ERR_MESSAGE_INCOMPLETE or the like).
 */
export interface KexAlgorithm {
  /** The client's first step. */
  keypair(random: Random): KexKeypair;
  /** The server's answer to the client's public value. */
  encapsulate(peerValue: Uint8Array, random: Random): { readonly value: Uint8Array; readonly secret: Uint8Array };
}

/** A client's ephemeral key pair. */
export interface KexKeypair {
  /** The public value to be sent. */
  readonly value: Uint8Array;
  /** The shared secret from the server's public value; a fresh array that the caller wipes. Called once: the private key may be wiped. */
  decapsulate(peerValue: Uint8Array): Uint8Array;
}

/** One key exchange method: a row of the table in kex-methods.ts. */
export interface KexMethod {
  readonly name: string;
  readonly hash: HashName;
  /** How public values stand in the messages and in the exchange hash: Q_C as a string, or e and f as mpint. */
  readonly publicValue: 'string' | 'mpint';
  /** How the secret K goes into the exchange hash and the key derivation: hybrids hash it as a string. */
  readonly secret: 'string' | 'mpint';
  /** Loads the arithmetic, and with it whatever library it needs. Absent for group exchange, whose group the server names first. */
  readonly load?: () => Promise<KexAlgorithm>;
}
