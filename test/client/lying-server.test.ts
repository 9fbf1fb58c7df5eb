import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { formatPublicKeyLine } from '../../src/core/keys/public-key.ts';
import { bytes, type HostileLink, type Hostility, HostileServer, text, uint32 } from './hostile-server.ts';
import { type Seen, tsh } from './common.ts';

let server: HostileServer;
let folder: string;
let known: string;
let fresh: PrivateKey;
let ecdsa: PrivateKey;
let rsa: PrivateKey;
beforeAll(async () => {
  server = await HostileServer.start();
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-lying-'));
  known = path.join(folder, 'known');
  [fresh, ecdsa, rsa] = [
    await generatePrivateKey('ssh-ed25519'),
    await generatePrivateKey('ecdsa-sha2-nistp256'),
    await generatePrivateKey('ssh-rsa', 2048),
  ];
});
beforeEach(() => writeFileSync(known, knownLine(server.hostKey)));
afterEach(() => {
  server.hostility = {};
  server.drop();
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const knownLine = ({ publicKey }: PrivateKey): string => `[127.0.0.1]:${server.port} ${formatPublicKeyLine(publicKey, '')}\n`;

async function against(hostility: Hostility, ...options: readonly string[]): Promise<Seen> {
  server.hostility = hostility;
  const settings = [`UserKnownHostsFile=${known}`, 'GlobalKnownHostsFile=none', 'UpdateHostKeys=yes', 'BatchMode=yes'];
  const set = [...settings, ...options].flatMap((one) => ['-o', one]);
  return await tsh(['-F', 'none', ...set, '-p', `${server.port}`, 'u@127.0.0.1', 'command']);
}

describe('a server that lies about its host key', () => {
  const right: NonNullable<Hostility['sign']> = (data, algorithm) => server.hostKey.sign(data, algorithm);
  /** The signature, by another name than its own. */
  const named =
    (name: string): NonNullable<Hostility['sign']> =>
    async (data, algorithm) => {
      const signature = await right(data, algorithm);
      return bytes(text(name), signature.subarray(4 + 'ssh-ed25519'.length));
    };
  const cases: Readonly<Record<string, () => Hostility>> = {
    'it shows a key of another type than agreed, which it holds': () => ({
      shown: ecdsa.publicKey.blob,
      sign: (data) => ecdsa.sign(data, 'ecdsa-sha2-nistp256'),
    }),
    'it shows a key of another type, and signs with the one agreed': () => ({ shown: rsa.publicKey.blob }),
    'the key has the name of another type': () => ({
      shown: bytes(text('ssh-rsa'), server.hostKey.publicKey.blob.subarray(4 + 'ssh-ed25519'.length)),
    }),
    'the key is a byte too short': () => ({ shown: bytes(text('ssh-ed25519'), text(new Uint8Array(31))) }),
    'the key is a byte too long': () => ({ shown: bytes(server.hostKey.publicKey.blob, 0) }),
    'the key is the neutral point': () => ({ shown: bytes(text('ssh-ed25519'), text(Uint8Array.of(1, ...new Uint8Array(31)))) }),
    'the key is nothing': () => ({ shown: bytes() }),
    'the signature has the name of another algorithm': () => ({ sign: named('rsa-sha2-512') }),
    'the signature has the name of a certificate': () => ({ sign: named('ssh-ed25519-cert-v01@openssh.com') }),
    'the signature is of another key of the type': () => ({ sign: (data, algorithm) => fresh.sign(data, algorithm) }),
    'the signature is of other bytes': () => ({ sign: (data, algorithm) => server.hostKey.sign(bytes(data, 0), algorithm) }),
    'the signature is nothing': () => ({ sign: () => Promise.resolve(bytes()) }),
    'RSA signs with SHA-1 where SHA-2 was agreed': () => ({
      algorithms: ['rsa-sha2-512'],
      shown: rsa.publicKey.blob,
      sign: (data) => rsa.sign(data, 'ssh-rsa'),
    }),
    'RSA signs with SHA-256 where SHA-512 was agreed': () => ({
      algorithms: ['rsa-sha2-512'],
      shown: rsa.publicKey.blob,
      sign: (data) => rsa.sign(data, 'rsa-sha2-256'),
    }),
  };

  // not even who takes every key takes one that is not proved
  test.each(Object.entries(cases))('%s', async (_, hostility) => {
    writeFileSync(known, '');
    const { err, out, code } = await against(hostility(), 'StrictHostKeyChecking=no');
    expect([code, out]).toEqual([255, '']);
    expect(err).toMatch(/127\.0\.0\.1/);
    expect(err).not.toMatch(/SSH_ERR|internal error|\n {4}at /);
    expect(readFileSync(known, 'utf8')).toBe('');
  });

  test('what is right is taken', async () => {
    writeFileSync(known, '');
    const rsaKey: Hostility = { algorithms: ['rsa-sha2-512'], shown: rsa.publicKey.blob, sign: (data, name) => rsa.sign(data, name) };
    expect((await against({ ...rsaKey, message: farewell }, 'StrictHostKeyChecking=accept-new')).code).toBe(3);
    expect(readFileSync(known, 'utf8')).toBe(knownLine(rsa));
  });
});

describe('hostkeys-prove', () => {
  const REQUEST = 'hostkeys-prove-00@openssh.com';
  /** What is to be signed for a key (PROTOCOL section 2.5). */
  const statement = (sessionId: Uint8Array, key: PrivateKey, request = REQUEST): Uint8Array =>
    bytes(text(request), text(sessionId), text(key.publicKey.blob));

  /** Tells of another key once the command runs, and answers the client's wish for a proof so; the command ends after that. */
  function proving(prove: (sessionId: Uint8Array) => Promise<Uint8Array>, key: () => PrivateKey = () => fresh): Hostility {
    return {
      at: 'exec',
      act: ({ say }) => {
        const keys = [server.hostKey, key()].map(({ publicKey }) => text(publicKey.blob));
        say(bytes(80, text('hostkeys-00@openssh.com'), 0, ...keys));
      },
      message: (payload, link) => {
        if (payload[0] !== 80 || !Buffer.from(payload).includes(REQUEST)) return;
        void prove(link.transport.sessionId).then((signature) => {
          link.say(bytes(81, text(signature)));
          end(link);
        });
      },
    };
  }

  test('a key that is proved is remembered', async () => {
    const { code, err } = await against(proving((id) => fresh.sign(statement(id, fresh), 'ssh-ed25519')));
    expect([code, err]).toEqual([3, '']);
    expect(readFileSync(known, 'utf8')).toBe(`${knownLine(server.hostKey)}${knownLine(fresh)}`);
  });

  let recorded: Uint8Array | undefined;
  const lies: Readonly<Record<string, () => Hostility>> = {
    'a proof from another session': () =>
      proving((id) =>
        fresh.sign(
          statement(
            id.map((byte) => byte ^ 1),
            fresh,
          ),
          'ssh-ed25519',
        ),
      ),
    'a proof that was recorded in an earlier session': () => proving(() => Promise.resolve(recorded ?? bytes())),
    'a proof of another key': () => proving((id) => server.hostKey.sign(statement(id, fresh), 'ssh-ed25519')),
    'a proof for another key': () => proving((id) => fresh.sign(statement(id, server.hostKey), 'ssh-ed25519')),
    'a proof for another request': () => proving((id) => fresh.sign(statement(id, fresh, 'hostkeys-00@openssh.com'), 'ssh-ed25519')),
    'an RSA proof by SHA-1': () =>
      proving(
        (id) => rsa.sign(statement(id, rsa), 'ssh-rsa'),
        () => rsa,
      ),
    'no proof at all': () => proving(() => Promise.resolve(bytes())),
  };
  test.each(Object.entries(lies))('%s is worth nothing', async (_, hostility) => {
    // a proof that was good once
    await against(
      proving(async (id) => {
        recorded = await fresh.sign(statement(id, fresh), 'ssh-ed25519');
        return recorded;
      }),
    );
    writeFileSync(known, knownLine(server.hostKey));
    const { code } = await against(hostility());
    expect(code).toBe(3);
    expect(readFileSync(known, 'utf8')).toBe(knownLine(server.hostKey));
  });
});

/** Ends the command as soon as it runs. */
function farewell(payload: Uint8Array, link: HostileLink): void {
  if (payload[0] === 98) setTimeout(() => end(link), 20);
}

function end({ say }: HostileLink): void {
  const channel = uint32(0);
  say(bytes(98, channel, text('exit-status'), 0, uint32(3)), bytes(96, channel), bytes(97, channel));
}
