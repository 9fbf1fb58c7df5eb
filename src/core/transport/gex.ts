import type { DhGroup, KexAlgorithm } from '../crypto/kex.ts';
import type { EventSink } from '../events.ts';
import { bitLength } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { Message } from '../wire/message.ts';
import { kexGexGroup, kexGexRequest } from '../wire/kex-messages.ts';

/** Sizes of group in bits that are asked for and given (RFC 8270; OpenSSH's DH_GRP_MIN and DH_GRP_MAX). */
const MIN_BITS = 2048;
const MAX_BITS = 8192;

/** The messages of one exchange, in and out. */
export interface ExchangePeer {
  send(payload: Uint8Array): void;
  /** The payload of the next message, which must have this number; anything else ends the connection. */
  next<T>(expected: Message<T>): Promise<Uint8Array>;
}

/** A group that was asked for and given; its sizes go into the exchange hash. */
export interface GroupExchange extends DhGroup {
  readonly min: number;
  readonly preferred: number;
  readonly max: number;
  readonly algorithm: KexAlgorithm;
}

/** Chooses a server's group for these sizes in bits, or says that there is none. */
export type ModuliSource = (min: number, preferred: number, max: number) => DhGroup | undefined;

/** The client's request for a group (RFC 4419 section 3). `needBytes` is the length of the longest key to be derived. */
export async function requestGroup(peer: ExchangePeer, events: EventSink, needBytes: number): Promise<GroupExchange> {
  const { dhAlgorithm, gexBits } = await import('../crypto/kex-dh.ts');
  const { minimum: min, preferred, maximum: max } = gexBits(needBytes);
  const sizes = { min, preferred, max };
  peer.send(kexGexRequest.encode(sizes));
  events({
    type: 'kex-message',
    name: `${kexGexRequest.name}(${String(sizes.min)}<${String(sizes.preferred)}<${String(sizes.max)})`,
    sent: true,
  });
  const { prime, generator } = kexGexGroup.decode(await peer.next(kexGexGroup));
  events({ type: 'kex-message', name: kexGexGroup.name, sent: false });
  const bits = bitLength(prime);
  if (bits < sizes.min || bits > sizes.max) {
    throw new SshError(
      'SSH_ERR_DH_GEX_OUT_OF_RANGE',
      `${kexGexGroup.name}: ${String(bits)} bits, asked for ${String(sizes.min)} to ${String(sizes.max)}`,
    );
  }
  const group = { prime: prime.slice(), generator: generator.slice() };
  return { ...sizes, ...group, algorithm: dhAlgorithm(group) };
}

/** The server's answer to a request for a group. */
export async function serveGroup(peer: ExchangePeer, events: EventSink, moduli: ModuliSource): Promise<GroupExchange> {
  const { dhAlgorithm } = await import('../crypto/kex-dh.ts');
  const { min, preferred, max } = kexGexRequest.decode(await peer.next(kexGexRequest));
  events({ type: 'kex-message', name: kexGexRequest.name, sent: false });
  if (max < min || preferred < min || max < preferred || max < MIN_BITS) {
    throw new SshError('SSH_ERR_DH_GEX_OUT_OF_RANGE', `${kexGexRequest.name}: ${String(min)}<${String(preferred)}<${String(max)}`);
  }
  const clamp = (bits: number): number => Math.min(Math.max(bits, MIN_BITS), MAX_BITS);
  const group = moduli(clamp(min), clamp(preferred), clamp(max));
  if (group === undefined) throw new SshError('SSH_ERR_DH_GEX_OUT_OF_RANGE', 'no matching DH group');
  peer.send(kexGexGroup.encode({ prime: group.prime, generator: group.generator }));
  events({ type: 'kex-message', name: kexGexGroup.name, sent: true });
  return { min, preferred, max, prime: group.prime, generator: group.generator, algorithm: dhAlgorithm(group) };
}
