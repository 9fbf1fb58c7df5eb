import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { macs, type PacketMac } from '../../../src/core/crypto/macs.ts';
import { type CipherName, type MacName, macNames } from '../../../src/core/crypto/names.ts';
import {
  type AeadSource,
  type DirectionKeys,
  type PacketOpener,
  type PacketSealer,
  readUint32,
  writeUint32,
} from '../../../src/core/crypto/packet-cipher.ts';
import { createOpener, createSealer, keyLengths, prepare, streamFrom } from '../../../src/core/crypto/packet-protection.ts';
import type { StreamEngine } from '../../../src/core/crypto/packet-stream.ts';
import { concat, fromHex, hex } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { type Libcrypto, libcrypto } from '../../../src/node/native/libcrypto.ts';
import { libcryptoCiphers } from '../../../src/node/native/libcrypto-ciphers.ts';
import { gcmSource } from '../../../src/node/native/libcrypto-gcm.ts';
import streamVectors from '../../vectors/stream-ciphers.json' with { type: 'json' };
import chachaVectors from '../../vectors/chacha20-poly1305-openssh.json' with { type: 'json' };

const chacha = 'chacha20-poly1305@openssh.com';
const names = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', chacha] as const satisfies readonly CipherName[];
const none = new Uint8Array();

beforeAll(async () => {
  await prepare(chacha, undefined);
});

const found = libcrypto();
/** Where native calls are off there is nothing to test here. */
const describeNative = describe.skipIf(found === undefined);
const testNative = test.skipIf(found === undefined);

/** Bytes that look random and are the same in each run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
}

function keysOf(name: CipherName, seed = 1): DirectionKeys {
  const { key, iv } = keyLengths(name, undefined);
  return { key: noise(key, seed), iv: noise(iv, seed + 1), macKey: none };
}

function native(name: CipherName): Pick<AeadSource, 'sealer' | 'opener'> {
  const source = libcryptoCiphers(name);
  if (source === undefined || 'stream' in source) throw new Error(`no faster ${name} here`);
  return source;
}

/** A packet of this body before it is sealed, at `skip` in its buffer. */
function packetOf(body: Uint8Array, skip = 0): Uint8Array {
  const buffer = new Uint8Array(skip + 4 + body.length + 16);
  writeUint32(buffer, skip, body.length);
  buffer.set(body, skip + 4);
  return buffer;
}

/** The sealed packet by the noble packages, as the protocol's papers say. */
function byNoble(name: CipherName, keys: DirectionKeys, body: Uint8Array, sequence: number): Uint8Array {
  const length = packetOf(body).slice(0, 4);
  if (name !== chacha) return concat(length, gcm(keys.key, keys.iv, length).encrypt(body));
  const nonce = new Uint8Array(8);
  writeUint32(nonce, 4, sequence);
  const sealed = concat(chacha20orig(keys.key.slice(32), nonce, length), chacha20orig(keys.key.slice(0, 32), nonce, body, undefined, 1));
  return concat(sealed, poly1305(sealed, chacha20orig(keys.key.slice(0, 32), nonce, new Uint8Array(32))));
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return undefined;
}

const collect = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

describeNative.each(names)('%s by libcrypto', (name) => {
  const block = name === chacha ? 8 : 16;
  const bodies = fc.nat({ max: 40 }).chain((blocks) => fc.uint8Array({ minLength: (blocks + 1) * block, maxLength: (blocks + 1) * block }));

  test('makes the bytes that node:crypto and noble make, and opens theirs', () => {
    const sequences = fc.oneof(fc.nat({ max: 0xffffffff }), fc.constantFrom(0, 0xfffffffe, 0xffffffff));
    fc.assert(
      fc.property(bodies, sequences, fc.nat({ max: 40 }), fc.nat(), (body, sequence, skip, seed) => {
        const keys = keysOf(name, seed);
        const [ours, theirs] = [packetOf(body, skip), packetOf(body, skip)];
        native(name).sealer(keys).seal(ours, skip, body.length, sequence);
        createSealer(name, undefined, keys).seal(theirs, skip, body.length, sequence);
        expect(hex(ours)).toBe(hex(theirs));
        expect(hex(ours.subarray(skip))).toBe(hex(byNoble(name, keys, body, sequence)));
        const opener = native(name).opener(keys);
        expect(opener.packetLength(theirs, skip, sequence)).toBe(body.length);
        opener.open(theirs, skip, body.length, sequence);
        expect(hex(theirs.subarray(skip + 4, skip + 4 + body.length))).toBe(hex(body));
      }),
      { numRuns: 60 },
    );
  });

  test('goes on from where node:crypto stopped, packet by packet', () => {
    const keys = keysOf(name);
    const first = createSealer(name, undefined, keys);
    const whole = createSealer(name, undefined, keys);
    const sizes = [16, 32_768, 48, 262_000, 64];
    for (const [i, size] of sizes.entries()) first.seal(packetOf(noise(size, i)), 0, size, i);
    for (const [i, size] of sizes.entries()) whole.seal(packetOf(noise(size, i)), 0, size, i);
    const state = first.state?.();
    if (state === undefined) throw new Error('no state');
    const second = native(name).sealer(state);
    const opener = native(name).opener(state);
    for (const bytes of [state.key, state.iv]) bytes.fill(0);
    for (const [i, size] of sizes.entries()) {
      const [ours, theirs] = [packetOf(noise(size, i)), packetOf(noise(size, i))];
      second.seal(ours, 0, size, sizes.length + i);
      whole.seal(theirs, 0, size, sizes.length + i);
      expect(Buffer.compare(ours, theirs)).toBe(0);
      expect(opener.packetLength(ours, 0, sizes.length + i)).toBe(size);
      opener.open(ours, 0, size, sizes.length + i);
      expect(Buffer.compare(ours.subarray(4, 4 + size), noise(size, i))).toBe(0);
    }
  });

  test.each([
    ['2^32', '00000000fffffffe'],
    ['2^64', 'fffffffffffffffe'],
  ])('carries its counter past %s as the others do, taken over before it or behind it', (_, counter) => {
    const keys = keysOf(name, 5);
    if (name !== chacha) keys.iv.set(Buffer.from(counter, 'hex'), 4);
    const body = noise(64, 1);
    // OpenSSH's chacha20-poly1305 counts by the packets' sequence numbers, which come round
    const sequenceOf = (i: number): number => (0xfffffffe + i) >>> 0;
    const nonceOf = (i: number): Uint8Array => {
      const iv = Buffer.from(keys.iv);
      if (name !== chacha) iv.writeBigUInt64BE(BigInt.asUintN(64, iv.readBigUInt64BE(4) + BigInt(i)), 4);
      return iv;
    };
    for (const before of [0, 1, 2, 3]) {
      const first = createSealer(name, undefined, keys);
      const firstOpener = createOpener(name, undefined, keys);
      let [sealer, opener]: [PacketSealer, PacketOpener] = [first, firstOpener];
      for (let i = 0; i < 5; i++) {
        if (i === before) {
          const [seal, open] = [first.state?.(), firstOpener.state?.()];
          if (seal === undefined || open === undefined) throw new Error('no state');
          [sealer, opener] = [native(name).sealer(seal), native(name).opener(open)];
        }
        const packet = packetOf(body);
        sealer.seal(packet, 0, body.length, sequenceOf(i));
        expect(hex(packet)).toBe(hex(byNoble(name, { ...keys, iv: nonceOf(i) }, body, sequenceOf(i))));
        expect(opener.packetLength(packet, 0, sequenceOf(i))).toBe(body.length);
        opener.open(packet, 0, body.length, sequenceOf(i));
        expect(hex(packet.subarray(4, 4 + body.length))).toBe(hex(body));
      }
    }
  });

  test('seals data that lies elsewhere as it seals what is in its place', () => {
    const layout = fc.record({
      head: fc.integer({ min: 1, max: 40 }),
      size: fc.oneof(fc.nat({ max: 200 }), fc.constantFrom(4096, 32_768)),
      tail: fc.nat({ max: 40 }),
      skip: fc.nat({ max: 40 }),
      from: fc.nat({ max: 40 }),
    });
    const keys = keysOf(name);
    const [ours, theirs] = [native(name).sealer(keys), native(name).sealer(keys)];
    let sequence = 0;
    fc.assert(
      fc.property(layout, ({ head, size, tail, skip, from }) => {
        const body = noise(head + size + tail, size);
        const [apart, whole] = [packetOf(body, skip), packetOf(body, skip)];
        const dataAt = skip + 4 + head;
        apart.fill(0xee, dataAt, dataAt + size);
        const data = concat(new Uint8Array(from), body.subarray(head, head + size), noise(3, 1)).subarray(from, from + size);
        ours.sealFrom?.(data, dataAt, apart, skip, body.length, sequence);
        theirs.seal(whole, skip, body.length, sequence);
        sequence++;
        expect(Buffer.compare(apart, whole)).toBe(0);
        expect(Buffer.compare(data, body.subarray(head, head + size))).toBe(0);
      }),
      { numRuns: 100 },
    );
    const other = packetOf(noise(64, 1), 3);
    for (const [dataAt, length] of [
      [6, 8],
      [64, 8],
      [7, 65],
    ] as const) {
      expect(codeOf(() => ours.sealFrom?.(new Uint8Array(length), dataAt, other, 3, 64, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    }
    expect(hex(other)).toBe(hex(packetOf(noise(64, 1), 3)));
  });

  test('never writes to memory that was given away', () => {
    const sealer = native(name).sealer(keysOf(name));
    const buffer = packetOf(noise(64, 1));
    sealer.seal(buffer, 0, 64, 0);
    structuredClone(buffer, { transfer: [buffer.buffer as ArrayBuffer] });
    expect(codeOf(() => sealer.seal(buffer, 0, 64, 1))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
  });

  test('says of itself what the core does', () => {
    const keys = keysOf(name);
    const shape = ({ blockBytes, lengthApart, tagBytes, mostBlocks }: ReturnType<AeadSource['sealer']>) =>
      [blockBytes, lengthApart, tagBytes, mostBlocks] as const;
    expect(shape(native(name).sealer(keys))).toEqual(shape(createSealer(name, undefined, keys)));
    const [ours, theirs] = [native(name).opener(keys), createOpener(name, undefined, keys)];
    expect([ours.headBytes, ours.discard, ours.mostBlocks]).toEqual([theirs.headBytes, theirs.discard, theirs.mostBlocks]);
  });

  test('refuses a packet with any bit flipped, and shows nothing of it', () => {
    const keys = keysOf(name);
    const body = noise(32, 7);
    const sealed = packetOf(body);
    native(name).sealer(keys).seal(sealed, 0, body.length, 9);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const opener = native(name).opener(keys);
      const forged = sealed.slice();
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      opener.packetLength(forged, 0, 9);
      expect(codeOf(() => opener.open(forged, 0, body.length, 9))).toBe('SSH_ERR_MAC_INVALID');
      expect(Buffer.from(forged).includes(hex(body.subarray(8, 16)), 'hex')).toBe(false);
      opener.wipe();
    }
  });

  test('refuses any other length than the true one, and a packet that is cut short', () => {
    const keys = keysOf(name);
    const sealed = packetOf(noise(96, 5));
    native(name).sealer(keys).seal(sealed, 0, 96, 9);
    const opener = native(name).opener(keys);
    for (let length = 0; length < sealed.length + 40; length++) {
      if (length !== 96) expect(codeOf(() => opener.open(sealed.slice(), 0, length, 9))).toBe('SSH_ERR_MAC_INVALID');
    }
    // none of them counted
    opener.open(sealed, 0, 96, 9);
    expect(hex(sealed.subarray(4, 100))).toBe(hex(noise(96, 5)));
  });

  test('stays within the buffer', () => {
    const [sealer, opener] = [native(name).sealer(keysOf(name)), native(name).opener(keysOf(name))];
    const bytes = packetOf(noise(32, 1), 3);
    for (const [at, length] of [
      [3, 33],
      [4, 32],
      [-1, 32],
      [3, -16],
      [3, 2 ** 32 - 1],
    ] as const) {
      expect(codeOf(() => sealer.seal(bytes, at, length, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
      expect(codeOf(() => opener.open(bytes, at, length, 0))).toBe('SSH_ERR_MAC_INVALID');
    }
    expect(hex(bytes)).toBe(hex(packetOf(noise(32, 1), 3)));
  });

  test('refuses to go on after wipe, without harm', () => {
    const [sealer, opener] = [native(name).sealer(keysOf(name)), native(name).opener(keysOf(name))];
    for (const one of [sealer, opener]) {
      one.wipe();
      one.wipe();
    }
    expect(codeOf(() => sealer.seal(packetOf(noise(16, 1)), 0, 16, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    expect(codeOf(() => opener.open(packetOf(noise(16, 1)), 0, 16, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
  });

  test('holds nothing that a collection takes away', () => {
    const keys = keysOf(name);
    const make = () => ({
      ours: native(name).sealer(keys),
      theirs: createSealer(name, undefined, keys),
      opener: native(name).opener(keys),
    });
    const connections = [make(), make(), make()];
    const litter: Uint8Array[] = [];
    for (let i = 0; i < 15; i++) {
      for (const { ours, theirs, opener } of connections) {
        const body = noise(1024, i);
        const [sealed, expected] = [packetOf(body), packetOf(body)];
        ours.seal(sealed, 0, body.length, i);
        theirs.seal(expected, 0, body.length, i);
        collect();
        // what was freed by mistake is written over now
        litter.splice(0, litter.length, ...Array.from({ length: 200 }, (_, at) => new Uint8Array(4 + (at % 64)).fill(0xa5)));
        expect(Buffer.compare(sealed, expected)).toBe(0);
        expect(opener.packetLength(sealed, 0, i)).toBe(body.length);
        collect();
        opener.open(sealed, 0, body.length, i);
        expect(Buffer.compare(sealed.subarray(4, 4 + body.length), body)).toBe(0);
      }
    }
  });

  test('needs no more memory for more packets and more connections', () => {
    const keys = keysOf(name);
    const buffer = packetOf(noise(32_768, 1));
    const work = () => {
      for (let i = 0; i < 10_000; i++) native(name).sealer(keys).wipe();
      const sealer = native(name).sealer(keys);
      for (let i = 0; i < 3000; i++) sealer.seal(buffer, 0, 32_768, i);
      sealer.wipe();
      collect();
      return process.memoryUsage().rss;
    };
    work();
    const before = work();
    work();
    work();
    expect(work() - before).toBeLessThan(8 * 1024 * 1024);
  });
});

describeNative.each(streamVectors.vectors.filter(({ cipher }) => cipher.endsWith('-ctr')))('$cipher by libcrypto', (vector) => {
  const cipher = vector.cipher as CipherName;
  const keys = { key: fromHex(vector.key), iv: fromHex(vector.iv), macKey: none };
  const stream = (iv = keys.iv): StreamEngine => {
    const source = libcryptoCiphers(cipher);
    if (source === undefined || !('stream' in source)) throw new Error(`no faster ${cipher} here`);
    return source.stream({ ...keys, iv }, true);
  };

  test('encrypts the published text, in as many pieces as it likes, and nothing around it', () => {
    const text = fromHex(vector.plaintext);
    for (let half = 16; half < text.length; half += 16) {
      const buffer = concat(none, Uint8Array.of(1, 2, 3), text, Uint8Array.of(4, 5));
      const engine = stream();
      engine.turn(buffer, 3, 3 + half);
      collect();
      engine.turn(buffer, 3 + half, 3 + text.length);
      expect(hex(buffer)).toBe(`010203${vector.ciphertext}0405`);
      engine.wipe();
      engine.wipe();
      expect(codeOf(() => engine.turn(buffer, 0, 16))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    }
  });

  test.each([
    '0000000000000000000000000000000a',
    '000000000000000000000000ffffffff',
    'ffffffffffffffffffffffffffffffff',
  ])('goes on from where node:crypto stopped, its counter at %s at first', (first) => {
    const iv = fromHex(first);
    const sealer = createSealer(cipher, 'hmac-sha1', { ...keys, iv, macKey: noise(20, 1) });
    for (const [i, size] of [32, 4096, 16].entries()) {
      const packet = concat(packetOf(noise(size, i)).subarray(0, 4 + size), new Uint8Array(12 + 20));
      const [ours, theirs] = [packet.slice(0, size + 16), packet.slice()];
      const state = sealer.state?.();
      if (state === undefined) throw new Error('no state');
      stream(state.iv).turn(ours, 0, size + 16);
      sealer.seal(theirs, 0, size + 12, i);
      expect(hex(ours)).toBe(hex(ctr(keys.key, state.iv).encrypt(packet.subarray(0, size + 16))));
      expect(hex(theirs.subarray(0, size + 16))).toBe(hex(ours));
    }
  });

  test('needs no more memory for more packets and more connections', () => {
    const buffer = new Uint8Array(32_768);
    const work = () => {
      for (let i = 0; i < 10_000; i++) stream().wipe();
      const engine = stream();
      for (let i = 0; i < 3000; i++) engine.turn(buffer, 0, buffer.length);
      engine.wipe();
      collect();
      return process.memoryUsage().rss;
    };
    work();
    const before = work();
    work();
    work();
    expect(work() - before).toBeLessThan(8 * 1024 * 1024);
  });
});

describeNative('packets of a stream cipher by libcrypto', () => {
  const cipher = 'aes128-ctr';
  const sealerOf = (mac: MacName): PacketSealer => {
    const source = libcryptoCiphers(cipher);
    if (source === undefined || !('stream' in source)) throw new Error(`no faster ${cipher} here`);
    const { key, iv, macKey } = keyLengths(cipher, mac);
    const made = streamFrom(source.stream, cipher, mac, source.mac?.(mac));
    return (made as NonNullable<typeof made>).sealer({ key: noise(key, 1), iv: noise(iv, 2), macKey: noise(macKey, 3) });
  };

  test.each(macNames.filter((name) => /^hmac-sha.*etm/.test(name)))('%s: data that lies elsewhere, between packets of their own', (mac) => {
    const [ours, theirs] = [sealerOf(mac), sealerOf(mac)];
    const layout = fc.record({ head: fc.integer({ min: 1, max: 40 }), size: fc.nat({ max: 5000 }), skip: fc.nat({ max: 40 }) });
    let sequence = 0;
    fc.assert(
      fc.property(layout, ({ head, size, skip }) => {
        const length = Math.ceil((head + size + 4) / 16) * 16;
        const body = noise(length, size);
        const whole = concat(packetOf(body, skip), new Uint8Array(64));
        const apart = whole.slice();
        const dataAt = skip + 4 + head;
        apart.fill(0xee, dataAt, dataAt + size);
        const data = body.slice(head, head + size);
        ours.sealFrom?.(data, dataAt, apart, skip, length, sequence);
        theirs.seal(whole, skip, length, sequence++);
        expect(Buffer.compare(apart, whole)).toBe(0);
        expect(Buffer.compare(data, body.subarray(head, head + size))).toBe(0);
        // whoever goes on from here has to know how much was turned
        expect(ours.state?.()).toEqual(theirs.state?.());
        const [next, other] = [concat(packetOf(noise(32, 1)), new Uint8Array(64)), concat(packetOf(noise(32, 1)), new Uint8Array(64))];
        ours.seal(next, 0, 32, sequence);
        theirs.seal(other, 0, 32, sequence++);
        expect(Buffer.compare(next, other)).toBe(0);
      }),
      { numRuns: 60 },
    );
    expect(sequence).toBe(120);
    const small = packetOf(noise(64, 1), 3);
    for (const [dataAt, length] of [
      [6, 8],
      [70, 24],
      [7, 65],
    ] as const) {
      expect(codeOf(() => ours.sealFrom?.(new Uint8Array(length), dataAt, small, 3, 64, 0))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    }
  });

  test.each(
    macNames.filter((name) => /^hmac-sha/.test(name) && !name.includes('etm')),
  )('%s, over the plaintext, takes it in one piece', (mac) => {
    expect(sealerOf(mac).sealFrom).toBeUndefined();
  });
});

describeNative.each(macNames.filter((name) => /^hmac-sha/.test(name)))('%s by libcrypto', (name) => {
  const key = noise(macs[name].keyBytes, 3);
  const make = (): PacketMac => {
    const source = libcryptoCiphers('aes128-ctr');
    const create = source !== undefined && 'stream' in source ? source.mac?.(name) : undefined;
    if (create === undefined) throw new Error(`no faster ${name} here`);
    return create(key);
  };

  test('makes what node:crypto makes, packet by packet, whatever is collected', () => {
    const [ours, theirs] = [make(), macs[name].create(key)];
    let count = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 0xffffffff }), fc.nat({ max: 20 }), (bytes, sequence, from) => {
        const buffer = concat(new Uint8Array(from), bytes, noise(5, 1));
        if (count++ % 20 === 0) collect();
        const to = from + bytes.length;
        expect(hex(ours.sign(sequence, buffer, from, to))).toBe(hex(theirs.sign(sequence, buffer, from, to)));
      }),
      { numRuns: 100 },
    );
    ours.wipe();
    ours.wipe();
    expect(codeOf(() => ours.sign(0, key, 0, 1))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
  });

  test('needs no more memory for more packets and more connections', () => {
    const work = () => {
      for (let i = 0; i < 10_000; i++) make().wipe();
      const mac = make();
      for (let i = 0; i < 20_000; i++) mac.sign(i, key, 0, key.length);
      mac.wipe();
      collect();
      return process.memoryUsage().rss;
    };
    work();
    const before = work();
    work();
    work();
    expect(work() - before).toBeLessThan(8 * 1024 * 1024);
  });
});

testNative.each(chachaVectors.vectors)('seals and opens the published packet with sequence number $sequence', (vector) => {
  const keys = { key: fromHex(vector.key), iv: none, macKey: none };
  const packet = fromHex(vector.packet);
  const buffer = concat(packet, new Uint8Array(16));
  native(chacha)
    .sealer(keys)
    .seal(buffer, 0, packet.length - 4, vector.sequence);
  expect(hex(buffer)).toBe(vector.sealed);
  const opener = native(chacha).opener(keys);
  expect(opener.packetLength(buffer, 0, vector.sequence)).toBe(packet.length - 4);
  opener.open(buffer, 0, packet.length - 4, vector.sequence);
  expect(hex(buffer.subarray(4, packet.length))).toBe(vector.packet.slice(8));
});

testNative.each([
  ['01020304 00000000000000ff', '01020304 0000000000000100'],
  ['01020304 00000000ffffffff', '01020304 0000000100000000'],
  ['01020304 ffffffffffffffff', '01020304 0000000000000000'],
])("GCM's invocation counter carries from %s to %s", (before, after) => {
  const name = 'aes128-gcm@openssh.com';
  const ivOf = (text: string) => ({ ...keysOf(name), iv: fromHex(text.replace(' ', '')) });
  const [sealer, opener] = [native(name).sealer(ivOf(before)), native(name).opener(ivOf(before))];
  for (const [i, iv] of [before, after].entries()) {
    const body = noise(48, i);
    const packet = packetOf(body);
    sealer.seal(packet, 0, body.length, i);
    expect(hex(packet)).toBe(hex(byNoble(name, ivOf(iv), body, i)));
    opener.open(packet, 0, readUint32(packet, 0), i);
    expect(hex(packet.subarray(4, 52))).toBe(hex(body));
  }
});

/** libcrypto's functions, which count the contexts that live. */
function counting(crypto: Libcrypto): { readonly crypto: Libcrypto; alive: () => number } {
  let alive = 0;
  const EVP_CIPHER_CTX_new = () => {
    alive++;
    return crypto.EVP_CIPHER_CTX_new();
  };
  const EVP_CIPHER_CTX_free = (context: bigint) => {
    alive--;
    crypto.EVP_CIPHER_CTX_free(context);
  };
  return { crypto: { ...crypto, EVP_CIPHER_CTX_new, EVP_CIPHER_CTX_free }, alive: () => alive };
}

describeNative('a libcrypto that refuses', () => {
  const real = found as Libcrypto;
  const cipher = found?.EVP_CIPHER_fetch(null, 'AES-128-GCM', null) as bigint;
  const keys = keysOf('aes128-gcm@openssh.com');

  test.each([
    'EVP_CipherInit_ex',
    'EVP_CipherUpdate',
    'EVP_CipherFinal_ex',
    'EVP_CIPHER_CTX_ctrl',
  ] as const)('in %s: an SshError, and no context is left', (name) => {
    const { crypto, alive } = counting(real);
    expect(
      codeOf(() => {
        const sealer = gcmSource({ ...crypto, [name]: () => 0 }, cipher).sealer(keys);
        try {
          sealer.seal(packetOf(noise(16, 1)), 0, 16, 0);
        } finally {
          sealer.wipe();
        }
      }),
    ).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    expect(alive()).toBe(0);
  });

  test('for want of memory', () => {
    const crypto = { ...real, EVP_CIPHER_CTX_new: () => null };
    expect(codeOf(() => gcmSource(crypto, cipher).opener(keys))).toBe('SSH_ERR_LIBCRYPTO_ERROR');
  });
});

describe('what is not there', () => {
  const before = process.env['TSH_NO_NATIVE'];
  afterEach(() => {
    if (before === undefined) delete process.env['TSH_NO_NATIVE'];
    else process.env['TSH_NO_NATIVE'] = before;
  });

  test('is a faster source of other ciphers', () => {
    expect(libcryptoCiphers('3des-cbc')).toBeUndefined();
    expect(libcryptoCiphers('aes256-cbc')).toBeUndefined();
  });

  test('is any with TSH_NO_NATIVE', async () => {
    process.env['TSH_NO_NATIVE'] = '1';
    vi.resetModules();
    const fresh = await import('../../../src/node/native/libcrypto-ciphers.ts');
    for (const name of names) expect(fresh.libcryptoCiphers(name)).toBeUndefined();
  });
});
