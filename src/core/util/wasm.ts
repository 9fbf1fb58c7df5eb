import { fromBase64 } from './bytes.ts';

/** What every module exports. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
}

interface WasmInstance {
  readonly exports: WasmExports;
}

declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => WasmInstance;
};

/**
 * A new instance of a WebAssembly module, of which the build has made `binary` (base64) from the AssemblyScript source beside its user.
 * The caller knows what else it exports, and narrows the type.
 */
export function instantiateWasm(binary: string): WasmExports {
  const module = new WebAssembly.Module(fromBase64(binary) ?? new Uint8Array());
  return new WebAssembly.Instance(module, { env: { abort } }).exports;
}

/** A module that reads a message in pieces: what it exports for that, addresses in its memory among it. */
export interface MessageExports extends WasmExports {
  capacity(): number;
  data(): number;
  more(): void;
  last(length: number): void;
}

/** Gives `bytes[from, to)` to such a module: pieces of its capacity, then what is left, which may be nothing. */
export function readMessage(exports: MessageExports, data: Uint8Array, bytes: Uint8Array, from: number, to: number): void {
  let at = from;
  for (; to - at > data.length; at += data.length) {
    data.set(bytes.subarray(at, at + data.length));
    exports.more();
  }
  data.set(bytes.subarray(at, to));
  exports.last(to - at);
}

/** The `length` bytes of a module's memory at an address. */
export function memoryView(exports: WasmExports, at: number, length: number): Uint8Array {
  return new Uint8Array(exports.memory.buffer, at, length);
}

/** What AssemblyScript calls when a program can't go on. */
function abort(): never {
  throw new Error('WebAssembly module aborted');
}
