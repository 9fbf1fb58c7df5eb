/** Two numbers are joined as long as the product of their bounds is at least this: then whole bytes come off it. */
const LIMIT = 16384;

/**
 * Numbers below `bound`, at most 16384, packed into bytes: neighbours are joined to one number below the product of their bounds, whose
 * lowest bytes are written, until one is left ("NTRU Prime: round 3", Encode). The time depends on the count and the bound alone.
 */
export function encodeMixed(numbers: ArrayLike<number>, bound: number): Uint8Array {
  let values = Array.from(numbers);
  let bounds = values.map(() => bound);
  const bytes: number[] = [];
  while (values.length > 1) {
    const nextValues: number[] = [];
    const nextBounds: number[] = [];
    for (let i = 0; i + 1 < values.length; i += 2) {
      let value = (values[i] as number) + (bounds[i] as number) * (values[i + 1] as number);
      let size = (bounds[i] as number) * (bounds[i + 1] as number);
      for (; size >= LIMIT; size = byteless(size)) {
        bytes.push(value & 0xff);
        value >>>= 8;
      }
      nextValues.push(value);
      nextBounds.push(size);
    }
    if (values.length % 2 === 1) {
      nextValues.push(values.at(-1) as number);
      nextBounds.push(bounds.at(-1) as number);
    }
    [values, bounds] = [nextValues, nextBounds];
  }
  for (let value = values[0] ?? 0, size = bounds[0] ?? 1; size > 1; size = byteless(size)) {
    bytes.push(value & 0xff);
    value >>>= 8;
  }
  return Uint8Array.from(bytes);
}

/**
 * `count` numbers below `bound` from the bytes that {@link encodeMixed} made of them; any bytes of that length give such numbers. Only for
 * what is public: its divisions take a time that depends on the bytes.
 */
export function decodeMixed(bytes: Uint8Array, count: number, bound: number): Int16Array {
  return Int16Array.from(decodeLevel(bytes, new Array<number>(count).fill(bound)));
}

function decodeLevel(bytes: Uint8Array, bounds: readonly number[]): number[] {
  if (bounds.length === 1) {
    const [bound] = bounds as [number];
    return [bytes.reduceRight((value, byte) => value * 256 + byte, 0) % bound];
  }
  let at = 0;
  const heads: { low: number; scale: number }[] = [];
  const nextBounds: number[] = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    let low = 0;
    let scale = 1;
    let size = (bounds[i] as number) * (bounds[i + 1] as number);
    for (; size >= LIMIT; size = byteless(size)) {
      low += (bytes[at++] as number) * scale;
      scale *= 256;
    }
    heads.push({ low, scale });
    nextBounds.push(size);
  }
  if (bounds.length % 2 === 1) nextBounds.push(bounds.at(-1) as number);

  const joined = decodeLevel(bytes.subarray(at), nextBounds);
  const values: number[] = [];
  for (const [i, { low, scale }] of heads.entries()) {
    const value = low + scale * (joined[i] as number);
    const bound = bounds[2 * i] as number;
    values.push(value % bound, Math.floor(value / bound) % (bounds[2 * i + 1] as number));
  }
  if (bounds.length % 2 === 1) values.push(joined.at(-1) as number);
  return values;
}

/** The bound of what is left of a number below `size` without its lowest byte. */
function byteless(size: number): number {
  return (size + 255) >> 8;
}
