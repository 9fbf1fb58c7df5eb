// ML-KEM-768 (FIPS 203) with the SHA-3 functions that it uses (FIPS 202).
//
// Algorithms and sections are FIPS 203's. Coefficients are i32 from 0 to q - 1. No branch, no address and no division depends on a secret;
// those on the matrix A and on the peer's values do, which are public.

const q: i32 = 3329;
/** How many polynomials a vector has. */
const k: i32 = 3;

const POLYNOMIAL: usize = 4 * 256;
const VECTOR: usize = 3 * POLYNOMIAL;

const PACKED: usize = 384;
const KEY_BYTES: usize = 3 * PACKED + 32;
const CIPHERTEXT_BYTES: usize = 3 * 320 + 128;

/** All that is secret or comes from secrets, so that it can be wiped at once. */
const ARENA: usize = 16384;
const arena = memory.data(16384, 16);

/** 64 bytes: d and z of a key pair; or 32: the message of an encapsulation. */
const seed = arena;
const secret = seed + 64;
/** A decapsulation key (algorithm 16): s, the encapsulation key, its hash, z. */
const decapsulationKey = secret + 32;
const key = decapsulationKey + 3 * PACKED;
const keyHash = key + KEY_BYTES;
const rejection = keyHash + 32;
const ciphertext = rejection + 32;
/** The ciphertext that a decapsulation makes again. */
const again = ciphertext + CIPHERTEXT_BYTES;
/** K and r of an encapsulation (algorithm 17), or rho and sigma of a key pair (algorithm 13). */
const pair = again + CIPHERTEXT_BYTES;
const message = pair + 64;
const noise = message + 32;
const sponge = noise + 128;
/** A multiple of 16 from here on. */
const vectorS = arena + 6144;
const vectorE = vectorS + VECTOR;
const element = vectorE + VECTOR;
const sum = element + POLYNOMIAL;
const block = sum + POLYNOMIAL;

/** 17 to the power of i's seven bits in reverse, for each i (appendix A). */
const zetas = memory.data(4 * 128, 16);

const roundConstants = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]);
/** The lanes in the order in which pi moves them, as offsets in bytes, and by how much rho turns what arrives there (FIPS 202 section 3.2). */
const laneOrder = memory.data<u8>([
  80, 56, 88, 136, 144, 24, 40, 128, 64, 168, 192, 32, 120, 184, 152, 104, 96, 16, 160, 112, 176, 72, 48, 8,
]);
const laneTurns = memory.data<u8>([1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44]);

fillZetas();

/** Where the caller finds the seed or message (0), the encapsulation key (1), the decapsulation key (2), the ciphertext (3), the secret (4). */
export function address(which: i32): usize {
  if (which == 0) return seed;
  if (which == 1) return key;
  if (which == 2) return decapsulationKey;
  return which == 3 ? ciphertext : secret;
}

/** Forgets everything. */
export function wipe(): void {
  memory.fill(arena, 0, ARENA);
}

/** The key pair of the seed (algorithms 13 and 16). */
export function keypair(): void {
  begin();
  absorb(seed, 32, SHA3_512_RATE);
  absorbByte(<u8>k, SHA3_512_RATE);
  squeeze(pair, 64, SHA3_512_RATE, SHA3);
  const rho = pair;
  const sigma = pair + 32;
  sampleNoise(vectorS, sigma, 0);
  sampleNoise(vectorE, sigma, k);
  for (let i = 0; i < k; i++) {
    transform(vectorS + i * POLYNOMIAL);
    transform(vectorE + i * POLYNOMIAL);
  }
  for (let i = 0; i < k; i++) {
    clear(sum);
    for (let j = 0; j < k; j++) {
      sampleElement(rho, j, i);
      addProduct(element, vectorS + j * POLYNOMIAL);
    }
    addTo(sum, vectorE + i * POLYNOMIAL);
    pack12(sum, key + i * PACKED);
    pack12(vectorS + i * POLYNOMIAL, decapsulationKey + i * PACKED);
  }
  memory.copy(key + 3 * PACKED, rho, 32);
  hashKey();
  memory.copy(rejection, seed + 32, 32);
}

/** The ciphertext and the secret of the message for the encapsulation key (algorithm 17). */
export function encapsulate(): void {
  hashKey();
  memory.copy(message, seed, 32);
  deriveSecret();
  memory.copy(secret, pair, 32);
  encrypt(ciphertext);
}

/** The secret of the ciphertext, or one that depends on z where it was not honestly made (algorithm 18). */
export function decapsulate(): void {
  decrypt();
  deriveSecret();
  encrypt(again);
  begin();
  absorb(rejection, 32, SHAKE256_RATE);
  absorb(ciphertext, <i32>CIPHERTEXT_BYTES, SHAKE256_RATE);
  squeeze(secret, 32, SHAKE256_RATE, SHAKE);
  let difference: i32 = 0;
  for (let i: usize = 0; i < CIPHERTEXT_BYTES; i++) difference |= load<u8>(ciphertext + i) ^ load<u8>(again + i);
  // All ones where both are the same.
  const same = <u8>((difference - 1) >> 31);
  for (let i: usize = 0; i < 32; i++) {
    const refused = load<u8>(secret + i);
    store<u8>(secret + i, refused ^ (same & (refused ^ load<u8>(pair + i))));
  }
}

/** The encapsulation key's hash, H. */
function hashKey(): void {
  begin();
  absorb(key, <i32>KEY_BYTES, SHA3_256_RATE);
  squeeze(keyHash, 32, SHA3_256_RATE, SHA3);
}

/** K and r of the message, G. */
function deriveSecret(): void {
  begin();
  absorb(message, 32, SHA3_512_RATE);
  absorb(keyHash, 32, SHA3_512_RATE);
  squeeze(pair, 64, SHA3_512_RATE, SHA3);
}

/** The message under the encapsulation key with the randomness r (algorithm 14). */
function encrypt(to: usize): void {
  const r = pair + 32;
  sampleNoise(vectorS, r, 0);
  sampleNoise(vectorE, r, k);
  for (let i = 0; i < k; i++) transform(vectorS + i * POLYNOMIAL);
  const rho = key + 3 * PACKED;
  for (let i = 0; i < k; i++) {
    clear(sum);
    for (let j = 0; j < k; j++) {
      sampleElement(rho, i, j);
      addProduct(element, vectorS + j * POLYNOMIAL);
    }
    transformBack(sum);
    addTo(sum, vectorE + i * POLYNOMIAL);
    pack10(sum, to + i * 320);
  }
  clear(sum);
  for (let i = 0; i < k; i++) {
    unpack12(key + i * PACKED, element);
    addProduct(element, vectorS + i * POLYNOMIAL);
  }
  transformBack(sum);
  sampleNoisePolynomial(element, r, 2 * k);
  addTo(sum, element);
  for (let i: usize = 0; i < 256; i++) {
    const bit = (load<u8>(message + (i >> 3)) >> <u8>(i & 7)) & 1;
    store<i32>(element + (i << 2), -(<i32>bit) & ((q + 1) >> 1));
  }
  addTo(sum, element);
  pack4(sum, to + 960);
}

/** The message of the ciphertext (algorithm 15). */
function decrypt(): void {
  clear(sum);
  for (let i = 0; i < k; i++) {
    unpack10(ciphertext + i * 320, vectorE);
    transform(vectorE);
    unpack12(decapsulationKey + i * PACKED, element);
    addProduct(element, vectorE);
  }
  transformBack(sum);
  unpack4(ciphertext + 960, element);
  memory.fill(message, 0, 32);
  for (let i: usize = 0; i < 256; i++) {
    const bit = compress(subtract(load<i32>(element + (i << 2)), load<i32>(sum + (i << 2))), 1) & 1;
    const at = message + (i >> 3);
    store<u8>(at, load<u8>(at) | <u8>(bit << <i32>(i & 7)));
  }
}

// Arithmetic modulo q

function add(a: i32, b: i32): i32 {
  const value = a + b - q;
  return value + ((value >> 31) & q);
}

function subtract(a: i32, b: i32): i32 {
  const value = a - b;
  return value + ((value >> 31) & q);
}

/** By Barrett's way: 5039 is 2^24 / q, rounded down. */
function multiply(a: i32, b: i32): i32 {
  const value = a * b;
  const rest = value - <i32>((<u64>value * 5039) >> 24) * q - q;
  return rest + ((rest >> 31) & q);
}

/** x * 2^bits / q, rounded (section 4.2.1), not reduced modulo 2^bits; 330282857 is 2^40 / q, rounded up. */
function compress(x: i32, bits: i32): i32 {
  return <i32>((<u64>((x << bits) + (q >> 1)) * 330282857) >> 40);
}

// Polynomials

function clear(to: usize): void {
  memory.fill(to, 0, POLYNOMIAL);
}

function addTo(to: usize, from: usize): void {
  for (let at: usize = 0; at < POLYNOMIAL; at += 4) store<i32>(to + at, add(load<i32>(to + at), load<i32>(from + at)));
}

/** Algorithm 9. */
function transform(f: usize): void {
  let zeta = zetas + 4;
  for (let span: usize = 512; span >= 8; span >>= 1) {
    for (let start: usize = 0; start < POLYNOMIAL; start += 2 * span) {
      const factor = load<i32>(zeta);
      zeta += 4;
      for (let at = f + start; at < f + start + span; at += 4) {
        const low = load<i32>(at);
        const high = multiply(factor, load<i32>(at + span));
        store<i32>(at, add(low, high));
        store<i32>(at + span, subtract(low, high));
      }
    }
  }
}

/** Algorithm 10; 3303 is 1 / 128. */
function transformBack(f: usize): void {
  let zeta = zetas + 4 * 127;
  for (let span: usize = 8; span <= 512; span <<= 1) {
    for (let start: usize = 0; start < POLYNOMIAL; start += 2 * span) {
      const factor = load<i32>(zeta);
      zeta -= 4;
      for (let at = f + start; at < f + start + span; at += 4) {
        const low = load<i32>(at);
        const high = load<i32>(at + span);
        store<i32>(at, add(low, high));
        store<i32>(at + span, multiply(factor, subtract(high, low)));
      }
    }
  }
  for (let at = f; at < f + POLYNOMIAL; at += 4) store<i32>(at, multiply(load<i32>(at), 3303));
}

/** sum += a * b, all transformed (algorithms 11 and 12): products modulo x^2 - zeta and x^2 + zeta in turn. */
function addProduct(a: usize, b: usize): void {
  for (let at: usize = 0; at < POLYNOMIAL; at += 8) {
    const zeta = load<i32>(zetas + 256 + (at >> 4 << 2));
    const factor = (at & 8) == 0 ? zeta : q - zeta;
    const a0 = load<i32>(a + at);
    const a1 = load<i32>(a + at + 4);
    const b0 = load<i32>(b + at);
    const b1 = load<i32>(b + at + 4);
    store<i32>(sum + at, add(load<i32>(sum + at), add(multiply(a0, b0), multiply(multiply(a1, b1), factor))));
    store<i32>(sum + at + 4, add(load<i32>(sum + at + 4), add(multiply(a0, b1), multiply(a1, b0))));
  }
}

function fillZetas(): void {
  for (let i: i32 = 0; i < 128; i++) {
    let exponent: i32 = 0;
    for (let bit = 0; bit < 7; bit++) exponent |= ((i >> bit) & 1) << (6 - bit);
    let zeta: i32 = 1;
    for (let times = 0; times < exponent; times++) zeta = multiply(zeta, 17);
    store<i32>(zetas + (i << 2), zeta);
  }
}

// Sampling

/** The element of the matrix A that comes from rho and these two indices (algorithm 7). */
function sampleElement(rho: usize, first: i32, second: i32): void {
  begin();
  absorb(rho, 32, SHAKE128_RATE);
  absorbByte(<u8>first, SHAKE128_RATE);
  absorbByte(<u8>second, SHAKE128_RATE);
  let filled: usize = 0;
  let domain: u8 = SHAKE;
  while (filled < POLYNOMIAL) {
    squeeze(block, SHAKE128_RATE, SHAKE128_RATE, domain);
    domain = MORE;
    for (let at: usize = 0; at < <usize>SHAKE128_RATE; at += 3) {
      const three = <i32>load<u8>(block + at) | (<i32>load<u8>(block + at + 1) << 8) | (<i32>load<u8>(block + at + 2) << 16);
      const low = three & 0xfff;
      const high = three >> 12;
      if (low < q && filled < POLYNOMIAL) {
        store<i32>(element + filled, low);
        filled += 4;
      }
      if (high < q && filled < POLYNOMIAL) {
        store<i32>(element + filled, high);
        filled += 4;
      }
    }
  }
}

/** A vector of small polynomials from a secret and counters. */
function sampleNoise(to: usize, from: usize, counter: i32): void {
  for (let i = 0; i < k; i++) sampleNoisePolynomial(to + i * POLYNOMIAL, from, counter + i);
}

/** Coefficients from -2 to 2: two bits less two bits of SHAKE256 (algorithm 8). */
function sampleNoisePolynomial(to: usize, from: usize, counter: i32): void {
  begin();
  absorb(from, 32, SHAKE256_RATE);
  absorbByte(<u8>counter, SHAKE256_RATE);
  squeeze(noise, 128, SHAKE256_RATE, SHAKE);
  for (let i: usize = 0; i < 256; i++) {
    const four = <i32>load<u8>(noise + (i >> 1)) >> (<i32>(i & 1) << 2);
    const value = (four & 1) + ((four >> 1) & 1) - ((four >> 2) & 1) - ((four >> 3) & 1);
    store<i32>(to + (i << 2), value + ((value >> 31) & q));
  }
}

// Packing (section 4.2.1)

function pack12(from: usize, to: usize): void {
  for (let i: usize = 0; i < 128; i++) {
    const two = load<i32>(from + (i << 3)) | (load<i32>(from + (i << 3) + 4) << 12);
    const at = to + 3 * i;
    store<u8>(at, <u8>two);
    store<u8>(at + 1, <u8>(two >> 8));
    store<u8>(at + 2, <u8>(two >> 16));
  }
}

function unpack12(from: usize, to: usize): void {
  for (let i: usize = 0; i < 128; i++) {
    const at = from + 3 * i;
    const two = <i32>load<u8>(at) | (<i32>load<u8>(at + 1) << 8) | (<i32>load<u8>(at + 2) << 16);
    store<i32>(to + (i << 3), two & 0xfff);
    store<i32>(to + (i << 3) + 4, two >> 12);
  }
}

function pack10(from: usize, to: usize): void {
  for (let i: usize = 0; i < 64; i++) {
    let four: u64 = 0;
    for (let j: usize = 0; j < 4; j++) {
      four |= <u64>(compress(load<i32>(from + (i << 4) + (j << 2)), 10) & 0x3ff) << (10 * <u64>j);
    }
    for (let j: usize = 0; j < 5; j++) store<u8>(to + 5 * i + j, <u8>(four >> (<u64>j << 3)));
  }
}

function unpack10(from: usize, to: usize): void {
  for (let i: usize = 0; i < 64; i++) {
    let four: u64 = 0;
    for (let j: usize = 0; j < 5; j++) four |= <u64>load<u8>(from + 5 * i + j) << (<u64>j << 3);
    for (let j: usize = 0; j < 4; j++) {
      const value = <i32>((four >> (10 * <u64>j)) & 0x3ff);
      store<i32>(to + (i << 4) + (j << 2), (value * q + 512) >> 10);
    }
  }
}

function pack4(from: usize, to: usize): void {
  for (let i: usize = 0; i < 128; i++) {
    const low = compress(load<i32>(from + (i << 3)), 4) & 15;
    const high = compress(load<i32>(from + (i << 3) + 4), 4) & 15;
    store<u8>(to + i, <u8>(low | (high << 4)));
  }
}

function unpack4(from: usize, to: usize): void {
  for (let i: usize = 0; i < 128; i++) {
    const two = <i32>load<u8>(from + i);
    store<i32>(to + (i << 3), ((two & 15) * q + 8) >> 4);
    store<i32>(to + (i << 3) + 4, ((two >> 4) * q + 8) >> 4);
  }
}

// SHA-3 (FIPS 202)

const SHA3_256_RATE: i32 = 136;
const SHA3_512_RATE: i32 = 72;
const SHAKE128_RATE: i32 = 168;
const SHAKE256_RATE: i32 = 136;

/** What follows a message (FIPS 202 appendix B.2); nothing where a message has ended and more is squeezed. */
const SHA3: u8 = 0x06;
const SHAKE: u8 = 0x1f;
const MORE: u8 = 0;

/** How much of the block has been absorbed. */
let position: i32 = 0;

function begin(): void {
  memory.fill(sponge, 0, 200);
  position = 0;
}

function absorbByte(byte: u8, rate: i32): void {
  const at = sponge + position;
  store<u8>(at, load<u8>(at) ^ byte);
  if (++position == rate) {
    permute();
    position = 0;
  }
}

function absorb(from: usize, length: i32, rate: i32): void {
  for (let i = 0; i < length; i++) absorbByte(load<u8>(from + i), rate);
}

/** Ends the message, or goes on where it had ended; a further call begins a new block. */
function squeeze(to: usize, length: i32, rate: i32, domain: u8): void {
  if (domain != MORE) {
    const at = sponge + position;
    store<u8>(at, load<u8>(at) ^ domain);
    store<u8>(sponge + rate - 1, load<u8>(sponge + rate - 1) ^ 0x80);
  }
  for (let done = 0; done < length; done += rate) {
    permute();
    memory.copy(to + done, sponge, min(rate, length - done));
  }
}

/** Keccak-f[1600] (FIPS 202 section 3.3). */
function permute(): void {
  for (let round: usize = 0; round < 24 * 8; round += 8) {
    const c0 = column(0);
    const c1 = column(8);
    const c2 = column(16);
    const c3 = column(24);
    const c4 = column(32);
    mixColumn(0, c4 ^ rotl(c1, 1));
    mixColumn(8, c0 ^ rotl(c2, 1));
    mixColumn(16, c1 ^ rotl(c3, 1));
    mixColumn(24, c2 ^ rotl(c4, 1));
    mixColumn(32, c3 ^ rotl(c0, 1));

    let moved = load<u64>(sponge + 8);
    for (let i: usize = 0; i < 24; i++) {
      const lane = sponge + load<u8>(laneOrder + i);
      const next = load<u64>(lane);
      store<u64>(lane, rotl(moved, <u64>load<u8>(laneTurns + i)));
      moved = next;
    }

    for (let row = sponge; row < sponge + 200; row += 40) {
      const a0 = load<u64>(row);
      const a1 = load<u64>(row, 8);
      const a2 = load<u64>(row, 16);
      const a3 = load<u64>(row, 24);
      const a4 = load<u64>(row, 32);
      store<u64>(row, a0 ^ (~a1 & a2));
      store<u64>(row, a1 ^ (~a2 & a3), 8);
      store<u64>(row, a2 ^ (~a3 & a4), 16);
      store<u64>(row, a3 ^ (~a4 & a0), 24);
      store<u64>(row, a4 ^ (~a0 & a1), 32);
    }
    store<u64>(sponge, load<u64>(sponge) ^ load<u64>(roundConstants + round));
  }
}

@inline
function column(x: usize): u64 {
  const at = sponge + x;
  return load<u64>(at) ^ load<u64>(at, 40) ^ load<u64>(at, 80) ^ load<u64>(at, 120) ^ load<u64>(at, 160);
}

@inline
function mixColumn(x: usize, value: u64): void {
  for (let at = sponge + x; at < sponge + 200; at += 40) store<u64>(at, load<u64>(at) ^ value);
}
