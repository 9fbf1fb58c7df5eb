/** The whole part of pi times 2 to the power of `bits`, by Machin's formula. */
export function piBits(bits: number): bigint {
  const guard = 64n;
  const precision = BigInt(bits) + guard;
  return (16n * inverseTangent(5n, precision) - 4n * inverseTangent(239n, precision)) >> guard;
}

/** arctan(1 / x) with so many bits behind the point. */
function inverseTangent(x: bigint, bits: bigint): bigint {
  let power = (1n << bits) / x;
  let sum = 0n;
  for (let n = 1n; power > 0n; n += 2n) {
    sum += n % 4n === 1n ? power / n : -(power / n);
    power /= x * x;
  }
  return sum;
}
