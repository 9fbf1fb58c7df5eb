import { beforeAll, describe, expect, test } from 'vitest';
import { updateHostKeys, type UpdatePlan } from '../../src/client/update-host-keys.ts';
import type { PublicKey } from '../../src/core/keys/key.ts';
import { formatKnownHostsLine, hashHost, hostMatcher, parseKnownHostsLine } from '../../src/core/keys/known-hosts.ts';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { ascii, string } from '../../src/core/wire/codec.ts';
import { globalReplies, globalRequests } from '../../src/core/wire/connection-messages.ts';
import { encode, struct } from '../../src/core/wire/message.ts';

const SESSION = new Uint8Array(32).fill(7);
const NAME = 'hostkeys-prove-00@openssh.com';
const signed = struct({ request: ascii, sessionId: string, hostKey: string });

let known: PrivateKey;
let fresh: PrivateKey;
let rsa: PrivateKey;
let old: PrivateKey;

beforeAll(async () => {
  [known, fresh, old] = [
    await generatePrivateKey('ssh-ed25519'),
    await generatePrivateKey('ssh-ed25519'),
    await generatePrivateKey('ecdsa-sha2-nistp256'),
  ];
  rsa = await generatePrivateKey('ssh-rsa', 2048);
});

/** How a server proves a key. */
type Prover = (key: PrivateKey) => Promise<Uint8Array>;

const proof = (
  key: PrivateKey,
  sessionId = SESSION,
  algorithm = key.publicKey.signatureAlgorithms[0] ?? '',
  of = key,
): Promise<Uint8Array> => key.sign(encode(signed, { request: NAME, sessionId, hostKey: of.publicKey.blob }), algorithm);

interface Case {
  readonly offered: readonly PrivateKey[];
  readonly text: string;
  readonly prover?: Prover;
  readonly plan?: Partial<UpdatePlan>;
  readonly answers?: readonly string[];
  readonly body?: Uint8Array;
  readonly reply?: (signatures: readonly Uint8Array[]) => Uint8Array | undefined;
}

async function update({ offered, text, prover = (key) => proof(key), plan, answers = [], body, reply }: Case) {
  const files = new Map([['/known', text]]);
  const said: string[] = [];
  const asked: string[] = [];
  let proofs = 0;
  const waiting = [...answers];
  await updateHostKeys(
    body ?? globalRequests.encode('hostkeys-00@openssh.com', { hostKeys: offered.map(({ publicKey }) => publicKey.blob) }),
    {
      ...{ host: 'host', address: undefined, asks: false, hashes: false, fingerprintHash: 'sha256', negotiated: 'ssh-ed25519' },
      hostKeyAlgorithms: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256', 'ecdsa-sha2-nistp256'],
      sessionId: SESSION,
      files: ['/known'],
      ...plan,
    },
    {
      log: (level, line) => void said.push(`${level} ${line}`),
      prove: async (blobs) => {
        proofs++;
        const keys = blobs.map((blob) => offered.find(({ publicKey }) => Buffer.compare(publicKey.blob, blob) === 0));
        const signatures = await Promise.all(keys.map((key) => prover(key as PrivateKey)));
        return reply === undefined ? globalReplies.encode(NAME, { signatures }) : reply(signatures);
      },
      read: (file) => (files.has(file) ? { file, text: files.get(file) ?? '' } : undefined),
      rewrite: (file, edit) => void files.set(file, edit(files.get(file) ?? '') ?? files.get(file) ?? ''),
      ask: (question) => {
        asked.push(question);
        return Promise.resolve(waiting.shift());
      },
    },
  );
  return { text: files.get('/known') ?? '', said, asked, proofs };
}

const line = (name: string, { publicKey }: { readonly publicKey: PublicKey }): string => `${formatKnownHostsLine([name], publicKey)}\n`;

describe('a host that tells its keys', () => {
  test('has new ones added and old ones removed; other lines stay as they are', async () => {
    const others = `# mine\nelse ${line('x', old).slice(2)}not a line\n`;
    const { text, said } = await update({ offered: [known, fresh, rsa], text: others + line('host', known) });
    expect(text).toBe(others + line('host', known) + line('host', fresh) + line('host', rsa));
    expect(said.filter((one) => one.startsWith('VERBOSE'))).toHaveLength(2);
    const gone = await update({ offered: [known], text: `# mine\n${line('host', known)}${line('host', old)}last` });
    expect(gone).toMatchObject({ text: `# mine\n${line('host', known)}last\n`, proofs: 0 });
  });

  test('is asked for nothing where nothing is new', async () => {
    expect(await update({ offered: [known], text: line('host', known) })).toMatchObject({ proofs: 0, text: line('host', known) });
  });

  test('has its keys hashed where names are', async () => {
    const { text } = await update({
      offered: [known, fresh],
      text: `${hashHost('host')} ${line('x', known).slice(2)}`,
      plan: { hashes: true },
    });
    const hosts = text.split('\n').map((one) => parseKnownHostsLine(one));
    expect(hosts.filter((one) => one.at === 'entry' && one.hosts.startsWith('|1|') && hostMatcher('host')(one.hosts))).toHaveLength(2);
  });

  test.each([
    ['a pattern', () => line('h', known).replace('h ', 'h*,host ')],
    ['a list', () => line('h', known).replace('h ', 'host,a,b ')],
    ['an authority', () => `@cert-authority ${line('host', old)}${line('host', known)}`],
    ['one of its keys under another name', () => line('host', known) + line('else', fresh)],
    ['an old key under another name', () => line('host', known) + line('host', old) + line('else', old)],
  ])('changes nothing where known_hosts has %s', async (_, make) => {
    const text = make();
    expect(await update({ offered: [known, fresh], text })).toMatchObject({ text, proofs: 0 });
  });

  test('is not believed before the user says so, where it is asked', async () => {
    const given = { offered: [known, fresh], text: line('host', known), plan: { asks: true } };
    expect((await update({ ...given, answers: ['maybe', 'YES'] })).text).toBe(given.text + line('host', fresh));
    for (const answers of [['no'], [], ['a', 'b', 'c', 'yes']]) expect((await update({ ...given, answers })).text).toBe(given.text);
  });
});

describe('a host that lies', () => {
  const cases: readonly (readonly [string, Partial<Case>])[] = [
    ['replays the proof of another session', { prover: (key) => proof(key, new Uint8Array(32)) }],
    ['proves a key with another key', { prover: (key) => proof(known, SESSION, 'ssh-ed25519', key) }],
    ['shows the proof of another key', { prover: () => proof(known) }],
    ['shows no signature at all', { prover: () => Promise.resolve(new Uint8Array(0)) }],
    ['refuses to prove', { reply: () => undefined }],
    ['proves too few', { reply: () => new Uint8Array(0) }],
    ['proves too many', { reply: (all) => globalReplies.encode(NAME, { signatures: [...all, ...all] }) }],
    ['answers with nonsense', { reply: () => new Uint8Array([0, 0, 1, 0, 1]) }],
    ['tells nonsense', { body: new Uint8Array([0, 0, 0, 9, 1]) }],
  ];
  test.each(cases)('and %s changes nothing', async (_, what) => {
    const text = line('host', known) + line('host', old);
    const { text: after, said } = await update({ offered: [known, fresh], text, ...what });
    expect(after).toBe(text);
    expect(said.some((one) => one.startsWith('ERROR'))).toBe(true);
  });

  test('and offers a key twice changes nothing', async () => {
    const text = line('host', known);
    expect(await update({ offered: [known, fresh, fresh], text })).toMatchObject({ text, proofs: 0 });
  });

  test('and proves RSA with SHA-1 gets that key not in', async () => {
    const text = line('host', known);
    const prover: Prover = (key) => proof(key, SESSION, key === rsa ? 'ssh-rsa' : undefined);
    expect((await update({ offered: [known, rsa, fresh], text, prover })).text).toBe(text + line('host', fresh));
  });

  test('and offers a key whose blob says another type is only heard for the others', async () => {
    const blob = Buffer.from(fresh.publicKey.blob);
    const lying = Buffer.concat([encode(string, Buffer.from('ssh-rsa')), blob.subarray(15)]);
    const body = globalRequests.encode('hostkeys-00@openssh.com', { hostKeys: [known.publicKey.blob, lying] });
    const text = line('host', known);
    expect(await update({ offered: [known], text, body })).toMatchObject({ text, proofs: 0 });
  });
});
