import { constants, createDeflateRaw, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compressionWorks, Compressor } from '../../../src/core/transport/compression.ts';
import { errorCode } from '../keys/vectors.ts';
import { fixedRandom } from '../crypto/fixed-random.ts';
import { RawPeer } from './raw-peer.ts';

function pair(): { deflate: Compressor; inflate: Compressor } {
  return { deflate: new Compressor('deflate'), inflate: new Compressor('inflate') };
}

describe('zlib, packet by packet', () => {
  test('works on this runtime, through an object of Node’s that is not public', () => {
    expect(compressionWorks()).toBe(true);
    // what it stands on: the native handle, and where that leaves its counts
    const stream = createDeflateRaw() as unknown as { _handle: { writeSync: unknown }; _writeState: unknown };
    expect(typeof stream._handle.writeSync).toBe('function');
    expect(stream._writeState).toBeInstanceOf(Uint32Array);
  });

  test('gives back what went in, of any size and kind, in one stream', () => {
    const { deflate, inflate } = pair();
    const random = fixedRandom('compression');
    for (const size of [1, 2, 100, 0x8000, 1, 200_000, 3, 262_144]) {
      const noise = new Uint8Array(size);
      random.fill(noise);
      for (const payload of [noise, new Uint8Array(size).fill(65)]) {
        expect(Buffer.compare(inflate.turn(deflate.turn(payload).slice()), payload)).toBe(0);
      }
    }
    deflate.close();
    inflate.close();
  });

  test('round trips (property)', () => {
    const { deflate, inflate } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (payload) => {
        expect(inflate.turn(deflate.turn(payload).slice())).toEqual(payload);
      }),
    );
  });

  test('remembers what went before, so that what comes again is small', () => {
    const { deflate } = pair();
    const noise = new Uint8Array(1000);
    fixedRandom('noise').fill(noise);
    expect(deflate.turn(noise).length).toBeGreaterThan(1000);
    expect(deflate.turn(noise).length).toBeLessThan(50);
  });

  test('damage is told at once, with a code', () => {
    for (const bad of [Uint8Array.of(1, 2, 3, 4), new Uint8Array(100).fill(0xff), Uint8Array.of(0x78, 0xbb, 1, 2, 3, 4)]) {
      const { inflate } = pair();
      expect(errorCode(() => inflate.turn(bad))).toBe('SSH_ERR_INVALID_FORMAT');
    }
  });

  test('a stream that ends takes nothing more', () => {
    const { inflate } = pair();
    const whole = deflateSync(Buffer.from('whole'), { finishFlush: constants.Z_FINISH });
    expect(errorCode(() => inflate.turn(Buffer.concat([whole, Buffer.from('more')])))).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('what grows beyond the largest packet is refused', () => {
    const { inflate } = pair();
    const bomb = deflateSync(new Uint8Array(10_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    expect(errorCode(() => inflate.turn(bomb))).toBe('SSH_ERR_INVALID_FORMAT');
  });
});

describe('a transport that compresses', () => {
  const zlib = { compressionClientToServer: ['zlib@openssh.com'], compressionServerToClient: ['zlib@openssh.com'] };

  async function compressed(): Promise<RawPeer> {
    const peer = new RawPeer('server', { proposal: { compression: ['zlib@openssh.com'] } });
    await peer.idents();
    peer.kexInit(zlib);
    await peer.exchange();
    peer.send(Uint8Array.of(50, 1));
    peer.end.transport.send(Uint8Array.of(52));
    expect(await peer.next(52)).toEqual(Uint8Array.of(52));
    return peer;
  }

  test('begins behind USERAUTH_SUCCESS, and with a new stream behind each NEWKEYS (RFC 4253 section 6.2)', async () => {
    const peer = await compressed();
    expect(peer.end.messages).toEqual([Uint8Array.of(50, 1)]);
    let deflate = new Compressor('deflate');
    let inflate = new Compressor('inflate');
    peer.end.transport.send(Uint8Array.of(80, 1, 2, 3));
    expect(inflate.turn(await peer.next())).toEqual(Uint8Array.of(80, 1, 2, 3));
    peer.send(deflate.turn(Uint8Array.of(81, 1)));
    expect(peer.end.messages.at(-1)).toEqual(Uint8Array.of(81, 1));

    // the exchange itself still goes through the old streams
    const { send, next } = peer;
    peer.send = (payload) => {
      send.call(peer, deflate.turn(payload).slice());
    };
    peer.next = async (number) => {
      const payload = inflate.turn(await next.call(peer)).slice();
      expect(payload[0]).toBe(number);
      return payload;
    };
    peer.kexInit(zlib);
    await peer.exchange();
    peer.send = send;
    peer.next = next;
    deflate = new Compressor('deflate');
    inflate = new Compressor('inflate');
    peer.end.transport.send(Uint8Array.of(80, 1, 2, 3));
    expect(inflate.turn(await peer.next())).toEqual(Uint8Array.of(80, 1, 2, 3));
    peer.send(deflate.turn(Uint8Array.of(81, 2)));
    expect(peer.end.messages.at(-1)).toEqual(Uint8Array.of(81, 2));
    expect(peer.end.ended).toBe(false);
  });

  test.each([
    ['a bomb', deflateSync(new Uint8Array(10_000_000))],
    ['damage', new Uint8Array(50).fill(0xff)],
    ['nothing', deflateSync(new Uint8Array(0)).subarray(0, 2)],
  ])('ends the connection for %s', async (_, payload) => {
    const peer = await compressed();
    peer.send(payload);
    expect(peer.end.code).toBe('SSH_ERR_INVALID_FORMAT');
  });

  test('compresses already what the handler of USERAUTH_SUCCESS sends at once', async () => {
    const peer = new RawPeer('client', { proposal: { compression: ['zlib@openssh.com'] } });
    await peer.idents();
    peer.kexInit(zlib);
    await peer.exchange();
    peer.end.onMessage = () => {
      peer.end.transport.send(Uint8Array.of(90, 1));
      return undefined;
    };
    peer.send(Uint8Array.of(52));
    expect(new Compressor('inflate').turn(await peer.next())).toEqual(Uint8Array.of(90, 1));
  });
});
