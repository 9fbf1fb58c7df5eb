/**
 * What is left of a value divided by a modulus; all three are unsigned big-endian bytes.
 *
 * For secret numbers: it takes the same steps whatever their bits are, and wipes what it calculated with. (A bigint could not be wiped.)
 * The result has the modulus' length and is the caller's to wipe.
 */
export function remainder(value: Uint8Array, modulus: Uint8Array): Uint8Array {
  const limbs = Math.ceil(modulus.length / 2) + 1;
  const divisor = toLimbs(modulus, limbs);
  const rest = new Uint16Array(limbs);
  const less = new Uint16Array(limbs);
  for (const byte of value) {
    for (let bit = 7; bit >= 0; bit--) {
      // rest = 2 * rest + the next bit; less = rest - divisor
      let carry = (byte >> bit) & 1;
      let borrow = 0;
      for (let i = 0; i < limbs; i++) {
        const doubled = ((rest[i] as number) << 1) | carry;
        carry = doubled >>> 16;
        rest[i] = doubled;
        const difference = (doubled & 0xffff) - (divisor[i] as number) - borrow;
        borrow = (difference >>> 16) & 1;
        less[i] = difference;
      }
      // the one of the two that is not negative, chosen without a branch
      const keep = -borrow;
      for (let i = 0; i < limbs; i++) rest[i] = ((rest[i] as number) & keep) | ((less[i] as number) & ~keep);
    }
  }
  const result = new Uint8Array(modulus.length);
  for (let i = 0; i < result.length; i++) {
    result[result.length - 1 - i] = (rest[i >> 1] as number) >>> (8 * (i & 1));
  }
  for (const secret of [divisor, rest, less]) secret.fill(0);
  return result;
}

/** Little-endian limbs of 16 bits. */
function toLimbs(bytes: Uint8Array, limbs: number): Uint16Array {
  const result = new Uint16Array(limbs);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[bytes.length - 1 - i] as number;
    result[i >> 1] = (result[i >> 1] as number) | (byte << (8 * (i & 1)));
  }
  return result;
}
