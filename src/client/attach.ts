import { systemRandom } from '../core/crypto/random.ts';
import type { EventSink } from '../core/events.ts';
import { Transport } from '../core/transport/transport.ts';
import type { TransportConfig } from '../core/transport/transport-config.ts';
import type { ByteStream } from '../node/socket.ts';
import { readInto, streamSurroundings } from '../node/transport-stream.ts';

/** A transport that speaks over this stream; reading starts at once. */
export function attachTransport(stream: ByteStream, config: TransportConfig, events: EventSink): Transport {
  const transport = new Transport(config, {
    ...streamSurroundings(stream),
    random: systemRandom,
    events,
    end: () => {
      stream.end();
    },
  });
  readInto(transport, stream);
  return transport;
}
