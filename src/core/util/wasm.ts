import { fromBase64 } from './bytes.ts';

/** What every module exports. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
}

interface WasmModule {
  readonly exports: object;
}

declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => WasmModule;
};

/**
 * A new instance of a WebAssembly module, of which the build has made `binary` (base64) from the AssemblyScript source beside its user.
 * The caller states the type of what it exports.
 */
export function instantiateWasm<Exports extends WasmExports>(binary: string): Exports {
  const module = new WebAssembly.Module(fromBase64(binary) ?? new Uint8Array());
  return new WebAssembly.Instance(module, { env: { abort } }).exports as Exports;
}

/** What AssemblyScript calls when a program can't go on. */
function abort(): never {
  throw new Error('WebAssembly module aborted');
}
