import { type Koffi, loadKoffi } from './load.ts';

/** An object of libcrypto's own, by its address; null where C returns NULL. */
export type Handle = bigint;

/** What C takes as an address: a {@link Handle}, that of a buffer, or 0 for NULL. Numbers are passed twice as fast as buffers themselves. */
export type Address = number | bigint;

/** OpenSSL's functions that are called, by their C declarations; libcrypto keeps no pointer to what they are given. */
const declarations = {
  EVP_CIPHER_fetch: 'void *EVP_CIPHER_fetch(void *library, const char *name, const char *properties)',
  EVP_CIPHER_CTX_new: 'void *EVP_CIPHER_CTX_new()',
  EVP_CIPHER_CTX_free: 'void EVP_CIPHER_CTX_free(void *context)',
  EVP_CipherInit_ex: 'int EVP_CipherInit_ex(uint64_t context, uint64_t cipher, uint64_t engine, uint64_t key, uint64_t iv, int seal)',
  EVP_CipherInit_ex2: 'int EVP_CipherInit_ex2(uint64_t context, uint64_t cipher, uint64_t key, uint64_t iv, int seal, uint64_t parameters)',
  EVP_CipherUpdate: 'int EVP_CipherUpdate(uint64_t context, uint64_t output, uint64_t outputLength, uint64_t input, int inputLength)',
  EVP_CipherFinal_ex: 'int EVP_CipherFinal_ex(uint64_t context, uint64_t output, uint64_t outputLength)',
  EVP_CIPHER_CTX_ctrl: 'int EVP_CIPHER_CTX_ctrl(uint64_t context, int command, int number, uint64_t bytes)',
  EVP_MAC_fetch: 'void *EVP_MAC_fetch(void *library, const char *name, const char *properties)',
  EVP_MAC_CTX_new: 'void *EVP_MAC_CTX_new(void *mac)',
  EVP_MAC_CTX_free: 'void EVP_MAC_CTX_free(void *context)',
  EVP_MAC_init: 'int EVP_MAC_init(uint64_t context, uint64_t key, size_t keyLength, uint64_t parameters)',
  EVP_MAC_update: 'int EVP_MAC_update(uint64_t context, uint64_t input, size_t inputLength)',
  EVP_MAC_final: 'int EVP_MAC_final(uint64_t context, uint64_t output, uint64_t outputLength, size_t outputSize)',
  EVP_MD_fetch: 'void *EVP_MD_fetch(void *library, const char *name, const char *properties)',
  HMAC_CTX_new: 'void *HMAC_CTX_new()',
  HMAC_CTX_free: 'void HMAC_CTX_free(void *context)',
  HMAC_Init_ex: 'int HMAC_Init_ex(uint64_t context, uint64_t key, int keyLength, uint64_t digest, uint64_t engine)',
  HMAC_Update: 'int HMAC_Update(uint64_t context, uint64_t input, size_t inputLength)',
  HMAC_Final: 'int HMAC_Final(uint64_t context, uint64_t output, uint64_t outputLength)',
} as const;

/**
 * The functions by their C names; those that return an int return 1 for success. What C reads or writes is memory that a {@link Locator}
 * told of, and that its caller holds until the call returns.
 */
export interface Libcrypto {
  EVP_CIPHER_fetch: (library: null, name: string, properties: null) => Handle | null;
  EVP_CIPHER_CTX_new: () => Handle | null;
  EVP_CIPHER_CTX_free: (context: Handle) => void;
  EVP_CipherInit_ex: (context: Address, cipher: Address, engine: 0, key: Address, iv: Address, seal: number) => number;
  EVP_CipherInit_ex2: (context: Address, cipher: 0, key: 0, iv: Address, seal: number, parameters: Address) => number;
  EVP_CipherUpdate: (context: Address, output: Address, outputLength: Address, input: Address, inputLength: number) => number;
  EVP_CipherFinal_ex: (context: Address, output: Address, outputLength: Address) => number;
  EVP_CIPHER_CTX_ctrl: (context: Address, command: number, number: number, bytes: Address) => number;
  EVP_MAC_fetch: (library: null, name: string, properties: null) => Handle | null;
  EVP_MAC_CTX_new: (mac: Handle) => Handle | null;
  EVP_MAC_CTX_free: (context: Handle) => void;
  EVP_MAC_init: (context: Address, key: Address, keyLength: number, parameters: 0) => number;
  EVP_MAC_update: (context: Address, input: Address, inputLength: number) => number;
  EVP_MAC_final: (context: Address, output: Address, outputLength: Address, outputSize: number) => number;
  EVP_MD_fetch: (library: null, name: string, properties: null) => Handle | null;
  HMAC_CTX_new: () => Handle | null;
  HMAC_CTX_free: (context: Handle) => void;
  HMAC_Init_ex: (context: Address, key: Address, keyLength: number, digest: Address, engine: 0) => number;
  HMAC_Update: (context: Address, input: Address, inputLength: number) => number;
  HMAC_Final: (context: Address, output: Address, outputLength: Address) => number;
  /** Where a buffer's memory begins. */
  address: (buffer: ArrayBufferLike) => Address;
}

/**
 * Tells where bytes lie. A buffer's memory does not move, but is freed once nobody holds the buffer: this holds the last one that it was
 * asked about, so that what it says is never old.
 */
export class Locator {
  private readonly crypto: Libcrypto;
  private held: ArrayBufferLike | undefined;
  private base = 0;

  constructor(crypto: Libcrypto) {
    this.crypto = crypto;
  }

  /** The address of the first of these bytes; good as long as the caller holds them. */
  of(bytes: Uint8Array): number {
    const { buffer, byteOffset } = bytes;
    if (buffer !== this.held) {
      this.base = Number(this.crypto.address(buffer));
      this.held = buffer;
    }
    return this.base + byteOffset;
  }
}

/** Bytes for C that live as long as this object and stay where they are: for nonces, tags and counts. */
export class Scratch {
  readonly bytes: Uint8Array;
  readonly address: number;

  constructor(crypto: Libcrypto, length: number) {
    const buffer = new ArrayBuffer(length);
    this.bytes = new Uint8Array(buffer);
    this.address = Number(crypto.address(buffer));
  }
}

/** One parameter for libcrypto, of bytes that may lie elsewhere each time: an array of two OSSL_PARAM, whose second ends it. */
export class BytesParameter {
  /** The array's. */
  readonly address: number;
  private readonly scratch: Scratch;
  private readonly name: Scratch;
  private readonly words: Uint32Array;

  /** Of `length` bytes always. */
  constructor(crypto: Libcrypto, name: string, length: number) {
    this.name = new Scratch(crypto, name.length + 1);
    for (let i = 0; i < name.length; i++) this.name.bytes[i] = name.charCodeAt(i);
    this.scratch = new Scratch(crypto, 2 * PARAMETER_BYTES);
    this.address = this.scratch.address;
    this.words = new Uint32Array(this.scratch.bytes.buffer);
    this.setPointer(NAME_WORD, this.name.address);
    this.words[TYPE_WORD] = OCTET_STRING;
    this.words[SIZE_WORD] = length;
    // libcrypto notes here what it used
    this.words.fill(0xffffffff, USED_WORD, USED_WORD + 2);
  }

  /** The bytes are at this address now. */
  set(address: number): void {
    this.setPointer(BYTES_WORD, address);
  }

  /** As a little-endian machine with pointers of 64 bits has it: those that koffi's ciphers are used on. */
  private setPointer(word: number, address: number): void {
    this.words[word] = address;
    this.words[word + 1] = address / 2 ** 32;
  }
}

// struct OSSL_PARAM { const char *key; unsigned data_type; void *data; size_t data_size; size_t return_size }, in words of 32 bits
const PARAMETER_BYTES = 40;
const [NAME_WORD, TYPE_WORD, BYTES_WORD, SIZE_WORD, USED_WORD] = [0, 2, 4, 6, 8];
const OCTET_STRING = 5;

let loaded: Libcrypto | 'none' | undefined;

/**
 * libcrypto, found on the first call: the one inside of Node's own program, or the shared one of version 3 that Node is linked with.
 * Undefined where there is none, or native calls are off.
 */
export function libcrypto(): Libcrypto | undefined {
  loaded ??= find() ?? 'none';
  return loaded === 'none' ? undefined : loaded;
}

function find(): Libcrypto | undefined {
  const koffi = loadKoffi();
  if (koffi === undefined) return undefined;
  for (const file of [null, 'libcrypto.so.3']) {
    try {
      return bind(koffi, koffi.load(file));
    } catch {
      // the library, or one of the functions, is not there
    }
  }
  return undefined;
}

function bind(koffi: Koffi, library: ReturnType<Koffi['load']>): Libcrypto {
  const functions = Object.fromEntries(Object.entries(declarations).map(([name, declaration]) => [name, library.func(declaration)]));
  return { ...functions, address: (buffer: ArrayBufferLike) => koffi.address(buffer) } as unknown as Libcrypto;
}
