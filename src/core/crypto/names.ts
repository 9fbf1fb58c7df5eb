/**
 * The algorithms that tsh knows, by their names in negotiation, and in which order it offers them.
 *
 * Two orders stand here for each class. The first list is everything that is built, as `-Q` prints it. The second is what is offered by
 * default. The default prefers what is safe and then what is fastest here: post-quantum key exchange first (a recorded session is not to
 * be read by a later quantum computer), then curves, then large groups; AES-GCM before chacha20-poly1305, because AES runs in hardware
 * through OpenSSL while ChaCha20 and Poly1305 cost several times as much in this runtime; encrypt-then-MAC before encrypt-and-MAC.
 */

/** Every key exchange method, in the order of `-Q kex`. */
export const kexNames = [
  'diffie-hellman-group1-sha1',
  'diffie-hellman-group14-sha1',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group-exchange-sha1',
  'diffie-hellman-group-exchange-sha256',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'sntrup761x25519-sha512',
  'sntrup761x25519-sha512@openssh.com',
  'mlkem768x25519-sha256',
  'mlkem768nistp256-sha256',
] as const;

/** The key exchange methods of the default proposal. */
export const defaultKex: readonly KexName[] = [
  'mlkem768x25519-sha256',
  'sntrup761x25519-sha512',
  'sntrup761x25519-sha512@openssh.com',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group14-sha256',
];

/** Every cipher, in the order of `-Q cipher`. */
export const cipherNames = [
  '3des-cbc',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-cbc',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
] as const;

/** The ciphers of the default proposal. */
export const defaultCiphers: readonly CipherName[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];

/** Every MAC, in the order of `-Q mac`. */
export const macNames = [
  'hmac-sha1',
  'hmac-sha1-96',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-md5',
  'hmac-md5-96',
  'umac-64@openssh.com',
  'umac-128@openssh.com',
  'hmac-sha1-etm@openssh.com',
  'hmac-sha1-96-etm@openssh.com',
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-md5-etm@openssh.com',
  'hmac-md5-96-etm@openssh.com',
  'umac-64-etm@openssh.com',
  'umac-128-etm@openssh.com',
] as const;

/** The MACs of the default proposal. */
export const defaultMacs: readonly MacName[] = [
  'umac-64-etm@openssh.com',
  'umac-128-etm@openssh.com',
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha1-etm@openssh.com',
  'umac-64@openssh.com',
  'umac-128@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-sha1',
];

/** Every compression method; pre-authentication zlib is never offered. */
export const compressionNames = ['none', 'zlib@openssh.com'] as const;

/** A key exchange method's name. */
export type KexName = (typeof kexNames)[number];
/** A cipher's name. */
export type CipherName = (typeof cipherNames)[number];
/** A MAC's name. */
export type MacName = (typeof macNames)[number];
/** A compression method's name. */
export type CompressionName = (typeof compressionNames)[number];
