/**
 * UMAC (RFC 4418) with tags of 8 or 16 bytes, on nonces of 8 bytes and messages of at most 16 MiB, which is far more than a packet has.
 *
 * A tag is a universal hash of the message, which WebAssembly computes (umac.as.ts), masked by a block of AES over the nonce.
 */
import { type Cipher, createCipheriv } from 'node:crypto';
import { instantiateWasm, memoryView, type MessageExports, readMessage } from '../util/wasm.ts';
import { readUint32, writeUint32 } from './packet-cipher.ts';

/** What umac.as.ts exports: addresses in its memory, and the steps of a computation. */
interface Exports extends MessageExports {
  key(): number;
  hash(): number;
  start(streams: number): void;
}

interface Engine {
  readonly exports: Exports;
  readonly data: Uint8Array;
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
  /** Whose prepared key lies in the memory. */
  owner: Umac | undefined;
}

/** The length of UMAC's key, which is one of AES-128. */
export const umacKeyBytes = 16;

/** One instance serves everybody; it only remembers whose key it holds. */
let engine: Engine | undefined;

/** Loads what {@link Umac} needs; undefined where it is there already. */
export function prepareUmac(): Promise<void> | undefined {
  return engine === undefined ? load() : undefined;
}

async function load(): Promise<void> {
  const { wasmBase64 } = await import('./umac.wasm.ts');
  const exports = instantiateWasm(wasmBase64) as Exports;
  engine = {
    exports,
    data: memoryView(exports, exports.data(), exports.capacity()),
    key: memoryView(exports, exports.key(), preparedBytes),
    hash: memoryView(exports, exports.hash(), 16),
    owner: undefined,
  };
}

/** UMAC with tags of 8 or 16 bytes; {@link prepareUmac} must have settled before it signs. */
export class Umac {
  private readonly tagBytes: 8 | 16;
  private readonly prepared: Uint8Array;
  /** The nonce with its padding. */
  private readonly block = new Uint8Array(16);
  private readonly tag: Uint8Array;
  private pad: Cipher | undefined;

  /** Derives what it needs from the key and keeps no reference to it. */
  constructor(tagBytes: 8 | 16, key: Uint8Array) {
    this.tagBytes = tagBytes;
    this.tag = new Uint8Array(tagBytes);
    this.prepared = prepareKey(key, tagBytes / 4);
    const padKey = derive(key, 0, umacKeyBytes);
    this.pad = blockCipher(padKey);
    padKey.fill(0);
  }

  /** The tag over `buffer[from, to)` under a nonce, which may be used once only: a view that holds until the next call. */
  sign(nonce: Uint8Array, buffer: Uint8Array, from: number, to: number): Uint8Array {
    const { block, tag, tagBytes } = this;
    const hash = this.hash(buffer, from, to);
    block.set(nonce);
    // One block of AES masks two short tags: the nonce's last bit says which half (RFC 4418 section 3.3.1).
    let half = 0;
    if (tagBytes === 8) {
      half = (block[7] as number) & 1;
      block[7] = (block[7] as number) ^ half;
    }
    const pad = (this.pad as Cipher).update(block);
    for (let i = 0; i < tagBytes; i++) tag[i] = (hash[i] as number) ^ (pad[half * 8 + i] as number);
    return tag;
  }

  /** Forgets the key; nothing else may be called after it. */
  wipe(): void {
    this.prepared.fill(0);
    this.pad = undefined;
    if (engine === undefined || engine.owner !== this) return;
    engine.key.fill(0);
    engine.data.fill(0);
    engine.owner = undefined;
  }

  private hash(buffer: Uint8Array, from: number, to: number): Uint8Array {
    const { exports, data, hash, key } = engine as Engine;
    if ((engine as Engine).owner !== this) {
      key.set(this.prepared);
      (engine as Engine).owner = this;
    }
    exports.start(this.tagBytes / 4);
    readMessage(exports, data, buffer, from, to);
    return hash;
  }
}

/** The prepared key's length, and where its parts begin (umac.as.ts). */
const preparedBytes = 1248;
const polyAt = 1072;
const innerAt = polyAt + 4 * 8;
const outerAt = innerAt + 4 * 32;

const polyMask = 0x01ffffff;
const prime36 = 2n ** 36n - 5n;

/** The keys of the three layers (RFC 4418 section 5.1), as umac.as.ts wants them. */
function prepareKey(key: Uint8Array, streams: number): Uint8Array {
  const prepared = new Uint8Array(preparedBytes);
  const view = new DataView(prepared.buffer);
  const layers = [
    derive(key, 1, 1024 + (streams - 1) * 16),
    derive(key, 2, streams * 24),
    derive(key, 3, streams * 64),
    derive(key, 4, streams * 4),
  ] as const;
  const [nh, poly, inner, outer] = layers;
  for (let at = 0; at < nh.length; at += 4) view.setUint32(at, readUint32(nh, at), true);
  for (let i = 0; i < streams; i++) {
    view.setUint32(polyAt + i * 8 + 4, readUint32(poly, i * 24) & polyMask, true);
    view.setUint32(polyAt + i * 8, readUint32(poly, i * 24 + 4) & polyMask, true);
    for (let j = 0; j < 4; j++) {
      // Of the third layer's eight keys the last four: the first eight bytes of its input are zero.
      const word = new DataView(inner.buffer).getBigUint64(i * 64 + 32 + j * 8);
      view.setBigUint64(innerAt + i * 32 + j * 8, word % prime36, true);
    }
    view.setUint32(outerAt + i * 4, readUint32(outer, i * 4), true);
  }
  for (const layer of layers) layer.fill(0);
  return prepared;
}

/** The key derivation function (RFC 4418 section 3.2.1): AES over a counter, in the space that `index` names. */
function derive(key: Uint8Array, index: number, length: number): Uint8Array {
  const blocks = Math.ceil(length / 16);
  const input = new Uint8Array(blocks * 16);
  for (let i = 0; i < blocks; i++) {
    input[i * 16 + 7] = index;
    writeUint32(input, i * 16 + 12, i + 1);
  }
  const output = blockCipher(key).update(input);
  const derived = Uint8Array.from(output.subarray(0, length));
  output.fill(0);
  return derived;
}

function blockCipher(key: Uint8Array): Cipher {
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
}
