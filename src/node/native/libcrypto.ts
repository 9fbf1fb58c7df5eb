/**
 * AES-GCM by OpenSSL's own functions, which node's binary exports or has loaded: one context for each direction and nothing allocated for
 * a packet but the views that C is given, where node:crypto makes an object and a buffer for each.
 *
 * C keeps no address of ours: keys, nonces, lengths and packets are read and written only while a call lasts, which holds what it is given.
 */
import type { BulkCiphers } from '../../core/crypto/packet-bulk.ts';
import type { DirectionKeys, PacketOpener, PacketSealer } from '../../core/crypto/packet-cipher.ts';
import { SshError } from '../../core/util/errors.ts';
import { loadKoffi } from './load.ts';

/** OpenSSL's functions by their C declarations. */
const declarations = {
  EVP_CIPHER_fetch: 'void *EVP_CIPHER_fetch(void *library, const char *name, const char *properties)',
  EVP_CIPHER_CTX_new: 'void *EVP_CIPHER_CTX_new(void)',
  EVP_CIPHER_CTX_free: 'void EVP_CIPHER_CTX_free(void *context)',
  EVP_CIPHER_CTX_ctrl: 'int EVP_CIPHER_CTX_ctrl(void *context, int type, int argument, void *pointer)',
  EVP_CipherInit_ex: 'int EVP_CipherInit_ex(void *context, void *cipher, void *engine, const void *key, const void *iv, int encrypt)',
  EVP_CipherUpdate: 'int EVP_CipherUpdate(void *context, void *out, void *outLength, const void *in, int inLength)',
  EVP_CipherFinal_ex: 'int EVP_CipherFinal_ex(void *context, void *out, void *outLength)',
} as const;

/** A C pointer as koffi gives it, and null. */
type Pointer = unknown;

interface Functions {
  EVP_CIPHER_fetch: (library: null, name: string, properties: null) => Pointer;
  EVP_CIPHER_CTX_new: () => Pointer;
  EVP_CIPHER_CTX_free: (context: Pointer) => void;
  EVP_CIPHER_CTX_ctrl: (context: Pointer, type: number, argument: number, pointer: Uint8Array) => number;
  EVP_CipherInit_ex: (
    context: Pointer,
    cipher: Pointer,
    engine: null,
    key: Uint8Array | null,
    iv: Uint8Array | null,
    encrypt: 0 | 1 | -1,
  ) => number;
  EVP_CipherUpdate: (context: Pointer, out: Uint8Array | null, outLength: Int32Array, input: Uint8Array, inLength: number) => number;
  EVP_CipherFinal_ex: (context: Pointer, out: Uint8Array, outLength: Int32Array) => number;
}

/** OpenSSL's names of the ciphers that are had here. */
const names: Readonly<Record<string, string>> = {
  'aes128-gcm@openssh.com': 'AES-128-GCM',
  'aes256-gcm@openssh.com': 'AES-256-GCM',
};

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const lengthBytes = 4;
const tagBytes = 16;

/** The sources that are quicker than node:crypto; none where native calls are off, or node's OpenSSL can't be called. */
export const libcryptoCiphers: BulkCiphers = (cipher) => {
  const name = names[cipher];
  const functions = name === undefined ? undefined : library();
  if (name === undefined || functions === undefined) return undefined;
  const algorithm = algorithmOf(functions, name);
  if (algorithm === undefined) return undefined;
  return {
    sealer: (keys) => new GcmSealer(functions, algorithm, keys),
    opener: (keys) => new GcmOpener(functions, algorithm, keys),
  };
};

let loaded: { readonly functions: Functions | undefined } | undefined;
const algorithms = new Map<string, Pointer>();

function library(): Functions | undefined {
  loaded ??= { functions: load() };
  return loaded.functions;
}

function load(): Functions | undefined {
  try {
    const handle = loadKoffi()?.load(null);
    if (handle === undefined) return undefined;
    const functions = Object.fromEntries(Object.entries(declarations).map(([name, declaration]) => [name, handle.func(declaration)]));
    return functions as unknown as Functions;
  } catch {
    // a node whose OpenSSL is not to be found: its own way to it is slower and does it too
    return undefined;
  }
}

/** A cipher, fetched once; undefined where OpenSSL does not have it. */
function algorithmOf({ EVP_CIPHER_fetch }: Functions, name: string): Pointer {
  const known = algorithms.get(name);
  if (known !== undefined) return known;
  const fetched = EVP_CIPHER_fetch(null, name, null) ?? undefined;
  if (fetched !== undefined) algorithms.set(name, fetched);
  return fetched;
}

class GcmDirection {
  readonly blockBytes = 16;
  readonly lengthApart = true;
  readonly tagBytes = tagBytes;
  /** As for every cipher with blocks of 16 bytes (RFC 4344 section 3.2). */
  readonly mostBlocks = 2 ** 32;
  private readonly functions: Functions;
  private context: Pointer;
  /** The next packet's nonce. */
  private readonly iv: Uint8Array;
  private readonly length = new Int32Array(1);

  constructor(functions: Functions, algorithm: Pointer, keys: DirectionKeys, encrypt: 0 | 1) {
    this.functions = functions;
    this.iv = Uint8Array.from(keys.iv);
    this.context = functions.EVP_CIPHER_CTX_new() ?? undefined;
    if (this.context === undefined) throw failure('EVP_CIPHER_CTX_new');
    if (functions.EVP_CipherInit_ex(this.context, algorithm, null, keys.key, this.iv, encrypt) !== 1) throw failure('EVP_CipherInit_ex');
  }

  /** The context is cleansed by OpenSSL. */
  wipe(): void {
    if (this.context !== undefined) this.functions.EVP_CIPHER_CTX_free(this.context);
    this.context = undefined;
    this.iv.fill(0);
  }

  /** Begins a packet and turns what lies between its length and its tag, in place; all of it was checked to lie in the buffer. */
  protected turn(buffer: Uint8Array, at: number, packetLength: number): void {
    const { functions, length } = this;
    const context = this.live();
    const padded = buffer.subarray(at + lengthBytes, at + lengthBytes + packetLength);
    const done =
      functions.EVP_CipherInit_ex(context, null, null, null, this.iv, -1) === 1 &&
      functions.EVP_CipherUpdate(context, null, length, buffer.subarray(at, at + lengthBytes), lengthBytes) === 1 &&
      functions.EVP_CipherUpdate(context, padded, length, padded, packetLength) === 1;
    if (!done) throw failure('EVP_CipherUpdate');
  }

  /** Ends the packet; false where its tag is wrong. */
  protected finish(scratch: Uint8Array): boolean {
    return this.functions.EVP_CipherFinal_ex(this.live(), scratch, this.length) === 1;
  }

  protected tag(control: number, tag: Uint8Array): void {
    if (this.functions.EVP_CIPHER_CTX_ctrl(this.live(), control, tagBytes, tag) !== 1) throw failure('EVP_CIPHER_CTX_ctrl');
  }

  /** Counts one invocation: the last 8 bytes of the nonce as one big-endian number, which wraps without touching the fixed part. */
  protected count(): void {
    const { iv } = this;
    for (let i = 11; i >= 4; i--) {
      const next = ((iv[i] as number) + 1) & 0xff;
      iv[i] = next;
      if (next !== 0) return;
    }
  }

  private live(): Pointer {
    if (this.context === undefined) throw failure('a cipher after its end');
    return this.context;
  }
}

class GcmSealer extends GcmDirection implements PacketSealer {
  constructor(functions: Functions, algorithm: Pointer, keys: DirectionKeys) {
    super(functions, algorithm, keys, 1);
  }

  seal(buffer: Uint8Array, at: number, packetLength: number): void {
    const end = at + lengthBytes + packetLength;
    if (at < 0 || packetLength < 0 || end + tagBytes > buffer.length) throw failure('a packet outside of its buffer');
    const tag = buffer.subarray(end, end + tagBytes);
    this.turn(buffer, at, packetLength);
    if (!this.finish(tag)) throw failure('EVP_CipherFinal_ex');
    this.tag(EVP_CTRL_AEAD_GET_TAG, tag);
    this.count();
  }
}

/** What a packet that does not authenticate was decrypted to is overwritten. */
class GcmOpener extends GcmDirection implements PacketOpener {
  readonly headBytes = lengthBytes;
  private readonly nothing = new Uint8Array(tagBytes);

  constructor(functions: Functions, algorithm: Pointer, keys: DirectionKeys) {
    super(functions, algorithm, keys, 0);
  }

  packetLength(buffer: Uint8Array, at: number): number {
    return (
      (((buffer[at] as number) << 24) |
        ((buffer[at + 1] as number) << 16) |
        ((buffer[at + 2] as number) << 8) |
        (buffer[at + 3] as number)) >>>
      0
    );
  }

  open(buffer: Uint8Array, at: number, packetLength: number): void {
    const end = at + lengthBytes + packetLength;
    if (at < 0 || packetLength < 0 || end + tagBytes > buffer.length) throw new SshError('SSH_ERR_MAC_INVALID');
    this.turn(buffer, at, packetLength);
    this.tag(EVP_CTRL_AEAD_SET_TAG, buffer.subarray(end, end + tagBytes));
    if (!this.finish(this.nothing)) {
      buffer.fill(0, at + lengthBytes, end);
      throw new SshError('SSH_ERR_MAC_INVALID');
    }
    this.count();
  }
}

function failure(what: string): SshError {
  return new SshError('SSH_ERR_LIBCRYPTO_ERROR', what);
}
