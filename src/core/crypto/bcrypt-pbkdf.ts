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
 * It takes about 5 ms a round and 32 bytes and does not return between: the caller bounds `rounds`. The passphrase stays the caller's to
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
  for (let count = 0; count < stride; count++) {
    const sum = block(bcrypt, salt, rounds, count + 1);
    for (let i = 0, at = count; at < outLength; i++, at += stride) key[at] = sum[i] as number;
    sum.fill(0);
  }
  bcrypt.end();
  return key;
}

/** The exclusive or of the hashes of all rounds; each round's salt is the hash before. */
function block(bcrypt: Bcrypt, salt: Uint8Array, rounds: number, count: number): Uint8Array {
  const counter = Uint8Array.of(count >> 24, count >> 16, count >> 8, count);
  let hash = bcrypt.hash(digest('sha512', concat(salt, counter)));
  const sum = hash.slice();
  for (let round = 1; round < rounds; round++) {
    const next = bcrypt.hash(digest('sha512', hash));
    hash.fill(0);
    hash = next;
    for (let i = 0; i < HASH_BYTES; i++) sum[i] = (sum[i] as number) ^ (hash[i] as number);
  }
  hash.fill(0);
  return sum;
}

/** bcrypt's hash of a passphrase and a salt, each of which is a SHA-512 digest. */
interface Bcrypt {
  /** Takes the passphrase, and wipes it. */
  start(passphrase: Uint8Array): void;
  hash(salt: Uint8Array): Uint8Array;
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
  const put = (which: number, bytes: Uint8Array) => putWords(new Uint8Array(buffer, exports.address(which), bytes.length), bytes);
  put(0, fromHex(piDigits));
  return {
    start: (passphrase) => {
      put(1, passphrase);
      passphrase.fill(0);
    },
    hash: (salt) => {
      put(2, salt);
      exports.hash();
      return new Uint8Array(buffer, exports.address(3), HASH_BYTES).slice();
    },
    end: () => exports.wipe(),
  };
}

/** Copies big-endian words to where little-endian ones are read. */
function putWords(target: Uint8Array, words: Uint8Array): void {
  for (let i = 0; i < words.length; i++) target[i ^ 3] = words[i] as number;
}
