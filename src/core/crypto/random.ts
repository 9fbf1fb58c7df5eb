import { randomFillSync } from 'node:crypto';

/** A source of random bytes; the core is given one, so that a test can fix it. */
export interface Random {
  /** Fills the array with random bytes. */
  fill(bytes: Uint8Array): void;
}

/** The system's cryptographic random generator. */
export const systemRandom: Random = {
  fill: (bytes) => void randomFillSync(bytes),
};

/** New random bytes. */
export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  return bytes;
}
