import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { concat, fromHex, trimZeros } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { DhGroup, KexAlgorithm, KexKeypair } from './kex.ts';
import type { Random } from './random.ts';
import { randomBytes } from './random.ts';

/** The sizes of a group, in bits, that a client asks for in group exchange (RFC 4419 section 3). */
export interface GexBits {
  readonly minimum: number;
  readonly preferred: number;
  readonly maximum: number;
}

/**
 * The group sizes to ask for where the longest key, IV, block or MAC key to be derived has `needBytes` bytes: preferred is a group about as
 * strong as that (NIST SP 800-57 part 1 table 2, by OpenSSH's dh_estimate), within what RFC 8270 and OpenSSH allow.
 */
export function gexBits(needBytes: number): GexBits {
  const strengths: readonly (readonly [bits: number, groupBits: number])[] = [
    [112, 2048],
    [128, 3072],
    [192, 7680],
  ];
  const match = strengths.find(([bits]) => needBytes * 8 <= bits);
  return { minimum: 2048, preferred: match?.[1] ?? 8192, maximum: 8192 };
}

/** The length of private exponents: twice a strength of 256 bits, OpenSSH's least (dh_gen_key). */
const EXPONENT_BYTES = 64;

/**
 * Diffie-Hellman in a group, fixed (RFC 4253 section 8) or sent by the server (RFC 4419): public values and secrets are unsigned
 * magnitudes. The peer's values are checked as OpenSSH does (dh_pub_is_valid). That a server-sent prime is as long as was asked for is the
 * caller's to check; that it is a prime is not checked, which would take seconds: the server's signature answers for it.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT where the group cannot be one: an even or very short modulus, a generator not from 2 to p - 2.
 */
export function dhAlgorithm(group: DhGroup): KexAlgorithm {
  const prime = trimZeros(group.prime);
  const generator = trimZeros(group.generator);
  if (prime.length <= EXPONENT_BYTES || ((prime.at(-1) ?? 0) & 1) === 0 || !isBetween(generator, prime)) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', 'Diffie-Hellman group: no odd prime with a generator from 2 to p - 2');
  }
  const parameters = sequence(DH_KEY_AGREEMENT, sequence(integer(prime), integer(generator)));
  return {
    keypair: (random) => keypair(prime, parameters, random),
    encapsulate: (peerValue, random) => {
      const own = keypair(prime, parameters, random);
      return { value: own.value, secret: own.decapsulate(peerValue) };
    },
  };
}

/**
 * The keys go in and out as DER: the DiffieHellman class of node:crypto tests its prime at each construction, which takes newer OpenSSLs
 * up to half a minute.
 */
function keypair(prime: Uint8Array, parameters: Uint8Array, random: Random): KexKeypair {
  const exponent = randomBytes(random, EXPONENT_BYTES);
  exponent[0] = (exponent[0] as number) | 0x80;
  const der = Buffer.from(sequence(integer(new Uint8Array()), parameters, wrap(0x04, integer(exponent))));
  exponent.fill(0);
  const privateKey = attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  der.fill(0);
  return { value: publicValue(privateKey), decapsulate: (peerValue) => agree(prime, parameters, privateKey, peerValue) };
}

function publicValue(privateKey: KeyObject): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const [, bits] = elements(elements(spki)[0] as Uint8Array);
  // A bit string begins with the count of its unused bits.
  return trimZeros(elements((bits as Uint8Array).subarray(1))[0] as Uint8Array).slice();
}

function agree(prime: Uint8Array, parameters: Uint8Array, privateKey: KeyObject, peerValue: Uint8Array): Uint8Array {
  const value = trimZeros(peerValue);
  checkPublicValue(value, prime);
  const spki = Buffer.from(sequence(parameters, wrap(0x03, concat(Uint8Array.of(0), integer(value)))));
  return attempt(() => {
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  });
}

/** OpenSSL has checks of its own, such as the order of a value in the groups that it knows. */
function attempt<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', 'Diffie-Hellman public value or group refused by OpenSSL', { cause });
  }
}

/** The fewest one bits of a public value: with fewer, its logarithm to base 2 is plain to see. */
const FEWEST_ONES = 4;

/** Demands 1 < value < p - 1 (RFC 4253 section 8) and no suspiciously few one bits. */
function checkPublicValue(value: Uint8Array, prime: Uint8Array): void {
  if (!isBetween(value, prime)) {
    throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', 'Diffie-Hellman public value: not from 2 to p - 2 (RFC 4253 section 8)');
  }
  let ones = 0;
  for (const byte of value) for (let bits = byte; bits !== 0; bits &= bits - 1) ones++;
  if (ones < FEWEST_ONES) {
    throw new SshError('SSH_ERR_MESSAGE_INCOMPLETE', `Diffie-Hellman public value: only ${ones} bits are set`);
  }
}

/** Whether 1 < value < p - 1, all without leading zeros and p odd. */
function isBetween(value: Uint8Array, prime: Uint8Array): boolean {
  if (value.length === 0 || (value.length === 1 && value[0] === 1)) return false;
  const most = prime.slice();
  most[most.length - 1] = (most.at(-1) as number) - 1;
  return value.length < most.length || (value.length === most.length && Buffer.compare(value, most) < 0);
}

/** The object identifier of PKCS #3 keys, 1.2.840.113549.1.3.1. */
const DH_KEY_AGREEMENT = fromHex('06092a864886f70d010301');

/** DER of the parts in a SEQUENCE. */
function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return wrap(0x30, concat(...parts));
}

/** DER of an INTEGER, from its unsigned magnitude without leading zeros. */
function integer(magnitude: Uint8Array): Uint8Array {
  const isPlain = magnitude.length > 0 && (magnitude[0] as number) < 0x80;
  return wrap(0x02, isPlain ? magnitude : concat(Uint8Array.of(0), magnitude));
}

/** DER of one element of less than 64 KiB. */
function wrap(tag: number, contents: Uint8Array): Uint8Array {
  const { length } = contents;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length];
  return concat(Uint8Array.of(tag, ...head), contents);
}

/** The contents of the elements that follow each other in DER that OpenSSL wrote. */
function elements(der: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < der.length; ) {
    let length = der[at + 1] as number;
    at += 2;
    for (let more = length & 0x80 ? length & 0x7f : 0, first = true; more > 0; more--, first = false) {
      length = (first ? 0 : length << 8) | (der[at++] as number);
    }
    found.push(der.subarray(at, at + length));
    at += length;
  }
  return found;
}
