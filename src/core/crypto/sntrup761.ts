import { concat } from '../util/bytes.ts';
import type { WasmExports } from '../util/wasm.ts';
import { instantiateWasm } from '../util/wasm.ts';
import { digest } from './digest.ts';
import type { Random } from './random.ts';
import { randomBytes } from './random.ts';
import { decodeMixed, encodeMixed } from './sntrup761-encoding.ts';

/** The ring is Z[x]/(x^p - x - 1), modulo q and modulo 3; short polynomials have w coefficients that are not 0. */
const p = 761;
const q = 4591;
const w = 286;

/** The length of an encoded polynomial with coefficients of -1, 0 and 1: four to the byte. */
const SMALL_BYTES = 191;
/** The length of an encoded polynomial whose coefficients are multiples of 3. */
const ROUNDED_BYTES = 1007;
const HASH_BYTES = 32;

/** The length of a public key. */
export const SNTRUP761_KEY_BYTES = 1158;
/** The length of a ciphertext: the rounded polynomial and the confirmation hash. */
export const SNTRUP761_CIPHERTEXT_BYTES = ROUNDED_BYTES + HASH_BYTES;

/** Where the parts of a secret key lie: f, 1/g, the public key, what replaces a refused ciphertext's secret, the public key's hash. */
const SECRET_OFFSETS = {
  f: 0,
  inverse: SMALL_BYTES,
  publicKey: 2 * SMALL_BYTES,
  rejected: 2 * SMALL_BYTES + SNTRUP761_KEY_BYTES,
  keyHash: 3 * SMALL_BYTES + SNTRUP761_KEY_BYTES,
  end: 3 * SMALL_BYTES + SNTRUP761_KEY_BYTES + HASH_BYTES,
} as const;

/** Streamlined NTRU Prime sntrup761; keys, ciphertexts and secrets in the encoding of its submission to NIST, all fresh arrays. */
export interface Sntrup761 {
  keypair(random: Random): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  /** `publicKey` has {@link SNTRUP761_KEY_BYTES} bytes, of any value. */
  encapsulate(publicKey: Uint8Array, random: Random): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array };
  /** The secret of a ciphertext of {@link SNTRUP761_CIPHERTEXT_BYTES} bytes: an unpredictable one where it was not honestly made. */
  decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/**
 * The primitive, with its arithmetic in WebAssembly.
 *
 * After "NTRU Prime: round 3" (Bernstein, Brumley, Chen, Chuengsatiansup, Lange, Marotzke, Peng, Tuveri, van Vredendaal, Yang), as
 * draft-ietf-sshm-ntruprime-ssh refers to it. Neither a branch nor an address depends on a secret, but for how often a random g had to be
 * drawn, which tells nothing of the one that was taken.
 */
export async function sntrup761(): Promise<Sntrup761> {
  const { wasmBase64 } = await import('./sntrup761.wasm.ts');
  const ring = new Ring(wasmBase64);
  return {
    keypair: (random) => wiping(ring, () => keypair(ring, random)),
    encapsulate: (publicKey, random) => wiping(ring, () => encapsulate(ring, publicKey, random)),
    decapsulate: (ciphertext, secretKey) => wiping(ring, () => decapsulate(ring, ciphertext, secretKey)),
  };
}

function wiping<T>(ring: Ring, step: () => T): T {
  try {
    return step();
  } finally {
    ring.wipe();
  }
}

function keypair(ring: Ring, random: Random): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const g = ring.invertible(random);
  const f = ring.short(random);
  const h = ring.multiply(q, g.value, ring.invert(q, f, INVERSE_OF_3));
  const publicKey = encodeMixed(
    h.map((value) => value + (q - 1) / 2),
    q,
  );
  const rejected = randomBytes(random, SMALL_BYTES);
  const secretKey = concat(encodeSmall(f), encodeSmall(g.inverse), publicKey, rejected, tagged(4, publicKey));
  for (const secret of [f, g.value, g.inverse, rejected]) secret.fill(0);
  return { publicKey, secretKey };
}

function encapsulate(ring: Ring, publicKey: Uint8Array, random: Random): { ciphertext: Uint8Array; secret: Uint8Array } {
  const r = ring.short(random);
  const encodedR = encodeSmall(r);
  const ciphertext = hide(ring, r, encodedR, publicKey, tagged(4, publicKey));
  const secret = sessionKey(1, encodedR, ciphertext);
  r.fill(0);
  encodedR.fill(0);
  return { ciphertext, secret };
}

function decapsulate(ring: Ring, ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const part = (from: keyof typeof SECRET_OFFSETS, to: keyof typeof SECRET_OFFSETS) =>
    secretKey.subarray(SECRET_OFFSETS[from], SECRET_OFFSETS[to]);
  const r = decrypt(ring, ciphertext, part('f', 'inverse'), part('inverse', 'publicKey'));
  const encodedR = encodeSmall(r);
  const again = hide(ring, r, encodedR, part('publicKey', 'rejected'), part('keyHash', 'end'));
  let difference = 0;
  for (let i = 0; i < again.length; i++) difference |= (again[i] as number) ^ (ciphertext[i] as number);
  const refused = -difference >> 31;
  const rejected = part('rejected', 'keyHash');
  for (let i = 0; i < SMALL_BYTES; i++) {
    encodedR[i] = (encodedR[i] as number) ^ (refused & ((encodedR[i] as number) ^ (rejected[i] as number)));
  }
  const secret = sessionKey(1 + refused, encodedR, ciphertext);
  r.fill(0);
  encodedR.fill(0);
  again.fill(0);
  return secret;
}

/** The short r of a ciphertext, or a fixed polynomial of the same weight where there is none. */
function decrypt(ring: Ring, ciphertext: Uint8Array, encodedF: Uint8Array, encodedInverse: Uint8Array): Polynomial {
  const c = decodeMixed(ciphertext.subarray(0, ROUNDED_BYTES), p, (q + 2) / 3).map((value) => value * 3 - (q - 1) / 2);
  const f = decodeSmall(encodedF);
  const inverse = decodeSmall(encodedInverse);
  const product = ring.multiply(
    q,
    f.map((value) => 3 * value),
    c,
  );
  const r = ring.multiply(3, inverse, product);
  let weight = 0;
  for (const value of r) weight += value & 1;
  const isOther = -((weight - w) & 0xffff) >> 31;
  for (let i = 0; i < p; i++) r[i] = ((r[i] as number) & ~isOther) | (isOther & (i < w ? 1 : 0));
  for (const secret of [f, inverse, product]) secret.fill(0);
  return r;
}

/** The ciphertext of r: h * r rounded to multiples of 3, and a hash that confirms r. */
function hide(ring: Ring, r: Polynomial, encodedR: Uint8Array, publicKey: Uint8Array, keyHash: Uint8Array): Uint8Array {
  const h = decodeMixed(publicKey, p, q).map((value) => value - (q - 1) / 2);
  const product = ring.multiply(q, r, h);
  // Which multiple of 3 is nearest, counted from the least one: (value + 2296) / 3 rounded down, by a multiplication.
  const rounded = encodeMixed(
    product.map((value) => ((value + (q + 1) / 2) * 10923) >> 15),
    (q + 2) / 3,
  );
  product.fill(0);
  return concat(rounded, tagged(2, concat(tagged(3, encodedR), keyHash)));
}

function sessionKey(tag: number, encodedR: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return tagged(tag, concat(tagged(3, encodedR), ciphertext));
}

/** The submission's Hash: the first half of SHA-512 over a byte that says what for, and the input. */
function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  return digest('sha512', Uint8Array.of(tag), bytes).slice(0, HASH_BYTES);
}

function encodeSmall(small: Polynomial): Uint8Array {
  const bytes = new Uint8Array(SMALL_BYTES);
  for (let i = 0; i < p; i++) bytes[i >> 2] = (bytes[i >> 2] as number) | (((small[i] as number) + 1) << (2 * (i & 3)));
  return bytes;
}

function decodeSmall(bytes: Uint8Array): Polynomial {
  return new Int16Array(p).map((_, i) => (((bytes[i >> 2] as number) >> (2 * (i & 3))) & 3) - 1);
}

/** The p coefficients of a polynomial, from the constant one upward. */
type Polynomial = Int16Array;

/** 1/3 modulo q, centered. */
const INVERSE_OF_3 = -1530;

/** What sntrup761.as.ts exports. */
interface Kernel extends WasmExports {
  address(which: number): number;
  wipe(): void;
  multiply(modulus: number): void;
  invert(modulus: number, scale: number): number;
  sort(): void;
}

/** The ring's arithmetic: polynomials go into the module's memory, and results come out as copies. */
class Ring {
  private readonly kernel: Kernel;
  private readonly a: Float32Array;
  private readonly b: Float32Array;
  private readonly out: Float32Array;
  private readonly words: Uint32Array;

  constructor(wasmBase64: string) {
    this.kernel = instantiateWasm(wasmBase64) as Kernel;
    const { buffer } = this.kernel.memory;
    this.a = new Float32Array(buffer, this.kernel.address(0), p);
    this.b = new Float32Array(buffer, this.kernel.address(1), p);
    this.out = new Float32Array(buffer, this.kernel.address(2), p);
    this.words = new Uint32Array(buffer, this.kernel.address(0), p);
  }

  /** Forgets every operand and result. */
  wipe(): void {
    this.kernel.wipe();
  }

  /** The product modulo 3 or q, centered; coefficients of `small` are at most 3 in magnitude, those of `other` below q / 2. */
  multiply(modulus: number, small: Polynomial, other: Polynomial): Polynomial {
    this.a.set(small);
    this.b.set(other);
    this.kernel.multiply(modulus);
    return Int16Array.from(this.out);
  }

  /** scale / value modulo q, for which every short polynomial has an inverse. */
  invert(modulus: number, value: Polynomial, scale: number): Polynomial {
    this.a.set(value);
    this.kernel.invert(modulus, scale);
    return Int16Array.from(this.out);
  }

  /** A random polynomial with coefficients of -1, 0 and 1 that has an inverse modulo 3, and that inverse. */
  invertible(random: Random): { value: Polynomial; inverse: Polynomial } {
    for (;;) {
      const words = randomWords(random);
      const value = new Int16Array(p).map((_, i) => ((((words[i] as number) & 0x3fffffff) * 3) >>> 30) - 1);
      words.fill(0);
      this.a.set(value);
      if (this.kernel.invert(3, 1) === 1) return { value, inverse: Int16Array.from(this.out) };
    }
  }

  /** A random short polynomial: w coefficients of -1 or 1 and zeros, put in a random order by sorting with random upper bits. */
  short(random: Random): Polynomial {
    const words = randomWords(random);
    for (let i = 0; i < p; i++) words[i] = i < w ? (words[i] as number) & ~1 : ((words[i] as number) & ~3) | 1;
    this.words.set(words);
    words.fill(0);
    this.kernel.sort();
    return Int16Array.from(this.words, (word) => (word & 3) - 1);
  }
}

/** p words from random bytes, the lowest byte first. */
function randomWords(random: Random): Uint32Array {
  const bytes = randomBytes(random, 4 * p);
  const view = new DataView(bytes.buffer);
  const words = new Uint32Array(p).map((_, i) => view.getUint32(4 * i, true));
  bytes.fill(0);
  return words;
}
