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

/** What AssemblyScript calls when a program can't go on. */
function abort(): never {
  throw new Error('WebAssembly module aborted');
}
