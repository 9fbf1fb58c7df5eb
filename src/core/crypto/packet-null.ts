import { mostBlocks, type PacketOpener, type PacketSealer, readUint32 } from './packet-cipher.ts';

const none = {
  blockBytes: 8,
  lengthApart: false,
  tagBytes: 0,
  mostBlocks: mostBlocks(8),
  wipe: () => {},
} as const;

/** No protection: packets as they are sent before the first NEWKEYS (RFC 4253 section 6). It has no state. */
export const nullSealer: PacketSealer = { ...none, seal: () => {} };

/** No protection, for what is received before the first NEWKEYS. It has no state. */
export const nullOpener: PacketOpener = {
  ...none,
  headBytes: 4,
  packetLength: (buffer, at) => readUint32(buffer, at),
  open: () => {},
};
