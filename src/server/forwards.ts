import type { IncomingOpen } from '../core/connection/connection.ts';
import type { Forwarder, ForwardTarget } from '../core/connection/forwarding.ts';
import { connectFailed } from '../core/connection/open-error.ts';
import { joinStream } from '../node/channel-stream.ts';
import { resolveHost } from '../node/resolve.ts';
import { connectTcp, type SocketStream } from '../node/socket.ts';
import { connectUnix } from '../node/unix-socket.ts';

/** Carries out the forwardings that `permits` lets pass, with sockets of this machine. */
export function socketForwarder(permits: (target: ForwardTarget) => boolean): Forwarder {
  return {
    permits,
    connect: (target, open) => {
      reach(target).then(
        (stream) => {
          begin(stream, open);
        },
        (error: unknown) => {
          open.refuse(connectFailed(error instanceof Error ? error.message : 'unknown error'));
        },
      );
    },
  };
}

function begin(stream: SocketStream, open: IncomingOpen): void {
  try {
    open.accept(joinStream(stream));
  } catch {
    // the client went away meanwhile
    stream.destroy();
  }
}

/** Tries a host's addresses in their order; the last one's error counts, as with OpenSSH. */
async function reach(target: ForwardTarget): Promise<SocketStream> {
  if (target.kind === 'local') return connectUnix(target.path);
  let failure: unknown;
  for (const { address } of await resolveHost(target.end.host, 'any')) {
    try {
      return await connectTcp({ address, port: target.end.port });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
