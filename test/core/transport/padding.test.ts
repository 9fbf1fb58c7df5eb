import { expect, test } from 'vitest';
import { nullSealer } from '../../../src/core/crypto/packet-null.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { PacketWriter } from '../../../src/core/transport/packet.ts';

/** The size of the packet that holds a payload. */
function packetSize(payload: number, padTo?: number): number {
  let size = 0;
  const writer = new PacketWriter(nullSealer, systemRandom, (bytes) => (size += bytes.length));
  writer.append(new Uint8Array(payload), undefined, padTo);
  writer.flush();
  return size;
}

test('padding hides the length of a password', () => {
  const sizes = new Set<number>();
  for (let length = 50; length < 90; length++) {
    expect(packetSize(length) - length).toBeLessThanOrEqual(5 + 4 + 7);
    expect(packetSize(length, 64) % 64).toBe(0);
    sizes.add(packetSize(length, 64));
  }
  expect([...sizes]).toEqual([64, 128]);
});

test('padding fills whole blocks where the multiple is none', () => {
  for (let length = 0; length < 300; length++) expect(packetSize(length, 12) % 16).toBe(0);
});
