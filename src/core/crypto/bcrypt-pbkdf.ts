import { concat, fromHex } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { WasmExports } from '../util/wasm.ts';
import { instantiateWasm } from '../util/wasm.ts';
import { digest } from './digest.ts';

/** The length of one bcrypt hash. */
const HASH_BYTES = 32;
/** OpenBSD's bounds: a hash's length squared, and 1 MiB. */
const MOST_OUT = HASH_BYTES * HASH_BYTES;
const MOST_SALT = 1 << 20;

/**
 * The key that OpenBSD's bcrypt_pbkdf derives from a passphrase, as it protects OpenSSH's private key files (PROTOCOL.key); a fresh array.
 *
 * It takes about 5 ms a round and 64 bytes and does not return between: the caller bounds `rounds`. The passphrase stays the caller's to
 * wipe; what is derived from it on the way is wiped here.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT where the passphrase, salt, rounds or length is empty or 0, the salt is over 1 MiB, or more
 * than 1024 bytes are asked for.
 */
export async function bcryptPbkdf(passphrase: Uint8Array, salt: Uint8Array, rounds: number, outLength: number): Promise<Uint8Array> {
  const isPlausible =
    passphrase.length > 0 && salt.length > 0 && salt.length <= MOST_SALT && rounds >= 1 && outLength >= 1 && outLength <= MOST_OUT;
  if (!isPlausible) throw new SshError('SSH_ERR_INVALID_ARGUMENT', 'bcrypt_pbkdf: passphrase, salt, rounds or length out of range');
  const bcrypt = await load();
  const key = new Uint8Array(outLength);
  bcrypt.start(digest('sha512', passphrase));
  // The key is made of as many hashes as it takes, and each gives every so many-th byte of it.
  const stride = Math.ceil(outLength / HASH_BYTES);
  for (let count = 0; count < stride; count += 2) {
    for (const [which, sum] of blocks(bcrypt, salt, rounds, count + 1).entries()) {
      for (let i = 0, at = count + which; at < outLength && count + which < stride; i++, at += stride) key[at] = sum[i] as number;
      sum.fill(0);
    }
  }
  bcrypt.end();
  return key;
}

/** Of a block and the one behind it, the exclusive or of the hashes of all rounds; each round's salt is the hash before. */
function blocks(bcrypt: Bcrypt, salt: Uint8Array, rounds: number, count: number): Pair {
  const salted = (number: number): Uint8Array =>
    digest('sha512', concat(salt, Uint8Array.of(number >> 24, number >> 16, number >> 8, number)));
  let hashes = bcrypt.hash([salted(count), salted(count + 1)]);
  const sums: Pair = [hashes[0].slice(), hashes[1].slice()];
  for (let round = 1; round < rounds; round++) {
    const next = bcrypt.hash([digest('sha512', hashes[0]), digest('sha512', hashes[1])]);
    for (const [which, sum] of sums.entries()) {
      const hash = next[which] as Uint8Array;
      for (let i = 0; i < HASH_BYTES; i++) sum[i] = (sum[i] as number) ^ (hash[i] as number);
    }
    wipe(hashes);
    hashes = next;
  }
  wipe(hashes);
  return sums;
}

function wipe(pair: Pair): void {
  for (const one of pair) one.fill(0);
}

/** Two hashes are made in the time of one. */
type Pair = readonly [Uint8Array, Uint8Array];

/** bcrypt's hashes of a passphrase and two salts, each of which is a SHA-512 digest. */
interface Bcrypt {
  /** Takes the passphrase, and wipes it. */
  start(passphrase: Uint8Array): void;
  hash(salts: Pair): Pair;
  /** Forgets the passphrase and whatever came of it. */
  end(): void;
}

/** What bcrypt-pbkdf.as.ts exports. */
interface Exports extends WasmExports {
  address(which: number): number;
  hash(): void;
  wipe(): void;
}

async function load(): Promise<Bcrypt> {
  const [{ wasmBase64 }, { piDigits }] = await Promise.all([import('./bcrypt-pbkdf.wasm.ts'), import('./blowfish-pi.ts')]);
  const exports = instantiateWasm(wasmBase64) as Exports;
  const { buffer } = exports.memory;
  const put = (which: number, bytes: Uint8Array, behind = 0) =>
    putWords(new Uint8Array(buffer, exports.address(which) + behind, bytes.length), bytes);
  const hashAt = (behind: number) => new Uint8Array(buffer, exports.address(3) + behind, HASH_BYTES).slice();
  put(0, fromHex(piDigits));
  return {
    start: (passphrase) => {
      put(1, passphrase);
      passphrase.fill(0);
    },
    hash: ([first, second]) => {
      put(2, first);
      put(2, second, first.length);
      exports.hash();
      return [hashAt(0), hashAt(HASH_BYTES)];
    },
    end: () => exports.wipe(),
  };
}

/** Copies big-endian words to where little-endian ones are read. */
function putWords(target: Uint8Array, words: Uint8Array): void {
  for (let i = 0; i < words.length; i++) target[i ^ 3] = words[i] as number;
}
