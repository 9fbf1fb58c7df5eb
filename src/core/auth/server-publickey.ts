import type { PublicKey, SignatureDetails } from '../keys/key.ts';
import { parsePublicKey } from '../keys/public-key.ts';
import { equalBytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { authRequests, signedData, userauthPkOk } from '../wire/auth-messages.ts';
import type { ServerMethod, ServerOutcome, ServerRequest } from './server-session.ts';

/** How a server takes keys. */
export interface ServerPublickeyOptions<Grant> {
  /** The names that PubkeyAcceptedAlgorithms allows, its patterns already resolved. */
  readonly accepted: readonly string[];
  /** The host key of the first key exchange, to which hostbound signatures are bound; asked for when a request comes. */
  readonly hostKey: () => Uint8Array | undefined;
  /**
   * What this key allows this user, or undefined where it is not authorized. A query asks as a signature does; what it was told is not
   * kept, and only the answer for the key that signed counts.
   */
  readonly authorize: (user: string, key: PublicKey, use: KeyUse) => Promise<Grant | undefined>;
  /** The fingerprint by which events name a key (sshd_config(5) FingerprintHash). */
  readonly fingerprint: (key: PublicKey) => string;
}

/** What a key is used for. */
export interface KeyUse {
  readonly algorithm: string;
  /** What the signature says besides being right, as a security key's does; undefined for a query. */
  readonly signature: SignatureDetails | undefined;
}

/** The method publickey (RFC 4252 section 7) with OpenSSH's hostbound form (PROTOCOL section 3.3). */
export function serverPublickey<Grant>(options: ServerPublickeyOptions<Grant>): ServerMethod<Grant> {
  return {
    name: 'publickey',
    requests: ['publickey', HOSTBOUND],
    attempt: async (request) => {
      const body = decodeBody(request);
      const { hostKey } = body;
      if (hostKey !== undefined && !equalBytes(hostKey, options.hostKey() ?? new Uint8Array(0))) {
        throw request.inbox.refuse('a signature is bound to another host key than this connection’s');
      }
      const key = parseKey(body.blob);
      const reason = key === undefined ? 'the key cannot be read' : unfit(key, body.algorithm, request, options);
      if (key === undefined || reason !== undefined) return { type: 'refused', reason: reason ?? '' };
      const tell = (outcome: 'offered' | 'accepted' | 'signed') => {
        const named = { keyType: key.shortName, fingerprint: options.fingerprint(key) };
        const attempt = { method: 'publickey', outcome, algorithm: body.algorithm, ...named };
        request.emit({ type: 'authentication-try', attempt });
      };
      tell(body.signature === undefined ? 'offered' : 'signed');
      const outcome = await (body.signature === undefined
        ? query(key, body.algorithm, request, options)
        : check(key, { ...body, signature: body.signature }, request, options));
      if (outcome.type !== 'refused') tell('accepted');
      return outcome;
    },
  };
}

const HOSTBOUND = 'publickey-hostbound-v00@openssh.com';

interface Body {
  readonly algorithm: string;
  readonly blob: Uint8Array;
  readonly signature?: Uint8Array;
  readonly hostKey?: Uint8Array;
}

function decodeBody({ method, body }: ServerRequest): Body {
  return method === HOSTBOUND ? authRequests.decode(HOSTBOUND, body) : authRequests.decode('publickey', body);
}

function parseKey(blob: Uint8Array): PublicKey | undefined {
  try {
    // the key outlives the message
    return parsePublicKey(blob.slice());
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/** Why a key won't do before anybody is asked. */
function unfit<Grant>(
  key: PublicKey,
  algorithm: string,
  { usedKeys }: ServerRequest,
  { accepted }: ServerPublickeyOptions<Grant>,
): string | undefined {
  if (!key.signatureAlgorithms.includes(algorithm)) return 'the algorithm is not one of the key’s';
  if (!accepted.includes(algorithm)) return 'the algorithm is not in PubkeyAcceptedAlgorithms';
  return usedKeys.some((used) => equalBytes(used.plain.blob, key.plain.blob)) ? 'the key was used in an earlier step' : undefined;
}

async function query<Grant>(
  key: PublicKey,
  algorithm: string,
  { link, user, known }: ServerRequest,
  { authorize }: ServerPublickeyOptions<Grant>,
): Promise<ServerOutcome<Grant>> {
  const grant = known ? await authorize(user, key, { algorithm, signature: undefined }) : undefined;
  if (grant === undefined) return NOT_AUTHORIZED;
  link.send(userauthPkOk.encode({ algorithm, blob: key.blob }));
  return { type: 'postponed' };
}

async function check<Grant>(
  key: PublicKey,
  body: Body & { readonly signature: Uint8Array },
  { link, user, sentUser, service, known }: ServerRequest,
  { authorize }: ServerPublickeyOptions<Grant>,
): Promise<ServerOutcome<Grant>> {
  const { algorithm, blob, hostKey } = body;
  const data = signedData({ sessionId: link.sessionId, user: sentUser, service, algorithm, blob, hostKey });
  let signature: SignatureDetails;
  try {
    signature = key.verify(body.signature, data, algorithm);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return { type: 'refused', reason: error.message };
  }
  const grant = known ? await authorize(user, key, { algorithm, signature }) : undefined;
  return grant === undefined ? NOT_AUTHORIZED : { type: 'accepted', grant, key };
}

const NOT_AUTHORIZED = { type: 'refused', reason: 'the key is not authorized for this user' } as const;
