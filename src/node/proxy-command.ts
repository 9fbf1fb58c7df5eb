import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import tty from 'node:tty';
import { systemError } from './errno.ts';
import { ignoringInterrupts } from './ignored-signals.ts';
import { receiveDescriptor, socketPair } from './native/descriptors.ts';
import { nativeRefusal } from './native/load.ts';
import { type SocketStream, wrapSocket } from './socket.ts';
import { type PipedChild, spawnPiped, userShell } from './spawn.ts';

/**
 * Runs a ProxyCommand, whose tokens are expanded already, by the user's shell; `exec` keeps the shell from staying between. It gets pipes, and its stderr is
 * ours. The connection's end is told to it by {@link endProxyCommand}.
 *
 * @throws SystemError where the shell can't be started.
 */
export function startProxyCommand(command: string): Promise<PipedChild> {
  return spawnPiped(...ignoringInterrupts(userShell(), ['-c', `exec ${command}`]), { pipes: true });
}

/** Ends a ProxyCommand as ssh(1) does, with SIGHUP, and drops its streams. */
export function endProxyCommand(child: PipedChild): void {
  child.kill('SIGHUP');
  child.stream.destroy();
}

/** A ProxyCommand that gave no connection. */
export class NoConnectionPassed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoConnectionPassed';
  }
}

/** How often it is looked whether a descriptor has come, in milliseconds. */
const LOOK_MS = 5;

/**
 * Runs a ProxyCommand that connects and passes the socket back over its stdin or stdout, a unix socket, and ends (ProxyUseFdpass).
 *
 * @throws NoConnectionPassed where it ends or writes something without passing a socket, or native calls are off; SystemError where the shell can't be
 * started.
 */
export async function dialByCommand(command: string, keepAlive: boolean): Promise<SocketStream> {
  const pair = socketPair();
  if (pair === undefined) throw new NoConnectionPassed(nativeRefusal('ProxyUseFdpass'));
  const [own, other] = pair;
  try {
    const child = spawn(userShell(), ['-c', `exec ${command}`], { stdio: [other, other, 'inherit'] });
    let failure: Error | undefined;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        failure = systemError(error);
        resolve();
      });
    });
    fs.closeSync(other);
    for (;;) {
      const received = receiveDescriptor(own);
      if (failure !== undefined) throw failure;
      if (received === 'nothing yet') {
        await new Promise((wake) => setTimeout(wake, LOOK_MS));
        continue;
      }
      if ('problem' in received) throw new NoConnectionPassed(`mm_receive_fd: ${received.problem}`);
      await ended;
      return socketStream(received.descriptor, keepAlive);
    }
  } finally {
    fs.closeSync(own);
  }
}

function socketStream(descriptor: number, keepAlive: boolean): SocketStream {
  let socket: net.Socket;
  try {
    socket = new net.Socket({ fd: descriptor, readable: true, writable: true, manualStart: true } as net.SocketConstructorOpts);
  } catch {
    fs.closeSync(descriptor);
    throw new NoConnectionPassed('what was passed back is no socket');
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive);
  return wrapSocket(socket);
}

/** This process' own stdin and stdout as the connection (ProxyCommand `-`). */
export function standardStreams(): SocketStream {
  return wrapSocket(standardStream(0), standardStream(1));
}

function standardStream(fd: 0 | 1): net.Socket {
  if (tty.isatty(fd)) return fd === 0 ? new tty.ReadStream(fd) : new tty.WriteStream(fd);
  return new net.Socket({ fd, readable: fd === 0, writable: fd === 1, manualStart: true } as net.SocketConstructorOpts);
}
