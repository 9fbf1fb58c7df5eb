import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AgentClient } from '../../../src/core/agent/client.ts';
import { SK_PROVIDER } from '../../../src/core/agent/constraints.ts';
import { type Destination, encodeDestinations, RESTRICT_DESTINATION } from '../../../src/core/agent/destinations.ts';
import { type HeldKey, Keyring } from '../../../src/core/agent/keyring.ts';
import { AgentConnection, type AgentSettings } from '../../../src/core/agent/server.ts';
import { systemRandom } from '../../../src/core/crypto/random.ts';
import { certifiedFields } from '../../../src/core/keys/certified-private.ts';
import { certify } from '../../../src/core/keys/certify.ts';
import { generatePrivateKey, type PrivateKey } from '../../../src/core/keys/private-key.ts';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import type { AgentConstraint } from '../../../src/core/wire/agent-messages.ts';
import { signedData } from '../../../src/core/wire/auth-messages.ts';
import { FakeClock } from '../transport/pair.ts';

/** An agent and what its user and its settings say. */
class TestAgent {
  readonly clock = new FakeClock();
  readonly keyring = new Keyring(this.clock, systemRandom);
  readonly asked: string[] = [];
  readonly providers: [string, boolean][] = [];
  readonly signed: [provider: string | undefined, purpose: string | undefined][] = [];
  freeApplications: string | undefined = 'ssh:*';
  answer = true;
  defaultLifetime = 0;

  connect(): AgentClient {
    const connection = this.connection();
    let turn: Promise<void> = Promise.resolve();
    const client: AgentClient = new AgentClient((bytes) => {
      turn = turn.then(() => connection.receive(new Uint8Array(bytes), (answer) => client.receive(answer)));
      turn.catch((error: unknown) => client.closed(error as Error));
    });
    return client;
  }

  connection(): AgentConnection {
    const settings: AgentSettings = {
      keyring: this.keyring,
      clock: this.clock,
      log: () => {},
      defaultLifetime: this.defaultLifetime,
      confirm: (key: HeldKey, purpose) => {
        this.asked.push(purpose ?? key.comment);
        return Promise.resolve(this.answer);
      },
      acceptedProvider: (path, remote) => {
        this.providers.push([path, remote]);
        return path === '/usr/lib/good.so' && !remote ? '/usr/lib/real.so' : undefined;
      },
      freeApplications: this.freeApplications,
      signBySecurityKey: (held, signed, purpose) => {
        this.signed.push([held.provider, purpose]);
        return Promise.resolve(concat(utf8Bytes('signature of '), signed));
      },
    };
    return new AgentConnection(settings);
  }
}

const key = await generatePrivateKey('ssh-ed25519');
const other = await generatePrivateKey('ssh-ed25519');
const authority = await generatePrivateKey('ssh-ed25519');

function added(one: PrivateKey, comment = 'comment') {
  return { name: one.publicKey.name, fields: one.fields, comment };
}

const refused = { code: 'SSH_ERR_AGENT_FAILURE' };
const data = utf8Bytes('to be signed');

for (const type of ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa']) {
  test(`a ${type} key and its certificate are held and sign`, async () => {
    const client = new TestAgent().connect();
    const one = await generatePrivateKey(type, type === 'ssh-rsa' ? 2048 : undefined);
    const certificate = await certify(authority, one.publicKey, { role: 'user', keyId: 'id', principals: ['me'] });
    await client.add(added(one));
    await client.add({ name: certificate.name, fields: certifiedFields(certificate, one), comment: 'certified' });
    const held = await client.list();
    expect(held.map(({ key: { name }, comment }) => [name, comment])).toEqual([
      [one.publicKey.name, 'comment'],
      [certificate.name, 'certified'],
    ]);
    for (const { key: shown } of held) {
      for (const algorithm of shown.signatureAlgorithms) {
        shown.verify(await client.sign(shown, data, algorithm), data, algorithm);
      }
    }
    await client.remove(certificate);
    expect((await client.list()).map(({ comment }) => comment)).toEqual(['comment']);
    await client.removeAll();
    expect(await client.list()).toEqual([]);
    await expect(client.remove(one.publicKey)).rejects.toMatchObject(refused);
  });
}

test('a certificate of another key is not taken', async () => {
  const client = new TestAgent().connect();
  const certificate = await certify(authority, other.publicKey, { role: 'user', keyId: 'id', principals: ['me'] });
  const fields = certifiedFields(certificate, key);
  await expect(client.add({ name: certificate.name, fields, comment: '' })).rejects.toMatchObject(refused);
  expect(await client.list()).toEqual([]);
});

test('a key is forgotten and wiped at the end of its lifetime, and no timer runs without one', async () => {
  const agent = new TestAgent();
  const client = agent.connect();
  await client.add(added(other));
  expect(agent.clock.running).toBe(0);
  await client.add(added(key), [{ type: 'lifetime', seconds: 10 }]);
  const [, held] = agent.keyring.list();
  expect(agent.clock.running).toBe(1);
  agent.clock.pass(9999);
  expect(await client.list()).toHaveLength(2);
  agent.clock.pass(1);
  expect(await client.list()).toHaveLength(1);
  expect(agent.clock.running).toBe(0);
  expect(() => held?.key.fields).toThrow(SshError);
});

test('the default lifetime holds for keys without their own', async () => {
  const agent = new TestAgent();
  agent.defaultLifetime = 5;
  const client = agent.connect();
  await client.add(added(key));
  await client.add(added(other), [{ type: 'lifetime', seconds: 60 }]);
  agent.clock.pass(5000);
  expect((await client.list()).map((one) => one.key.blob)).toEqual([other.publicKey.blob]);
});

test('a key that is added again takes its old place and its new constraints', async () => {
  const agent = new TestAgent();
  const client = agent.connect();
  await client.add(added(key, 'old'), [{ type: 'lifetime', seconds: 1 }]);
  await client.add(added(other));
  await client.add(added(key, 'new'));
  agent.clock.pass(5000);
  expect((await client.list()).map(({ comment }) => comment)).toEqual(['new', 'comment']);
});

test('a key to be confirmed signs only where the user says so', async () => {
  const agent = new TestAgent();
  const client = agent.connect();
  await client.add(added(key, 'asks'), [{ type: 'confirm' }]);
  await client.sign(key.publicKey, data, 'ssh-ed25519');
  agent.answer = false;
  await expect(client.sign(key.publicKey, data, 'ssh-ed25519')).rejects.toMatchObject(refused);
  expect(agent.asked).toEqual(['asks', 'asks']);
});

const unknownConstraints: Record<string, readonly AgentConstraint[]> = {
  'unknown extension': [{ type: 'extension', name: 'unknown@example.com', contents: new Uint8Array(0) }],
  'certificates of a token': [{ type: 'certificates', certificatesOnly: true, blobs: new Uint8Array(0) }],
  'no destination': [{ type: 'extension', name: RESTRICT_DESTINATION, contents: new Uint8Array(0) }],
  'broken destination': [{ type: 'extension', name: RESTRICT_DESTINATION, contents: new Uint8Array(7) }],
  'provider of a plain key': [{ type: 'extension', name: SK_PROVIDER, contents: utf8Bytes('internal') }],
  'lifetime twice': [
    { type: 'lifetime', seconds: 1 },
    { type: 'lifetime', seconds: 2 },
  ],
};

for (const [name, constraints] of Object.entries(unknownConstraints)) {
  test(`a key with a constraint that can't be kept is not added: ${name}`, async () => {
    const client = new TestAgent().connect();
    await expect(client.add(added(key), constraints)).rejects.toMatchObject(refused);
    expect(await client.list()).toEqual([]);
  });
}

test('a locked agent shows and does nothing, and tries to unlock wait longer and longer in one line', async () => {
  const agent = new TestAgent();
  const client = agent.connect();
  await client.add(added(key));
  await client.lock(utf8Bytes('secret'));
  expect(await client.list()).toEqual([]);
  for (const request of [client.sign(key.publicKey, data, 'ssh-ed25519'), client.add(added(other)), client.lock(utf8Bytes('x'))]) {
    await expect(request).rejects.toMatchObject(refused);
  }
  let answered = 0;
  // Two connections do not make the tries twice as fast.
  for (const attacker of [agent.connect(), agent.connect()]) {
    attacker.unlock(utf8Bytes('wrong')).catch(() => answered++);
  }
  for (const [index, delay] of [100, 200].entries()) {
    await until(() => agent.clock.running === 1);
    agent.clock.pass(delay - 1);
    await settle();
    expect(answered).toBe(index);
    agent.clock.pass(1);
    await until(() => answered === index + 1);
  }
  await client.unlock(utf8Bytes('secret'));
  expect(await client.list()).toHaveLength(1);
  await expect(client.unlock(utf8Bytes('secret'))).rejects.toMatchObject(refused);
  await expect(client.lock(utf8Bytes(''))).rejects.toMatchObject(refused);
});

test('no wrong passphrase delays more than ten seconds', async () => {
  const agent = new TestAgent();
  await agent.keyring.lock(utf8Bytes('secret'));
  for (let i = 0; i < 120; i++) {
    const answer = agent.keyring.unlock(utf8Bytes('wrong'));
    await until(() => agent.clock.running === 1);
    const before = agent.clock.running;
    agent.clock.pass(Math.min(i + 1, 100) * 100);
    expect([before, agent.clock.running]).toEqual([1, 0]);
    expect(await answer).toBe(false);
  }
});

test('messages of tokens and unknown ones are refused, the connection goes on', async () => {
  const client = new TestAgent().connect();
  await expect(client.addToken('/usr/lib/x.so', utf8Bytes('1234'))).rejects.toMatchObject(refused);
  await expect(client.addToken('/usr/lib/x.so', utf8Bytes('1'), [{ type: 'confirm' }])).rejects.toMatchObject(refused);
  await expect(client.removeToken('/usr/lib/x.so', utf8Bytes('1234'))).rejects.toMatchObject(refused);
  expect(await client.list()).toEqual([]);
});

test('the query extension names what is supported, an unknown extension is refused', async () => {
  const query = concat(Uint8Array.of(0, 0, 0, 10, 27, 0, 0, 0, 5), utf8Bytes('query'));
  const answers: Uint8Array[] = [];
  await new TestAgent().connection().receive(query, (answer) => answers.push(answer));
  const text = Buffer.from(answers[0] ?? []).toString('latin1');
  expect([text.charCodeAt(4), text.includes('query'), text.includes('session-bind@openssh.com')]).toEqual([29, true, true]);
  const unknown = concat(Uint8Array.of(0, 0, 0, 8, 27, 0, 0, 0, 3), utf8Bytes('x@y'));
  await new TestAgent().connection().receive(unknown, (answer) => answers.push(answer));
  expect(answers[1]).toEqual(Uint8Array.of(0, 0, 0, 1, 5));
});

/** Hosts a, b and c with their keys, and constraints between them. */
const hosts = {
  a: await generatePrivateKey('ssh-ed25519'),
  b: await generatePrivateKey('ssh-ed25519'),
  c: await generatePrivateKey('ssh-ed25519'),
};
type HostName = keyof typeof hosts;

function hop(to: HostName, from?: HostName, user = ''): Destination {
  const host = (name: HostName | undefined) =>
    name === undefined ? { hostname: '', keys: [] } : { hostname: name, keys: [{ key: hosts[name].publicKey, isAuthority: false }] };
  return { from: { user: '', ...host(from) }, to: { user, ...host(to) } };
}

async function bind(client: AgentClient, host: HostName, session: string, isForwarding: boolean): Promise<void> {
  const sessionId = utf8Bytes(session);
  const signature = await hosts[host].sign(sessionId, 'ssh-ed25519');
  await client.bindSession({ hostKey: hosts[host].publicKey.blob, sessionId, signature, isForwarding });
}

function login(session: string, user: string, host?: HostName): Uint8Array {
  return signedData({
    sessionId: utf8Bytes(session),
    user,
    service: 'ssh-connection',
    algorithm: 'ssh-ed25519',
    blob: key.publicKey.blob,
    hostKey: host === undefined ? undefined : hosts[host].publicKey.blob,
  });
}

async function restricted(destinations: readonly Destination[]): Promise<TestAgent> {
  const agent = new TestAgent();
  const contents = encodeDestinations(destinations);
  await agent.connect().add(added(key), [{ type: 'extension', name: RESTRICT_DESTINATION, contents }]);
  return agent;
}

function signs(client: AgentClient, request: Uint8Array): Promise<boolean> {
  return client.sign(key.publicKey, request, 'ssh-ed25519').then(
    () => true,
    () => false,
  );
}

test('a key with destinations signs the login to them, for their user, and nothing else', async () => {
  const agent = await restricted([hop('a', undefined, 'm*')]);
  const unbound = agent.connect();
  expect(await unbound.list()).toHaveLength(1);
  expect(await signs(unbound, login('s1', 'me', 'a'))).toBe(false);
  const toA = agent.connect();
  await bind(toA, 'a', 's1', false);
  expect(await signs(toA, login('s1', 'me', 'a'))).toBe(true);
  expect(await signs(toA, login('s1', 'me'))).toBe(true);
  expect(await signs(toA, login('s1', 'you', 'a'))).toBe(false);
  expect(await signs(toA, login('s2', 'me', 'a'))).toBe(false);
  expect(await signs(toA, login('s1', 'me', 'b'))).toBe(false);
  expect(await signs(toA, data)).toBe(false);
  const toB = agent.connect();
  await bind(toB, 'b', 's1', false);
  expect(await toB.list()).toEqual([]);
  expect(await signs(toB, login('s1', 'me', 'b'))).toBe(false);
});

test('a key goes hop by hop where its destinations lead', async () => {
  const agent = await restricted([hop('a'), hop('b', 'a'), hop('c', 'b', 'me')]);
  const client = agent.connect();
  await bind(client, 'a', 's1', true);
  expect(await client.list()).toHaveLength(1);
  expect(await signs(client, login('s1', 'me', 'a'))).toBe(false);
  await bind(client, 'b', 's2', true);
  expect(await client.list()).toHaveLength(1);
  await bind(client, 'c', 's3', false);
  expect(await signs(client, login('s3', 'me'))).toBe(false);
  expect(await signs(client, login('s3', 'me', 'c'))).toBe(true);
  expect(await signs(client, login('s3', 'you', 'c'))).toBe(false);
  await expect(bind(client, 'a', 's4', true)).rejects.toThrow();
  const elsewhere = agent.connect();
  await bind(elsewhere, 'a', 's1', true);
  await bind(elsewhere, 'c', 's2', false);
  expect(await signs(elsewhere, login('s2', 'me', 'c'))).toBe(false);
});

test('a key is not shown, replaced or removed where it is of no further use', async () => {
  const agent = await restricted([hop('a')]);
  const client = agent.connect();
  await bind(client, 'a', 's1', true);
  expect(await client.list()).toEqual([]);
  await expect(client.add(added(key))).rejects.toMatchObject(refused);
  await expect(client.remove(key.publicKey)).rejects.toMatchObject(refused);
});

test('a session is bound only by its host, once, and a failure leaves no key with destinations', async () => {
  const agent = await restricted([hop('a')]);
  const client = agent.connect();
  const sessionId = utf8Bytes('s1');
  const signature = await hosts.b.sign(sessionId, 'ssh-ed25519');
  const forged = { hostKey: hosts.a.publicKey.blob, sessionId, signature, isForwarding: false };
  await expect(client.bindSession(forged)).rejects.toThrow();
  expect(await client.list()).toEqual([]);
  await bind(client, 'a', 's1', true);
  await bind(client, 'a', 's1', true);
  await expect(bind(client, 'b', 's1', true)).rejects.toThrow();
});

test('a connection takes sixteen hops and no more', async () => {
  const client = new TestAgent().connect();
  for (let i = 0; i < 16; i++) await bind(client, 'a', `s${i}`, true);
  await expect(bind(client, 'a', 's16', true)).rejects.toThrow();
});

test('any bytes at all are answered or end the connection with an SshError', async () => {
  const agent = await restricted([hop('a')]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (payload) => {
      const head = Uint8Array.of(0, 0, payload.length >> 8, payload.length & 255);
      let answers = 0;
      await agent.connection().receive(concat(head, payload), () => answers++);
      expect(answers).toBe(1);
    }),
    { numRuns: 500 },
  );
  for (const head of [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 4, 0, 1), Uint8Array.of(255, 255, 255, 255)]) {
    await expect(agent.connection().receive(head, () => {})).rejects.toThrow(SshError);
  }
});

test('requests cut anywhere, with a byte changed or cut short, cost nothing but themselves', async () => {
  const agent = new TestAgent();
  const recorded: Uint8Array[] = [];
  const recorder = new AgentClient((bytes) => void recorded.push(new Uint8Array(bytes)));
  const contents = encodeDestinations([hop('a')]);
  void recorder
    .add(added(key), [
      { type: 'lifetime', seconds: 5 },
      { type: 'extension', name: RESTRICT_DESTINATION, contents },
    ])
    .catch(() => {});
  const [request = new Uint8Array(0)] = recorded;
  const whole = agent.connection();
  const answers: Uint8Array[] = [];
  for (const byte of request) await whole.receive(Uint8Array.of(byte), (answer) => answers.push(answer));
  expect(answers).toEqual([Uint8Array.of(0, 0, 0, 1, 6)]);
  for (let at = 5; at < request.length; at++) {
    const short = request.slice(4, at);
    const framed = concat(Uint8Array.of(0, 0, short.length >> 8, short.length & 255), short);
    let count = 0;
    await agent.connection().receive(framed, () => count++);
    expect(count).toBe(1);
    const changed = new Uint8Array(request);
    changed[at] = (changed[at] as number) ^ 0x55;
    await agent.connection().receive(changed, () => count++);
    expect(count).toBe(2);
  }
});

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
