import { describe, expect, test } from 'vitest';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { extInfo, ignoreMessage } from '../../../src/core/wire/transport-messages.ts';
import { Pair, roles, turn } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

const chacha = { encryptionClientToServer: ['chacha20-poly1305@openssh.com'], encryptionServerToClient: ['chacha20-poly1305@openssh.com'] };
const chachaProposal = { proposal: { ciphers: ['chacha20-poly1305@openssh.com'] } };
const ignore = ignoreMessage.encode({ data: new Uint8Array(0) });

/** What the man in the middle of the Terrapin attack does: he adds a message before the keys and takes EXT_INFO away after them. */
async function terrapin(strict: boolean): Promise<RawPeer> {
  const peer = new RawPeer('client', chachaProposal);
  await peer.idents();
  // the server knows nothing of the message that is added: its numbers are one behind
  peer.send(ignore);
  peer.writer.sequence = 0;
  peer.kexInit(chacha, strict);
  try {
    await peer.exchange();
    peer.keep();
    peer.send(extInfo.encode({ extensions: [{ name: 'server-sig-algs', value: utf8Bytes('ssh-ed25519') }] }));
    expect(peer.kept().length).toBeGreaterThan(0);
    peer.send(Uint8Array.of(53, 1, 2, 3));
  } catch (error) {
    if (!peer.end.ended) throw error;
  }
  await turn();
  return peer;
}

describe('strict key exchange', () => {
  test('ends the Terrapin attack, which goes unseen without it', async () => {
    const loose = await terrapin(false);
    expect(loose.end.ended).toBe(false);
    expect(loose.end.messages).toEqual([Uint8Array.of(53, 1, 2, 3)]);
    expect(loose.end.transport.peerExtension('server-sig-algs')).toBeUndefined();
    const strict = await terrapin(true);
    expect(strict.end.code).toBe('SSH_ERR_PROTOCOL_ERROR');
    expect(strict.end.detail).toBe('strict KEX violation: KEXINIT was not the first packet');
    expect(strict.end.messages).toEqual([]);
  });

  test('taking EXT_INFO away alone breaks the next packet', async () => {
    const peer = new RawPeer('client', chachaProposal);
    await peer.idents();
    peer.kexInit(chacha);
    await peer.exchange();
    peer.keep();
    peer.send(extInfo.encode({ extensions: [] }));
    peer.kept();
    peer.send(Uint8Array.of(53, 1, 2, 3));
    // the length is decrypted with the wrong nonce too: it is wrong, or the tag is
    const more = new Uint8Array(300_000);
    if (!peer.end.ended) peer.raw(more);
    expect(['SSH_ERR_MAC_INVALID', 'SSH_ERR_CONN_CORRUPT']).toContain(peer.end.code);
    expect(peer.end.messages).toEqual([]);
  });

  test('begins the sequence numbers anew with each set of keys, in both directions', async () => {
    const pair = new Pair();
    await pair.authenticate();
    pair.client.transport.rekey();
    await pair.until(() => pair.client.of('new-keys').length === 4 && pair.server.of('new-keys').length === 4);
    for (const role of roles) {
      for (const { strict, sequence, sent, rekey } of pair[role].of('new-keys')) {
        expect(strict).toBe(true);
        // KEXINIT, one message of the exchange and NEWKEYS; later at least EXT_INFO before them
        if (rekey) expect(sequence).toBeLessThan(8);
        else expect([sent, sequence]).toEqual([sent, 3]);
      }
    }
    pair.server.transport.send(Uint8Array.of(99));
    pair.client.onMessage = () => false;
    await pair.until(() => pair.client.messages.length === 1);
  });

  test('goes on counting without it', async () => {
    const peer = new RawPeer('server');
    await peer.connect(false);
    expect(peer.end.of('new-keys').map(({ strict, sequence }) => [strict, sequence])).toEqual([
      [false, 3],
      [false, 3],
    ]);
    peer.end.onMessage = () => false;
    peer.send(Uint8Array.of(80));
    await peer.next(3);
    expect(peer.unimplemented).toEqual([3]);
    expect(peer.reader.sequence).toBe(4);
    const strict = new RawPeer('server');
    await strict.connect(true);
    strict.end.onMessage = () => false;
    strict.send(Uint8Array.of(80));
    await strict.next(3);
    expect(strict.unimplemented).toEqual([0]);
  });

  test.each(roles)('a %s does not let sequence numbers come round before the first keys', async (role) => {
    for (const [number, ends] of [
      [0xffff_fffe, false],
      [0xffff_ffff, true],
    ] as const) {
      const peer = new RawPeer(role);
      await peer.idents();
      const { in: inbound } = peer.end.transport as unknown as { in: { reader: { sequence: number } } };
      inbound.reader.sequence = number;
      peer.send(ignore);
      expect(peer.end.ended).toBe(ends);
      if (ends) expect(peer.end.detail).toBe('sequence numbers came round before the first keys');
    }
  });

  test('sequence numbers may come round later', async () => {
    const peer = new RawPeer('server');
    await peer.connect();
    const { in: inbound, out } = peer.end.transport as unknown as {
      in: { reader: { sequence: number } };
      out: { writer: { sequence: number } };
    };
    inbound.reader.sequence = 0xffff_ffff;
    peer.writer.sequence = 0xffff_ffff;
    out.writer.sequence = 0xffff_ffff;
    peer.reader.sequence = 0xffff_ffff;
    peer.end.onMessage = () => false;
    for (const expected of [0xffff_ffff, 0, 1]) {
      peer.send(Uint8Array.of(80));
      await peer.next(3);
      expect(peer.unimplemented.at(-1)).toBe(expected);
    }
  });

  test.each(roles)('injected before the keys, messages never reach the layer above a %s', async (role) => {
    for (const strict of [true, false]) {
      for (const number of [5, 6, 7, 50, 52, 80, 94]) {
        const peer = new RawPeer(role);
        await peer.idents();
        peer.kexInit({}, strict);
        peer.send(concat(Uint8Array.of(number), new Uint8Array(8)));
        await peer.over();
        expect(peer.end.messages).toEqual([]);
        expect(peer.end.code).toBe('SSH_ERR_PROTOCOL_ERROR');
      }
    }
  });
});
