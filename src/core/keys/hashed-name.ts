import { createHmac } from 'node:crypto';
import { base64, fromBase64, utf8Bytes } from '../util/bytes.ts';
import { instantiateWasm, type WasmExports } from '../util/wasm.ts';
// two kilobytes: a look-up that had to wait for them would make every one of its callers wait
import { wasmBase64 } from './hashed-name.wasm.ts';

/*
 * Host names as HashKnownHosts writes them: `|1|salt|hash`, of which the hash is the name's HMAC-SHA1 (RFC 2104) with the salt as its key.
 */

const HASH_LENGTH = 20;
const BLOCK_LENGTH = 64;

const BEGIN = '|1|';

/** The whole of a hashed name: behind its beginning 28 digits of base64, a bar, and 28 more. */
const LENGTH = 60;

/** How many names node:crypto is asked about before the module is worth its making. */
const FEW = 64;

/** A name in its hashed form. */
export function formatHashedName(salt: Uint8Array, name: string): string {
  const hash = createHmac('sha1', salt).update(utf8Bytes(name)).digest();
  return `${BEGIN}${base64(salt)}|${base64(hash)}`;
}

/** The salt of a hashed name, where it is one. */
export function hashedNameSalt(hosts: string): Uint8Array | undefined {
  const [, encoded = ''] = /^\|1\|([^|]*)\|[A-Za-z0-9+/]{27}=$/.exec(hosts) ?? [];
  const salt = fromBase64(encoded);
  return salt?.length === HASH_LENGTH ? salt : undefined;
}

/**
 * A function that tells of one hashed name after another whether it is this name's; what is malformed is nobody's.
 *
 * A file of many is what a module of our own is for: it takes a microsecond each, node:crypto several to begin with.
 */
export function hashedNameMatcher(name: string): (hashed: string) => boolean {
  const isExactly = (hashed: string): boolean => {
    const salt = hashedNameSalt(hashed);
    return salt !== undefined && formatHashedName(salt, name) === hashed;
  };
  let asked = 0;
  let maybe: ((hashed: string) => boolean) | undefined;
  return (hashed) => {
    if (hashed.length !== LENGTH) return false;
    if (++asked > FEW) maybe ??= moduleMatcher(utf8Bytes(name)) ?? isExactly;
    return (maybe === undefined || maybe(hashed)) && isExactly(hashed);
  };
}

/** What hashed-name.as.ts exports. */
interface Exports extends WasmExports {
  address(which: number): number;
  capacity(): number;
  matches(blocks: number): number;
}

/** The module with a name put into it, for texts of the right length; undefined for a name that it has no room for. */
function moduleMatcher(name: Uint8Array): ((hashed: string) => boolean) | undefined {
  const exports = instantiateWasm(wasmBase64) as Exports;
  // behind the name stand a bit and the length, in which the key's block counts as well
  const blocks = Math.ceil((name.length + 9) / BLOCK_LENGTH);
  if (blocks * BLOCK_LENGTH > exports.capacity()) return undefined;
  const view = (which: number, length: number): Buffer => Buffer.from(exports.memory.buffer, exports.address(which), length);
  const message = view(1, blocks * BLOCK_LENGTH);
  message.set(name);
  message[name.length] = 0x80;
  message.writeUInt32BE((BLOCK_LENGTH + name.length) * 8, message.length - 4);
  const field = view(0, LENGTH);
  return (hashed) => {
    field.write(hashed, 0, LENGTH, 'latin1');
    return exports.matches(blocks) !== 0;
  };
}
