import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgreedAlgorithms, AgreedDirection, TshEvent } from '../../src/core/events.ts';
import { cipherNames, kexNames, macNames } from '../../src/core/crypto/names.ts';
import { peerProgram } from '../peers.ts';
import { type Ended, type Given, own, run } from '../run.ts';
import { type KeyType, keyPair, type ServerPeer, type Sshd, startSshd } from '../sshd.ts';

const MiB = 1024 * 1024;
/** What goes through each cipher and MAC, there and back. */
const bulk = 64 * MiB;
/** In milliseconds, for one such test on a machine that has other work. */
const bulkTimeout = 180_000;

/** Which signature algorithms are tried with which keys. */
export const signatures: readonly (readonly [algorithm: string, key: KeyType])[] = [
  ['ssh-ed25519', 'ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-521'],
  ['rsa-sha2-512', 'rsa'],
  ['rsa-sha2-256', 'rsa'],
  ['ssh-rsa', 'rsa'],
];

const keyTypes: readonly KeyType[] = ['ed25519', 'rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'];
/** dropbear takes one key of each kind. */
const dropbearHostKeys: readonly KeyType[] = ['ed25519', 'rsa', 'ecdsa-256'];

/** How thoroughly a peer is tried. */
export interface Thoroughness {
  /** Every host key's algorithm with every user's, or only each with itself. */
  readonly everyPair: boolean;
}

/**
 * Runs tsh against a peer's server with every algorithm of ours. One that the server has not must fail with OpenSSH's sentence: so nothing
 * is left out unseen.
 */
export function tryEveryAlgorithm(peer: ServerPeer, { everyPair }: Thoroughness): void {
  let server: Sshd;
  let offer: Offer;
  let data: Buffer;
  beforeAll(async () => {
    server = await startSshd({ peer, hostKeys: peer === 'dropbear' ? dropbearHostKeys : keyTypes, lines: everythingOn(peer) });
    writeFileSync(server.authorizedKeys, keyTypes.map((type) => keyPair(type).publicKey).join(''));
    for (const type of keyTypes) writeFileSync(path.join(server.folder, `id-${type}`), keyPair(type).privateKey, { mode: 0o600 });
    offer = await serverOffer(server);
    data = randomBytes(bulk);
  });
  afterAll(() => server.stop());

  const tsh = (args: readonly string[], given?: Given): Promise<Ended> => run(own('tsh'), ['-F', server.config, ...args], given);

  /** Sends the data through `cat` and back while keys are made anew, and gives what was agreed each time. */
  async function there(args: readonly string[], bytes: Buffer, rekeyLimit: number): Promise<readonly AgreedAlgorithms[]> {
    const options = ['--explain=json', '-o', `RekeyLimit=${rekeyLimit}`, ...args, 'server', 'cat'];
    const { stdout, err, code } = await tsh(options, { stdin: bytes, timeoutMs: bulkTimeout / 2 });
    expect([code, stdout.length, digest(stdout)], err.slice(-2000)).toEqual([0, bytes.length, digest(bytes)]);
    return eventsOf(err).flatMap((event) => (event.type === 'agreed' ? [event.algorithms] : []));
  }

  async function refused(args: readonly string[], what: string, theirs: readonly string[]): Promise<void> {
    const { err, code } = await tsh([...args, 'server', 'true']);
    expect({ err, code }).toEqual({
      err: `Unable to negotiate with 127.0.0.1 port ${server.port}: no matching ${what} found. Their offer: ${theirs.join(',')}\r\n`,
      code: 255,
    });
  }

  test.each(kexNames)('kex %s', async (name) => {
    const args = ['-o', `KexAlgorithms=${name}`];
    if (!offer.kex.includes(name)) {
      await refused(args, 'key exchange method', offer.kex);
      return;
    }
    const agreed = await there(args, data.subarray(0, 3 * MiB), MiB);
    expect(agreed.length).toBeGreaterThan(2);
    expect(new Set(agreed.map(({ kex }) => kex))).toEqual(new Set([name]));
  });

  test.each(cipherNames)('cipher %s', { timeout: bulkTimeout }, async (name) => {
    const args = ['-o', `Ciphers=${name}`];
    if (!offer.cipherServerToClient.includes(name)) {
      await refused(args, 'cipher', offer.cipherServerToClient);
      return;
    }
    const agreed = await there(args, data, bulk / 4);
    expect(agreed.length).toBeGreaterThan(3);
    expect(everyDirection(agreed, ({ cipher }) => cipher)).toEqual(new Set([name]));
  });

  test.each(macNames)('MAC %s', { timeout: bulkTimeout }, async (name) => {
    const args = ['-o', 'Ciphers=aes128-ctr', '-o', `MACs=${name}`];
    if (!offer.macServerToClient.includes(name)) {
      await refused(args, 'MAC', offer.macServerToClient);
      return;
    }
    const agreed = await there(args, data, bulk / 4);
    expect(agreed.length).toBeGreaterThan(3);
    expect(everyDirection(agreed, ({ mac }) => mac)).toEqual(new Set([name]));
  });

  test('zlib@openssh.com', async () => {
    const text = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `line ${i}\n`).join(''));
    const bytes = Buffer.concat([text, data.subarray(0, MiB), text]);
    const { stdout, err, code } = await tsh(['--explain=json', '-C', '-o', 'RekeyLimit=1M', 'server', 'cat'], { stdin: bytes });
    expect([code, stdout.equals(bytes)], err.slice(-2000)).toEqual([0, true]);
    const events = eventsOf(err);
    const agreed = events.flatMap((event) => (event.type === 'agreed' ? [event.algorithms] : []));
    expect(everyDirection(agreed, ({ compression }) => compression)).toEqual(new Set(['zlib@openssh.com']));
    const transferred = events.find((event) => event.type === 'transferred');
    expect(transferred?.received).toBeLessThan(bytes.length / 2);
    expect(transferred?.sent).toBeLessThan(bytes.length / 2);
  });

  const pairs = signatures.flatMap(([host]) =>
    signatures.filter(([user]) => everyPair || user === host).map(([user, key]) => [host, user, key] as const),
  );
  test.each(pairs)('host key %s, user key %s', async (hostKey, user, file) => {
    const args = ['-o', `HostKeyAlgorithms=${hostKey}`, '-o', `PubkeyAcceptedAlgorithms=${user}`];
    const config = readFileSync(server.config, 'utf8').replace(/IdentityFile .*/, `IdentityFile ${path.join(server.folder, `id-${file}`)}`);
    const key = ['-F', path.join(server.folder, `config-${file}`)];
    writeFileSync(path.join(server.folder, `config-${file}`), config);
    if (!offer.hostKey.includes(hostKey)) {
      await refused(args, 'host key type', offer.hostKey);
      return;
    }
    const { out, err, code } = await tsh(['--explain=json', ...args, ...key, 'server', 'echo in']);
    const events = eventsOf(err);
    const agreed = events.flatMap((event) => (event.type === 'agreed' ? [event.algorithms.hostKey] : []));
    expect(agreed).toEqual([hostKey]);
    const signed = events.flatMap((event) =>
      event.type === 'authentication-try' && event.attempt.outcome === 'signed' ? [event.attempt.algorithm] : [],
    );
    // a server that names the algorithms it takes is believed (RFC 8308 section 3.1); dropbear takes no SHA-1 and no SHA-2-512
    const taken = events.some(
      (event) => event.type === 'ext-info' && !event.sent && event.extensions.some(({ value }) => value.split(',').includes(user)),
    );
    expect({ out, code, signed }).toEqual(taken ? { out: 'in\n', code: 0, signed: [user] } : { out: '', code: 255, signed: [] });
    if (peer !== 'dropbear') expect(taken).toBe(true);
  });
}

type Offer = Extract<TshEvent, { type: 'kexinit' }>['offer'];

/** The lines of sshd_config that turn on all that the server knows. */
function everythingOn(peer: ServerPeer): readonly string[] {
  if (peer === 'dropbear') return [];
  const all = (query: string): string =>
    execFileSync(peerProgram(peer, 'ssh'), ['-Q', query], { encoding: 'utf8' }).trim().split('\n').join(',');
  return [
    `KexAlgorithms ${all('kex')}`,
    `Ciphers ${all('cipher')}`,
    `MACs ${all('mac')}`,
    'HostKeyAlgorithms +ssh-rsa',
    'PubkeyAcceptedAlgorithms +ssh-rsa',
    'RequiredRSASize 2048',
  ];
}

async function serverOffer(server: Sshd): Promise<Offer> {
  const { err } = await run(own('tsh'), ['-F', server.config, '--explain=json', 'server', 'true']);
  for (const event of eventsOf(err)) if (event.type === 'kexinit' && event.by === 'peer') return event.offer;
  throw new Error(`no offer in ${err}`);
}

/** The events of `--explain=json`. */
export function eventsOf(text: string): TshEvent[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as TshEvent);
}

function everyDirection<T>(agreed: readonly AgreedAlgorithms[], part: (direction: AgreedDirection) => T): Set<T> {
  return new Set(agreed.flatMap(({ clientToServer, serverToClient }) => [part(clientToServer), part(serverToClient)]));
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Signs the public key's file with the authority: its certificate stands beside it. */
export function certify(file: string, authority: string, args: readonly string[]): string {
  execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-s', authority, '-I', 'test', ...args, `${file}.pub`]);
  return readFileSync(`${file}-cert.pub`, 'utf8');
}
