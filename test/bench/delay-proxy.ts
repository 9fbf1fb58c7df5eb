import { connect, createServer, type Socket } from 'node:net';
import { type PortProcess, startPortProcess } from './port-process.ts';

/** The argument that makes this program a long path to a server; the target's port and the round trip in milliseconds follow. */
export const DELAY_PROXY = '--delay-proxy';

/**
 * Starts a long path to a server in a process of its own, so that its work is nobody else's: what is sent arrives later, in both directions,
 * as much of it as the sender likes.
 */
export function startDelayProxy(targetPort: number, roundTripMs: number): Promise<PortProcess> {
  return startPortProcess(process.execPath, [process.argv[1] ?? '', DELAY_PROXY, String(targetPort), String(roundTripMs)]);
}

/** The process itself: tells its port on stdout, and ends with stdin. */
export function runDelayProxy(targetPort: number, roundTripMs: number): void {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    delay(near, far, roundTripMs / 2);
    delay(far, near, roundTripMs / 2);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address !== 'string') process.stdout.write(`${address.port}\n`);
  });
  process.stdin.resume();
  process.stdin.on('end', () => process.exit());
}

function delay(from: Socket, to: Socket, delayMs: number): void {
  from.setNoDelay(true);
  // timers of one length fire in their order
  const later = (act: () => void): void => void setTimeout(act, delayMs);
  from.on('data', (bytes: Buffer) => later(() => to.write(bytes)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => later(() => to.destroy()));
}
