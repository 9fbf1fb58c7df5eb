import { instantiateWasm, memoryView, type WasmExports } from '../util/wasm.ts';
// four kilobytes: a look-up that had to wait for them would make every one of its callers wait
import { wasmBase64 } from './known-hosts.wasm.ts';

/** What known-hosts.as.ts exports. */
interface Exports extends WasmExports {
  address(which: number): number;
  capacity(which: number): number;
  prepare(): void;
  look(length: number): void;
  matches(): number;
  scan(length: number): number;
  linesPassed(): number;
  hashNames(amount: number): void;
}

/** The module that goes through many lines of known_hosts, with views of its memory. */
export interface KnownHostsModule {
  readonly exports: Exports;
  /** Lines that are gone through, or names that are hashed: as many as it has room for. */
  readonly lines: Uint8Array;
  /** Two words for each line that was found: where it begins, and how many stand before it. */
  readonly found: Uint32Array;
  /** The same memory: what became of names. */
  readonly hashed: Buffer;
  /** The salts of names that are hashed, as many as it has room for. */
  readonly salts: Uint8Array;
  /** The name that is looked up, padded. */
  readonly message: Uint8Array;
  readonly types: Uint8Array;
  /** A hashed name that is looked at. */
  readonly field: Buffer;
  /** The name that is looked up; unknown where names were hashed since. */
  name: string | undefined;
}

let loaded: KnownHostsModule | undefined;

/** The module, of which there is one. */
export function knownHostsModule(): KnownHostsModule {
  return (loaded ??= load());
}

/** Whether the module is there already. */
export function isModuleLoaded(): boolean {
  return loaded !== undefined;
}

/** Has the module look up a name; undefined for one that it has no room for. */
export function moduleLookingFor(name: string, bytes: Uint8Array): KnownHostsModule | undefined {
  const module = knownHostsModule();
  if (module.name === name) return module;
  if (!putPadded(bytes, module.message)) return undefined;
  module.exports.look(bytes.length);
  module.name = name;
  return module;
}

const BLOCK_LENGTH = 64;

/** Puts a name there as SHA-1 takes it behind a key of one block (FIPS 180-4 section 5.1.1), in whole blocks; false for want of room. */
function putPadded(name: Uint8Array, message: Uint8Array): boolean {
  // behind the name stand a bit and the length in bits, in which the key's block counts as well
  const length = Math.ceil((name.length + 9) / BLOCK_LENGTH) * BLOCK_LENGTH;
  if (length > message.length) return false;
  message.fill(0);
  message.set(name);
  message[name.length] = 0x80;
  const bits = (BLOCK_LENGTH + name.length) * 8;
  message[length - 2] = bits >> 8;
  message[length - 1] = bits;
  return true;
}

function load(): KnownHostsModule {
  const exports = instantiateWasm(wasmBase64) as Exports;
  exports.prepare();
  const { buffer } = exports.memory;
  const view = (which: number, length: number): Uint8Array => memoryView(exports, exports.address(which), length);
  const room = exports.capacity(0);
  return {
    exports,
    lines: view(0, room),
    found: new Uint32Array(buffer, exports.address(1), room),
    hashed: Buffer.from(buffer, exports.address(1), 4 * room),
    message: view(2, exports.capacity(1)),
    types: view(3, 2048),
    field: Buffer.from(buffer, exports.address(4), 64),
    salts: view(5, exports.capacity(2)),
    name: undefined,
  };
}
