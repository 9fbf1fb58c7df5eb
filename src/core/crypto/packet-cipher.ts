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
  /** How many packets one set of keys may protect, and how many blocks of `blockBytes` (RFC 4344 section 3), before a new key exchange. */
  readonly mostBlocks: number;
  /** Forgets the keys; nothing else may be called after it. */
  wipe(): void;
}

/** Protects what is sent. */
export interface PacketSealer extends PacketProtection {
  /** Encrypts the packet that lies in `buffer` from `at` and writes its tag behind it; all in place. */
  seal(buffer: Uint8Array, at: number, packetLength: number, sequence: number): void;
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
}

/** The keys of one direction (RFC 4253 section 7.2), each of the length that the rows ask for. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Empty where the cipher authenticates by itself. */
  readonly macKey: Uint8Array;
}
