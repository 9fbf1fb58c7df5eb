import { SshError } from '../util/errors.ts';

/**
 * One direction's protection of packets (RFC 4253 section 6): encryption and authentication together, as negotiated.
 *
 * A packet in a buffer, from `at`: packet_length (4 bytes), padding_length, payload, padding (these `packetLength` bytes), then the tag
 * (`tagBytes` of them). Both directions work in place, so that many packets are opened in the buffer that one read filled, and
 * sealed into the buffer that one write sends. The sequence number is a uint32.
 */
interface PacketProtection {
  /** What the padded part's length must be a multiple of, in bytes: at least 8. */
  readonly blockBytes: number;
  /** Whether packet_length stays outside of the padded part: for AEAD and encrypt-then-MAC modes. */
  readonly lengthApart: boolean;
  /** How many bytes of tag or MAC follow each packet. */
  readonly tagBytes: number;
  /** How many blocks of `blockBytes` one set of keys may protect before a new key exchange (RFC 4344 section 3.2). */
  readonly mostBlocks: number;
  /**
   * All that this direction's next packet depends on besides its sequence number, as keys from which an equal sealer or opener can be
   * made, so that a running connection can change to another source of the same cipher. Fresh copies that the caller wipes. Whoever goes
   * on from it seals nothing more with this one: a nonce must not come twice. Absent where the state can't be told (a cipher that chains
   * from packet to packet inside a library).
   */
  state?(): DirectionKeys;
  /** Forgets the keys; nothing else may be called after it. */
  wipe(): void;
}

/** Protects what is sent. */
export interface PacketSealer extends PacketProtection {
  /** True where a packet is gone over twice, by a cipher and by a MAC of its own: sealing many takes longer then than sending them. */
  readonly twoPasses?: boolean;
  /** Encrypts the packet that lies in `buffer` from `at` and writes its tag behind it; all in place. */
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void;
  /**
   * The same for a packet that has a gap from `dataAt` on, as long as `data`, which lies elsewhere: it is encrypted on its way into the
   * gap, without a copy. Absent where that saves nothing.
   */
  sealFrom?(data: Uint8Array, dataAt: number, buffer: Uint8Array, at: number, packetLength: number, sequence: number): void;
}

/** Unprotects what was received. */
export interface PacketOpener extends PacketProtection {
  /** How many bytes of a packet must be there before its length can be told. */
  readonly headBytes: number;
  /**
   * The packet_length of the packet that begins at `at`, of which `headBytes` bytes are there; not yet checked in any way.
   * It is called once a packet, before {@link open}, and may decrypt the head in place.
   */
  packetLength(buffer: Uint8Array, at: number, sequence: number): number;
  /**
   * Checks the tag and decrypts the packet in place; what it leaves in the packet_length field does not count.
   *
   * @throws SshError SSH_ERR_MAC_INVALID, whatever was wrong.
   */
  open(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void;
  /**
   * Another opener to go on with, which does the same faster: asked for between two packets, and returned once, when it is time; this one
   * is wiped then. Absent where there never is one.
   */
  successor?(): PacketOpener | undefined;
  /**
   * Present where a fault must not show when it was found: in CBC with encrypt-and-MAC, whose length field is decrypted before anything
   * was authenticated. Absent: a bad length or tag may end the connection at once.
   */
  readonly discard?: PacketDiscard;
}

/**
 * How CBC with encrypt-and-MAC hides what was wrong with a packet (the plaintext recovery attack of Albrecht, Paterson and Watson, 2009:
 * whoever flips bits of a block and watches how many bytes the receiver takes before it fails learns plaintext).
 *
 * On a length out of bounds, on a length that is not a whole number of blocks, and on an error of `open`, the packet layer says nothing
 * yet. It reads on, decrypting nothing, until `bytes` bytes have come since the packet's start or the peer is gone, and then throws what
 * `fault` returns: so every fault looks alike in the bytes taken, in the time spent and in the error.
 */
export interface PacketDiscard {
  /** How many bytes are read in all, from the faulty packet's first byte: OpenSSH's largest packet. */
  readonly bytes: number;
  /** The error of every fault, after the time of a MAC over what `open` did not compute one over. */
  fault(): SshError;
}

/** The keys of one direction (RFC 4253 section 7.2), each of the length that the rows ask for. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Empty where the cipher authenticates by itself. */
  readonly macKey: Uint8Array;
}

/** Where an authenticated cipher's two directions come from; a faster source of the same cipher has the same shape. */
export interface AeadSource {
  /** Loads what the others need; absent or undefined where that is nothing, or is there already. */
  readonly prepare?: () => Promise<void> | undefined;
  /** The keys are copied. */
  readonly sealer: (keys: DirectionKeys) => PacketSealer;
  /** The keys are copied. */
  readonly opener: (keys: DirectionKeys) => PacketOpener;
}

/**
 * After how many blocks a direction needs new keys: 2^(block bits / 4) blocks of a cipher with wide blocks (RFC 4344 section 3.2), and
 * 1 GiB for one with narrow blocks, as OpenSSH has it.
 */
export function mostBlocks(blockBytes: number): number {
  return blockBytes >= 16 ? 2 ** (blockBytes * 2) : 2 ** 30 / blockBytes;
}

/** The one error of a packet that does not authenticate; it does not say why. */
export function macInvalid(): SshError {
  return new SshError('SSH_ERR_MAC_INVALID');
}

/** The uint32 at `at`, big-endian. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  );
}

/** Writes the low 32 bits of `value` at `at`, big-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
