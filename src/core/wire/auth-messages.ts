import { SshError } from '../util/errors.ts';
import type { Codec } from './codec.ts';
import { ascii, boolean, byte, nameList, rest, string, uint32, utf8 } from './codec.ts';
import type { Values } from './message.ts';
import { decode, encode, message, struct, variants } from './message.ts';
import { WireReader } from './reader.ts';
import type { WireWriter } from './writer.ts';

/** One try to authenticate (RFC 4252 section 5); the body belongs to the method: {@link authRequests}. */
export const userauthRequest = message(50, 'SSH_MSG_USERAUTH_REQUEST', {
  user: utf8,
  service: ascii,
  method: ascii,
  body: rest,
});

/** The try failed, or was one step of several; these methods can go on (RFC 4252 section 5.1). */
export const userauthFailure = message(51, 'SSH_MSG_USERAUTH_FAILURE', { methods: nameList, partialSuccess: boolean });

/** The user is authenticated (RFC 4252 section 5.1). */
export const userauthSuccess = message(52, 'SSH_MSG_USERAUTH_SUCCESS', {});

/** A text to be shown before the log-in (RFC 4252 section 5.4). */
export const userauthBanner = message(53, 'SSH_MSG_USERAUTH_BANNER', { message: utf8, languageTag: utf8 });

/** The key that was asked about would do; only after a publickey query (RFC 4252 section 7). */
export const userauthPkOk = message(60, 'SSH_MSG_USERAUTH_PK_OK', { algorithm: ascii, blob: string });

/** The password must be changed first; only after a password request (RFC 4252 section 8). */
export const userauthPasswdChangereq = message(60, 'SSH_MSG_USERAUTH_PASSWD_CHANGEREQ', {
  prompt: utf8,
  languageTag: utf8,
});

/** The most prompts, and answers, that one message may hold: OpenSSH's own limit for answers. */
const MOST_PROMPTS = 100;

/** Questions for the user; only during keyboard-interactive (RFC 4256 section 3.2). */
export const userauthInfoRequest = message(60, 'SSH_MSG_USERAUTH_INFO_REQUEST', {
  name: utf8,
  instruction: utf8,
  languageTag: utf8,
  prompts: counted(struct({ prompt: utf8, echo: boolean })),
});

/** The answers, in the order of the questions (RFC 4256 section 3.4). */
export const userauthInfoResponse = message(61, 'SSH_MSG_USERAUTH_INFO_RESPONSE', { responses: counted(string) });

const publickeyFields = { algorithm: ascii, blob: string };
const hostboundFields = { ...publickeyFields, hostKey: string };
const hostbasedFields = { ...publickeyFields, clientHost: utf8, clientUser: utf8 };

/** The bodies of {@link userauthRequest} by method: RFC 4252 sections 5.2, 7, 8 and 9, RFC 4256 section 3.1, OpenSSH's PROTOCOL section 3.3. */
export const authRequests = variants({
  none: struct({}),
  publickey: maybeSigned(publickeyFields),
  'publickey-hostbound-v00@openssh.com': maybeSigned(hostboundFields),
  password: passwordBody(),
  'keyboard-interactive': struct({ languageTag: utf8, submethods: utf8 }),
  hostbased: struct({ ...hostbasedFields, signature: string }),
});

/** What a publickey signature is made over. */
export interface SignedRequest {
  readonly sessionId: Uint8Array;
  readonly user: string;
  readonly service: string;
  readonly algorithm: string;
  /** The public key, or the certificate, that the signature is to be checked with. */
  readonly blob: Uint8Array;
  /** The server's host key from the first key exchange: makes it the hostbound form. */
  readonly hostKey: Uint8Array | undefined;
}

/** The bytes that a publickey request's signature covers: the session identifier and the request up to the signature (RFC 4252 section 7). */
export function signedData(request: SignedRequest): Uint8Array {
  const { hostKey } = request;
  const fields = { ...request, number: userauthRequest.number, signed: true };
  return hostKey === undefined
    ? encode(plainForm, { ...fields, method: 'publickey' })
    : encode(hostboundForm, { ...fields, hostKey, method: 'publickey-hostbound-v00@openssh.com' });
}

/**
 * What {@link signedData} makes, read back: for agents, which sign some keys' requests only for certain servers.
 *
 * @throws SshError where the bytes are no such request.
 */
export function readSignedData(bytes: Uint8Array): SignedRequest {
  const { method } = start.read(new WireReader(bytes));
  const form = method === 'publickey' ? plainForm : method === 'publickey-hostbound-v00@openssh.com' ? hostboundForm : undefined;
  if (form === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', `a signed request by ${method}`);
  const request: Values<typeof head> & Values<typeof publickeyFields> & { readonly hostKey?: Uint8Array } = decode(form, bytes);
  if (request.number !== userauthRequest.number || !request.signed || request.sessionId.length === 0) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', 'not a signed request');
  }
  return { ...request, hostKey: request.hostKey };
}

/** What a hostbased signature is made over: the session identifier and the request up to the signature (RFC 4252 section 9). */
export function hostbasedData(
  request: Omit<SignedRequest, 'hostKey'> & { readonly clientHost: string; readonly clientUser: string },
): Uint8Array {
  return encode(hostbasedForm, { ...request, number: userauthRequest.number, method: 'hostbased' });
}

const head = { sessionId: string, number: byte, user: utf8, service: ascii, method: ascii, signed: boolean };
const start = struct(head);
const plainForm = struct({ ...head, ...publickeyFields });
const hostboundForm = struct({ ...head, ...hostboundFields });
const hostbasedForm = struct({ sessionId: string, number: byte, user: utf8, service: ascii, method: ascii, ...hostbasedFields });

/** A publickey body: a query without a signature, or the signed request. */
function maybeSigned<F extends typeof publickeyFields>(fields: F): Codec<Values<F> & { readonly signature?: Uint8Array }> {
  const body = struct(fields);
  return {
    read: (reader) => {
      const signed = boolean.read(reader);
      const values = body.read(reader);
      return signed ? { ...values, signature: reader.string() } : values;
    },
    write: (writer, values) => {
      boolean.write(writer, values.signature !== undefined);
      body.write(writer, values);
      if (values.signature !== undefined) writer.string(values.signature);
    },
  };
}

/** A password body: a password, or with a new one to replace it. */
function passwordBody(): Codec<{ readonly password: Uint8Array; readonly newPassword?: Uint8Array }> {
  return {
    read: (reader) => {
      const change = boolean.read(reader);
      const password = reader.string();
      return change ? { password, newPassword: reader.string() } : { password };
    },
    write: (writer, { password, newPassword }) => {
      boolean.write(writer, newPassword !== undefined);
      writer.string(password);
      if (newPassword !== undefined) writer.string(newPassword);
    },
  };
}

/** A count and so many items. */
function counted<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    read: (reader: WireReader) => {
      const count = uint32.read(reader);
      if (count > MOST_PROMPTS) throw new SshError('SSH_ERR_INVALID_FORMAT', `${count} prompts or answers in one message`);
      return Array.from({ length: count }, () => item.read(reader));
    },
    write: (writer: WireWriter, items) => {
      uint32.write(writer, items.length);
      for (const one of items) item.write(writer, one);
    },
  };
}
