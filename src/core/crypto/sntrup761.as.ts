// The polynomial arithmetic of sntrup761: inverses and products modulo x^761 - x - 1 and a small odd prime m, which is 3 or q = 4591.
//
// Coefficients are f32: below 2^24 in magnitude every sum and product here is exact, and vectors of four are plain arithmetic whose time
// does not depend on what they hold. No branch and no address depends on a coefficient.

const p: usize = 761;
/** The room of one polynomial with what is read and written beyond its end by whole vectors, in bytes. */
const ROOM = 4 * 784;

/** Where the caller puts its operands and finds the result: f32 each. */
const a = memory.data(ROOM, 16);
const b = memory.data(ROOM, 16);
const out = memory.data(ROOM, 16);
/** The working values of an inverse; the product, of twice the length, uses the first two. */
const work = memory.data(4 * ROOM + 64, 16);
const WORK_BYTES = 4 * ROOM + 64;

/** The address of operand a (0), of operand b (1) or of the result (2). */
export function address(which: i32): usize {
  return which == 0 ? a : which == 1 ? b : out;
}

/** Forgets all operands, results and working values. */
export function wipe(): void {
  memory.fill(a, 0, ROOM);
  memory.fill(b, 0, ROOM);
  memory.fill(out, 0, ROOM);
  memory.fill(work, 0, WORK_BYTES);
}

/** out = a * b modulo m, with coefficients from -(m - 1)/2 to (m - 1)/2; |a| * |b| * 761 * 3 must stay below 2^24. */
export function multiply(m: i32): void {
  memory.fill(work, 0, 2 * ROOM);
  for (let i: usize = 0; i < p; i++) {
    const factor = f32x4.splat(load<f32>(a + (i << 2)));
    const row = work + (i << 2);
    for (let at: usize = 0; at < p << 2; at += 16) {
      v128.store(row + at, f32x4.add(v128.load(row + at), f32x4.mul(factor, v128.load(b + at))));
    }
  }
  // x^761 = x + 1: from the top down, so that what falls on x^761 is taken along.
  for (let i: usize = 2 * p - 2; i >= p; i--) {
    const value = load<f32>(work + (i << 2));
    const low = work + ((i - p) << 2);
    store<f32>(low, load<f32>(low) + value);
    store<f32>(low + 4, load<f32>(low + 4) + value);
  }
  for (let at: usize = 0; at < p << 2; at += 4) store<f32>(out + at, centered(load<f32>(work + at), m));
}

/**
 * out = scale / a modulo m, with centered coefficients; 1 where there is an inverse and 0 where there is none.
 *
 * It is the constant-time gcd of Bernstein and Yang ("Fast constant-time gcd computation and modular inversion", section 6): 2 * 761 - 1
 * division steps on the reversed polynomials f = 1 - x^760 - x^761 and g, while v and r keep track of the factor of a. Instead of dividing,
 * each step scales by f(0), which the end makes good.
 */
export function invert(m: i32, scale: i32): i32 {
  const f = work;
  // g is read one coefficient further up and v one further down than it is written.
  const g = work + ROOM;
  const v = work + 2 * ROOM + 16;
  const r = work + 3 * ROOM + 32;
  memory.fill(work, 0, WORK_BYTES);
  store<f32>(f, 1);
  store<f32>(f + ((p - 1) << 2), -1);
  store<f32>(f + (p << 2), -1);
  for (let i: usize = 0; i < p; i++) store<f32>(g + ((p - 1 - i) << 2), load<f32>(a + (i << 2)));
  store<f32>(r, 1);

  const modulus = f32x4.splat(<f32>m);
  const reciprocal = f32x4.splat(<f32>1 / <f32>m);
  let delta: i32 = 1;
  for (let step: usize = 0; step < 2 * p - 1; step++) {
    const g0 = <i32>load<f32>(g);
    // All ones where delta > 0 and g(0) != 0: then f and g change places.
    const swap = (-delta >> 31) & ((g0 | -g0) >> 31);
    const mask = i32x4.splat(swap);
    delta = ((delta ^ swap) - swap) + 1;
    const f0 = <i32>load<f32>(f);
    const exchange = swap & (f0 ^ g0);
    const head = f32x4.splat(<f32>(f0 ^ exchange));
    const tail = f32x4.splat(<f32>(g0 ^ exchange));

    for (let at: usize = 0; at <= p << 2; at += 16) {
      const oldF = v128.load(f + at);
      const oldG = v128.load(g + at);
      const newF = v128.bitselect(oldG, oldF, mask);
      const newG = v128.bitselect(oldF, oldG, mask);
      v128.store(f + at, newF);
      const value = reduced(f32x4.sub(f32x4.mul(head, newG), f32x4.mul(tail, newF)), modulus, reciprocal);
      // The lowest coefficient has become 0, and g is divided by x; the first vector's falls into f's spare room.
      v128.store(g + at - 4, value);
    }
    store<f32>(g - 4, 0);

    for (let at: isize = <isize>(p << 2) & ~15; at >= 0; at -= 16) {
      const oldV = v128.load(v + at - 4);
      const oldR = v128.load(r + at);
      const newV = v128.bitselect(oldR, oldV, mask);
      const newR = v128.bitselect(oldV, oldR, mask);
      v128.store(v + at, newV);
      v128.store(r + at, reduced(f32x4.sub(f32x4.mul(head, newR), f32x4.mul(tail, newV)), modulus, reciprocal));
    }
  }

  const last = power(<i32>load<f32>(f), m - 2, m);
  const factor = <f32>residue(last * scale, m);
  for (let i: usize = 0; i < p; i++) {
    store<f32>(out + (i << 2), centered(load<f32>(v + ((p - 1 - i) << 2)) * factor, m));
  }
  return ~((delta | -delta) >> 31) & 1;
}

/**
 * Sorts the 761 unsigned 32-bit words at operand a: a network of comparators (Knuth, The Art of Computer Programming, volume 3, algorithm
 * 5.2.2 M), the same at each run.
 */
export function sort(): void {
  for (let span: usize = 512; span > 0; span >>= 1) {
    let step: usize = 512;
    let phase: usize = 0;
    let distance = span;
    for (;;) {
      for (let i: usize = 0; i < p - distance; i++) {
        if ((i & span) == phase) order(a + (i << 2), a + ((i + distance) << 2));
      }
      if (step == span) break;
      distance = step - span;
      step >>= 1;
      phase = span;
    }
  }
}

/** Puts the lesser of two words first. */
@inline
function order(low: usize, high: usize): void {
  const first = load<u32>(low);
  const second = load<u32>(high);
  const exchange = (first ^ second) & -(<u32>(second < first));
  store<u32>(low, first ^ exchange);
  store<u32>(high, second ^ exchange);
}

/** Of each of four values, one that is congruent to it and not larger than m / 2 in magnitude, but for a rounding error. */
@inline
function reduced(x: v128, modulus: v128, reciprocal: v128): v128 {
  return f32x4.sub(x, f32x4.mul(f32x4.nearest(f32x4.mul(x, reciprocal)), modulus));
}

/** The centered residue of a value: once more than enough, as the first quotient of a large value may be off by one. */
function centered(x: f32, m: i32): f32 {
  const modulus = <f32>m;
  const reciprocal = <f32>1 / modulus;
  x -= nearest(x * reciprocal) * modulus;
  return x - nearest(x * reciprocal) * modulus;
}

function residue(x: i32, m: i32): i32 {
  return <i32>centered(<f32>x, m);
}

/** base to the power of a public exponent, modulo m. */
function power(base: i32, exponent: i32, m: i32): i32 {
  let result: i32 = 1;
  for (let bit = 12; bit >= 0; bit--) {
    result = residue(result * result, m);
    if ((exponent >> bit) & 1) result = residue(result * base, m);
  }
  return result;
}
