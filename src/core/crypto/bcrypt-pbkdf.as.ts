// bcrypt's hash as bcrypt_pbkdf uses it: Blowfish with a key schedule that is run 64 times with the salt and the passphrase in turn. Each
// step waits for the last one's look-ups in memory; two hashes are made at once, of which one computes while the other waits.
//
// Blowfish looks words up by secret values, as bcrypt does everywhere; what it leaks is of a key that the caches forget at once.

const P_WORDS: usize = 18;
const S_WORDS: usize = 1024;
const STATE_BYTES: usize = 4 * (P_WORDS + S_WORDS);

/** The first digits of pi: the P-array and the four S-boxes, as the caller puts them here. */
const initial = memory.data(4168, 16);
/** The P-arrays and the S-boxes that the key schedules of both hashes work on. */
const first = memory.data(4168, 16);
const second = memory.data(4168, 16);
const firstBoxes: usize = first + 4 * P_WORDS;
const secondBoxes: usize = second + 4 * P_WORDS;
/** 64 bytes each, as sixteen words; the caller puts them here with each word's bytes swapped to big-endian. */
const pass = memory.data(64, 16);
const salts = memory.data(128, 16);
/** The 32 bytes of each hash. */
const out = memory.data(64, 16);

/** The addresses of the digits of pi (0), the passphrase (1), the two salts (2) and the two hashes (3). */
export function address(which: i32): usize {
  return which == 0 ? initial : which == 1 ? pass : which == 2 ? salts : out;
}

/** Forgets the passphrase, the salts, the hashes and the working state. */
export function wipe(): void {
  memory.fill(first, 0, STATE_BYTES);
  memory.fill(second, 0, STATE_BYTES);
  memory.fill(pass, 0, 64);
  memory.fill(salts, 0, 128);
  memory.fill(out, 0, 64);
}

/** Computes the hashes with both salts. */
export function hash(): void {
  memory.copy(first, initial, STATE_BYTES);
  memory.copy(second, initial, STATE_BYTES);
  mixKey(pass, pass);
  expand(salts);
  for (let i = 0; i < 64; i++) {
    mixKey(salts, salts + 64);
    expand(0);
    mixKey(pass, pass);
    expand(0);
  }
  finish(first, out);
  finish(second, out + 32);
}

/** Encrypts "OxychromaticBlowfishSwatDynamite", big-endian. */
function finish(state: usize, target: usize): void {
  encrypt(state, target, 0x4f787963, 0x68726f6d);
  encrypt(state, target + 8, 0x61746963, 0x426c6f77);
  encrypt(state, target + 16, 0x66697368, 0x53776174);
  encrypt(state, target + 24, 0x44796e61, 0x6d697465);
}

/** One block of a hash: 64 times through the cipher. */
function encrypt(state: usize, target: usize, left: u32, right: u32): void {
  const boxes = state + 4 * P_WORDS;
  for (let i = 0; i < 64; i++) {
    left ^= load<u32>(state);
    for (let word: usize = 4; word <= 64; word += 8) {
      right = mix(left, boxes) ^ (right ^ load<u32>(state + word));
      left = mix(right, boxes) ^ (left ^ load<u32>(state + word, 4));
    }
    const last = right ^ load<u32>(state, 68);
    right = left;
    left = last;
  }
  store<u32>(target, left);
  store<u32>(target, right, 4);
}

function mixKey(firstKey: usize, secondKey: usize): void {
  for (let i: usize = 0; i < P_WORDS; i++) {
    const at = i << 2;
    const word = (i & 15) << 2;
    store<u32>(first + at, load<u32>(first + at) ^ load<u32>(firstKey + word));
    store<u32>(second + at, load<u32>(second + at) ^ load<u32>(secondKey + word));
  }
}

/**
 * Replaces both states by chains of encryptions, into which the words of `data`, 64 bytes for each, are mixed where there are any. The
 * sixteen rounds of Blowfish are written out: a loop over them is far slower.
 */
function expand(data: usize): void {
  let left0: u32 = 0;
  let left1: u32 = 0;
  let right0: u32 = 0;
  let right1: u32 = 0;
  for (let at: usize = 0; at < STATE_BYTES; at += 8) {
    if (data != 0) {
      const word = data + (at & 63);
      left0 ^= load<u32>(word);
      right0 ^= load<u32>(word, 4);
      left1 ^= load<u32>(word, 64);
      right1 ^= load<u32>(word, 68);
    }
    left0 ^= load<u32>(first);
    left1 ^= load<u32>(second);
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 4));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 4));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 8));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 8));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 12));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 12));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 16));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 16));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 20));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 20));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 24));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 24));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 28));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 28));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 32));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 32));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 36));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 36));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 40));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 40));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 44));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 44));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 48));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 48));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 52));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 52));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 56));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 56));
    right0 = mixFirst(left0) ^ (right0 ^ load<u32>(first, 60));
    right1 = mixSecond(left1) ^ (right1 ^ load<u32>(second, 60));
    left0 = mixFirst(right0) ^ (left0 ^ load<u32>(first, 64));
    left1 = mixSecond(right1) ^ (left1 ^ load<u32>(second, 64));
    const last0 = right0 ^ load<u32>(first + 68);
    const last1 = right1 ^ load<u32>(second + 68);
    right0 = left0;
    right1 = left1;
    left0 = last0;
    left1 = last1;
    store<u32>(first + at, left0);
    store<u32>(first + at, right0, 4);
    store<u32>(second + at, left1);
    store<u32>(second + at, right1, 4);
  }
}

@inline
function mixFirst(x: u32): u32 {
  const sum = load<u32>((x >> 22) & 0x3fc, firstBoxes) + load<u32>((x >> 14) & 0x3fc, firstBoxes + 1024);
  return (sum ^ load<u32>((x >> 6) & 0x3fc, firstBoxes + 2048)) + load<u32>((x << 2) & 0x3fc, firstBoxes + 3072);
}

@inline
function mixSecond(x: u32): u32 {
  const sum = load<u32>((x >> 22) & 0x3fc, secondBoxes) + load<u32>((x >> 14) & 0x3fc, secondBoxes + 1024);
  return (sum ^ load<u32>((x >> 6) & 0x3fc, secondBoxes + 2048)) + load<u32>((x << 2) & 0x3fc, secondBoxes + 3072);
}

function mix(x: u32, boxes: usize): u32 {
  const sum = load<u32>(boxes + ((x >> 22) & 0x3fc)) + load<u32>(boxes + ((x >> 14) & 0x3fc), 1024);
  return (sum ^ load<u32>(boxes + ((x >> 6) & 0x3fc), 2048)) + load<u32>(boxes + ((x << 2) & 0x3fc), 3072);
}
