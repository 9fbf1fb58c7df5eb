import { SshError } from '../util/errors.ts';
import type { Codec } from './codec.ts';
import { ascii, boolean, byte, rest, string, uint32, utf8 } from './codec.ts';
import { message, struct, variants } from './message.ts';

/**
 * The messages of the agent protocol (RFC 9987; OpenSSH's PROTOCOL.agent). Each travels with its length before it, as a uint32.
 */

/** The longest message that is sent or taken, in bytes without its length: OpenSSH's limit. */
export const LONGEST_AGENT_MESSAGE = 256 * 1024;

/** The most keys that one answer may list: OpenSSH's limit. */
const MOST_IDENTITIES = 2048;

/** A key that an agent holds: its public blob and its comment. */
export type AgentIdentity = { readonly blob: Uint8Array; readonly comment: string };

const identity = struct({ blob: string, comment: utf8 });

const identities: Codec<readonly AgentIdentity[]> = {
  read: (reader) => {
    const count = reader.uint32();
    if (count > MOST_IDENTITIES) throw new SshError('SSH_ERR_INVALID_FORMAT', `an agent lists ${count} keys`);
    return Array.from({ length: count }, () => identity.read(reader));
  },
  write: (writer, value) => {
    writer.uint32(value.length);
    for (const one of value) identity.write(writer, one);
  },
};

/** Why is not said. */
export const agentFailure = message(5, 'SSH_AGENT_FAILURE', {});
/** Done. */
export const agentSuccess = message(6, 'SSH_AGENT_SUCCESS', {});
/** Asks which keys there are. */
export const agentRequestIdentities = message(11, 'SSH_AGENTC_REQUEST_IDENTITIES', {});
/** The keys. */
export const agentIdentitiesAnswer = message(12, 'SSH_AGENT_IDENTITIES_ANSWER', { identities });
/** Asks for a signature; see {@link agentSignFlags}. */
export const agentSignRequest = message(13, 'SSH_AGENTC_SIGN_REQUEST', { blob: string, data: string, flags: uint32 });
/** The signature, its whole encoding. */
export const agentSignResponse = message(14, 'SSH_AGENT_SIGN_RESPONSE', { signature: string });
/** Adds a key: its type's name, the type's private fields, the comment. */
export const agentAddIdentity = message(17, 'SSH_AGENTC_ADD_IDENTITY', { key: rest });
/** Removes a key. */
export const agentRemoveIdentity = message(18, 'SSH_AGENTC_REMOVE_IDENTITY', { blob: string });
/** Removes every key. */
export const agentRemoveAllIdentities = message(19, 'SSH_AGENTC_REMOVE_ALL_IDENTITIES', {});
/** Adds the keys of a token. */
export const agentAddSmartcardKey = message(20, 'SSH_AGENTC_ADD_SMARTCARD_KEY', { provider: utf8, pin: string });
/** Removes the keys of a token. */
export const agentRemoveSmartcardKey = message(21, 'SSH_AGENTC_REMOVE_SMARTCARD_KEY', { provider: utf8, pin: string });
/** Locks the agent with a passphrase. */
export const agentLock = message(22, 'SSH_AGENTC_LOCK', { passphrase: string });
/** Unlocks it. */
export const agentUnlock = message(23, 'SSH_AGENTC_UNLOCK', { passphrase: string });
/** Adds a key with constraints after it. */
export const agentAddIdConstrained = message(25, 'SSH_AGENTC_ADD_ID_CONSTRAINED', { key: rest });
/** Adds the keys of a token with constraints. */
export const agentAddSmartcardKeyConstrained = message(26, 'SSH_AGENTC_ADD_SMARTCARD_KEY_CONSTRAINED', {
  provider: utf8,
  pin: string,
  constraints: rest,
});
/** A request of an extension; its contents belong to the name: {@link agentExtensions}. */
export const agentExtension = message(27, 'SSH_AGENTC_EXTENSION', { name: ascii, contents: rest });

/** The agent knows the extension, but its request failed. */
export const agentExtensionFailure = message(28, 'SSH_AGENT_EXTENSION_FAILURE', {});
/** What an extension's request is answered with where it is more than yes. */
export const agentExtensionResponse = message(29, 'SSH_AGENT_EXTENSION_RESPONSE', { name: ascii, contents: rest });

/** The contents of extension requests, by name (PROTOCOL.agent section 1). */
export const agentExtensions = variants({
  query: struct({}),
  'session-bind@openssh.com': struct({ hostKey: string, sessionId: string, signature: string, isForwarding: boolean }),
});

/** With which hash an RSA key signs; no flag is SHA-1. */
export const agentSignFlags: Readonly<Record<string, number>> = { 'rsa-sha2-256': 2, 'rsa-sha2-512': 4 };

/** What a key that is added may be used for; an extension's contents are its name's (PROTOCOL.agent section 2). */
export type AgentConstraint =
  | { readonly type: 'lifetime'; readonly seconds: number }
  | { readonly type: 'confirm' }
  /** Certificates to hold with the keys of a token: their blobs, each with its length; with them alone or with the plain keys too. */
  | { readonly type: 'certificates'; readonly certificatesOnly: boolean; readonly blobs: Uint8Array }
  | { readonly type: 'extension'; readonly name: string; readonly contents: Uint8Array };

/** One constraint on the wire. An unknown one is an error, since what follows it can't be read: the key must not be added without it. */
export const agentConstraint: Codec<AgentConstraint> = {
  read: (reader) => {
    const number = byte.read(reader);
    const plain = plainConstraints.find((one) => one.number === number);
    if (plain !== undefined) return { type: plain.type, ...plain.fields.read(reader) } as AgentConstraint;
    if (number !== EXTENSION) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', `agent constraint ${number}`);
    const name = ascii.read(reader);
    if (name === ASSOCIATED_CERTIFICATES) return { type: 'certificates', ...certificates.read(reader) };
    return { type: 'extension', name, contents: string.read(reader) };
  },
  write: (writer, value) => {
    if (value.type === 'extension') extension.write(writer, { number: EXTENSION, ...value });
    else if (value.type === 'certificates') {
      certificateExtension.write(writer, { number: EXTENSION, name: ASSOCIATED_CERTIFICATES, ...value });
    } else {
      for (const row of plainConstraints) {
        if (row.type !== value.type) continue;
        byte.write(writer, row.number);
        row.fields.write(writer, value as never);
      }
    }
  },
};

const EXTENSION = 255;
const ASSOCIATED_CERTIFICATES = 'associated-certs-v00@openssh.com';

const certificateFields = { certificatesOnly: boolean, blobs: string };
const certificates = struct(certificateFields);
const certificateExtension = struct({ number: byte, name: ascii, ...certificateFields });
const extension = struct({ number: byte, name: ascii, contents: string });

const plainConstraints = [
  { number: 1, type: 'lifetime', fields: struct({ seconds: uint32 }) },
  { number: 2, type: 'confirm', fields: struct({}) },
] as const;
