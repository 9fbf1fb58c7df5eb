import { digest } from '../crypto/digest.ts';
import type { KexAlgorithm, KexKeypair, KexMethod } from '../crypto/kex.ts';
import { kexMethod } from '../crypto/kex-methods.ts';
import type { KexName } from '../crypto/names.ts';
import type { Random } from '../crypto/random.ts';
import type { EventSink } from '../events.ts';
import type { PublicKey, Signer } from '../keys/key.ts';
import { parsePublicKey } from '../keys/public-key.ts';
import { bitLength, bitsSet } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { type Codec, mpint, string } from '../wire/codec.ts';
import { kexDhInit, kexDhReply, kexEcdhInit, kexEcdhReply, kexGexInit, kexGexReply } from '../wire/kex-messages.ts';
import { encode } from '../wire/message.ts';
import { WireWriter } from '../wire/writer.ts';
import { type ExchangePeer, type GroupExchange, type ModuliSource, requestGroup, serveGroup } from './gex.ts';

/** What an exchange is about: the same for both roles. */
export interface ExchangeContext {
  readonly peer: ExchangePeer;
  readonly random: Random;
  readonly events: EventSink;
  readonly method: KexName;
  readonly hostKeyAlgorithm: string;
  /** V_C, V_S, I_C and I_S (RFC 4253 section 8). */
  readonly clientIdent: Uint8Array;
  readonly serverIdent: Uint8Array;
  readonly clientKexInit: Uint8Array;
  readonly serverKexInit: Uint8Array;
  /** The length of the longest key to be derived, in bytes; for group exchange. */
  readonly needBytes: number;
}

/** What both sides hold after an exchange. */
export interface ExchangeResult {
  readonly hash: KexMethod['hash'];
  /** H. */
  readonly exchangeHash: Uint8Array;
  /** K as it is hashed; whoever receives it wipes it. */
  readonly secret: Uint8Array;
  /** K_S. */
  readonly hostKeyBlob: Uint8Array;
  /** The host key's signature of H. */
  readonly signature: Uint8Array;
}

/** A key pair that was made before it was known to be needed, while the network was waited for. */
export interface EarlyKeypair {
  readonly method: KexName;
  readonly keypair: Promise<KexKeypair>;
}

/** The messages by how a method's public values travel, and for group exchange. */
const messages = {
  string: { init: kexEcdhInit, reply: kexEcdhReply },
  mpint: { init: kexDhInit, reply: kexDhReply },
  group: { init: kexGexInit, reply: kexGexReply },
} as const;

/** Begins a client's key pair for the method that is likely to be agreed on; undefined where that would be no gain. */
export function prepareKeypair(method: KexName, random: Random): EarlyKeypair | undefined {
  const load = methodOf(method).load;
  if (load === undefined) return undefined;
  const keypair = load().then((algorithm) => algorithm.keypair(random));
  // it may never be needed, and then its failure is nobody's
  keypair.catch(() => undefined);
  return { method, keypair };
}

/**
 * The client's side of a key exchange: sends its public value, takes the server's answer and checks the signature over the exchange.
 *
 * @throws SshError where the answer is malformed, its host key is of another type than agreed, or its signature is wrong.
 */
export async function exchangeAsClient(
  context: ExchangeContext,
  early: EarlyKeypair | undefined,
): Promise<ExchangeResult & { readonly hostKey: PublicKey }> {
  const { peer, events, random } = context;
  const method = methodOf(context.method);
  const group = method.load === undefined ? await requestGroup(peer, events, context.needBytes) : undefined;
  const keypair = early?.method === context.method ? await early.keypair : (await algorithmOf(method, group)).keypair(random);
  const { init, reply } = group === undefined ? messages[method.publicValue] : messages.group;
  peer.send(init.encode({ publicValue: keypair.value }));
  events({ type: 'kex-message', name: init.name, sent: true });
  const { hostKey: blob, publicValue, signature } = reply.decode(await peer.next(reply));
  events({ type: 'kex-message', name: reply.name, sent: false });
  if (group !== undefined) events({ type: 'gex-group', bits: bitLength(group.prime), bitsSet: bitsSet(publicValue) });
  const hostKey = hostKeyFor(blob, context.hostKeyAlgorithm);
  const secret = hashedSecret(method, keypair.decapsulate(publicValue));
  const exchangeHash = hashExchange(context, method, group, blob, keypair.value, publicValue, secret);
  hostKey.verify(signature, exchangeHash, context.hostKeyAlgorithm);
  return { hash: method.hash, exchangeHash, secret, hostKeyBlob: blob.slice(), signature: signature.slice(), hostKey };
}

/**
 * The server's side of a key exchange: takes the client's public value, answers with its own, its host key and a signature.
 *
 * @throws SshError where the client's value is malformed or out of range.
 */
export async function exchangeAsServer(context: ExchangeContext, signer: Signer, moduli: ModuliSource): Promise<ExchangeResult> {
  const { peer, events, random } = context;
  const method = methodOf(context.method);
  const group = method.load === undefined ? await serveGroup(peer, events, moduli) : undefined;
  const algorithm = await algorithmOf(method, group);
  const { init, reply } = group === undefined ? messages[method.publicValue] : messages.group;
  const { publicValue } = init.decode(await peer.next(init));
  events({ type: 'kex-message', name: init.name, sent: false });
  const { value, secret: shared } = algorithm.encapsulate(publicValue, random);
  const secret = hashedSecret(method, shared);
  const hostKey = signer.publicKey.blob;
  const exchangeHash = hashExchange(context, method, group, hostKey, publicValue, value, secret);
  const signature = await signer.sign(exchangeHash, context.hostKeyAlgorithm);
  peer.send(reply.encode({ hostKey, publicValue: value, signature }));
  events({ type: 'kex-message', name: reply.name, sent: true });
  return { hash: method.hash, exchangeHash, secret, hostKeyBlob: hostKey, signature };
}

function methodOf(name: KexName): KexMethod {
  const method = kexMethod(name);
  if (method === undefined) throw new SshError('SSH_ERR_NO_KEX_ALG_MATCH', name);
  return method;
}

async function algorithmOf(method: KexMethod, group: GroupExchange | undefined): Promise<KexAlgorithm> {
  if (group !== undefined) return group.algorithm;
  return await (method.load as () => Promise<KexAlgorithm>)();
}

/** The host key of a blob, which must be of the type that was agreed on (RFC 4253 section 7.1: a server may lie). */
function hostKeyFor(blob: Uint8Array, algorithm: string): PublicKey {
  const key = parsePublicKey(blob);
  if (!key.signatureAlgorithms.includes(algorithm)) throw new SshError('SSH_ERR_KEY_TYPE_MISMATCH', `${key.name} for ${algorithm}`);
  return key;
}

/** K as it is hashed; the raw secret is wiped. */
function hashedSecret(method: KexMethod, raw: Uint8Array): Uint8Array {
  const secret = encode(codecs[method.secret], raw);
  raw.fill(0);
  return secret;
}

const codecs: Readonly<Record<'string' | 'mpint', Codec<Uint8Array>>> = { string, mpint };

/** H (RFC 4253 section 8; RFC 4419 section 3 with the group). */
function hashExchange(
  context: ExchangeContext,
  method: KexMethod,
  group: GroupExchange | undefined,
  hostKey: Uint8Array,
  clientValue: Uint8Array,
  serverValue: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const value = codecs[method.publicValue];
  const writer = new WireWriter(4096);
  writer.string(context.clientIdent).string(context.serverIdent);
  writer.string(context.clientKexInit).string(context.serverKexInit).string(hostKey);
  if (group !== undefined) {
    writer.uint32(group.min).uint32(group.preferred).uint32(group.max);
    mpint.write(writer, group.prime);
    mpint.write(writer, group.generator);
  }
  value.write(writer, clientValue);
  value.write(writer, serverValue);
  writer.raw(secret);
  const hash = digest(method.hash, writer.bytes());
  writer.wipe();
  return hash;
}
