// Whether hashed host names of known_hosts, `|1|salt|hash`, are of one name: its HMAC with SHA-1 (RFC 2104, FIPS 180-4) under each salt.

const BLOCK: usize = 64;
const CAPACITY: usize = 4096;
/** The length of `|1|`. */
const BEGIN: usize = 3;
/** The bytes of a salt and of a hash, and the digits of base64 that they are written in. */
const HASH: usize = 20;
const DIGITS: usize = 28;

/** The text of a hashed name. */
const field = memory.data(64, 16);
/** The name, in whole blocks with the padding of a message that one block stands before. */
const message = memory.data(4096, 16);
/** The salt, zeros behind it. */
const key = memory.data(64, 16);
/** The hash that the text holds. */
const wanted = memory.data(32, 16);
/** The five words of the state, which become the result as big-endian bytes. */
const state = memory.data(32, 16);
/** The padded key. */
const block = memory.data(64, 16);
/** The block of the inner hash: behind it stand its padding and zeros. */
const inner = memory.data(64, 16);
/** The eighty words of the message schedule. */
const schedule = memory.data(320, 16);

/** The addresses of the text (0) and the name (1). */
export function address(which: i32): usize {
  return which == 0 ? field : message;
}

/** How many bytes the name may have with its padding. */
export function capacity(): usize {
  return CAPACITY;
}

/** Whether the text that was put there is the name's in so many blocks; what is no base64 may be taken for some. */
export function matches(blocks: i32): bool {
  decode(field + BEGIN, key);
  decode(field + BEGIN + DIGITS + 1, wanted);
  hmac(blocks);
  return load<u64>(state) == load<u64>(wanted) && load<u64>(state, 8) == load<u64>(wanted, 8) && load<u32>(state, 16) == load<u32>(wanted, 16);
}

/** Writes 20 bytes for 27 digits of base64 and what stands for padding; the byte behind them becomes zero again. */
function decode(from: usize, to: usize): void {
  for (let i: usize = 0; i < DIGITS; i += 4) {
    const four = (value(from + i) << 18) | (value(from + i + 1) << 12) | (value(from + i + 2) << 6) | value(from + i + 3);
    store<u8>(to, four >> 16);
    store<u8>(to + 1, four >> 8);
    store<u8>(to + 2, four);
    to += 3;
  }
  store<u8>(to - 1, 0);
}

/** The value of a digit of base64. */
@inline
function value(at: usize): u32 {
  const digit: u32 = load<u8>(at);
  if (digit >= 0x61) return digit - 71;
  if (digit >= 0x41) return digit - 65;
  return digit >= 0x30 ? digit + 4 : digit == 0x2b ? 62 : 63;
}

/** Leaves the HMAC of the name under the key in `state`. */
function hmac(blocks: i32): void {
  start(0x3636363636363636);
  for (let i = 0; i < blocks; i++) compress(message + (<usize>i << 6));
  finish(inner);
  store<u8>(inner + HASH, 0x80);
  // the length in bits of the padded key and the inner hash
  store<u32>(inner + 60, bswap<u32>(8 * <u32>(BLOCK + HASH)));
  start(0x5c5c5c5c5c5c5c5c);
  compress(inner);
  finish(state);
}

/** Begins a hash with the padded key. */
function start(pad: u64): void {
  store<u32>(state, 0x67452301);
  store<u32>(state + 4, 0xefcdab89);
  store<u32>(state + 8, 0x98badcfe);
  store<u32>(state + 12, 0x10325476);
  store<u32>(state + 16, 0xc3d2e1f0);
  for (let i: usize = 0; i < BLOCK; i += 8) store<u64>(block + i, load<u64>(key + i) ^ pad);
  compress(block);
}

/** Writes the state as bytes. */
function finish(target: usize): void {
  for (let i: usize = 0; i < HASH; i += 4) store<u32>(target + i, bswap<u32>(load<u32>(state + i)));
}

function compress(data: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(data + i)));
  for (let at = schedule + 64; at < schedule + 320; at += 4) {
    store<u32>(at, rotl<u32>(load<u32>(at - 12) ^ load<u32>(at - 32) ^ load<u32>(at - 56) ^ load<u32>(at - 64), 1));
  }
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (let at = schedule; at < schedule + 80; at += 4) {
    const next = rotl<u32>(a, 5) + (d ^ (b & (c ^ d))) + 0x5a827999 + e + load<u32>(at);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  for (let at = schedule + 80; at < schedule + 160; at += 4) {
    const next = rotl<u32>(a, 5) + (b ^ c ^ d) + 0x6ed9eba1 + e + load<u32>(at);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  for (let at = schedule + 160; at < schedule + 240; at += 4) {
    const next = rotl<u32>(a, 5) + ((b & c) | (d & (b | c))) + 0x8f1bbcdc + e + load<u32>(at);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  for (let at = schedule + 240; at < schedule + 320; at += 4) {
    const next = rotl<u32>(a, 5) + (b ^ c ^ d) + 0xca62c1d6 + e + load<u32>(at);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state + 4, load<u32>(state, 4) + b);
  store<u32>(state + 8, load<u32>(state, 8) + c);
  store<u32>(state + 12, load<u32>(state, 12) + d);
  store<u32>(state + 16, load<u32>(state, 16) + e);
}
