import { bcryptPbkdf } from '../crypto/bcrypt-pbkdf.ts';
import type { Random } from '../crypto/random.ts';
import { randomBytes } from '../crypto/random.ts';
import type { PublicKey } from '../keys/key.ts';
import type { PrivateKey } from '../keys/private-key.ts';
import { equalBytes } from '../util/bytes.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { SshError } from '../util/errors.ts';
import type { Destination } from './destinations.ts';

/** The most keys that are held: as many as clients are willing to read of. */
const MOST_KEYS = 2048;

const SALT_LENGTH = 16;
const LOCK_ROUNDS = 1;
const LOCK_LENGTH = 32;

/** How much longer each wrong passphrase makes the next answer, and up to how much: 10 s, as OpenSSH's agent. */
const DELAY_STEP_MS = 100;
const MOST_STEPS = 100;

/** A key that the agent holds. */
export interface HeldKey {
  /** What it is known by: a public key, or a certificate. */
  readonly publicKey: PublicKey;
  readonly comment: string;
  readonly key: PrivateKey;
  /** The user is asked before each use. */
  readonly confirm: boolean;
  /** The hops that it may take; undefined for all. */
  readonly destinations: readonly Destination[] | undefined;
  /** The library that drives it where it is a security key: a path, `internal`, or undefined where none was named. */
  readonly provider: string | undefined;
  /** When it is forgotten, in milliseconds of the keyring's clock; undefined for never. */
  readonly expires: number | undefined;
}

/**
 * The keys of an agent, in the order in which they came. What is dropped, expires or is replaced is wiped.
 *
 * The clock should go on while the machine sleeps: lifetimes are looked at whenever keys are asked for, not only when a timer fires.
 */
export class Keyring {
  private readonly clock: Clock;
  private readonly random: Random;
  private keys: HeldKey[] = [];
  private timer: Timer | undefined;
  private lockedBy: { readonly salt: Uint8Array; readonly hash: Uint8Array } | undefined;
  private wrong = 0;
  /** The last try to unlock: tries wait for each other, however many connections they come by. */
  private unlocking: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /** The keys, none while the agent is locked. */
  list(): readonly HeldKey[] {
    this.expire();
    return this.isLocked ? [] : this.keys;
  }

  /** The key with this public blob. */
  find(blob: Uint8Array): HeldKey | undefined {
    return this.list().find((held) => equalBytes(held.publicKey.blob, blob));
  }

  /**
   * Takes over a key, in the place of one with the same public blob.
   *
   * @param lifetimeMs after which it is forgotten, where that is ever.
   * @throws SshError SSH_ERR_NO_BUFFER_SPACE where there are too many; the key is wiped then.
   */
  add(key: Omit<HeldKey, 'expires'>, lifetimeMs: number | undefined): void {
    const held = { ...key, expires: lifetimeMs === undefined ? undefined : this.clock.now() + lifetimeMs };
    const index = this.keys.findIndex((one) => equalBytes(one.publicKey.blob, key.publicKey.blob));
    const before = this.keys[index];
    if (before !== undefined) {
      before.key.wipe();
      this.keys[index] = held;
    } else if (this.keys.length < MOST_KEYS) {
      this.keys.push(held);
    } else {
      key.key.wipe();
      throw new SshError('SSH_ERR_NO_BUFFER_SPACE', 'the agent holds too many keys');
    }
    this.arm();
  }

  /** Forgets a key. */
  remove(held: HeldKey): void {
    held.key.wipe();
    this.keys = this.keys.filter((one) => one !== held);
    this.arm();
  }

  /** Forgets every key. */
  clear(): void {
    for (const { key } of this.keys) key.wipe();
    this.keys = [];
    this.arm();
  }

  /** Whether the agent is locked: it then shows and uses no key. */
  get isLocked(): boolean {
    return this.lockedBy !== undefined;
  }

  /** Locks the agent with a passphrase, which stays the caller's to wipe; false where it is locked, or the passphrase empty. */
  async lock(passphrase: Uint8Array): Promise<boolean> {
    if (this.isLocked || passphrase.length === 0) return false;
    const salt = randomBytes(this.random, SALT_LENGTH);
    const hash = await bcryptPbkdf(passphrase, salt, LOCK_ROUNDS, LOCK_LENGTH);
    // Another connection's lock may have come first.
    if (this.isLocked) return false;
    this.lockedBy = { salt, hash };
    return true;
  }

  /**
   * Unlocks the agent; false where it is not locked or by another passphrase. Each wrong one makes the answer a tenth of a second
   * later, up to ten seconds, and the tries of all connections wait in one line.
   */
  unlock(passphrase: Uint8Array): Promise<boolean> {
    const turn = this.unlocking.then(() => this.tryUnlock(passphrase));
    this.unlocking = turn.catch(() => undefined);
    return turn;
  }

  private async tryUnlock(passphrase: Uint8Array): Promise<boolean> {
    if (this.lockedBy === undefined || passphrase.length === 0) return false;
    const { salt, hash } = this.lockedBy;
    const right = equalBytes(await bcryptPbkdf(passphrase, salt, LOCK_ROUNDS, LOCK_LENGTH), hash);
    if (right) {
      this.lockedBy = undefined;
      this.wrong = 0;
      return true;
    }
    this.wrong = Math.min(this.wrong + 1, MOST_STEPS);
    await new Promise<void>((resolve) => {
      this.clock.after(this.wrong * DELAY_STEP_MS, resolve);
    });
    return false;
  }

  private expire(): void {
    const now = this.clock.now();
    if (!this.keys.some(({ expires }) => expires !== undefined && expires <= now)) return;
    this.keys = this.keys.filter(({ expires, key }) => {
      const lives = expires === undefined || expires > now;
      if (!lives) key.wipe();
      return lives;
    });
    this.arm();
  }

  /** One timer for the key that ends first, none where no key ends: an idle agent sleeps. */
  private arm(): void {
    this.timer?.stop();
    this.timer = undefined;
    const ends = this.keys.flatMap(({ expires }) => expires ?? []);
    if (ends.length === 0) return;
    const first = ends.reduce((a, b) => Math.min(a, b));
    this.timer = this.clock.after(Math.max(0, first - this.clock.now()), () => {
      this.expire();
      this.arm();
    });
  }
}
