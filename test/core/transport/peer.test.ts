import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cipherNames, compressionNames, defaultKex, defaultMacs, kexNames, macNames } from '../../../src/core/crypto/names.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { authenticate } from '../../../src/core/auth/client.ts';
import { publickeyMethod } from '../../../src/core/auth/client-publickey.ts';
import { defaultSignatures } from '../../../src/core/crypto/names.ts';
import { fingerprint } from '../../../src/core/keys/fingerprint.ts';
import { parseOpensshPrivate } from '../../../src/core/keys/openssh-private.ts';
import { Transport } from '../../../src/core/transport/transport.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { systemClock } from '../../../src/node/clock.ts';
import { describePeer } from '../../peers.ts';
import { keyPair, type Sshd, startSshd } from '../../sshd.ts';

/** What OpenSSH 9.2 does not know. */
const newer = new Set<string>(['mlkem768x25519-sha256', 'sntrup761x25519-sha512']);
/** Of draft and library, and in no OpenSSH. */
const ownOnly = new Set<string>(['mlkem768nistp256-sha256']);

interface Lists {
  readonly kex?: string;
  readonly cipher?: string;
  readonly mac?: string;
  readonly compression?: string;
}

/** Exchanges keys with a server, logs in, exchanges keys twice more, and has the server answer a message in between. */
async function talk(server: Sshd, lists: Lists): Promise<void> {
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
  let exchanges = 0;
  let answered: (payload: Uint8Array) => void = () => undefined;
  let over: (error: Error) => void = () => undefined;
  const transport = new Transport(
    {
      role: 'client',
      ident: 'SSH-2.0-tsh_test',
      proposal: {
        kex: lists.kex === undefined ? defaultKex : [lists.kex],
        hostKey: ['ssh-ed25519'],
        ciphers: [lists.cipher ?? 'aes128-ctr'],
        macs: lists.mac === undefined ? defaultMacs : [lists.mac],
        compression: [lists.compression ?? 'none'],
      },
      rekeyLimit: { bytes: 0, seconds: 0 },
      tracePackets: false,
      verifyHostKey: () => Promise.resolve(),
    },
    {
      random: systemRandom,
      clock: systemClock,
      events: (event) => {
        if (event.type === 'new-keys' && !event.sent) exchanges++;
      },
      write: (bytes) => socket.write(bytes),
      resume: () => void socket.resume(),
      end: () => void socket.end(),
    },
  );
  socket.on('data', (bytes) => {
    if (!transport.receive(bytes)) socket.pause();
  });
  socket.on('end', () => {
    transport.ended();
  });
  socket.on('error', (error) => {
    transport.ended(error);
  });
  try {
    await transport.start();
    const key = (await parseOpensshPrivate(utf8Bytes(keyPair('ed25519').privateKey))).key;
    const candidate = { source: 'key', publicKey: key.publicKey, explicit: true, agent: false, load: () => Promise.resolve(key) };
    await authenticate(transport, {
      user: server.user,
      host: '127.0.0.1',
      methods: [
        publickeyMethod({
          candidates: () => Promise.resolve([candidate]),
          accepted: defaultSignatures,
          hostKey: transport.hostKey?.blob ?? new Uint8Array(0),
          fingerprint,
        }),
      ],
      emit: () => undefined,
      // at once: the server may say more in the same packet as that we are in
      succeeded: () => {
        transport.handler = {
          message: (payload) => {
            if (payload[0] === 82) answered(payload.slice());
            return undefined;
          },
          drained: () => undefined,
          closed: (error) => {
            over(error ?? new Error('closed'));
          },
        };
      },
    });
    for (let round = 1; round <= 3; round++) {
      // an unknown global request is answered with REQUEST_FAILURE
      const answer = new Promise<Uint8Array>((resolve, reject) => {
        answered = resolve;
        over = reject;
      });
      transport.send(Uint8Array.of(80, 0, 0, 0, 1, 120, 1));
      expect(await answer).toEqual(Uint8Array.of(82));
      if (round < 3) {
        transport.rekey();
        while (exchanges <= round && !socket.destroyed) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(exchanges).toBe(3);
  } finally {
    transport.disconnect(11, 'done');
    socket.destroy();
  }
}

for (const peer of ['openssh-10', 'openssh'] as const) {
  describePeer(peer, `our transport and ${peer}'s sshd exchange keys, and again`, () => {
    let server: Sshd;
    beforeAll(async () => {
      const all = (names: readonly string[]) => names.filter((name) => !ownOnly.has(name) && (peer === 'openssh-10' || !newer.has(name)));
      const lines = [`KexAlgorithms ${all(kexNames).join(',')}`, `Ciphers ${cipherNames.join(',')}`, `MACs ${macNames.join(',')}`];
      server = await startSshd({ peer, lines: [...lines, 'Compression yes'] });
    });
    afterAll(() => server.stop());

    const known = kexNames.filter((name) => !ownOnly.has(name) && (peer === 'openssh-10' || !newer.has(name)));
    test.each(known)('by %s', (kex) => talk(server, { kex }));
    test.each(cipherNames)('with the cipher %s', (cipher) => talk(server, { kex: 'curve25519-sha256', cipher }));
    test.each(macNames)('with the MAC %s', (mac) => talk(server, { kex: 'curve25519-sha256', mac }));
    test.each(compressionNames)('with the compression %s', (compression) => talk(server, { kex: 'curve25519-sha256', compression }));
  });
}
