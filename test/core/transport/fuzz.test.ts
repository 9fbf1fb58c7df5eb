import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, latin1Bytes } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { configOf, End, FakeClock, roles, turn } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

/** Whatever has become of it, it was an SshError, told once; and afterwards it takes nothing and says nothing. */
async function sound(end: End): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
  expect(end.endings).toBe(end.ended ? 1 : 0);
  if (end.error !== undefined) expect(end.error).toBeInstanceOf(SshError);
  end.transport.ended();
  for (let i = 0; i < 3 && !end.ended; i++) await turn();
  if (!end.ended) end.transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT'));
  expect(end.endings).toBe(1);
  expect(end.error === undefined || end.error instanceof SshError).toBe(true);
}

const chunks = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 });
/** Payloads of messages that come near to what is expected. */
const payload = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(1, 4, 7, 20, 21, 30, 31, 32, 34)), fc.uint8Array({ maxLength: 120 }))
  .map(([number, rest]) => concat(Uint8Array.of(number), rest));

describe.each(roles)('a %s', (role) => {
  test('survives any bytes at all', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const end = new End(configOf(role), new FakeClock(), 'fuzz');
        end.start();
        for (const part of parts) end.transport.receive(part);
        await sound(end);
      }),
      { numRuns: 300 },
    );
  });

  test('survives any bytes after the identification', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const end = new End(configOf(role), new FakeClock(), 'fuzz');
        end.start();
        end.transport.receive(latin1Bytes('SSH-2.0-fuzz\r\n'));
        for (const part of parts) end.transport.receive(part);
        await sound(end);
      }),
      { numRuns: 300 },
    );
  });

  test.each(['kexinit', 'exchange', 'open', 'rekey'])('survives any messages in the stage %s', async (stage) => {
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { maxLength: 6 }), async (payloads) => {
        const peer = new RawPeer(role);
        if (stage === 'open' || stage === 'rekey') await peer.connect(false);
        else await peer.idents();
        if (stage === 'exchange' || stage === 'rekey') peer.kexInit({}, false);
        for (const one of payloads) {
          peer.send(one);
          await turn();
        }
        await sound(peer.end);
      }),
      { numRuns: 150 },
    );
  });

  test('survives a KEXINIT whose bytes were changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }), async (changes) => {
        const peer = new RawPeer(role);
        await peer.idents();
        peer.keep();
        peer.kexInit();
        const bytes = peer.kept();
        for (const [at, flip] of changes) {
          const place = at % bytes.length;
          bytes[place] = (bytes[place] as number) ^ flip;
        }
        peer.raw(bytes);
        await sound(peer.end);
      }),
      { numRuns: 300 },
    );
  });

  test('survives any bytes where packets are sealed', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const peer = new RawPeer(role);
        await peer.connect();
        for (const part of parts) peer.raw(part);
        expect(peer.end.messages).toEqual([]);
        await sound(peer.end);
      }),
      { numRuns: 100 },
    );
  });

  test('keeps what a flood brings before authentication within a MiB', async () => {
    const peer = new RawPeer(role);
    await peer.idents();
    for (let i = 0; i < 400; i++) peer.send(concat(Uint8Array.of(2, 0, 0, 0x75, 0x30), new Uint8Array(30_000)));
    expect(peer.end.ended).toBe(false);
    expect(peer.end.transport.space().length).toBeLessThanOrEqual(1024 * 1024);
    expect(peer.end.take().length).toBeLessThan(10_000);
  });
});
