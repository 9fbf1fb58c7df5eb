import * as nodeCrypto from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { concat, fromHex } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { WasmExports } from '../util/wasm.ts';
import { instantiateWasm, memoryView } from '../util/wasm.ts';
import type { KexAlgorithm } from './kex.ts';
import type { Random } from './random.ts';
import { randomBytes } from './random.ts';

/** The length of an encapsulation key, which the client sends (FIPS 203 table 3). */
export const MLKEM768_KEY_BYTES = 1184;
/** The length of a ciphertext, which the server answers. */
export const MLKEM768_CIPHERTEXT_BYTES = 1088;

/** Seed d and z of a key pair (FIPS 203 section 7.1), and the message of an encapsulation (section 7.2). */
const SEED_BYTES = 64;
const MESSAGE_BYTES = 32;
const DECAPSULATION_KEY_BYTES = 2400;
const SECRET_BYTES = 32;

/** One source of the primitive; keys and ciphertexts have been checked before they come here. */
export interface Mlkem768 {
  /** The key pair that the 64 bytes of d and z give; for one decapsulation. */
  keypair(seed: Uint8Array): { readonly value: Uint8Array; decapsulate(ciphertext: Uint8Array): Uint8Array };
  /** OpenSSL takes its own randomness here, and leaves the given one alone. */
  encapsulate(key: Uint8Array, random: Random): { readonly value: Uint8Array; readonly secret: Uint8Array };
}

/**
 * ML-KEM-768 (FIPS 203): from OpenSSL where this runtime has it (Node 24 on), else from WebAssembly: JavaScript, which a connection's start
 * would run cold, takes fifty times as long. Every value of the peer's is checked: its length, and an encapsulation key's coefficients
 * (section 7.2).
 */
export async function mlkem768(): Promise<KexAlgorithm> {
  return checked(nativeMlkem768() ?? (await wasmMlkem768()));
}

/** A source of ML-KEM-768 as a key exchange whose values of the peer's are checked. */
export function checked(source: Mlkem768): KexAlgorithm {
  return {
    keypair: (random) => {
      const seed = randomBytes(random, SEED_BYTES);
      const pair = source.keypair(seed);
      seed.fill(0);
      return {
        value: pair.value,
        decapsulate: (ciphertext) => {
          checkLength('ciphertext', ciphertext, MLKEM768_CIPHERTEXT_BYTES);
          return pair.decapsulate(ciphertext);
        },
      };
    },
    encapsulate: (key, random) => {
      checkLength('encapsulation key', key, MLKEM768_KEY_BYTES);
      checkCoefficients(key);
      return source.encapsulate(key, random);
    },
  };
}

function checkLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw new SshError('SSH_ERR_INVALID_FORMAT', `ML-KEM-768 ${what}: ${bytes.length} bytes where ${length} are due`);
}

/** The modulus check: each of the key's 768 packed 12-bit coefficients is below q (FIPS 203 section 7.2). */
function checkCoefficients(key: Uint8Array): void {
  const q = 3329;
  for (let at = 0; at < MLKEM768_KEY_BYTES - 32; at += 3) {
    const pair = (key[at] as number) | ((key[at + 1] as number) << 8) | ((key[at + 2] as number) << 16);
    if ((pair & 0xfff) >= q || pair >> 12 >= q) {
      throw new SshError('SSH_ERR_INVALID_FORMAT', 'ML-KEM-768 encapsulation key: a coefficient is not reduced (FIPS 203 section 7.2)');
    }
  }
}

/** What mlkem768.as.ts exports: the addresses of its operands, and its three operations on them. */
interface Mlkem768Exports extends WasmExports {
  address(which: number): number;
  keypair(): void;
  encapsulate(): void;
  decapsulate(): void;
  wipe(): void;
}

/** ML-KEM-768 in WebAssembly; it holds no secret between two calls. */
export async function wasmMlkem768(): Promise<Mlkem768> {
  const { wasmBase64 } = await import('./mlkem768.wasm.ts');
  const module = instantiateWasm(wasmBase64) as Mlkem768Exports;
  const [seed, key, decapsulationKey, ciphertext, secret] = [
    SEED_BYTES,
    MLKEM768_KEY_BYTES,
    DECAPSULATION_KEY_BYTES,
    MLKEM768_CIPHERTEXT_BYTES,
    SECRET_BYTES,
  ].map((length, which) => memoryView(module, module.address(which), length)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return {
    keypair: (given) => {
      seed.set(given);
      module.keypair();
      const value = key.slice();
      const kept = decapsulationKey.slice();
      module.wipe();
      return {
        value,
        decapsulate: (peerCiphertext) => {
          decapsulationKey.set(kept);
          kept.fill(0);
          ciphertext.set(peerCiphertext);
          module.decapsulate();
          const result = secret.slice();
          module.wipe();
          return result;
        },
      };
    },
    encapsulate: (peerKey, random) => {
      const message = randomBytes(random, MESSAGE_BYTES);
      seed.set(message);
      message.fill(0);
      key.set(peerKey);
      module.encapsulate();
      const result = { value: ciphertext.slice(), secret: secret.slice() };
      module.wipe();
      return result;
    },
  };
}

/** What newer Nodes export, and the types of the oldest that we run on do not know. */
interface NativeKem {
  encapsulate(key: KeyObject): { readonly sharedKey: Buffer; readonly ciphertext: Buffer };
  decapsulate(key: KeyObject, ciphertext: Uint8Array): Buffer;
}

/** DER around a raw encapsulation key, and around a seed (RFC 9935 sections 4 and 6). */
const SPKI_HEAD = fromHex('308204b2300b0609608648016503040402038204a100');
const PKCS8_HEAD = fromHex('3054020100300b060960864801650304040204428040');

/** ML-KEM-768 from OpenSSL, or undefined where this runtime does not have it. */
export function nativeMlkem768(): Mlkem768 | undefined {
  const { encapsulate, decapsulate } = nodeCrypto as Partial<NativeKem>;
  if (encapsulate === undefined || decapsulate === undefined) return undefined;
  try {
    privateKeyOf(new Uint8Array(SEED_BYTES));
  } catch {
    return undefined;
  }
  return {
    keypair: (seed) => {
      const privateKey = privateKeyOf(seed);
      const spki = nodeCrypto.createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
      return {
        value: new Uint8Array(spki.subarray(SPKI_HEAD.length)),
        decapsulate: (ciphertext) => new Uint8Array(decapsulate(privateKey, ciphertext)),
      };
    },
    encapsulate: (key) => {
      const publicKey = nodeCrypto.createPublicKey({ key: Buffer.from(concat(SPKI_HEAD, key)), format: 'der', type: 'spki' });
      const { sharedKey, ciphertext } = encapsulate(publicKey);
      return { value: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) };
    },
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.from(concat(PKCS8_HEAD, seed));
  const key = nodeCrypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}
