import { describe, expect, test } from 'vitest';
import type { Signer } from '../../../src/core/keys/key.ts';
import { kexNames } from '../../../src/core/crypto/names.ts';
import { group1 } from '../../../src/core/crypto/dh-groups.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { kexGexGroup, kexGexRequest } from '../../../src/core/wire/kex-messages.ts';
import { generatePrivateKey } from '../../../src/core/keys/private-key.ts';
import { privateKeyFile } from '../keys/vectors.ts';
import { hostKey, Pair, type PairOptions, roles, turn } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

async function failed(options: PairOptions): Promise<Pair> {
  const pair = new Pair(options);
  pair.client.start();
  pair.server.start();
  await pair.over();
  expect([pair.client.endings, pair.server.endings]).toEqual([1, 1]);
  expect([pair.client.started, pair.server.started]).not.toContain('yes');
  return pair;
}

describe('the server’s proof', () => {
  test('by a key of another type than agreed on is refused', async () => {
    const rsa = await privateKeyFile('rsa-2048');
    const signer: Signer = { publicKey: rsa.publicKey, sign: (data) => rsa.sign(data, 'rsa-sha2-512') };
    const { client, server } = await failed({ server: { signer: () => signer } });
    expect([client.code, client.detail]).toEqual(['SSH_ERR_KEY_TYPE_MISMATCH', 'ssh-rsa for ssh-ed25519']);
    expect(server.of('disconnected')[0]).toMatchObject({ by: 'peer', reason: 3 });
  });

  test('with a wrong signature is refused, and nobody is asked about its key', async () => {
    let asked = 0;
    const verifyHostKey = () => {
      asked++;
      return Promise.resolve();
    };
    const signer: Signer = { publicKey: hostKey.publicKey, sign: (data, algorithm) => hostKey.sign(Uint8Array.of(...data, 0), algorithm) };
    const { client, server } = await failed({ client: { verifyHostKey }, server: { signer: () => signer } });
    expect(client.code).toBe('SSH_ERR_SIGNATURE_INVALID');
    expect(server.of('disconnected')[0]).toMatchObject({ by: 'peer', reason: 3 });
    expect(asked).toBe(0);
  });

  test('with a signature by another algorithm than agreed on is refused', async () => {
    const rsa = await privateKeyFile('rsa-2048');
    const signer: Signer = { publicKey: rsa.publicKey, sign: (data) => rsa.sign(data, 'rsa-sha2-256') };
    const { client } = await failed({ both: { proposal: { hostKey: ['rsa-sha2-512'] } }, server: { signer: () => signer } });
    expect(['SSH_ERR_SIGN_ALG_UNSUPPORTED', 'SSH_ERR_SIGNATURE_INVALID']).toContain(client.code);
  });

  test('that can’t be made ends the connection', async () => {
    const broken: Signer = { publicKey: hostKey.publicKey, sign: () => Promise.reject(new SshError('SSH_ERR_AGENT_FAILURE')) };
    expect((await failed({ server: { signer: () => broken } })).server.code).toBe('SSH_ERR_AGENT_FAILURE');
  });

  test('is judged once for a key, and again where the key is another one after', async () => {
    const seen: unknown[] = [];
    let current: Signer = hostKey;
    let refuse = false;
    const pair = new Pair({
      client: {
        verifyHostKey: (key) => {
          seen.push(key.blob);
          return refuse ? Promise.reject(new SshError('SSH_ERR_KEY_REVOKED')) : Promise.resolve();
        },
      },
      server: { signer: () => current },
    });
    await pair.authenticate();
    const again = async (exchanges: number) => {
      pair.client.transport.rekey();
      await pair.until(() => roles.every((role) => pair[role].of('new-keys').length === 2 * exchanges));
    };
    await again(2);
    expect(seen).toEqual([hostKey.publicKey.blob]);
    const second = await generatePrivateKey('ssh-ed25519');
    current = second;
    await again(3);
    expect(seen).toEqual([hostKey.publicKey.blob, second.publicKey.blob]);
    current = hostKey;
    refuse = true;
    pair.client.transport.rekey();
    await pair.over();
    expect([pair.client.code, seen.length]).toEqual(['SSH_ERR_KEY_REVOKED', 3]);
  });

  test('that is not believed ends the connection with the reason, and no keys are taken into use', async () => {
    const error = new SshError('SSH_ERR_KEY_REVOKED');
    const { client, server } = await failed({ client: { verifyHostKey: () => Promise.reject(error) } });
    expect(client.error).toBe(error);
    expect(client.of('new-keys')).toEqual([]);
    expect(server.code).toBe('SSH_ERR_CONN_CLOSED');
  });
});

describe('an exchange that is cut off', () => {
  test('sends nothing more, whatever its steps come to', async () => {
    let settle = () => {};
    const verifyHostKey = () => new Promise<void>((resolve) => (settle = resolve));
    const pair = new Pair({ client: { verifyHostKey } });
    pair.client.start();
    pair.server.start();
    await pair.until(() => pair.client.of('host-key').length === 1);
    pair.client.transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT'));
    pair.client.take();
    settle();
    for (let i = 0; i < 20; i++) await turn();
    expect(pair.client.outbox).toEqual([]);
    expect([pair.client.code, pair.client.endings, pair.client.of('new-keys').length]).toEqual(['SSH_ERR_CONN_TIMEOUT', 1, 0]);
    expect(pair.client.started).toBe(pair.client.error);
    expect(pair.client.transport.sessionId.length).toBe(0);
  });

  test('at the server, by a signature that comes too late', async () => {
    let settle: (signature: Uint8Array) => void = () => undefined;
    const signer: Signer = { publicKey: hostKey.publicKey, sign: () => new Promise((resolve) => (settle = resolve)) };
    let asked = false;
    const pair = new Pair({ server: { signer: () => ((asked = true), signer) } });
    pair.client.start();
    pair.server.start();
    await pair.until(() => asked);
    for (let i = 0; i < 20; i++) {
      pair.step();
      await turn();
    }
    pair.server.transport.disconnect(11, 'late');
    pair.server.take();
    settle(new Uint8Array(10));
    for (let i = 0; i < 20; i++) await turn();
    expect([pair.server.outbox.length, pair.server.endings, pair.server.error]).toEqual([0, 1, undefined]);
  });

  test.each([
    'ident',
    'kexinit',
    'exchange',
    'host-key',
    'new-keys',
    'open',
  ] as const)('by a peer that says nothing more at %s: the caller ends it, and nothing stays behind', async (stage) => {
    for (const role of roles) {
      const verifyHostKey = () => (stage === 'host-key' ? new Promise<void>(() => undefined) : Promise.resolve());
      const peer = new RawPeer(role, { verifyHostKey, rekeyLimit: { bytes: 0, seconds: 60 } });
      if (stage !== 'ident') await peer.idents();
      if (stage !== 'ident' && stage !== 'kexinit') peer.kexInit();
      if (stage === 'host-key' || stage === 'open') void peer.exchange().catch(() => undefined);
      if (stage === 'new-keys')
        void peer.exchange((payload) => (payload[0] === 21 ? Uint8Array.of(2, 0, 0, 0, 0) : payload)).catch(() => undefined);
      for (let i = 0; i < 50; i++) await turn();
      if (peer.end.ended) expect(stage).toBe('new-keys');
      peer.end.transport.fail(new SshError('SSH_ERR_CONN_TIMEOUT'));
      for (let i = 0; i < 20; i++) await turn();
      expect([peer.end.endings, peer.end.ended, peer.clock.running]).toEqual([1, true, 0]);
    }
  });
});

describe('a guessed first packet', () => {
  test.each(roles)('of the wrong method is passed over by a %s, once', async (role) => {
    const peer = new RawPeer(role);
    const guess = { kexAlgorithms: ['ecdh-sha2-nistp256', 'curve25519-sha256'], firstKexPacketFollows: true };
    await peer.idents();
    peer.kexInit(guess);
    peer.send(Uint8Array.of(role === 'server' ? 30 : 31, 1, 2, 3));
    await peer.exchange();
    expect(peer.end.ended).toBe(false);
    const twice = new RawPeer(role);
    await twice.idents();
    twice.kexInit(guess);
    for (let i = 0; i < 2; i++) twice.send(Uint8Array.of(role === 'server' ? 30 : 31, 1, 2, 3));
    await twice.over();
    expect(['SSH_ERR_MESSAGE_INCOMPLETE', 'SSH_ERR_INVALID_FORMAT', 'SSH_ERR_PROTOCOL_ERROR']).toContain(twice.end.code);
  });

  test.each(roles)('that is right counts at a %s', async (role) => {
    const peer = new RawPeer(role);
    await peer.idents();
    peer.kexInit({ firstKexPacketFollows: true });
    await peer.exchange();
    expect(peer.end.ended).toBe(false);
  });
});

describe('group exchange', () => {
  const gex = { kexAlgorithms: ['diffie-hellman-group-exchange-sha256'] };
  const proposal = { kex: gex.kexAlgorithms };

  test('a client takes no group of a size that it did not ask for', async () => {
    for (const prime of [group1.prime, new Uint8Array(1025).fill(0xff)]) {
      const peer = new RawPeer('client', { proposal });
      await peer.idents();
      peer.kexInit(gex);
      const change = (payload: Uint8Array) => (payload[0] === 31 ? kexGexGroup.encode({ prime, generator: Uint8Array.of(2) }) : payload);
      await expect(peer.exchange(change)).rejects.toThrow('message 1 instead of 32');
      expect(peer.end.code).toBe('SSH_ERR_DH_GEX_OUT_OF_RANGE');
    }
  });

  test.each([
    [4096, 2048, 8192],
    [2048, 8192, 4096],
    [4096, 4096, 2048],
    [1024, 1024, 1024],
    [0xffffffff, 0xffffffff, 0],
  ])('a server gives no group for %i<%i<%i', async (min, preferred, max) => {
    const peer = new RawPeer('server', { proposal });
    await peer.idents();
    peer.kexInit(gex);
    peer.send(kexGexRequest.encode({ min, preferred, max }));
    await peer.over();
    expect(peer.end.code).toBe('SSH_ERR_DH_GEX_OUT_OF_RANGE');
  });
});

describe('values that were tampered with', () => {
  const tampers: Readonly<Record<string, (payload: Uint8Array) => Uint8Array>> = {
    'last byte': (payload) => payload.with(-1, (payload.at(-1) as number) ^ 1),
    'middle byte': (payload) => payload.with(payload.length >> 1, (payload[payload.length >> 1] as number) ^ 0x80),
    'first length': (payload) => payload.with(4, (payload[4] as number) ^ 1),
    short: (payload) => payload.subarray(0, payload.length - 1),
    long: (payload) => Uint8Array.of(...payload, 0),
    'all zero': (payload) => payload.map((byte, at) => (at < 5 ? byte : 0)),
    'nothing in it': (payload) => payload.subarray(0, 1),
  };
  test.each(kexNames)('of %s end in an SshError or in keys that do not match', async (name) => {
    for (const role of roles) {
      for (const [what, tamper] of Object.entries(tampers)) {
        const peer = new RawPeer(role, { proposal: { kex: [name] } });
        await peer.idents();
        peer.kexInit({ kexAlgorithms: [name] });
        let done = false;
        const change = (payload: Uint8Array): Uint8Array => {
          if (done || payload[0] === 21 || payload[0] === 34) return payload;
          done = true;
          return tamper(payload);
        };
        const fault = await peer.exchange(change).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(fault, `${role}, ${what}`).toBeDefined();
        if (peer.end.ended) expect(peer.end.error, `${role}, ${what}`).toBeInstanceOf(SshError);
        // a server can't know that its answer is not believed, nor a client that its value is not taken in another group
        else expect(role === 'server' || name.includes('group-exchange')).toBe(true);
        expect(peer.end.started).not.toBe('yes');
      }
    }
  });
});
