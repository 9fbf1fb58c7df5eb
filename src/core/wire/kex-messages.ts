import { mpint, string, uint32 } from './codec.ts';
import { message } from './message.ts';

// The numbers 30 to 49 mean another thing in each method: the exchange that expects a message names it.

/** RFC 5656 section 4, RFC 8731, and the hybrids: the client's public value. */
export const kexEcdhInit = message(30, 'SSH2_MSG_KEX_ECDH_INIT', { publicValue: string });

/** RFC 5656 section 4. */
export const kexEcdhReply = message(31, 'SSH2_MSG_KEX_ECDH_REPLY', { hostKey: string, publicValue: string, signature: string });

/** RFC 4253 section 8: e. */
export const kexDhInit = message(30, 'SSH2_MSG_KEXDH_INIT', { publicValue: mpint });

/** RFC 4253 section 8: f. */
export const kexDhReply = message(31, 'SSH2_MSG_KEXDH_REPLY', { hostKey: string, publicValue: mpint, signature: string });

/** RFC 4419 section 3: the sizes of group that the client takes, in bits. */
export const kexGexRequest = message(34, 'SSH2_MSG_KEX_DH_GEX_REQUEST', { min: uint32, preferred: uint32, max: uint32 });

/** RFC 4419 section 3: the server's group. */
export const kexGexGroup = message(31, 'SSH2_MSG_KEX_DH_GEX_GROUP', { prime: mpint, generator: mpint });

/** RFC 4419 section 3: e. */
export const kexGexInit = message(32, 'SSH2_MSG_KEX_DH_GEX_INIT', { publicValue: mpint });

/** RFC 4419 section 3: f. */
export const kexGexReply = message(33, 'SSH2_MSG_KEX_DH_GEX_REPLY', { hostKey: string, publicValue: mpint, signature: string });
