import type { StreamSource } from '../../core/crypto/packet-stream.ts';
import { CipherContext, libcryptoError } from './libcrypto-context.ts';
import type { Handle, Libcrypto } from './libcrypto.ts';

/** A stream cipher in place: node:crypto allocates what it returns, and that is to be copied back. */
export function streamSource(crypto: Libcrypto, cipher: Handle): StreamSource {
  return (keys, sealing) => {
    const context = new CipherContext(crypto, cipher, keys.key, sealing);
    context.nonce.set(keys.iv);
    context.begin();
    return {
      turn: (buffer, from, to) => {
        if (from < 0 || to < from || to > buffer.length) throw libcryptoError();
        context.turn(buffer, from, to - from);
      },
      turnFrom: (source, buffer, at) => {
        if (at < 0 || at + source.length > buffer.length) throw libcryptoError();
        context.turnFrom(source, buffer, at);
      },
      wipe: () => {
        context.free();
      },
    };
  };
}
