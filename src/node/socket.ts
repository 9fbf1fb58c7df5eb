import fs from 'node:fs';
import net from 'node:net';
import { errnoOf, SystemError, systemError } from './errno.ts';
import { BusyReader } from './busy-read.ts';
import { type ByteReceiver, Inlet } from './inlet.ts';

/** A byte stream in both directions. */
export interface ByteStream {
  /** Starts reading; called once. Before it nothing is read. */
  start(receiver: ByteReceiver): void;
  /** Goes on reading after `filled` returned false. */
  resume(): void;
  /**
   * Writes; the stream owns `bytes` until they are written, which {@link pending} tells.
   * False says that enough waits: the receiver's `drained` follows.
   */
  write(bytes: Uint8Array): boolean;
  /** How many written bytes the system has not taken yet; 0 says that all buffers written so far are the caller's again. */
  readonly pending: number;
  /** Writes what waits, then tells the peer that nothing follows. */
  end(): void;
  /** Drops the stream with all that waits; the receiver hears nothing more. */
  destroy(): void;
  /** Drops the stream once what waits is written, or after a while if nobody reads it, and calls `gone`; the receiver hears nothing more. */
  destroySoon(gone?: () => void): void;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** Where to connect: one numeric address. */
export interface TcpTarget {
  readonly address: string;
  readonly port: number;
  /** The numeric address to bind to first (BindAddress, BindInterface). */
  readonly localAddress?: string | undefined;
  /** How long to try, in milliseconds; without it as long as the system does. */
  readonly timeoutMs?: number | undefined;
  /** TCPKeepAlive. */
  readonly keepAlive?: boolean | undefined;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** How many bytes may wait in a stream before `write` returns false: one buffer of sealed packets. */
const outputHighWater = 256 * 1024;
/** How long what was written may take to go once its stream was given up, in milliseconds. */
const longestLingerMs = 10_000;

/**
 * Connects to one address; Nagle's delay is off.
 *
 * @throws SystemError ECONNREFUSED, EHOSTUNREACH and the like; ETIMEDOUT when the time is over; ECANCELED when it was aborted.
 */
export function connectTcp(target: TcpTarget): Promise<SocketStream> {
  return connectWith(
    {
      host: target.address,
      port: target.port,
      ...(target.localAddress === undefined ? {} : { localAddress: target.localAddress }),
    },
    target,
  );
}

/** Connects a socket by net's own options; for TCP and unix sockets alike. The errors are those of {@link connectTcp}. */
export function connectWith(
  options: net.NetConnectOpts,
  limits: Pick<TcpTarget, 'timeoutMs' | 'keepAlive' | 'signal'>,
): Promise<SocketStream> {
  return new Promise((resolve, reject) => {
    const inlet = new Inlet();
    const socket = new net.Socket(socketOptions(inlet));
    socket.pause();
    const { signal, timeoutMs } = limits;
    const abort = (): void => fail(new SystemError('ECANCELED'));
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(new SystemError('ETIMEDOUT')), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.removeListener('error', fail);
    };
    const fail = (error: Error): void => {
      settle();
      // A socket that is given up may still report an error, which nobody waits for.
      socket.on('error', () => {});
      socket.destroy();
      reject(systemError(error));
    };
    if (signal?.aborted === true) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort);
    socket.on('error', fail);
    socket.connect(options as net.SocketConnectOpts, () => {
      settle();
      // net takes these as options of a socket that it makes itself, and ignores them here
      socket.setNoDelay(true);
      socket.setKeepAlive(limits.keepAlive ?? false);
      resolve(new SocketStream(inlet, socket, socket));
    });
  });
}

/**
 * A stream over a socket that someone else made (an accepted one, a child's pipes), or over one that is read and another, or nothing,
 * that is written. `reading` must not have been read from.
 *
 * net offers the reading into a given buffer only to sockets made with that wish, so the handle below moves to a new socket, as
 * child_process does when it hands a socket on; where there is no such handle, the bytes are copied.
 */
export function wrapSocket(reading: net.Socket, writing: net.Socket | 'nothing' = reading): SocketStream {
  const inlet = new Inlet();
  const held = reading as unknown as SocketInternals;
  const handle = held._handle;
  if (handle === null || handle === undefined || typeof handle.useUserBuffer !== 'function') {
    reading.pause();
    const stream = new SocketStream(inlet, reading, writing === 'nothing' ? reading : writing);
    reading.on('data', (chunk: Buffer) => {
      if (!inlet.take(chunk)) reading.pause();
    });
    reading.pause();
    return stream;
  }
  held._handle = null;
  const options = { ...socketOptions(inlet), handle, pauseOnCreate: true, writable: writing === reading };
  const moved = new net.Socket(options);
  moved.pause();
  const fresh = moved as unknown as SocketInternals;
  // The server counts its connections by this field.
  fresh._server = held._server ?? null;
  held._server = null;
  return new SocketStream(inlet, moved, writing === reading || writing === 'nothing' ? moved : writing);
}

/** A {@link ByteStream} over a socket, or over one that is read and another that is written. */
export class SocketStream implements ByteStream {
  private readonly inlet: Inlet;
  private readonly reading: net.Socket;
  private readonly writing: net.Socket;
  /** What went wrong before anyone listened. */
  private early: Error | undefined;
  private waiting = false;
  private over = false;

  constructor(inlet: Inlet, reading: net.Socket, writing: net.Socket) {
    this.inlet = inlet;
    this.reading = reading;
    this.writing = writing;
    reading.on('error', (error) => this.fail(error));
    if (writing !== reading) writing.on('error', (error) => this.failWriting(error));
  }

  start(receiver: ByteReceiver): void {
    this.inlet.receiver = receiver;
    this.reading.on('end', () => {
      this.afterReset(() => {
        if (!this.over) receiver.ended();
      });
    });
    this.writing.on('drain', () => {
      if (!this.waiting || this.over) return;
      this.waiting = false;
      receiver.drained();
    });
    if (this.remoteAddress !== undefined && this.descriptor !== -1) {
      this.inlet.busy = new BusyReader(this.descriptor);
      this.inlet.failed = (error) => this.fail(error);
    }
    const { early } = this;
    if (early === undefined) this.resume();
    else queueMicrotask(() => this.fail(early));
  }

  resume(): void {
    if (!this.over && this.inlet.resume()) this.reading.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.over || this.writing.destroyed) return true;
    const taken = this.writeNow(bytes);
    this.inlet.busy?.wrote(taken, bytes.length);
    if (taken === bytes.length || this.writing.destroyed) return true;
    this.writing.write(taken === 0 ? bytes : bytes.subarray(taken));
    if (this.writing.writableLength < outputHighWater) return true;
    this.waiting = true;
    return false;
  }

  get pending(): number {
    // nothing reads what a destroyed socket still counts
    return this.writing.destroyed ? 0 : this.writing.writableLength;
  }

  end(): void {
    this.writing.end();
  }

  destroy(): void {
    this.over = true;
    this.inlet.receiver = undefined;
    this.reading.destroy();
    this.writing.destroy();
  }

  destroySoon(gone: () => void = () => undefined): void {
    this.over = true;
    this.inlet.receiver = undefined;
    if (this.reading !== this.writing) this.reading.destroy();
    this.writing.destroySoon();
    if (this.writing.destroyed) {
      gone();
      return;
    }
    const lingering = setTimeout(() => this.writing.destroy(), longestLingerMs);
    this.writing.on('close', () => {
      clearTimeout(lingering);
      gone();
    });
  }

  /** Reads no more from a stream that is written elsewhere (a child's stdout): who writes to it is told so, as by SIGPIPE. */
  closeReading(): void {
    if (this.reading !== this.writing) this.reading.destroy();
  }

  get remoteAddress(): string | undefined {
    return this.reading.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.reading.remotePort;
  }

  get localAddress(): string | undefined {
    return this.reading.localAddress;
  }

  get localPort(): number | undefined {
    return this.reading.localPort;
  }

  /** The socket's descriptor, for native calls; -1 where there is none. */
  get descriptor(): number {
    const handle = (this.reading as unknown as SocketInternals)._handle;
    return handle?.fd ?? -1;
  }

  /**
   * Calls `ended` where the peer has ended the stream in good order. libuv takes a reset for that where bytes came right before it: so
   * what has no peer any more is read once more, which brings the error that {@link fail} is called with.
   */
  private afterReset(ended: () => void): void {
    const handle = (this.reading as unknown as SocketInternals)._handle;
    const gone = handle?.readStart !== undefined && handle.getpeername !== undefined && handle.getpeername({}) !== 0;
    if (!gone || handle.readStart?.() !== 0) {
      ended();
      return;
    }
    // the first is still within this turn of the event loop, the second after the next look at the socket
    setImmediate(() => setImmediate(ended));
  }

  /**
   * Writes at once what the system takes, where nothing waits before it, and says how much that was: a stream's own way of writing costs
   * more than the system's for what it takes at once anyway. The descriptor does not block: libuv has made it so.
   */
  private writeNow(bytes: Uint8Array): number {
    const { writing } = this;
    const fd = (writing as unknown as SocketInternals)._handle?.fd ?? -1;
    if (fd < 0 || writing.connecting || writing.writableLength > 0 || writing.writableEnded) return 0;
    try {
      return fs.writeSync(fd, bytes);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') writing.destroy(error as Error);
      return 0;
    }
  }

  private failWriting(error: Error): void {
    const { receiver } = this.inlet;
    this.writing.destroy();
    if (this.over || receiver === undefined) return;
    receiver.writeFailed?.(systemError(error));
    // Nothing waits any more.
    if (this.waiting) receiver.drained();
    this.waiting = false;
  }

  private fail(error: Error): void {
    const { receiver } = this.inlet;
    if (this.over) return;
    if (receiver === undefined) {
      this.early ??= error;
      return;
    }
    this.destroy();
    receiver.failed(systemError(error));
  }
}

/** The parts of net.Socket and its handle that are not public, but that libraries have long leant on. */
interface SocketInternals {
  _handle:
    | {
        readonly fd?: number;
        readonly useUserBuffer?: unknown;
        /** Both return 0 or a negative error number; only TCP has a peer's name. */
        readonly readStart?: () => number;
        readonly getpeername?: (into: object) => number;
      }
    | null
    | undefined;
  _server: unknown;
}

function socketOptions(inlet: Inlet): net.SocketConstructorOpts {
  const options = { allowHalfOpen: true, writableHighWaterMark: outputHighWater, onread: inlet.onread };
  return options;
}
