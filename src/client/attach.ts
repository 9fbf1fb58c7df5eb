import type { ByteStream } from '../node/socket.ts';
import { systemRandom } from '../core/crypto/random.ts';
import type { EventSink } from '../core/events.ts';
import { Transport } from '../core/transport/transport.ts';
import type { TransportConfig } from '../core/transport/transport-config.ts';
import { systemClock } from '../node/clock.ts';
import { libcryptoCiphers } from '../node/native/libcrypto-ciphers.ts';

/** A transport that speaks over this stream; reading starts at once. */
export function attachTransport(stream: ByteStream, config: TransportConfig, events: EventSink): Transport {
  const transport = new Transport(config, {
    random: systemRandom,
    clock: systemClock,
    events,
    bulk: libcryptoCiphers,
    write: (bytes) => stream.write(bytes),
    unsent: () => stream.pending,
    resume: () => {
      stream.resume();
    },
    end: () => {
      stream.end();
    },
  });
  stream.start({
    space: () => transport.space(),
    filled: (length) => transport.filled(length),
    ended: () => {
      transport.ended();
    },
    failed: (error) => {
      transport.ended(error);
    },
    drained: () => {
      transport.drained();
    },
  });
  return transport;
}
