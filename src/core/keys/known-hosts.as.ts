// Looks a host up in the lines of known_hosts, and hashes names for them: `|1|salt|hash`, where the hash is the name's HMAC with SHA-1
// (RFC 2104, FIPS 180-4) under the salt. Four hashes are made at once: the words of SHA-1 stand in vectors with a lane for each.

/** The lines that are looked at in one call, each of which may have this length. */
const WINDOW: usize = 65536;
/** The bytes of names that are looked up or hashed, with the padding of a message that one block stands before. */
const NAME: usize = 256;
const BLOCK: usize = 64;
const LANES: usize = 4;
/** The length of a hashed name, of `|1|`, and of the digits of base64 that a salt and a hash are written in. */
const HASHED: usize = 60;
const SALT: usize = 20;
/** How many names are hashed in one call. */
const MOST_HASHED: usize = 1024;
const BEGIN: usize = 3;
const DIGITS: usize = 28;
/** The words of a salt and of a hash. */
const WORDS: usize = 5;

const TAB: u32 = 0x09;
const LINE_FEED: u32 = 0x0a;
const RETURN: u32 = 0x0d;
const SPACE: u32 = 0x20;

const lines = memory.data(65568, 16);
/** Two words for each line that was found: where it begins and how many stand before it; or names that were hashed. */
const found = memory.data(262144, 16);
/** The salts of names that are to be hashed. */
const newSalts = memory.data(20480, 16);
/** The name, padded. */
const names = memory.data(256, 16);
/** The types of keys, each behind its length, and a zero behind the last. */
const types = memory.data(2048, 16);
/** The values of the digits of base64. */
const values = memory.data(256, 16);
/** A hashed name that is looked at. */
const field = memory.data(64, 16);

/** The words of the salts. */
const salts = memory.data(80, 16);
/** The first word of each hash that is looked for. */
const wanted = memory.data(16, 16);
/** The lines of the lanes: where each begins and how many stand before it. */
const waiting = memory.data(32, 16);
/** The five words of the state. */
const state = memory.data(80, 16);
/** The sixteen words of a block, which become the eighty of its schedule. */
const schedule = memory.data(1280, 16);
/** The same for each block of the name. */
const message = memory.data(5120, 16);

let blocks: usize = 0;
let nameLength: usize = 0;
let count: usize = 0;
let lanes: usize = 0;
let typeOfLast: usize = types;
let passed: i32 = 0;

/** The addresses of the lines (0), what was found (1), the name (2), types (3), a hashed name (4) and the salts of new ones (5). */
export function address(which: i32): usize {
  if (which == 0) return lines;
  if (which == 1) return found;
  if (which == 2) return names;
  if (which == 3) return types;
  return which == 4 ? field : newSalts;
}

/** How many bytes of lines there may be in one call (0), how many a name may have with its padding (1), and of salts (2). */
export function capacity(which: i32): usize {
  return which == 0 ? WINDOW : which == 1 ? NAME : MOST_HASHED * SALT;
}

/** Fills the table of base64's digits. */
export function prepare(): void {
  for (let i: usize = 0; i < 26; i++) {
    store<u8>(values + 0x41 + i, i);
    store<u8>(values + 0x61 + i, 26 + i);
  }
  for (let i: usize = 0; i < 10; i++) store<u8>(values + 0x30 + i, 52 + i);
  store<u8>(values + 0x2b, 62);
  store<u8>(values + 0x2f, 63);
}

/** Takes the padded name of so many bytes for the one that is looked up. */
export function look(length: usize): void {
  nameLength = length;
  blocks = (length + 9 + BLOCK - 1) / BLOCK;
  for (let block: usize = 0; block < blocks; block++) {
    const target = message + block * 1280;
    for (let i: usize = 0; i < 16; i++) {
      v128.store(target + (i << 4), i32x4.splat(bswap<u32>(load<u32>(names + (block << 6) + (i << 2)))));
    }
    expand(target);
  }
}

/** Whether the hashed name that was put to the fields may be the name's: its hash begins with the same 32 bits. */
export function matches(): bool {
  lanes = 0;
  decode(field);
  hmac();
  return i32x4.extract_lane(i32x4.eq(v128.load(state), v128.load(wanted)), 0) != 0;
}

/**
 * Goes through so many bytes of whole lines. Found are those that may name the host, and those that are not in order: the others are
 * lines of other hosts, with a known type of key and without a marker, comments, and empty. A hashed name without a salt is not in order.
 */
export function scan(length: usize): usize {
  const end = lines + length;
  store<u8>(end, LINE_FEED);
  count = 0;
  lanes = 0;
  passed = 0;
  for (let at = lines; at < end; passed++) {
    const stop = lineEnd(at);
    if (!isOthers(at, stop)) {
      compare();
      push(at, passed);
    }
    if (lanes == LANES) compare();
    at = stop + 1;
  }
  compare();
  return count;
}

/** How many lines the last scan went through. */
export function linesPassed(): i32 {
  return passed;
}

/** Hashes so many names of one block, each on a line of its own, with as many salts; what comes of it stands where lines are found. */
export function hashNames(amount: usize): void {
  blocks = 1;
  let at = lines;
  for (let first: usize = 0; first < amount; first += LANES) {
    const end = min<usize>(LANES, amount - first);
    for (let lane: usize = 0; lane < end; lane++) {
      const stop = lineEnd(at);
      put(at, stop - at, lane << 2);
      at = stop + 1;
      const salt = newSalts + (first + lane) * SALT;
      for (let i: usize = 0; i < WORDS; i++) store<u32>(salts + (i << 4) + (lane << 2), bswap<u32>(load<u32>(salt + (i << 2))));
    }
    expand(message);
    hmac();
    for (let lane: usize = 0; lane < end; lane++) {
      const hashed = found + (first + lane) * HASHED;
      store<u8>(hashed, 0x7c);
      store<u8>(hashed + 1, 0x31);
      store<u8>(hashed + 2, 0x7c);
      encode(salts + (lane << 2), hashed + BEGIN);
      store<u8>(hashed + BEGIN + DIGITS, 0x7c);
      encode(state + (lane << 2), hashed + BEGIN + DIGITS + 1);
    }
  }
}

/** Puts a name to a lane of the message, padded. */
function put(name: usize, length: usize, lane: usize): void {
  memory.fill(names, 0, BLOCK);
  memory.copy(names, name, length);
  store<u8>(names + length, 0x80);
  store<u32>(names + 60, bswap<u32>(8 * <u32>(BLOCK + length)));
  for (let i: usize = 0; i < 16; i++) store<u32>(message + lane + (i << 4), bswap<u32>(load<u32>(names + (i << 2))));
}

/** Notes a line. */
function push(line: usize, number: i32): void {
  store<u32>(found + (count << 3), line - lines);
  store<u32>(found + (count << 3) + 4, number);
  count++;
}

/** Where a line ends: a line feed stands behind the last. */
function lineEnd(at: usize): usize {
  const feed = i8x16.splat(<i8>LINE_FEED);
  let mask: i32;
  while ((mask = i8x16.bitmask(i8x16.eq(v128.load(at), feed))) == 0) at += 16;
  return at + <usize>ctz<i32>(mask);
}

/** Whether a line is none that has to be looked at; where its name is hashed, that is told later. */
function isOthers(line: usize, stop: usize): bool {
  const hosts = skipBlanks(line, stop);
  if (hosts == stop) return true;
  const first: u32 = load<u8>(hosts);
  if (first == 0x23) return true;
  if (first == 0x40) return false;
  let hostsEnd = hosts;
  let isPattern = false;
  for (; hostsEnd < stop; hostsEnd++) {
    const character: u32 = load<u8>(hostsEnd);
    if (character == SPACE || character == TAB) break;
    // an upper-case letter, * or ?
    if (character - 0x41 < 26 || character == 0x2a || character == 0x3f) isPattern = true;
  }
  const type = skipBlanks(hostsEnd, stop);
  const typeEnd = fieldEnd(type, stop);
  const key = skipBlanks(typeEnd, stop);
  if (key == stop || <u32>load<u8>(key) == RETURN || !isType(type, typeEnd - type)) return false;
  if (first != 0x7c) return !isPattern && !includes(hosts, hostsEnd);
  if (hostsEnd - hosts != HASHED || !hasSalt(hosts)) return false;
  store<u32>(waiting + (lanes << 3), line);
  store<u32>(waiting + (lanes << 3) + 4, passed);
  decode(hosts);
  lanes++;
  return true;
}

/** Whether a hashed name begins with a salt: 27 digits of base64, of which the last has no more bits than are needed, and a padding. */
function hasSalt(hosts: usize): bool {
  if ((load<u32>(hosts) & 0xffffff) != 0x7c317c) return false;
  const last = hosts + BEGIN + DIGITS - 1;
  for (let at = hosts + BEGIN; at < last; at++) {
    // only A has the value of what is no digit
    if (value(at) == 0 && load<u8>(at) != 0x41) return false;
  }
  return (value(last - 1) & 3) == 0 && load<u16>(last) == 0x7c3d;
}

function skipBlanks(at: usize, stop: usize): usize {
  while (at < stop) {
    const character: u32 = load<u8>(at);
    if (character != SPACE && character != TAB) break;
    at++;
  }
  return at;
}

function fieldEnd(at: usize, stop: usize): usize {
  while (at < stop) {
    const character: u32 = load<u8>(at);
    if (character == SPACE || character == TAB) break;
    at++;
  }
  return at;
}

/** Whether that is a type of key; most lines have the one of the line before. */
function isType(at: usize, length: usize): bool {
  if (isSame(at, typeOfLast + 1, length, load<u8>(typeOfLast))) return true;
  for (let type = types; load<u8>(type) != 0; type += 1 + <usize>load<u8>(type)) {
    if (!isSame(at, type + 1, length, load<u8>(type))) continue;
    typeOfLast = type;
    return true;
  }
  return false;
}

function isSame(a: usize, b: usize, length: usize, other: usize): bool {
  if (length != other || length == 0) return false;
  for (let i: usize = 0; i < length; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
  }
  return true;
}

/** Whether the name stands among those bytes. */
function includes(from: usize, to: usize): bool {
  if (nameLength == 0 || from + nameLength > to) return nameLength == 0;
  const last = to - nameLength;
  const first = load<u8>(names);
  for (let at = from; at <= last; at++) {
    if (load<u8>(at) == first && isSame(at, names, nameLength, nameLength)) return true;
  }
  return false;
}

/** Finds the lines among those waiting whose hashes may be the name's. */
function compare(): void {
  if (lanes == 0) return;
  hmac();
  const mask = i32x4.bitmask(i32x4.eq(v128.load(state), v128.load(wanted)));
  for (let lane: usize = 0; lane < lanes; lane++) {
    if (((mask >> <i32>lane) & 1) != 0) push(load<u32>(waiting + (lane << 3)), load<u32>(waiting + (lane << 3) + 4));
  }
  lanes = 0;
}

/** Puts the salt of a hashed name and the first word of its hash to the next lane; what is no base64 is taken for some. */
function decode(hashed: usize): void {
  const salt = salts + (lanes << 2);
  let at = hashed + BEGIN;
  let rest: u64 = 0;
  let bits = 0;
  let word: usize = 0;
  for (const end = at + DIGITS; at < end; at += 4) {
    rest = (rest << 24) | four(at);
    bits += 24;
    if (bits < 32) continue;
    bits -= 32;
    store<u32>(salt + (word << 4), <u32>(rest >> bits));
    if (++word == WORDS) break;
  }
  at = hashed + BEGIN + DIGITS + 1;
  store<u32>(wanted + (lanes << 2), <u32>(((<u64>four(at) << 24) | four(at + 4)) >> 16));
}

/** The 24 bits of four digits. */
function four(at: usize): u32 {
  return (value(at) << 18) | (value(at + 1) << 12) | (value(at + 2) << 6) | value(at + 3);
}

@inline
function value(at: usize): u32 {
  return load<u8>(values + load<u8>(at));
}

/** Writes the five words of a lane as 28 digits of base64. */
function encode(from: usize, to: usize): void {
  let rest: u64 = 0;
  let bits = 0;
  for (let i: usize = 0; i < WORDS; i++) {
    rest = (rest << 32) | load<u32>(from + (i << 4));
    for (bits += 32; bits >= 6; ) {
      bits -= 6;
      store<u8>(to++, digit(<u32>(rest >> bits) & 63));
    }
  }
  // 160 bits are 26 digits and four bits of one more
  store<u8>(to, digit(<u32>(rest << 2) & 63));
  store<u8>(to + 1, 0x3d);
}

@inline
function digit(value: u32): u32 {
  if (value < 26) return value + 0x41;
  if (value < 52) return value + 71;
  return value < 62 ? value - 4 : value == 62 ? 0x2b : 0x2f;
}

/** Leaves the HMAC of the message under the salts in `state`. */
function hmac(): void {
  start(i32x4.splat(0x36363636));
  for (let i: usize = 0; i < blocks; i++) rounds(message + i * 1280);
  const a = v128.load(state);
  const b = v128.load(state, 16);
  const c = v128.load(state, 32);
  const d = v128.load(state, 48);
  const e = v128.load(state, 64);
  start(i32x4.splat(0x5c5c5c5c));
  v128.store(schedule, a);
  v128.store(schedule, b, 16);
  v128.store(schedule, c, 32);
  v128.store(schedule, d, 48);
  v128.store(schedule, e, 64);
  v128.store(schedule, i32x4.splat(0x80000000), 80);
  for (let i: usize = 96; i < 240; i += 16) v128.store(schedule + i, i32x4.splat(0));
  // the length in bits of the padded key and the inner hash
  v128.store(schedule, i32x4.splat(8 * 84), 240);
  expand(schedule);
  rounds(schedule);
}

/** Begins a hash with the padded keys. */
function start(pad: v128): void {
  v128.store(state, i32x4.splat(0x67452301));
  v128.store(state, i32x4.splat(0xefcdab89), 16);
  v128.store(state, i32x4.splat(0x98badcfe), 32);
  v128.store(state, i32x4.splat(0x10325476), 48);
  v128.store(state, i32x4.splat(0xc3d2e1f0), 64);
  for (let i: usize = 0; i < 80; i += 16) v128.store(schedule + i, v128.xor(v128.load(salts + i), pad));
  for (let i: usize = 80; i < 256; i += 16) v128.store(schedule + i, pad);
  expand(schedule);
  rounds(schedule);
}

/** The 64 words of a schedule behind its first sixteen. */
function expand(block: usize): void {
  for (let at = block + 256; at < block + 1280; at += 16) {
    const word = v128.xor(v128.xor(v128.load(at - 48), v128.load(at - 128)), v128.xor(v128.load(at - 224), v128.load(at - 256)));
    v128.store(at, turn(word, 1));
  }
}

@inline
function turn(word: v128, by: i32): v128 {
  return v128.or(i32x4.shl(word, by), i32x4.shr_u(word, 32 - by));
}

/** Adds a block to the state. */
function rounds(block: usize): void {
  let a = v128.load(state);
  let b = v128.load(state, 16);
  let c = v128.load(state, 32);
  let d = v128.load(state, 48);
  let e = v128.load(state, 64);
  let constant = i32x4.splat(0x5a827999);
  for (let at = block; at < block + 320; at += 16) {
    const mixed = i32x4.add(v128.bitselect(c, d, b), i32x4.add(constant, v128.load(at)));
    const next = i32x4.add(i32x4.add(turn(a, 5), e), mixed);
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  constant = i32x4.splat(0x6ed9eba1);
  for (let at = block + 320; at < block + 640; at += 16) {
    const mixed = i32x4.add(v128.xor(v128.xor(b, c), d), i32x4.add(constant, v128.load(at)));
    const next = i32x4.add(i32x4.add(turn(a, 5), e), mixed);
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  constant = i32x4.splat(0x8f1bbcdc);
  for (let at = block + 640; at < block + 960; at += 16) {
    const majority = v128.or(v128.and(b, c), v128.and(d, v128.or(b, c)));
    const next = i32x4.add(i32x4.add(turn(a, 5), e), i32x4.add(majority, i32x4.add(constant, v128.load(at))));
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  constant = i32x4.splat(0xca62c1d6);
  for (let at = block + 960; at < block + 1280; at += 16) {
    const mixed = i32x4.add(v128.xor(v128.xor(b, c), d), i32x4.add(constant, v128.load(at)));
    const next = i32x4.add(i32x4.add(turn(a, 5), e), mixed);
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  v128.store(state, i32x4.add(v128.load(state), a));
  v128.store(state, i32x4.add(v128.load(state, 16), b), 16);
  v128.store(state, i32x4.add(v128.load(state, 32), c), 32);
  v128.store(state, i32x4.add(v128.load(state, 48), d), 48);
  v128.store(state, i32x4.add(v128.load(state, 64), e), 64);
}
