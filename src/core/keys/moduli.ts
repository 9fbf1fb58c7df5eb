import { checkPrime } from 'node:crypto';
import { type Random, randomBytes } from '../crypto/random.ts';
import { bigintBytes, bigintOf, bitLength, fromHex, hex } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';

/*
 * Groups for diffie-hellman-group-exchange as moduli(5) lists them: found in two steps, a sieve that leaves candidates q of which q and
 * 2q + 1 may be prime, and tests that leave safe primes p = 2q + 1.
 */

/** What a number is said to be: moduli(5), type. */
const moduliTypes = { unknown: 0, safe: 2, sophieGermain: 4 } as const;

/** What a number was tested by: moduli(5), tests. */
const moduliTests = { composite: 1, sieve: 2, millerRabin: 4 } as const;

/** One line of a moduli file. */
export interface Modulus {
  /** YYYYMMDDHHMMSS in UTC. */
  readonly timestamp: string;
  readonly type: number;
  readonly tests: number;
  readonly tries: number;
  /** One less than the number's bits, as the file has it. */
  readonly size: number;
  /** 0 where none is known. */
  readonly generator: number;
  /** Unsigned, big-endian. */
  readonly modulus: Uint8Array;
}

/** The longest line that is read, in characters, as in OpenSSH. */
const LONGEST_LINE = 8292;

/** Reads one line without its line break; undefined for a comment and for what is none. */
export function parseModuliLine(line: string): Modulus | undefined {
  if (line.length > LONGEST_LINE) return undefined;
  const fields =
    /^[ \t]*(\d{14})[ \t]+(\d+)[ \t]+(\d+)[ \t]+(\d+)[ \t]+(\d{1,5})[ \t]+([0-9a-fA-F]{1,8})[ \t]+([0-9a-fA-F]+)[ \t\r]*$/.exec(line);
  if (fields === null) return undefined;
  const [, timestamp = '', type, tests, tries, size, generator = '', digits = ''] = fields;
  return {
    timestamp,
    type: Number(type),
    tests: Number(tests),
    tries: Number(tries),
    size: Number(size),
    generator: Number.parseInt(generator, 16),
    modulus: fromHex(digits.length % 2 === 1 ? `0${digits}` : digits),
  };
}

/** A line without a line break. */
export function formatModuliLine({ timestamp, type, tests, tries, size, generator, modulus }: Modulus): string {
  return `${timestamp} ${type} ${tests} ${tries} ${size} ${generator.toString(16)} ${hex(modulus).replace(/^0/, '').toUpperCase()}`;
}

/** The time of a line: YYYYMMDDHHMMSS in UTC of seconds since 1970. */
export function moduliTimestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-T:]|\..*/g, '');
}

/**
 * One of the groups of a moduli file that fit a client's wish: the smallest size that is not below what it prefers, or else the largest
 * below; one by chance of those of that size. Undefined where none fits.
 */
export function chooseModulus(text: string, min: number, preferred: number, max: number, random: Random): Modulus | undefined {
  let best: Modulus[] = [];
  for (const line of text.split('\n')) {
    const one = parseModuliLine(line);
    if (one === undefined || !isUsable(one)) continue;
    const bits = one.size + 1;
    const bestBits = best[0] === undefined ? undefined : best[0].size + 1;
    if (bits < min || bits > max) continue;
    if (bits === bestBits) best.push(one);
    else if (bestBits === undefined || (bits < preferred ? bits > bestBits : bestBits < preferred || bits < bestBits)) best = [one];
  }
  if (best.length === 0) return undefined;
  return best[Number(bigintOf(randomBytes(random, 8)) % BigInt(best.length))];
}

function isUsable({ type, tests, size, generator, modulus }: Modulus): boolean {
  const tested = (tests & moduliTests.composite) === 0 && (tests & ~moduliTests.composite) !== 0;
  return type === moduliTypes.safe && tested && generator > 1 && bitLength(modulus) === size + 1;
}

/** How candidates are to be tested. */
export interface Screening {
  /** Rounds of the Miller-Rabin test. */
  readonly trials: number;
  /** Takes only numbers for which this generator serves: 2, 3 or 5. */
  readonly generator?: number;
  /** Seconds since 1970, for the line. */
  readonly now: number;
}

/** The fewest and most bits of a group that is kept. */
const FEWEST_BITS = 511;
const MOST_BITS = 65_536;

/** Whether a line is worth testing: of a sort and a size that groups have, and with the generator that is wanted or any at all. */
export function isCandidate(candidate: Modulus, generator?: number): boolean {
  return numbersOf(candidate, generator) !== undefined;
}

/**
 * Tests a candidate and makes it the line of a safe prime; undefined where it is none or its generator is not the one that is wanted.
 */
export async function screenModulus(candidate: Modulus, { trials, generator, now }: Screening): Promise<Modulus | undefined> {
  const numbers = numbersOf(candidate, generator);
  if (numbers === undefined) return undefined;
  const { p, q, bits, found } = numbers;
  const { tests, tries } = candidate;
  // one round on each tells most that are not prime; only then the rest
  for (const [value, checks] of [
    [q, 1],
    [p, trials],
    [q, trials],
  ] as const) {
    if (!(await isPrime(value, checks))) return undefined;
  }
  return {
    timestamp: moduliTimestamp(now),
    type: moduliTypes.safe,
    tests: tests | moduliTests.millerRabin,
    // the rounds of an earlier screening count too
    tries: (tests & moduliTests.millerRabin) === 0 ? trials : tries + trials,
    size: bits,
    generator: found,
    modulus: bigintBytes(p),
  };
}

/** The primes that a line is about, if they are primes, their size as lines have it, and the generator that would serve. */
function numbersOf({ type, tests, size, modulus }: Modulus, generator: number | undefined) {
  if ((tests & moduliTests.composite) !== 0) return undefined;
  const number = bigintOf(modulus);
  const isHalf = type === moduliTypes.sophieGermain;
  if (!isHalf && type !== moduliTypes.safe && type !== moduliTypes.unknown) return undefined;
  const p = isHalf ? 2n * number + 1n : number;
  const q = isHalf ? number : number >> 1n;
  const bits = isHalf ? size + 1 : size;
  if (bits < FEWEST_BITS || bits > MOST_BITS || bitLength(bigintBytes(p)) !== bits + 1) return undefined;
  const found = generatorOf(p);
  if (found === 0 || (generator !== undefined && generator !== found)) return undefined;
  return { p, q, bits, found };
}

/** The generator that serves a safe prime by its remainders; 0 where none of 2, 3 and 5 is known to. */
function generatorOf(p: bigint): number {
  if (p % 24n === 11n) return 2;
  if (p % 12n === 5n) return 3;
  return p % 10n === 3n || p % 10n === 7n ? 5 : 0;
}

/** Where and how wide candidates are looked for. */
export interface Sieve {
  readonly bits: number;
  /** The first number that is looked at, unsigned; by chance where absent. */
  readonly start?: Uint8Array;
  /** How many numbers from it on are looked at. */
  readonly width: number;
  /** Numbers are divided by all primes below. */
  readonly smallPrimes?: number;
  readonly random: Random;
  /** Seconds since 1970, for the lines. */
  readonly now: number;
}

/** Small primes up to here leave few candidates for little time. */
const SMALL_PRIMES = 1 << 22;

/** How many odd numbers are looked at together. */
const SEGMENT = 1 << 24;

/** How many numbers are usually looked at for a size: enough to hold safe primes, whose density is that of primes squared. */
export function usualSieveWidth(bits: number): number {
  return Math.floor(((bits - 1) * (bits - 1)) / 4) * 64;
}

/**
 * Candidates q for safe primes of `bits` bits: numbers of which neither q nor 2q + 1 has a small factor.
 *
 * @throws SshError SSH_ERR_KEY_LENGTH for fewer than 511 or more than 65536 bits
 */
export function* moduliCandidates(sieve: Sieve): Generator<Modulus> {
  const { bits, width, smallPrimes = SMALL_PRIMES, random, now } = sieve;
  if (!(bits >= FEWEST_BITS && bits <= MOST_BITS)) throw new SshError('SSH_ERR_KEY_LENGTH', `${bits} bits`);
  const first = (sieve.start === undefined ? randomNumber(bits - 1, random) : bigintOf(sieve.start)) | 1n;
  const primes = primesBelow(smallPrimes).slice(1);
  const marks = firstMarks(first, primes);
  const timestamp = moduliTimestamp(now);
  // one field for each odd number
  for (let base = 0, left = width >> 1; left > 0; base += SEGMENT, left -= SEGMENT) {
    const composite = new Uint8Array(Math.min(left, SEGMENT));
    for (let i = 0; i < marks.length; i++) {
      const prime = primes[i >> 1] as number;
      let at = marks[i] as number;
      for (; at < composite.length; at += prime) composite[at] = 1;
      marks[i] = at - composite.length;
    }
    for (let at = composite.indexOf(0); at >= 0; at = composite.indexOf(0, at + 1)) {
      const modulus = bigintBytes(first + 2n * BigInt(base + at));
      yield {
        timestamp,
        type: moduliTypes.sophieGermain,
        tests: moduliTests.sieve,
        tries: primes.length,
        size: bits - 2,
        generator: 0,
        modulus,
      };
    }
  }
}

/** For each prime the first odd number, counted from `first` on, that it divides, and the first of which it divides twice and one. */
function firstMarks(first: bigint, primes: readonly number[]): Uint32Array {
  const marks = new Uint32Array(primes.length * 2);
  for (const [index, prime] of primes.entries()) {
    const remainder = Number(first % BigInt(prime));
    // where q is a multiple of the prime, and where 2q + 1 is: q = (prime - 1) / 2 modulo the prime
    for (const [which, wanted] of [0, (prime - 1) / 2].entries()) {
      const distance = (wanted - remainder + prime) % prime;
      // the prime is odd, so of two neighbours that it divides one lies an even distance away
      marks[2 * index + which] = (distance % 2 === 0 ? distance : distance + prime) >> 1;
    }
  }
  return marks;
}

/** How many primes numbers are divided by, 2 apart. */
export function smallPrimeCount(): number {
  return primesBelow(SMALL_PRIMES).length - 1;
}

function randomNumber(bits: number, random: Random): bigint {
  const value = bigintOf(randomBytes(random, Math.ceil(bits / 8)));
  return BigInt.asUintN(bits, value) | (1n << BigInt(bits - 1));
}

function primesBelow(end: number): number[] {
  const composite = new Uint8Array(end);
  const primes: number[] = [];
  for (let i = 2; i < end; i++) {
    if (composite[i] !== 0) continue;
    primes.push(i);
    for (let multiple = i * i; multiple < end; multiple += i) composite[multiple] = 1;
  }
  return primes;
}

function isPrime(value: bigint, checks: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    checkPrime(value, { checks }, (error, prime) => {
      if (error) reject(new SshError('SSH_ERR_LIBCRYPTO_ERROR', 'prime test', { cause: error }));
      else resolve(prime);
    });
  });
}
