import type { IncomingOpen } from '../core/connection/connection.ts';
import { prohibited } from '../core/connection/open-error.ts';
import type { Log } from '../core/util/log.ts';
import { channelTypes } from '../core/wire/connection-messages.ts';

/** The rows of ConnectionOptions.accept for the channels of forwardings that nobody asks for here: refused, and told as ssh tells it. */
export function refuseUnasked(log: Log): Readonly<Record<string, (open: IncomingOpen) => void>> {
  const refusing =
    (tell: (body: Uint8Array) => void) =>
    (open: IncomingOpen): void => {
      tell(open.body);
      open.refuse(prohibited);
    };
  return {
    x11: refusing(() => {
      log('ERROR', 'Warning: ssh server tried X11 forwarding.');
      log('ERROR', 'Warning: this is probably a break-in attempt by a malicious server.');
    }),
    'forwarded-tcpip': refusing((body) => {
      const { connectedPort } = channelTypes.decode('forwarded-tcpip', body);
      log('ERROR', `WARNING: Server requests forwarding for unknown listen_port ${connectedPort}`);
    }),
    'forwarded-streamlocal@openssh.com': refusing((body) => {
      const { socketPath } = channelTypes.decode('forwarded-streamlocal@openssh.com', body);
      log('ERROR', `WARNING: Server requests forwarding for unknown path ${socketPath.slice(0, 100)}`);
    }),
  };
}
