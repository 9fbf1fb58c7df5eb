import { type Koffi, loadKoffi } from './load.ts';

/** An object of libcrypto's own, by its address; null where C returns NULL. */
export type Handle = bigint;

/**
 * OpenSSL's functions that are called, by their C declarations. What C reads or writes through `void *` is a buffer that the caller passes
 * and holds until the call returns: libcrypto keeps no pointer to any of them.
 */
const declarations = {
  EVP_CIPHER_fetch: 'void *EVP_CIPHER_fetch(void *library, const char *name, const char *properties)',
  EVP_CIPHER_CTX_new: 'void *EVP_CIPHER_CTX_new()',
  EVP_CIPHER_CTX_free: 'void EVP_CIPHER_CTX_free(void *context)',
  EVP_CipherInit_ex: 'int EVP_CipherInit_ex(void *context, void *cipher, void *engine, const void *key, const void *iv, int seal)',
  EVP_CipherUpdate: 'int EVP_CipherUpdate(void *context, void *output, void *outputLength, const void *input, int inputLength)',
  EVP_CipherFinal_ex: 'int EVP_CipherFinal_ex(void *context, void *output, void *outputLength)',
  EVP_CIPHER_CTX_ctrl: 'int EVP_CIPHER_CTX_ctrl(void *context, int command, int number, void *bytes)',
  EVP_MAC_fetch: 'void *EVP_MAC_fetch(void *library, const char *name, const char *properties)',
  EVP_MAC_CTX_new: 'void *EVP_MAC_CTX_new(void *mac)',
  EVP_MAC_CTX_free: 'void EVP_MAC_CTX_free(void *context)',
  EVP_MAC_init: 'int EVP_MAC_init(void *context, const void *key, size_t keyLength, void *parameters)',
  EVP_MAC_update: 'int EVP_MAC_update(void *context, const void *input, size_t inputLength)',
  EVP_MAC_final: 'int EVP_MAC_final(void *context, void *output, void *outputLength, size_t outputSize)',
  EVP_MD_fetch: 'void *EVP_MD_fetch(void *library, const char *name, const char *properties)',
  HMAC_CTX_new: 'void *HMAC_CTX_new()',
  HMAC_CTX_free: 'void HMAC_CTX_free(void *context)',
  HMAC_Init_ex: 'int HMAC_Init_ex(void *context, const void *key, int keyLength, void *digest, void *engine)',
  HMAC_Update: 'int HMAC_Update(void *context, const void *input, size_t inputLength)',
  HMAC_Final: 'int HMAC_Final(void *context, void *output, void *outputLength)',
} as const;

/** The functions by their C names; those that return an int return 1 for success. */
export interface Libcrypto {
  EVP_CIPHER_fetch: (library: null, name: string, properties: null) => Handle | null;
  EVP_CIPHER_CTX_new: () => Handle | null;
  EVP_CIPHER_CTX_free: (context: Handle) => void;
  EVP_CipherInit_ex: (
    context: Handle,
    cipher: Handle | null,
    engine: null,
    key: Uint8Array | null,
    iv: Uint8Array | null,
    seal: number,
  ) => number;
  EVP_CipherUpdate: (
    context: Handle,
    output: Uint8Array | null,
    outputLength: Uint8Array,
    input: Uint8Array,
    inputLength: number,
  ) => number;
  EVP_CipherFinal_ex: (context: Handle, output: Uint8Array, outputLength: Uint8Array) => number;
  EVP_CIPHER_CTX_ctrl: (context: Handle, command: number, number: number, bytes: Uint8Array) => number;
  EVP_MAC_fetch: (library: null, name: string, properties: null) => Handle | null;
  EVP_MAC_CTX_new: (mac: Handle) => Handle | null;
  EVP_MAC_CTX_free: (context: Handle) => void;
  EVP_MAC_init: (context: Handle, key: Uint8Array, keyLength: number, parameters: null) => number;
  EVP_MAC_update: (context: Handle, input: Uint8Array, inputLength: number) => number;
  EVP_MAC_final: (context: Handle, output: Uint8Array, outputLength: Uint8Array, outputSize: number) => number;
  EVP_MD_fetch: (library: null, name: string, properties: null) => Handle | null;
  HMAC_CTX_new: () => Handle | null;
  HMAC_CTX_free: (context: Handle) => void;
  HMAC_Init_ex: (context: Handle, key: Uint8Array | null, keyLength: number, digest: Handle | null, engine: null) => number;
  HMAC_Update: (context: Handle, input: Uint8Array, inputLength: number) => number;
  HMAC_Final: (context: Handle, output: Uint8Array, outputLength: Uint8Array) => number;
}

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
      return bind(koffi.load(file));
    } catch {
      // the library, or one of the functions, is not there
    }
  }
  return undefined;
}

function bind(library: ReturnType<Koffi['load']>): Libcrypto {
  return Object.fromEntries(
    Object.entries(declarations).map(([name, declaration]) => [name, library.func(declaration)]),
  ) as unknown as Libcrypto;
}
