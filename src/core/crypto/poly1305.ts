import { instantiateWasm, memoryView, type MessageExports, readMessage } from '../util/wasm.ts';

/** What poly1305.as.ts exports: addresses in its memory, and the steps of a computation. */
interface Exports extends MessageExports {
  key(): number;
  tag(): number;
  start(): void;
}

interface Engine {
  readonly exports: Exports;
  readonly data: Uint8Array;
  readonly key: Uint8Array;
  readonly tag: Uint8Array;
}

/** One instance serves everybody: it keeps nothing from one call to the next. */
let engine: Engine | undefined;

/** Loads what {@link poly1305} needs; undefined where it is there already. */
export function preparePoly1305(): Promise<void> | undefined {
  return engine === undefined ? load() : undefined;
}

async function load(): Promise<void> {
  const { wasmBase64 } = await import('./poly1305.wasm.ts');
  const exports = instantiateWasm(wasmBase64) as Exports;
  engine = {
    exports,
    data: memoryView(exports, exports.data(), exports.capacity()),
    key: memoryView(exports, exports.key(), 32),
    tag: memoryView(exports, exports.tag(), 16),
  };
}

/**
 * The Poly1305 tag (RFC 8439 section 2.5) over `bytes[from, to)`: a view of 16 bytes that holds until the next call. The key of 32 bytes
 * may be used for one message only. {@link preparePoly1305} must have settled.
 */
export function poly1305(key: Uint8Array, bytes: Uint8Array, from: number, to: number): Uint8Array {
  const { exports, data, key: keyAt, tag } = engine as Engine;
  keyAt.set(key);
  exports.start();
  readMessage(exports, data, bytes, from, to);
  return tag;
}
