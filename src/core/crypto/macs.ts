import { createHmac } from 'node:crypto';
import { digests } from './digest.ts';
import type { HashName } from './kex.ts';
import type { MacName } from './names.ts';
import { writeUint32 } from './packet-cipher.ts';
import { prepareUmac, Umac, umacKeyBytes } from './umac.ts';

/** A keyed MAC of one direction's packets (RFC 4253 section 6.4). */
export interface PacketMac {
  /**
   * The MAC over the sequence number and `buffer[from, to)`: a view of as many bytes as the row says, which holds until the next call.
   */
  sign(sequence: number, buffer: Uint8Array, from: number, to: number): Uint8Array;
  /** Forgets the key; nothing else may be called after it. */
  wipe(): void;
}

/** One MAC algorithm. */
export interface MacRow {
  readonly keyBytes: number;
  /** What of the MAC follows a packet, in bytes. */
  readonly tagBytes: number;
  /** Encrypt-then-MAC: the MAC covers the ciphertext, and the length stands in clear (PROTOCOL section 1.5). */
  readonly etm: boolean;
  /** Loads what {@link create} needs; absent or undefined where that is nothing, or is there already. */
  readonly prepare?: () => Promise<void> | undefined;
  /** A MAC with this key, which it copies. */
  readonly create: (key: Uint8Array) => PacketMac;
}

/** The MACs by their names in negotiation. */
export const macs: Readonly<Record<MacName, MacRow>> = {
  'hmac-sha1': hmac('sha1', false),
  'hmac-sha1-96': hmac('sha1', false, 12),
  'hmac-sha2-256': hmac('sha256', false),
  'hmac-sha2-512': hmac('sha512', false),
  'hmac-md5': hmac('md5', false),
  'hmac-md5-96': hmac('md5', false, 12),
  'umac-64@openssh.com': umac(8, false),
  'umac-128@openssh.com': umac(16, false),
  'hmac-sha1-etm@openssh.com': hmac('sha1', true),
  'hmac-sha1-96-etm@openssh.com': hmac('sha1', true, 12),
  'hmac-sha2-256-etm@openssh.com': hmac('sha256', true),
  'hmac-sha2-512-etm@openssh.com': hmac('sha512', true),
  'hmac-md5-etm@openssh.com': hmac('md5', true),
  'hmac-md5-96-etm@openssh.com': hmac('md5', true, 12),
  'umac-64-etm@openssh.com': umac(8, true),
  'umac-128-etm@openssh.com': umac(16, true),
};

function hmac(hash: HashName, etm: boolean, tagBytes = digests[hash].bytes): MacRow {
  return { keyBytes: digests[hash].bytes, tagBytes, etm, create: (key) => new Hmac(hash, tagBytes, key) };
}

function umac(tagBytes: 8 | 16, etm: boolean): MacRow {
  return { keyBytes: umacKeyBytes, tagBytes, etm, prepare: prepareUmac, create: (key) => new PacketUmac(tagBytes, key) };
}

/** HMAC (RFC 2104), cut to its first bytes where the name says so (RFC 4253 section 6.4). */
class Hmac implements PacketMac {
  private readonly hash: HashName;
  private readonly tagBytes: number;
  private readonly key: Uint8Array;
  private readonly sequence = new Uint8Array(4);

  constructor(hash: HashName, tagBytes: number, key: Uint8Array) {
    this.hash = hash;
    this.tagBytes = tagBytes;
    this.key = Uint8Array.from(key);
  }

  sign(sequence: number, buffer: Uint8Array, from: number, to: number): Uint8Array {
    writeUint32(this.sequence, 0, sequence);
    const mac = createHmac(this.hash, this.key).update(this.sequence).update(buffer.subarray(from, to)).digest();
    return mac.subarray(0, this.tagBytes);
  }

  wipe(): void {
    this.key.fill(0);
  }
}

/** UMAC as OpenSSH uses it: the packet alone is the message, and the sequence number, as 8 bytes, is the nonce. */
class PacketUmac implements PacketMac {
  private readonly umac: Umac;
  private readonly nonce = new Uint8Array(8);

  constructor(tagBytes: 8 | 16, key: Uint8Array) {
    this.umac = new Umac(tagBytes, key);
  }

  sign(sequence: number, buffer: Uint8Array, from: number, to: number): Uint8Array {
    writeUint32(this.nonce, 4, sequence);
    return this.umac.sign(this.nonce, buffer, from, to);
  }

  wipe(): void {
    this.umac.wipe();
  }
}
