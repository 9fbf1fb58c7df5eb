import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';

/** A long path to a server: what is sent arrives later, in both directions, as much of it as the sender likes. */
export interface DelayProxy {
  readonly port: number;
  /** Ends it; its CPU time counts as this process' children's from then on. */
  stop(): Promise<void>;
}

/** The argument that makes this program such a path; the target's port and the round trip in milliseconds follow. */
export const DELAY_PROXY = '--delay-proxy';

/** Starts a path in a process of its own, so that its work is nobody else's. */
export async function startDelayProxy(targetPort: number, roundTripMs: number): Promise<DelayProxy> {
  const child = spawn(process.execPath, [process.argv[1] ?? '', DELAY_PROXY, String(targetPort), String(roundTripMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error('the delaying proxy has ended')));
    child.stdout.once('data', (bytes: Buffer) => resolve(Number(bytes.toString())));
  });
  return { port, stop: () => end(child) };
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.on('exit', () => resolve());
    child.stdin?.end();
  });
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
