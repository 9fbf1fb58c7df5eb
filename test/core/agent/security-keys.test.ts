import { expect, test } from 'vitest';
import { AgentClient } from '../../../src/core/agent/client.ts';
import { SK_PROVIDER } from '../../../src/core/agent/constraints.ts';
import { encodeDestinations, RESTRICT_DESTINATION } from '../../../src/core/agent/destinations.ts';
import { Keyring } from '../../../src/core/agent/keyring.ts';
import { AgentConnection, type AgentSettings } from '../../../src/core/agent/server.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { generatePrivateKey, type PrivateKey, privateKeyOf } from '../../../src/core/keys/private-key.ts';
import { securityKeyFlags } from '../../../src/core/keys/sk-flags.ts';
import { concat, utf8Bytes, utf8Text } from '../../../src/core/util/bytes.ts';
import type { AgentConstraint } from '../../../src/core/wire/agent-messages.ts';
import { signedData } from '../../../src/core/wire/auth-messages.ts';
import { WireReader } from '../../../src/core/wire/reader.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import { FakeClock } from '../transport/pair.ts';

const type = 'sk-ssh-ed25519@openssh.com';
const plain = await generatePrivateKey('ssh-ed25519');

/** A security key whose public half is another key's. */
function securityKey(application: string): PrivateKey {
  const reader = new WireReader(plain.publicKey.blob);
  reader.string();
  const fields = new WireWriter().string(reader.string()).string(utf8Bytes(application)).byte(0x21);
  return privateKeyOf(type, fields.string(utf8Bytes('handle')).string(new Uint8Array(0)).bytes());
}

interface Signed {
  readonly provider: string | undefined;
  readonly purpose: string | undefined;
}

function agentWith(freeApplications: string | undefined): {
  readonly client: AgentClient;
  readonly signed: Signed[];
  readonly asked: (string | undefined)[];
} {
  const clock = new FakeClock();
  const signed: Signed[] = [];
  const asked: (string | undefined)[] = [];
  const settings: AgentSettings = {
    keyring: new Keyring(clock, systemRandom),
    clock,
    log: () => {},
    defaultLifetime: 0,
    confirm: (_key, purpose) => Promise.resolve(asked.push(purpose) > 0),
    acceptedProvider: (path) => (path === '/usr/lib/link.so' ? '/usr/lib/real.so' : undefined),
    freeApplications,
    signBySecurityKey: ({ provider }, data, purpose) => {
      signed.push({ provider, purpose });
      return Promise.resolve(concat(utf8Bytes('by hardware: '), data));
    },
  };
  const connection = new AgentConnection(settings);
  const client: AgentClient = new AgentClient((bytes) => {
    void connection.receive(new Uint8Array(bytes), (answer) => client.receive(answer));
  });
  return { client, signed, asked };
}

const provided = (provider: string): AgentConstraint => ({ type: 'extension', name: SK_PROVIDER, contents: utf8Bytes(provider) });
const refused = { code: 'SSH_ERR_AGENT_FAILURE' };

function added(key: PrivateKey) {
  return { name: type, fields: key.fields, comment: '' };
}

function login(key: PrivateKey, sessionId = utf8Bytes('session'), user = 'me'): Uint8Array {
  return signedData({ sessionId, user, service: 'ssh-connection', algorithm: type, blob: key.publicKey.blob, hostKey: undefined });
}

const fileSignature = new WireWriter().raw(utf8Bytes('SSHSIG'));
for (const field of ['file', '', 'sha512', 'hash']) fileSignature.string(utf8Bytes(field));

test('the flags of a security key are read behind its public fields', () => {
  expect(securityKeyFlags(securityKey('ssh:'))).toBe(0x21);
  expect(securityKeyFlags(plain)).toBe(0);
});

test('a security key signs by the real path of the library that it was added with, by the built-in one, or without a name', async () => {
  const { client, signed } = agentWith('ssh:*');
  const key = securityKey('ssh:');
  for (const constraints of [[provided('/usr/lib/link.so')], [provided('Internal')], []]) {
    await client.add(added(key), constraints);
    expect(utf8Text(await client.sign(key.publicKey, utf8Bytes('x'), type))).toBe('by hardware: x');
  }
  expect(signed.map(({ provider }) => provider)).toEqual(['/usr/lib/real.so', 'Internal', undefined]);
  await expect(client.add(added(key), [provided('/tmp/own.so')])).rejects.toMatchObject(refused);
});

const requests = {
  'a login': (key: PrivateKey) => login(key),
  'a login of another key': () => login(securityKey('ssh:other')),
  'a login without a session': (key: PrivateKey) => login(key, new Uint8Array(0)),
  'a login that goes on': (key: PrivateKey) => concat(login(key), Uint8Array.of(0)),
  'a file': () => fileSignature.bytes(),
  'a file that goes on': () => concat(fileSignature.bytes(), Uint8Array.of(0)),
  'a hash': () => new Uint8Array(32),
  nothing: () => new Uint8Array(0),
};

const allSigned = Object.keys(requests);

test.each([
  ['ssh:', 'ssh:*', allSigned],
  ['ssh:work', 'ssh:*', allSigned],
  ['https://example.com', 'ssh:*', ['a login', 'a file']],
  ['ssh', 'ssh:*', ['a login', 'a file']],
  ['https://example.com', 'ssh:*,*.com', allSigned],
  ['ssh:', '*.com', ['a login', 'a file']],
  ['ssh:', '!ssh:,*', ['a login', 'a file']],
  ['https://example.com', undefined, allSigned],
])('a key for %s, where %s may sign anything, signs %j', async (application, free, expected) => {
  const { client } = agentWith(free);
  const key = securityKey(application);
  await client.add(added(key), []);
  const done: string[] = [];
  for (const [name, request] of Object.entries(requests)) {
    await client.sign(key.publicKey, request(key), type).then(
      () => done.push(name),
      () => undefined,
    );
  }
  expect(done).toEqual(expected);
});

test('who is asked for a key with destinations is told what for', async () => {
  const { client, signed, asked } = agentWith('ssh:*');
  const key = securityKey('ssh:');
  const to = { user: '', hostname: 'a', keys: [{ key: plain.publicKey, isAuthority: false }] };
  const contents = encodeDestinations([{ from: { user: '', hostname: '', keys: [] }, to }]);
  await client.add(added(key), [{ type: 'confirm' }, { type: 'extension', name: RESTRICT_DESTINATION, contents }]);
  const sessionId = utf8Bytes('s1');
  const signature = await plain.sign(sessionId, 'ssh-ed25519');
  await client.bindSession({ hostKey: plain.publicKey.blob, sessionId, signature, isForwarding: false });
  await client.sign(key.publicKey, login(key, sessionId), type);
  const purpose = 'public key authentication request for user "me" to listed host';
  expect(asked).toEqual([purpose]);
  expect(signed).toEqual([{ provider: undefined, purpose }]);
});
