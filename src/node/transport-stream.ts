import type { Transport } from '../core/transport/transport.ts';
import type { TransportSurroundings } from '../core/transport/transport-config.ts';
import { systemClock } from './clock.ts';
import { libcryptoCiphers } from './native/libcrypto-ciphers.ts';
import type { ByteStream } from './socket.ts';

/** The part of a transport's surroundings that a stream and this system give it. */
export function streamSurroundings(stream: ByteStream): Pick<TransportSurroundings, 'clock' | 'bulk' | 'write' | 'unsent' | 'resume'> {
  return {
    clock: systemClock,
    bulk: libcryptoCiphers,
    write: (bytes) => stream.write(bytes),
    unsent: () => stream.pending,
    resume: () => {
      stream.resume();
    },
  };
}

/** Reads the stream into the transport; reading starts at once. */
export function readInto(transport: Transport, stream: ByteStream): void {
  stream.start({
    space: () => transport.space(),
    filled: (length) => transport.filled(length),
    ended: () => {
      transport.ended();
    },
    failed: (error) => {
      transport.ended(error);
    },
    writeFailed: (error) => {
      // what the peer had said before, its end among it, is heard first
      setImmediate(() => setImmediate(() => transport.ended(error)));
    },
    drained: () => {
      transport.drained();
    },
  });
}
