// bcrypt's hash as bcrypt_pbkdf uses it: Blowfish with a key schedule that is run 64 times with the salt and the passphrase in turn.
//
// Blowfish looks words up by secret values, as bcrypt does everywhere; what it leaks is of a key that the caches forget at once.

const P_WORDS: usize = 18;
const S_WORDS: usize = 1024;
const STATE_BYTES: usize = 4 * (P_WORDS + S_WORDS);

/** The first digits of pi: the P-array and the four S-boxes, as the caller puts them here. */
const initial = memory.data(4168, 16);
/** The P-array and the S-boxes that the key schedule works on. */
const state = memory.data(4168, 16);
/** 64 bytes each, as sixteen words; the caller puts them here with each word's bytes swapped to big-endian. */
const pass = memory.data(64, 16);
const salt = memory.data(64, 16);
/** The 32 bytes of the hash. */
const out = memory.data(32, 16);

/** The addresses of the digits of pi (0), the passphrase (1), the salt (2) and the hash (3). */
export function address(which: i32): usize {
  return which == 0 ? initial : which == 1 ? pass : which == 2 ? salt : out;
}

/** Forgets the passphrase, the salt, the hash and the working state. */
export function wipe(): void {
  memory.fill(state, 0, STATE_BYTES);
  memory.fill(pass, 0, 64);
  memory.fill(salt, 0, 64);
  memory.fill(out, 0, 32);
}

/** Computes the hash. */
export function hash(): void {
  memory.copy(state, initial, STATE_BYTES);
  mixKey(pass);
  expand(salt);
  for (let i = 0; i < 64; i++) {
    mixKey(salt);
    expand(0);
    mixKey(pass);
    expand(0);
  }
  // "OxychromaticBlowfishSwatDynamite", big-endian.
  encrypt(0, 0x4f787963, 0x68726f6d);
  encrypt(8, 0x61746963, 0x426c6f77);
  encrypt(16, 0x66697368, 0x53776174);
  encrypt(24, 0x44796e61, 0x6d697465);
}

/** One block of the hash: 64 times through the cipher. */
function encrypt(at: usize, left: u32, right: u32): void {
  let block = join(left, right);
  for (let i = 0; i < 64; i++) block = encipher(<u32>(block >> 32), <u32>block);
  store<u32>(out + at, <u32>(block >> 32));
  store<u32>(out + at + 4, <u32>block);
}

function mixKey(key: usize): void {
  for (let i: usize = 0; i < P_WORDS; i++) {
    const at = state + (i << 2);
    store<u32>(at, load<u32>(at) ^ load<u32>(key + ((i & 15) << 2)));
  }
}

/** Replaces the state by a chain of encryptions, into which the words of `data` are mixed where there are any. */
function expand(data: usize): void {
  let block: u64 = 0;
  for (let i: usize = 0; i < P_WORDS + S_WORDS; i += 2) {
    let left = <u32>(block >> 32);
    let right = <u32>block;
    if (data != 0) {
      left ^= load<u32>(data + ((i & 15) << 2));
      right ^= load<u32>(data + (((i + 1) & 15) << 2));
    }
    block = encipher(left, right);
    store<u32>(state + (i << 2), <u32>(block >> 32));
    store<u32>(state + (i << 2) + 4, <u32>block);
  }
}

/** The sixteen rounds of Blowfish, written out: a loop over them is far slower. */
@inline
function encipher(left: u32, right: u32): u64 {
  left ^= load<u32>(state);
  right ^= mix(left) ^ load<u32>(state, 4);
  left ^= mix(right) ^ load<u32>(state, 8);
  right ^= mix(left) ^ load<u32>(state, 12);
  left ^= mix(right) ^ load<u32>(state, 16);
  right ^= mix(left) ^ load<u32>(state, 20);
  left ^= mix(right) ^ load<u32>(state, 24);
  right ^= mix(left) ^ load<u32>(state, 28);
  left ^= mix(right) ^ load<u32>(state, 32);
  right ^= mix(left) ^ load<u32>(state, 36);
  left ^= mix(right) ^ load<u32>(state, 40);
  right ^= mix(left) ^ load<u32>(state, 44);
  left ^= mix(right) ^ load<u32>(state, 48);
  right ^= mix(left) ^ load<u32>(state, 52);
  left ^= mix(right) ^ load<u32>(state, 56);
  right ^= mix(left) ^ load<u32>(state, 60);
  left ^= mix(right) ^ load<u32>(state, 64);
  return join(right ^ load<u32>(state, 68), left);
}

@inline
function mix(x: u32): u32 {
  const boxes = state + 4 * P_WORDS;
  const first = load<u32>(boxes + ((x >> 24) << 2)) + load<u32>(boxes + (((x >> 16) & 0xff) << 2), 1024);
  return (first ^ load<u32>(boxes + (((x >> 8) & 0xff) << 2), 2048)) + load<u32>(boxes + ((x & 0xff) << 2), 3072);
}

@inline
function join(left: u32, right: u32): u64 {
  return ((<u64>left) << 32) | (<u64>right);
}
