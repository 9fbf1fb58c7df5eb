/** What went wrong, by OpenSSH's names, with the text that a user sees (ssherr.c). */
const texts = {
  SSH_ERR_INTERNAL_ERROR: 'unexpected internal error',
  SSH_ERR_ALLOC_FAIL: 'memory allocation failed',
  SSH_ERR_MESSAGE_INCOMPLETE: 'incomplete message',
  SSH_ERR_INVALID_FORMAT: 'invalid format',
  SSH_ERR_BIGNUM_IS_NEGATIVE: 'bignum is negative',
  SSH_ERR_STRING_TOO_LARGE: 'string is too large',
  SSH_ERR_BIGNUM_TOO_LARGE: 'bignum is too large',
  SSH_ERR_ECPOINT_TOO_LARGE: 'elliptic curve point is too large',
  SSH_ERR_NO_BUFFER_SPACE: 'insufficient buffer space',
  SSH_ERR_INVALID_ARGUMENT: 'invalid argument',
  SSH_ERR_KEY_BITS_MISMATCH: 'key bits do not match',
  SSH_ERR_EC_CURVE_INVALID: 'invalid elliptic curve',
  SSH_ERR_KEY_TYPE_MISMATCH: 'key type does not match',
  SSH_ERR_KEY_TYPE_UNKNOWN: 'unknown or unsupported key type',
  SSH_ERR_EC_CURVE_MISMATCH: 'elliptic curve does not match',
  SSH_ERR_EXPECTED_CERT: 'plain key provided where certificate required',
  SSH_ERR_KEY_LACKS_CERTBLOB: 'key lacks certificate data',
  SSH_ERR_KEY_CERT_UNKNOWN_TYPE: 'unknown/unsupported certificate type',
  SSH_ERR_KEY_CERT_INVALID_SIGN_KEY: 'invalid certificate signing key',
  SSH_ERR_KEY_INVALID_EC_VALUE: 'invalid elliptic curve value',
  SSH_ERR_SIGNATURE_INVALID: 'incorrect signature',
  SSH_ERR_LIBCRYPTO_ERROR: 'error in libcrypto',
  SSH_ERR_UNEXPECTED_TRAILING_DATA: 'unexpected bytes remain after decoding',
  SSH_ERR_SYSTEM_ERROR: 'system error',
  SSH_ERR_KEY_CERT_INVALID: 'invalid certificate',
  SSH_ERR_AGENT_COMMUNICATION: 'communication with agent failed',
  SSH_ERR_AGENT_FAILURE: 'agent refused operation',
  SSH_ERR_DH_GEX_OUT_OF_RANGE: 'DH GEX group out of range',
  SSH_ERR_DISCONNECTED: 'disconnected',
  SSH_ERR_MAC_INVALID: 'message authentication code incorrect',
  SSH_ERR_NO_CIPHER_ALG_MATCH: 'no matching cipher found',
  SSH_ERR_NO_MAC_ALG_MATCH: 'no matching MAC found',
  SSH_ERR_NO_COMPRESS_ALG_MATCH: 'no matching compression method found',
  SSH_ERR_NO_KEX_ALG_MATCH: 'no matching key exchange method found',
  SSH_ERR_NO_HOSTKEY_ALG_MATCH: 'no matching host key type found',
  SSH_ERR_NO_HOSTKEY_LOADED: 'could not load host key',
  SSH_ERR_PROTOCOL_MISMATCH: 'protocol version mismatch',
  SSH_ERR_NO_PROTOCOL_VERSION: 'could not read protocol version',
  SSH_ERR_NEED_REKEY: 'rekeying not supported by peer',
  SSH_ERR_PASSPHRASE_TOO_SHORT: 'passphrase is too short (minimum five characters)',
  SSH_ERR_FILE_CHANGED: 'file changed while reading',
  SSH_ERR_KEY_UNKNOWN_CIPHER: 'key encrypted using unsupported cipher',
  SSH_ERR_KEY_WRONG_PASSPHRASE: 'incorrect passphrase supplied to decrypt private key',
  SSH_ERR_KEY_BAD_PERMISSIONS: 'bad permissions',
  SSH_ERR_KEY_CERT_MISMATCH: 'certificate does not match key',
  SSH_ERR_KEY_NOT_FOUND: 'key not found',
  SSH_ERR_AGENT_NOT_PRESENT: 'agent not present',
  SSH_ERR_AGENT_NO_IDENTITIES: 'agent contains no identities',
  SSH_ERR_BUFFER_READ_ONLY: 'internal error: buffer is read-only',
  SSH_ERR_KRL_BAD_MAGIC: 'KRL file has invalid magic number',
  SSH_ERR_KEY_REVOKED: 'Key is revoked',
  SSH_ERR_CONN_CLOSED: 'Connection closed',
  SSH_ERR_CONN_TIMEOUT: 'Connection timed out',
  SSH_ERR_CONN_CORRUPT: 'Connection corrupted',
  SSH_ERR_PROTOCOL_ERROR: 'Protocol error',
  SSH_ERR_KEY_LENGTH: 'Invalid key length',
  SSH_ERR_NUMBER_TOO_LARGE: 'number is too large',
  SSH_ERR_SIGN_ALG_UNSUPPORTED: 'signature algorithm not supported',
  SSH_ERR_FEATURE_UNSUPPORTED: 'requested feature not supported',
  SSH_ERR_DEVICE_NOT_FOUND: 'device not found',
} as const;

/** The name of an error. */
export type SshErrorCode = keyof typeof texts;

/** What went wrong: a code, OpenSSH's text for it, and what was read or tried when it did. */
export class SshError extends Error {
  readonly code: SshErrorCode;
  /** What was being done, for a person: the message and field, the section broken, what came back. */
  readonly detail: string | undefined;

  /** Of SSH_ERR_SYSTEM_ERROR the text is its cause's, where it has one: what the system said. */
  constructor(code: SshErrorCode, detail?: string, options?: ErrorOptions) {
    const { cause } = options ?? {};
    super(code === 'SSH_ERR_SYSTEM_ERROR' && cause instanceof Error ? cause.message : texts[code], options);
    this.name = 'SshError';
    this.code = code;
    this.detail = detail;
  }
}

/** The error that a program of OpenSSH means by a number above 0, its negative in ssherr.h; one that is not known is an internal error. */
export function numberedError(number: number, detail?: string): SshError {
  // The table is in ssherr.h's order.
  const code = Object.keys(texts)[number - 1] as SshErrorCode | undefined;
  return new SshError(code ?? 'SSH_ERR_INTERNAL_ERROR', detail);
}
