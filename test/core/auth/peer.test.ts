import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TshEvent } from '../../../src/core/events.ts';
import type { PublicKey, Signer } from '../../../src/core/keys/key.ts';
import { authenticate } from '../../../src/core/auth/client.ts';
import { publickeyMethod } from '../../../src/core/auth/client-publickey.ts';
import { serverKeyboardInteractive } from '../../../src/core/auth/server-kbdint.ts';
import { serverPassword } from '../../../src/core/auth/server-password.ts';
import { serverPublickey } from '../../../src/core/auth/server-publickey.ts';
import { defaultSignatures } from '../../../src/core/crypto/names.ts';
import { fingerprint } from '../../../src/core/keys/fingerprint.ts';
import { parseOpensshPrivate } from '../../../src/core/keys/openssh-private.ts';
import { generatePrivateKey } from '../../../src/core/keys/private-key.ts';
import { formatPublicKeyLine, parsePublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { equalBytes, utf8Bytes, utf8Text } from '../../../src/core/util/bytes.ts';
import type { Ended } from '../../run.ts';
import { run } from '../../run.ts';
import type { KeyType, Sshd } from '../../sshd.ts';
import { keyPair, startSshd } from '../../sshd.ts';
import { describePeer, peerProgram } from '../../peers.ts';
import { clientOf, serveUsers } from './over-tcp.ts';

async function signerOf(type: KeyType): Promise<Signer> {
  return (await parseOpensshPrivate(utf8Bytes(keyPair(type).privateKey))).key;
}

/** Logs in with the keys and gives the tries that it took; throws where none does. */
async function logIn(server: Sshd, keys: readonly (Signer & { readonly shown?: PublicKey })[], publicHalves = true): Promise<string[]> {
  const events: TshEvent[] = [];
  const emit = (event: TshEvent) => void events.push(event);
  const { transport, hostKey } = await clientOf(server.port, emit);
  const candidates = keys.map((signer) => ({
    source: 'key',
    publicKey: publicHalves ? (signer.shown ?? signer.publicKey) : undefined,
    explicit: false,
    agent: false,
    load: () => Promise.resolve(signer),
  }));
  await authenticate(transport, {
    user: server.user,
    host: '127.0.0.1',
    methods: [
      publickeyMethod({ candidates: () => Promise.resolve(candidates), accepted: defaultSignatures, hostKey: hostKey.blob, fingerprint }),
    ],
    emit,
    succeeded: () => {
      transport.disconnect(11, 'done');
    },
  });
  const tries = events.flatMap((event) => (event.type === 'authentication-try' ? [event.attempt] : []));
  return tries
    .filter(({ outcome }) => outcome !== 'planned')
    .map(({ outcome, algorithm }) => (algorithm === undefined ? outcome : `${outcome} ${algorithm}`));
}

for (const peer of ['openssh-10', 'openssh', 'dropbear'] as const) {
  describePeer(peer, `our client's authentication at ${peer}`, () => {
    const types = ['ed25519', 'rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'] as const;
    let server: Sshd;
    beforeAll(async () => {
      server = await startSshd({ peer });
      writeFileSync(server.authorizedKeys, types.map((type) => keyPair(type).publicKey).join(''));
    });
    afterAll(() => server.stop());

    test.each(types)('succeeds with a key of type %s', async (type) => {
      const signer = await signerOf(type);
      const tries = await logIn(server, [await generatePrivateKey('ssh-ed25519'), signer]);
      const wanted = type === 'rsa' ? / rsa-sha2-.*/ : new RegExp(` ${signer.publicKey.name}$`);
      expect(tries.map((one) => one.replace(wanted, ' it'))).toEqual([
        'offered ssh-ed25519'.replace(wanted, ' it'),
        'refused',
        'offered it',
        'accepted it',
        'signed it',
        'succeeded',
      ]);
    });

    test('succeeds with a key whose public half is not known before', async () => {
      expect((await logIn(server, [await signerOf('ed25519')], false)).at(-1)).toBe('succeeded');
    });

    test('is denied with a key that is not authorized', async () => {
      await expect(logIn(server, [await generatePrivateKey('ssh-ed25519')])).rejects.toThrow(
        /@127\.0\.0\.1: Permission denied \(.*publickey/,
      );
    });
  });
}

describePeer('openssh-10', 'our client and OpenSSH’s demands', () => {
  test('logs in with certificates, of RSA by SHA-2', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'auth-'));
    const authority = path.join(folder, 'ca');
    writeFileSync(authority, keyPair('ecdsa-256').privateKey, { mode: 0o600 });
    writeFileSync(`${authority}.pub`, keyPair('ecdsa-256').publicKey);
    const server = await startSshd({ peer: 'openssh-10', lines: [`TrustedUserCAKeys ${authority}.pub`] });
    try {
      writeFileSync(server.authorizedKeys, '');
      for (const type of ['ed25519', 'rsa'] as const) {
        writeFileSync(path.join(folder, `${type}.pub`), keyPair(type).publicKey);
        const keygen = ['-q', '-s', authority, '-I', 'id', '-n', server.user, path.join(folder, `${type}.pub`)];
        expect((await run(peerProgram('openssh-10', 'ssh-keygen'), keygen)).code).toBe(0);
        const certificate = parsePublicKeyLine(readFileSync(path.join(folder, `${type}-cert.pub`), 'utf8')).key;
        const signer = await signerOf(type);
        const { publicKey } = signer;
        const tries = await logIn(server, [{ publicKey, shown: certificate, sign: (data, algorithm) => signer.sign(data, algorithm) }]);
        expect(tries).toContain(`signed ${type === 'rsa' ? 'rsa-sha2-512' : 'ssh-ed25519'}-cert-v01@openssh.com`);
        expect(tries.at(-1)).toBe('succeeded');
      }
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test('goes through publickey twice with two keys', async () => {
    const server = await startSshd({ peer: 'openssh-10', lines: ['AuthenticationMethods publickey,publickey'] });
    try {
      writeFileSync(server.authorizedKeys, keyPair('ed25519').publicKey + keyPair('rsa').publicKey);
      const tries = await logIn(server, [await signerOf('ed25519'), await signerOf('rsa')]);
      expect(tries.filter((one) => !one.includes(' '))).toEqual(['partial', 'succeeded']);
      await expect(logIn(server, [await signerOf('ed25519')])).rejects.toThrow('Permission denied (publickey).');
      expect(server.log()).toMatch(/Accepted key ED25519 SHA256/);
    } finally {
      await server.stop();
    }
  });

  test('is told how the server proved its host key for this session', async () => {
    const server = await startSshd({ peer: 'openssh-10' });
    try {
      const { transport, hostKey } = await clientOf(server.port, () => undefined);
      const proof = transport.hostKeyProof;
      expect(proof?.hostKey).toEqual(hostKey.blob);
      hostKey.verify(proof?.signature ?? new Uint8Array(0), transport.sessionId, 'ssh-ed25519');
      transport.disconnect(11, 'done');
    } finally {
      await server.stop();
    }
  });

  test('binds its signatures to the host key', async () => {
    const server = await startSshd({ peer: 'openssh-10', lines: ['LogLevel DEBUG3'] });
    try {
      await logIn(server, [await signerOf('ed25519')]);
      expect(server.log()).toContain('publickey-hostbound-v00@openssh.com');
    } finally {
      await server.stop();
    }
  });
});

for (const peer of ['openssh-10', 'openssh'] as const) {
  describePeer(peer, `the authentication of ${peer}'s ssh at our server`, () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'auth-'));
      writeFileSync(
        path.join(folder, 'askpass'),
        `#!/bin/sh\necho "$1" >> ${folder}/asked\nif [ -s ${folder}/answers ]; then head -n 1 ${folder}/answers; sed -i 1d ${folder}/answers; fi\n`,
      );
      chmodSync(path.join(folder, 'askpass'), 0o700);
    });
    afterAll(() => {
      rmSync(folder, { recursive: true });
    });

    /** Runs ssh against a server with these demands; it answers its prompts one by one. */
    async function ssh(
      lists: readonly string[][],
      answers: readonly string[],
      keys: readonly KeyType[],
    ): Promise<Ended & { asked: string }> {
      const authorized = (['ed25519', 'rsa', 'ecdsa-256'] as const).map((type) => parsePublicKeyLine(keyPair(type).publicKey).key);
      const host = await generatePrivateKey('ssh-ed25519');
      const served = await serveUsers(host, {
        methods: [
          serverPublickey<string>({
            accepted: defaultSignatures,
            hostKey: () => host.publicKey.blob,
            fingerprint,
            authorize: (_user, key) =>
              Promise.resolve(authorized.some((one) => equalBytes(one.blob, key.blob)) ? key.shortName : undefined),
          }),
          serverPassword<string>({
            check: (_user, password) => Promise.resolve(verdict(utf8Text(password))),
            change: (_user, old, next) => Promise.resolve(utf8Text(old) === 'old' && utf8Text(next) === 'new' ? RIGHT : WRONG),
          }),
          serverKeyboardInteractive<string>([
            {
              name: 'sum',
              run: async (_user, _known, ask) => {
                const [sum] = await ask({ name: 'Sums', instruction: 'Think', prompts: [{ prompt: '2 + 2 = ', echo: true }] });
                return utf8Text(sum ?? new Uint8Array(0)) === '4' ? 'sum' : undefined;
              },
            },
          ]),
        ],
        lists,
        mostFailures: 6,
        account: (user) => Promise.resolve(user === 'someone'),
        banner: () => Promise.resolve('a banner\n'),
        permits: () => true,
        failureDelayMs: () => 1,
      });
      writeFileSync(path.join(folder, 'asked'), '');
      writeFileSync(path.join(folder, 'answers'), answers.map((answer) => `${answer}\n`).join(''));
      writeFileSync(path.join(folder, 'known_hosts'), `[127.0.0.1]:${String(served.port)} ${formatPublicKeyLine(served.hostKey)}\n`);
      for (const type of keys) {
        writeFileSync(path.join(folder, type), keyPair(type).privateKey, { mode: 0o600 });
        writeFileSync(path.join(folder, `${type}.pub`), keyPair(type).publicKey);
      }
      const args = [
        ...['-v', '-F', 'none', '-p', String(served.port), '-o', `UserKnownHostsFile=${folder}/known_hosts`],
        ...(keys.length === 0 ? ['-o', 'PubkeyAuthentication=no'] : keys.flatMap((type) => ['-i', path.join(folder, type)])),
        ...['-o', 'IdentitiesOnly=yes', 'someone@127.0.0.1', 'true'],
      ];
      try {
        const env = { SSH_ASKPASS: path.join(folder, 'askpass'), SSH_ASKPASS_REQUIRE: 'force' };
        const ended = await run(peerProgram(peer, 'ssh'), args, { env });
        return { ...ended, asked: readFileSync(path.join(folder, 'asked'), 'utf8') };
      } finally {
        served.close();
      }
    }

    test.each(['ed25519', 'rsa', 'ecdsa-256'] as const)('succeeds with a key of type %s', async (type) => {
      const { err } = await ssh([], [], [type]);
      expect(err).toContain('a banner');
      expect(err).toContain('Server accepts key: ');
      expect(err).toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:11: welcome someone/);
    });

    test('succeeds with a password, the second one', async () => {
      const { err, asked } = await ssh([['password']], ['wrong', 'right'], []);
      expect(err).toContain('Permission denied, please try again.');
      expect(err).toContain('welcome someone');
      expect(asked.split('\n')[0]).toBe("someone@127.0.0.1's password: ");
    });

    test('changes an expired password', async () => {
      const { err, asked } = await ssh([['password']], ['old', 'old', 'new', 'new'], []);
      expect(err).toContain('it has expired');
      expect(err).toContain('welcome someone');
      expect(asked).toContain("Retype someone@127.0.0.1's new password: ");
    });

    test('answers questions', async () => {
      const { err, asked } = await ssh([['keyboard-interactive:sum']], ['5', '4'], []);
      expect(err).toContain('Think');
      expect(err).toContain('welcome someone');
      expect(asked).toContain('(someone@127.0.0.1) 2 + 2 = ');
    });

    test('goes through all methods, two keys among them', async () => {
      const { err } = await ssh([['publickey', 'password', 'publickey', 'keyboard-interactive']], ['right', '4'], ['ed25519', 'ecdsa-256']);
      expect(err.match(/with partial success/g)).toHaveLength(3);
      expect(err).toContain('welcome someone');
    });

    test('is denied after too many failures', async () => {
      const { code, err } = await ssh([], [], []);
      expect(code).toBe(255);
      expect(err).toMatch(/Permission denied|Too many authentication failures/);
      expect(err).not.toContain('welcome');
    });
  });
}

const RIGHT = { type: 'right', grant: 'password' } as const;
const WRONG = { type: 'wrong' } as const;

function verdict(password: string) {
  if (password === 'old') return { type: 'expired', prompt: 'it has expired' } as const;
  return password === 'right' ? RIGHT : WRONG;
}
