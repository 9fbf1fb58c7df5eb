import fs from 'node:fs';
import net from 'node:net';
import tty from 'node:tty';
import { blockAgainAtExit, descriptorKind, handleOf, reopenNonBlocking, widenPipe } from './descriptors.ts';
import { systemError } from './errno.ts';

/** Who reads a {@link Source}. */
export interface SourceReader {
  /** Bytes as a view that holds until this returns. */
  data(bytes: Uint8Array): void;
  /** Nothing follows. */
  end(): void;
  /** Reading failed; nothing follows. */
  error(error: Error): void;
  /** How many bytes are good to have at once: what is more would have to be kept. Absent: any number. */
  room?(): number;
}

/** Where a session's input comes from: this process' stdin, or any descriptor. */
export interface Source {
  /** Starts reading; called once. */
  start(reader: SourceReader): void;
  /** Stops reading until {@link resume}; within `data` at the latest after what is handed over there. */
  pause(): void;
  resume(): void;
  /** Stops for good; the reader hears nothing more. */
  close(): void;
}

/** How much is read at once; a pipe holds 64 KiB at first. */
const bufferSize = 64 * 1024;
/** After how much a pipe is a busy one: it is made to hold more, so that its writer is waited for less often. */
const busyPipe = 1024 * 1024;
const busyBufferSize = 256 * 1024;
/** The same of a file: one large write of sealed packets. */
const fileBufferSize = 896 * 1024;
/** A terminal gives no more than 4 KiB at once. */
const terminalBufferSize = 4096;
/** What is read of a file however little room there is. */
const smallestRead = 4096;
/** After so many bytes read other work has its turn. */
const turnBytes = 1024 * 1024;

/**
 * Input from a descriptor: pipes and sockets by the event loop into one buffer, files in slices between which other work goes on,
 * terminals as they are set.
 */
export function openSource(fd: number): Source {
  const kind = descriptorKind(fd);
  if (kind === 'file') return new FileSource(fd);
  if (kind === 'terminal') return new StreamSource((source) => openTerminal(fd, source));
  return new StreamSource((source) => openPipe(fd, kind === 'pipe', source));
}

class FileSource implements Source {
  private readonly fd: number;
  private readonly buffer = new Uint8Array(fileBufferSize);
  private reader: SourceReader | undefined;
  private paused = false;
  private reading = false;
  private next: NodeJS.Immediate | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  start(reader: SourceReader): void {
    this.reader = reader;
    this.schedule();
  }

  pause(): void {
    this.paused = true;
  }

  /** Reads at once: what there is room for now goes out with what made the room. */
  resume(): void {
    this.paused = false;
    if (this.next === undefined && !this.reading) this.turn();
  }

  close(): void {
    this.reader = undefined;
    clearImmediate(this.next);
    this.next = undefined;
  }

  private schedule(): void {
    this.next ??= setImmediate(() => {
      this.next = undefined;
      this.turn();
    });
  }

  private turn(): void {
    this.reading = true;
    for (let left = turnBytes; left > 0 && !this.paused && this.reader !== undefined; ) left -= this.read(this.reader);
    this.reading = false;
    if (!this.paused && this.reader !== undefined) this.schedule();
  }

  private read(reader: SourceReader): number {
    let length: number;
    try {
      length = fs.readSync(this.fd, this.buffer, 0, Math.max(smallestRead, Math.min(reader.room?.() ?? Infinity, fileBufferSize)), null);
    } catch (error) {
      this.close();
      reader.error(systemError(error));
      return 0;
    }
    if (length === 0) {
      this.close();
      reader.end();
      return 0;
    }
    reader.data(this.buffer.subarray(0, length));
    return length;
  }
}

/** A source over a stream of the event loop. */
class StreamSource implements Source {
  reader: SourceReader | undefined;
  running = false;
  private stream: OpenStream | undefined;
  private readonly open: (source: StreamSource) => OpenStream;

  constructor(open: (source: StreamSource) => OpenStream) {
    this.open = open;
  }

  start(reader: SourceReader): void {
    this.reader = reader;
    const stream = this.open(this);
    this.stream = stream;
    stream.socket.on('end', () => {
      this.reader?.end();
    });
    stream.socket.on('error', (error) => {
      this.reader?.error(systemError(error));
    });
    this.running = true;
    stream.socket.resume();
  }

  pause(): void {
    this.running = false;
    this.stream?.socket.pause();
  }

  resume(): void {
    if (this.reader === undefined) return;
    this.running = true;
    this.stream?.readNow?.();
    if (this.running) this.stream?.socket.resume();
  }

  close(): void {
    this.reader = undefined;
    this.running = false;
    const { stream } = this;
    if (stream === undefined) return;
    if (stream.owned) {
      stream.socket.destroy();
      return;
    }
    stream.socket.pause();
    stream.socket.unref();
  }
}

interface OpenStream {
  readonly socket: net.Socket;
  /** Whether its descriptor is its own, not one that the process was started with. */
  readonly owned: boolean;
  /** Reads what there is room for at once, where much comes: what is read goes out with what made the room. */
  readonly readNow?: () => void;
}

function openPipe(fd: number, isPipe: boolean, source: StreamSource): OpenStream {
  const own = isPipe ? reopenNonBlocking(fd, 'read') : undefined;
  let buffer = new Uint8Array(bufferSize);
  let total = 0;
  let inside = false;
  const take = (length: number): void => {
    const bytes = buffer.subarray(0, length);
    total += length;
    if (isPipe && total >= busyPipe && buffer.length < busyBufferSize) {
      widenPipe(own ?? fd);
      buffer = new Uint8Array(busyBufferSize);
    }
    inside = true;
    source.reader?.data(bytes);
    inside = false;
  };
  const readNow = (): void => {
    if (own === undefined || inside || total < busyPipe) return;
    for (let left = turnBytes; left > 0 && source.running; ) {
      const wanted = Math.min(buffer.length, Math.max(smallestRead, source.reader?.room?.() ?? busyBufferSize));
      let length = 0;
      try {
        length = fs.readSync(own, buffer, 0, wanted, null);
      } catch {
        // nothing is there, or what is wrong is the event loop's to find
      }
      if (length > 0) take(length);
      if (length < wanted) return;
      left -= length;
    }
  };
  const options = {
    fd: own ?? fd,
    readable: true,
    writable: false,
    // Without it the end would close the descriptor, which may be the process' stdin.
    autoDestroy: own !== undefined,
    onread: {
      // asked for when reading stops, too: what is small then would be the next read
      buffer: () => buffer.subarray(0, Math.max(bufferSize, source.reader?.room?.() ?? busyBufferSize)),
      callback: (length: number): boolean => {
        take(length);
        // more reads in one turn are fewer and larger writes
        readNow();
        return source.running;
      },
    },
  };
  const socket = new net.Socket(options);
  socket.pause();
  if (own === undefined) blockAgainAtExit(socket);
  return { socket, owned: own !== undefined, readNow };
}

/**
 * A terminal's handle, below a socket that reads into one buffer: what node:tty makes allocates for each key and hands it through a stream's
 * queue, and takes one piece of input even while it is paused, which may be the answer to another's question.
 */
function openTerminal(fd: number, source: StreamSource): OpenStream {
  const terminal = new tty.ReadStream(fd);
  const handle = handleOf(terminal);
  (terminal as unknown as { _handle: unknown })._handle = null;
  const buffer = new Uint8Array(terminalBufferSize);
  const options = {
    handle,
    pauseOnCreate: true,
    readable: true,
    writable: false,
    onread: {
      buffer,
      callback: (length: number): boolean => {
        source.reader?.data(buffer.subarray(0, length));
        return source.running;
      },
    },
  };
  const socket = new net.Socket(options);
  socket.pause();
  // libuv opens the terminal once more for itself, where it can.
  return { socket, owned: handle?.fd !== fd };
}
