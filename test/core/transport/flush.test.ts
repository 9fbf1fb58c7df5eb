import { describe, expect, test } from 'vitest';
import { RawPeer } from './raw-peer.ts';

const payload = Uint8Array.of(80);

describe('what is sent goes out', () => {
  test('at the end of the turn, all in one write', async () => {
    const { transport, outbox } = await connected();
    transport.send(payload);
    transport.send(payload);
    expect(outbox).toHaveLength(0);
    await Promise.resolve();
    expect(outbox).toHaveLength(1);
  });

  test('by flush alone between cork and flush, and as ever afterwards', async () => {
    const { transport, outbox } = await connected();
    transport.cork();
    transport.send(payload);
    await Promise.resolve();
    expect(outbox).toHaveLength(0);
    transport.flush();
    expect(outbox).toHaveLength(1);
    transport.send(payload);
    await Promise.resolve();
    expect(outbox).toHaveLength(2);
  });

  test('once, where it was flushed before the end of the turn', async () => {
    const { transport, outbox } = await connected();
    transport.send(payload);
    transport.flush();
    transport.send(payload);
    await Promise.resolve();
    expect(outbox).toHaveLength(2);
  });
});

/** A transport whose peer is the test, and what it writes from now on. */
async function connected(): Promise<RawPeer['end']> {
  const peer = new RawPeer('client');
  await peer.connect();
  peer.end.take();
  return peer.end;
}
