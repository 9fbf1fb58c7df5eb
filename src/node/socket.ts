import fs from 'node:fs';
import net from 'node:net';
import { errnoOf, SystemError, systemError } from './errno.ts';

/** Who reads a {@link ByteStream}. */
export interface ByteReceiver {
  /** The buffer that the next bytes are to be written into, at least one byte long; it stays the receiver's. Asked for only while reading. */
  space(): Uint8Array;
  /** `length` bytes were written at the start of the last {@link space}. False stops the reading until `resume()`. */
  filled(length: number): boolean;
  /** The peer sends no more; what was written here still reaches it. */
  ended(): void;
  /** The stream broke, and is destroyed. */
  failed(error: Error): void;
  /** Writing broke where that is a channel of its own, a child's stdin: what is written is dropped from now on, reading goes on. */
  writeFailed?(error: Error): void;
  /** Everything that was written has gone: writing may go on. */
  drained(): void;
}

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
  /** Drops the stream once what waits is written, or after a while if nobody reads it; the receiver hears nothing more. */
  destroySoon(): void;
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
/** What is read where the receiver's own buffer can't be asked for: the first bytes, and those after a pause. */
const landingSize = 16 * 1024;

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
    if (taken === bytes.length || this.writing.destroyed) return true;
    this.writing.write(taken === 0 ? bytes : bytes.subarray(taken));
    if (this.writing.writableLength < outputHighWater) return true;
    this.waiting = true;
    return false;
  }

  get pending(): number {
    return this.writing.writableLength;
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

  destroySoon(): void {
    this.over = true;
    this.inlet.receiver = undefined;
    if (this.reading !== this.writing) this.reading.destroy();
    this.writing.destroySoon();
    if (this.writing.destroyed) return;
    const lingering = setTimeout(() => this.writing.destroy(), longestLingerMs);
    this.writing.on('close', () => clearTimeout(lingering));
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

/**
 * Where a socket's bytes come in: straight into the receiver's buffer while it reads; into a small landing buffer before it starts and
 * at the first read after a pause, because net asks for the next buffer at once, when the receiver has just said that it has no room.
 */
class Inlet {
  receiver: ByteReceiver | undefined;
  readonly onread = {
    buffer: (): Uint8Array => this.target(),
    callback: (length: number): boolean => this.arrived(length),
  };
  private readonly landing = new Uint8Array(landingSize);
  /** Read, but not handed on yet. */
  private held: Uint8Array | undefined;
  private running = false;
  /** Whether the socket's present buffer is the receiver's. */
  private direct = false;
  private inside = false;
  private resumed = false;

  /** Whether reading may go on. */
  resume(): boolean {
    if (this.inside) {
      this.resumed = true;
      return false;
    }
    this.running = true;
    const { held } = this;
    this.held = undefined;
    return held === undefined || this.take(held);
  }

  /** Hands on bytes by copying them; false where the receiver wants a pause: the rest of `bytes` is then held, as a view. */
  take(bytes: Uint8Array): boolean {
    let rest = bytes;
    while (rest.length > 0) {
      const { receiver } = this;
      if (receiver === undefined || !this.running) {
        this.held = rest;
        return false;
      }
      const space = receiver.space();
      const length = Math.min(space.length, rest.length);
      space.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      this.running = this.tell(receiver, length);
    }
    return this.running;
  }

  private target(): Uint8Array {
    const { receiver } = this;
    this.direct = this.running && receiver !== undefined;
    return this.direct && receiver !== undefined ? receiver.space() : this.landing;
  }

  private arrived(length: number): boolean {
    const { receiver } = this;
    if (receiver === undefined) return false;
    if (!this.direct) return this.take(this.landing.subarray(0, length));
    this.running = this.tell(receiver, length);
    return this.running;
  }

  /** A receiver that resumes within `filled` goes on, whatever it returns. */
  private tell(receiver: ByteReceiver, length: number): boolean {
    this.inside = true;
    this.resumed = false;
    const more = receiver.filled(length);
    this.inside = false;
    return more || this.resumed;
  }
}
