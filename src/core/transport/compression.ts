import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { SshError } from '../util/errors.ts';
import { MAX_PACKET } from './packet.ts';

/**
 * zlib@openssh.com: one zlib stream per direction, flushed with each packet and begun anew with each new set of keys (RFC 4253 section
 * 6.2).
 *
 * Node's public interface to a zlib stream answers through callbacks, which a data path of one packet after the other can't wait for. The
 * native object behind it also works at once; it is not public, so whether it is there and works is asked first, and where it does not,
 * compression is not offered.
 */
interface ZlibHandle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
}

interface SynchronousZlib {
  readonly handle: ZlibHandle;
  /** What the handle leaves behind: bytes of room left in the output, bytes of input not yet used. */
  readonly state: Uint32Array;
}

/** One direction's compressor or decompressor. */
export class Compressor {
  private readonly stream: Deflate | Inflate;
  private readonly zlib: SynchronousZlib;
  private readonly output = new Uint8Array(MAX_PACKET + 1024);

  /** @throws SshError SSH_ERR_FEATURE_UNSUPPORTED where this runtime can't; see {@link compressionWorks}. */
  constructor(kind: 'deflate' | 'inflate') {
    this.stream = kind === 'deflate' ? createDeflate({ level: 6 }) : createInflate();
    // told by turn(), which sees it first
    this.stream.on('error', () => undefined);
    const zlib = synchronous(this.stream);
    if (zlib === undefined) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', 'this runtime compresses only with callbacks');
    this.zlib = zlib;
  }

  /**
   * The payload compressed or decompressed; a view that holds until the next call.
   *
   * @throws SshError SSH_ERR_INVALID_FORMAT where the data is damaged or grows over the largest packet.
   */
  turn(payload: Uint8Array): Uint8Array {
    const { handle, state } = this.zlib;
    const { output } = this;
    handle.writeSync(constants.Z_PARTIAL_FLUSH, payload, 0, payload.length, output, 0, output.length);
    if (this.stream.errored !== null) throw new SshError('SSH_ERR_INVALID_FORMAT', 'compressed packet', { cause: this.stream.errored });
    const [room = 0, unused = 0] = state;
    if (room === 0 || unused > 0)
      throw new SshError('SSH_ERR_INVALID_FORMAT', 'compressed packet: larger than a packet may be, or at its end');
    return output.subarray(0, output.length - room);
  }

  /** Frees the stream. */
  close(): void {
    this.stream.close();
  }
}

/** Whether this runtime can compress packet by packet. */
export function compressionWorks(): boolean {
  try {
    const sample = Uint8Array.of(1, 2, 3, 1, 2, 3, 1, 2, 3);
    const deflate = new Compressor('deflate');
    const inflate = new Compressor('inflate');
    const back = inflate.turn(deflate.turn(sample));
    const works = back.length === sample.length && back.every((value, i) => value === sample[i]);
    deflate.close();
    inflate.close();
    return works;
  } catch {
    return false;
  }
}

function synchronous(stream: Deflate | Inflate): SynchronousZlib | undefined {
  const { _handle: handle, _writeState: state } = stream as unknown as { _handle?: ZlibHandle; _writeState?: Uint32Array };
  return typeof handle?.writeSync === 'function' && state instanceof Uint32Array ? { handle, state } : undefined;
}
