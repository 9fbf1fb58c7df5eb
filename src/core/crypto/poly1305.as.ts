/**
 * Poly1305 (RFC 8439 section 2.5) over 26-bit limbs, which leave room for the sums of five products in 64 bits.
 *
 * The caller writes a key to key(), then any number of times as many bytes as capacity() to data() and calls more(), and at last calls
 * last() with what is left, which may be nothing; the tag is then at tag().
 */

const CAPACITY: i32 = 65536;
/** The message, with room behind it to fill up its last block. */
const DATA: usize = memory.data(65552, 16);
const KEY: usize = memory.data(32, 16);
const TAG: usize = memory.data(16, 16);

const MASK: u64 = 0x3ffffff;

let r0: u64 = 0;
let r1: u64 = 0;
let r2: u64 = 0;
let r3: u64 = 0;
let r4: u64 = 0;
let h0: u64 = 0;
let h1: u64 = 0;
let h2: u64 = 0;
let h3: u64 = 0;
let h4: u64 = 0;

export function capacity(): i32 {
  return CAPACITY;
}

export function data(): usize {
  return DATA;
}

export function key(): usize {
  return KEY;
}

export function tag(): usize {
  return TAG;
}

/** Begins a message with the key at key(). */
export function start(): void {
  // The clamp of r (RFC 8439 section 2.5.1), spread over the limbs.
  r0 = (load<u32>(KEY) as u64) & 0x3ffffff;
  r1 = ((load<u32>(KEY, 3) >> 2) as u64) & 0x3ffff03;
  r2 = ((load<u32>(KEY, 6) >> 4) as u64) & 0x3ffc0ff;
  r3 = ((load<u32>(KEY, 9) >> 6) as u64) & 0x3f03fff;
  r4 = ((load<u32>(KEY, 12) >> 8) as u64) & 0x00fffff;
  h0 = h1 = h2 = h3 = h4 = 0;
}

/** Takes the whole of data(), with more to follow. */
export function more(): void {
  blocks(DATA, CAPACITY, 1 << 24);
}

/** Takes the last bytes of the message, and leaves the tag. */
export function last(length: i32): void {
  const whole = length & ~15;
  blocks(DATA, whole, 1 << 24);
  const rest = length - whole;
  if (rest !== 0) {
    const end = DATA + (length as usize);
    memory.fill(end, 0, (16 - rest) as usize);
    store<u8>(end, 1);
    blocks(DATA + (whole as usize), 16, 0);
  }
  finish();
  memory.fill(KEY, 0, 32);
  r0 = r1 = r2 = r3 = r4 = 0;
}

/** h = (h + block) * r mod 2^130 - 5 for each block of 16 bytes; `top` is the bit that stands above a whole block. */
function blocks(from: usize, length: i32, top: u64): void {
  const s1 = r1 * 5;
  const s2 = r2 * 5;
  const s3 = r3 * 5;
  const s4 = r4 * 5;
  let a0 = h0;
  let a1 = h1;
  let a2 = h2;
  let a3 = h3;
  let a4 = h4;
  const end = from + (length as usize);
  for (let at = from; at < end; at += 16) {
    a0 += (load<u32>(at) as u64) & MASK;
    a1 += ((load<u32>(at, 3) >> 2) as u64) & MASK;
    a2 += ((load<u32>(at, 6) >> 4) as u64) & MASK;
    a3 += (load<u32>(at, 9) >> 6) as u64;
    a4 += ((load<u32>(at, 12) >> 8) as u64) | top;
    const d0 = a0 * r0 + a1 * s4 + a2 * s3 + a3 * s2 + a4 * s1;
    let d1 = a0 * r1 + a1 * r0 + a2 * s4 + a3 * s3 + a4 * s2;
    let d2 = a0 * r2 + a1 * r1 + a2 * r0 + a3 * s4 + a4 * s3;
    let d3 = a0 * r3 + a1 * r2 + a2 * r1 + a3 * r0 + a4 * s4;
    let d4 = a0 * r4 + a1 * r3 + a2 * r2 + a3 * r1 + a4 * r0;
    d1 += d0 >> 26;
    d2 += d1 >> 26;
    d3 += d2 >> 26;
    d4 += d3 >> 26;
    a0 = (d0 & MASK) + (d4 >> 26) * 5;
    a1 = (d1 & MASK) + (a0 >> 26);
    a0 &= MASK;
    a2 = d2 & MASK;
    a3 = d3 & MASK;
    a4 = d4 & MASK;
  }
  h0 = a0;
  h1 = a1;
  h2 = a2;
  h3 = a3;
  h4 = a4;
}

/** The tag: h mod 2^130 - 5, plus the key's second half, mod 2^128. */
function finish(): void {
  h2 += h1 >> 26;
  h1 &= MASK;
  h3 += h2 >> 26;
  h2 &= MASK;
  h4 += h3 >> 26;
  h3 &= MASK;
  h0 += (h4 >> 26) * 5;
  h4 &= MASK;
  h1 += h0 >> 26;
  h0 &= MASK;
  // g = h + 5 - 2^130 replaces h where it is not negative, without a branch.
  let g0 = h0 + 5;
  let g1 = h1 + (g0 >> 26);
  let g2 = h2 + (g1 >> 26);
  let g3 = h3 + (g2 >> 26);
  const g4 = h4 + (g3 >> 26) - (1 << 26);
  const keep = ((g4 as i64) >> 63) as u64;
  g0 = (h0 & keep) | (g0 & MASK & ~keep);
  g1 = (h1 & keep) | (g1 & MASK & ~keep);
  g2 = (h2 & keep) | (g2 & MASK & ~keep);
  g3 = (h3 & keep) | (g3 & MASK & ~keep);
  const g5 = (h4 & keep) | (g4 & MASK & ~keep);
  let sum = ((g0 | (g1 << 26)) & 0xffffffff) + (load<u32>(KEY, 16) as u64);
  store<u32>(TAG, sum as u32);
  sum = (((g1 >> 6) | (g2 << 20)) & 0xffffffff) + (load<u32>(KEY, 20) as u64) + (sum >> 32);
  store<u32>(TAG, sum as u32, 4);
  sum = (((g2 >> 12) | (g3 << 14)) & 0xffffffff) + (load<u32>(KEY, 24) as u64) + (sum >> 32);
  store<u32>(TAG, sum as u32, 8);
  sum = (((g3 >> 18) | (g5 << 8)) & 0xffffffff) + (load<u32>(KEY, 28) as u64) + (sum >> 32);
  store<u32>(TAG, sum as u32, 12);
}
