import type { StreamSource } from '../../core/crypto/packet-stream.ts';
import { CipherContext } from './libcrypto-context.ts';
import type { Handle, Libcrypto } from './libcrypto.ts';

/** A stream cipher in place: node:crypto allocates what it returns, and that is to be copied back. */
export function streamSource(crypto: Libcrypto, cipher: Handle): StreamSource {
  return (keys, sealing) => {
    const context = new CipherContext(crypto, cipher, keys.key, sealing);
    context.begin(keys.iv);
    return {
      turn: (buffer, from, to) => {
        context.turn(buffer.subarray(from, to));
      },
      wipe: () => {
        context.free();
      },
    };
  };
}
