import type { BulkCiphers } from '../crypto/packet-bulk.ts';
import type { Random } from '../crypto/random.ts';
import type { EventSink } from '../events.ts';
import type { Clock } from '../util/clock.ts';
import type { ClientKexConfig, ServerKexConfig } from './key-exchange.ts';
import type { RekeyLimit } from './rekey.ts';

/** What a transport is told about itself. */
export type TransportConfig = (ClientKexConfig | (ServerKexConfig & { readonly signatureAlgorithms: readonly string[] })) & {
  /** The own identification string, such as SSH-2.0-tsh_0.1.0. */
  readonly ident: string;
  readonly rekeyLimit: RekeyLimit;
  /** Whether each packet is an event; for the loudest log only. */
  readonly tracePackets: boolean;
};

/** What a transport takes from its surroundings: it opens nothing itself. */
export interface TransportSurroundings {
  readonly random: Random;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Faster sources of ciphers, for directions that move much. */
  readonly bulk?: BulkCiphers;
  /** Sends bytes to the peer and owns them, see `unsent`; false where more wait than is good, until {@link Transport.drained}. */
  readonly write: (bytes: Uint8Array) => boolean;
  /**
   * How many written bytes are not sent yet: at 0 all that was written is the transport's again, which seals the next packets into it.
   * Without it what is written is given away for good.
   */
  readonly unsent?: () => number;
  /** Reads on after {@link Transport.filled} said stop. */
  readonly resume: () => void;
  /** Closes the way to the peer once what was written is sent. */
  readonly end: () => void;
}
