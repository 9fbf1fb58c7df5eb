import { concat } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { digest } from './digest.ts';
import type { HashName, KexAlgorithm } from './kex.ts';

/** One half of a hybrid: its arithmetic and the lengths of the values that go each way. */
export interface HybridPart {
  readonly algorithm: KexAlgorithm;
  /** The length of the client's public value. */
  readonly valueBytes: number;
  /** The length of the server's answer. */
  readonly replyBytes: number;
}

/**
 * A hybrid of a post-quantum KEM and a curve, safe as long as one of them is: public values and secrets are joined in this order, and
 * the shared secret is the hash of both secrets (draft-ietf-sshm-mlkem-hybrid-kex section 2, draft-ietf-sshm-ntruprime-ssh section 3).
 */
export function hybrid(hash: HashName, kem: HybridPart, curve: HybridPart): KexAlgorithm {
  return {
    keypair: (random) => {
      const first = kem.algorithm.keypair(random);
      const second = curve.algorithm.keypair(random);
      return {
        value: concat(first.value, second.value),
        decapsulate: (peerValue) => {
          const [firstReply, secondReply] = split(peerValue, kem.replyBytes, curve.replyBytes);
          return combine(hash, first.decapsulate(firstReply), second.decapsulate(secondReply));
        },
      };
    },
    encapsulate: (peerValue, random) => {
      const [firstValue, secondValue] = split(peerValue, kem.valueBytes, curve.valueBytes);
      const first = kem.algorithm.encapsulate(firstValue, random);
      const second = curve.algorithm.encapsulate(secondValue, random);
      return { value: concat(first.value, second.value), secret: combine(hash, first.secret, second.secret) };
    },
  };
}

function split(value: Uint8Array, firstBytes: number, secondBytes: number): [Uint8Array, Uint8Array] {
  if (value.length !== firstBytes + secondBytes) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', `hybrid public value: ${value.length} bytes where ${firstBytes + secondBytes} are due`);
  }
  return [value.subarray(0, firstBytes), value.subarray(firstBytes)];
}

/** The hash of both secrets, which are wiped. */
function combine(hash: HashName, first: Uint8Array, second: Uint8Array): Uint8Array {
  const secret = digest(hash, first, second);
  first.fill(0);
  second.fill(0);
  return secret;
}
