/**
 * UHASH (RFC 4418 section 5) for 2 or 4 streams, on messages of up to 16 MiB: the longer ones, whose polynomial hash changes to 128 bits
 * (section 5.4), do not occur.
 *
 * The caller writes a prepared key to key(), calls start() with the number of streams, then any number of times writes as many bytes as
 * capacity() to data() and calls more(), and at last calls last() with what is left, which must be something unless the message is empty.
 * The hash is then at hash(), 4 bytes per stream.
 *
 * A prepared key is: 268 words of the first layer's key in the order of this machine; 4 masked 64-bit keys of the second layer; 4 times 4
 * 64-bit keys of the third layer, reduced; 4 32-bit words that its results are masked with.
 */

const CAPACITY: i32 = 65536;
/** What one key of the first layer covers. */
const CHUNK: i32 = 1024;

/** The message, with room behind it to fill up its last 32 bytes. */
const DATA: usize = memory.data(65568, 16);
const KEY: usize = memory.data(1248, 16);
const POLY_KEY: usize = KEY + 1072;
const INNER_KEY: usize = POLY_KEY + 32;
const OUTER_KEY: usize = INNER_KEY + 128;
/** The polynomial's value of each stream. */
const POLY: usize = memory.data(32, 16);
/** The first layer's results of each stream. */
const NH: usize = memory.data(32, 16);
const HASH: usize = memory.data(16, 16);

/** The primes of 64 and 36 bits (section 5.1). */
const P64: u64 = 0xffffffffffffffc5;
const OFFSET: u64 = 59;
const P36: u64 = 0xffffffffb;

let streams: i32 = 0;
/** Whether a chunk has gone through the second layer, which a message of one chunk skips. */
let long: bool = false;

export function capacity(): i32 {
  return CAPACITY;
}

export function data(): usize {
  return DATA;
}

export function key(): usize {
  return KEY;
}

export function hash(): usize {
  return HASH;
}

/** Begins a message. */
export function start(count: i32): void {
  streams = count;
  long = false;
  for (let i = 0; i < 4; i++) store<u64>(POLY + ((i << 3) as usize), 1);
}

/** Takes the whole of data(), with more to follow. */
export function more(): void {
  for (let at = 0; at < CAPACITY; at += CHUNK) chunk(DATA + (at as usize), CHUNK, CHUNK);
  long = true;
}

/** Takes the last bytes of the message, and leaves the hash. */
export function last(length: i32): void {
  let at = 0;
  for (; length - at > CHUNK; at += CHUNK) {
    chunk(DATA + (at as usize), CHUNK, CHUNK);
    long = true;
  }
  const rest = length - at;
  const padded = rest === 0 ? 32 : (rest + 31) & ~31;
  memory.fill(DATA + (length as usize), 0, (padded - rest) as usize);
  if (long) {
    chunk(DATA + (at as usize), padded, rest);
    for (let i = 0; i < streams; i++) {
      const y = load<u64>(POLY + ((i << 3) as usize));
      inner(i, y >= P64 ? y - P64 : y);
    }
  } else {
    first(DATA, padded, rest);
    for (let i = 0; i < streams; i++) inner(i, load<u64>(NH + ((i << 3) as usize)));
  }
}

/** Takes one chunk through the first two layers. */
function chunk(at: usize, padded: i32, length: i32): void {
  first(at, padded, length);
  for (let i = 0; i < streams; i++) {
    const slot = (i << 3) as usize;
    const k = load<u64>(POLY_KEY + slot);
    const m = load<u64>(NH + slot);
    let y = load<u64>(POLY + slot);
    // Words that the prime does not reach are marked and brought down (section 5.4.2).
    if (m >= 0xffffffff00000000) y = step(k, step(k, y, P64 - 1), m - OFFSET);
    else y = step(k, y, m);
    store<u64>(POLY + slot, y);
  }
}

/** k * y + m modulo 2^64 - 59, not fully reduced. No half of k has more than 25 bits. */
function step(k: u64, y: u64, m: u64): u64 {
  const kh = k >> 32;
  const kl = k & 0xffffffff;
  const yh = y >> 32;
  const yl = y & 0xffffffff;
  const middle = kh * yl + kl * yh;
  const high = (kh * yh + (middle >> 32)) * OFFSET;
  const low = kl * yl;
  let sum = (middle << 32) + low;
  if (sum < low) sum += OFFSET;
  sum += high;
  if (sum < high) sum += OFFSET;
  sum += m;
  if (sum < m) sum += OFFSET;
  return sum;
}

/** The first layer: NH of each stream (section 5.2.2), plus the length in bits. A stream's key lies 16 bytes behind its forerunner's. */
function first(at: usize, padded: i32, length: i32): void {
  const bits = (length as u64) << 3;
  pair(at, padded, KEY, NH, bits);
  if (streams === 4) pair(at, padded, KEY + 32, NH + 16, bits);
}

/** NH of two streams, 8 words of the message at a time. */
function pair(at: usize, length: i32, keyAt: usize, out: usize, bits: u64): void {
  let a = i64x2.splat(0);
  let b = i64x2.splat(0);
  const end = at + (length as usize);
  let k0 = v128.load(keyAt);
  for (; at < end; at += 32, keyAt += 32) {
    const m0 = v128.load(at);
    const m1 = v128.load(at, 16);
    const k1 = v128.load(keyAt, 16);
    const k2 = v128.load(keyAt, 32);
    const x0 = i32x4.add(m0, k0);
    const x1 = i32x4.add(m1, k1);
    a = i64x2.add(a, i64x2.add(i64x2.extmul_low_i32x4_u(x0, x1), i64x2.extmul_high_i32x4_u(x0, x1)));
    const y0 = i32x4.add(m0, k1);
    const y1 = i32x4.add(m1, k2);
    b = i64x2.add(b, i64x2.add(i64x2.extmul_low_i32x4_u(y0, y1), i64x2.extmul_high_i32x4_u(y0, y1)));
    k0 = k2;
  }
  store<u64>(out, i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1) + bits);
  store<u64>(out, i64x2.extract_lane(b, 0) + i64x2.extract_lane(b, 1) + bits, 8);
}

/** The third layer (section 5.5) of one stream, of whose 16 bytes the first 8 are always zero. */
function inner(stream: i32, y: u64): void {
  const at = INNER_KEY + ((stream << 5) as usize);
  const sum =
    (y >> 48) * load<u64>(at) +
    ((y >> 32) & 0xffff) * load<u64>(at, 8) +
    ((y >> 16) & 0xffff) * load<u64>(at, 16) +
    (y & 0xffff) * load<u64>(at, 24);
  const word = ((sum % P36) as u32) ^ load<u32>(OUTER_KEY + ((stream << 2) as usize));
  store<u32>(HASH + ((stream << 2) as usize), bswap<u32>(word));
}
