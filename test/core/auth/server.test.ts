import { describe, expect, test } from 'vitest';
import type { ServerAuthentication } from '../../../src/core/auth/server.ts';
import type { Questions } from '../../../src/core/auth/server-kbdint.ts';
import type { AuthStep, ServerMethod } from '../../../src/core/auth/server-session.ts';
import type { TshEvent } from '../../../src/core/events.ts';
import type { Signer } from '../../../src/core/keys/key.ts';
import { authenticate } from '../../../src/core/auth/client.ts';
import { keyboardInteractiveMethod } from '../../../src/core/auth/client-kbdint.ts';
import { passwordMethod } from '../../../src/core/auth/client-password.ts';
import { publickeyMethod } from '../../../src/core/auth/client-publickey.ts';
import { serverPhases } from '../../../src/core/auth/phases.ts';
import { authenticateUser } from '../../../src/core/auth/server.ts';
import { serverKeyboardInteractive } from '../../../src/core/auth/server-kbdint.ts';
import { serverPassword } from '../../../src/core/auth/server-password.ts';
import { serverPublickey } from '../../../src/core/auth/server-publickey.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { utf8Bytes, utf8Text } from '../../../src/core/util/bytes.ts';
import {
  authRequests,
  signedData,
  userauthBanner,
  userauthFailure,
  userauthInfoRequest,
  userauthInfoResponse,
  userauthPasswdChangereq,
  userauthPkOk,
  userauthRequest,
} from '../../../src/core/wire/auth-messages.ts';
import { serviceRequest } from '../../../src/core/wire/transport-messages.ts';
import { linkPair, recorder } from './fake-link.ts';
import { ed25519Key, fingerprint, rsaKey } from './test-keys.ts';

const service = 'ssh-connection';
const hostKey = utf8Bytes('the host key');
const accepted = ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'];
const [alice, second, stranger, rsa] = [ed25519Key(), ed25519Key(), ed25519Key(), rsaKey()];
const authorized = [alice, second, rsa].map((signer) => fingerprint(signer.publicKey));

/** What a key grants in these tests: its fingerprint. */
function publickey(): ServerMethod<string> {
  return serverPublickey({
    accepted,
    hostKey: () => hostKey,
    fingerprint,
    authorize: (user, key) => {
      expect(user).toBe('u');
      return Promise.resolve(authorized.includes(fingerprint(key)) ? fingerprint(key) : undefined);
    },
  });
}

/** Each password that was checked. */
const checked: string[] = [];
const password: ServerMethod<string> = serverPassword({
  check: (user, bytes, known) => {
    const text = utf8Text(bytes);
    checked.push(`${user} ${text} ${known}`);
    if (text === 'old') return Promise.resolve({ type: 'expired', prompt: 'change it' });
    return Promise.resolve(text === 'right' ? { type: 'right', grant: 'password' } : { type: 'wrong' });
  },
  change: (_user, bytes, newBytes) =>
    Promise.resolve(utf8Text(bytes) === 'old' && utf8Text(newBytes) === 'new' ? { type: 'right', grant: 'changed' } : { type: 'wrong' }),
});

const codes: Questions = { name: 'Code', instruction: 'Look at your device', prompts: [{ prompt: 'Code: ', echo: true }] };
const questions = serverKeyboardInteractive<string>([
  {
    name: 'otp',
    run: async (_user, _known, ask) => {
      const [first] = await ask(codes);
      const [again] = await ask(codes);
      return utf8Text(first ?? hostKey) === '1' && utf8Text(again ?? hostKey) === '2' ? 'codes' : undefined;
    },
  },
]);

function serve(more: Partial<ServerAuthentication<string>> = {}) {
  const pair = linkPair();
  const inbox = recorder();
  pair.client.handler = inbox.handler;
  const events: TshEvent[] = [];
  const connection = recorder();
  const waits: number[] = [];
  let now = 0;
  let result: { readonly user: string; readonly steps: readonly AuthStep<string>[] } | undefined;
  const done = authenticateUser(pair.server, {
    clock: {
      now: () => now,
      seconds: () => 0,
      after: (delayMs, fire) => {
        waits.push(delayMs);
        now += delayMs;
        queueMicrotask(fire);
        return { stop: () => undefined };
      },
    },
    emit: (event) => void events.push(event),
    methods: [publickey(), password, questions],
    lists: [],
    mostFailures: 6,
    account: (user) => Promise.resolve(user === 'u'),
    banner: () => Promise.resolve(undefined),
    permits: () => true,
    failureDelayMs: () => 5,
    succeeded: (user, steps) => {
      result = { user, steps };
      pair.server.handler = connection.handler;
    },
    ...more,
  });
  done.catch(() => undefined);
  const send = (method: string, body: Uint8Array, user = 'u', wanted = service) => {
    pair.client.send(userauthRequest.encode({ user, service: wanted, method, body }));
  };
  return {
    ...pair,
    done,
    events,
    waits,
    connection,
    raw: () => inbox.next(),
    begin: async () => {
      pair.client.send(serviceRequest.encode({ serviceName: 'ssh-userauth' }));
      expect((await inbox.next())[0]).toBe(6);
    },
    send,
    none: () => {
      send('none', new Uint8Array(0));
    },
    password: (text: string, user?: string) => {
      send('password', authRequests.encode('password', { password: utf8Bytes(text) }), user);
    },
    query: (signer: Signer, algorithm = 'ssh-ed25519', user?: string) => {
      send('publickey', authRequests.encode('publickey', { algorithm, blob: signer.publicKey.blob }), user);
    },
    sign: async (
      signer: Signer,
      change: { algorithm?: string; as?: string; sessionId?: Uint8Array; user?: string; sent?: string } = {},
    ) => {
      const { algorithm = 'ssh-ed25519', as = algorithm, sessionId = pair.client.sessionId, user = 'u', sent = user } = change;
      const { blob } = signer.publicKey;
      const data = signedData({ sessionId, user, service, algorithm, blob, hostKey: undefined });
      const signature = await signer.sign(data, as);
      send('publickey', authRequests.encode('publickey', { algorithm, blob, signature }), sent);
    },
    failure: async () => userauthFailure.decode(await inbox.next()),
    result: () => result,
  };
}

const allMethods = { methods: ['publickey', 'password', 'keyboard-interactive'], partialSuccess: false };

describe('a server and its clients', () => {
  test('says to "none" what there is, without counting or delaying it', async () => {
    const run = serve({ mostFailures: 1 });
    await run.begin();
    run.none();
    expect(await run.failure()).toEqual(allMethods);
    expect(run.waits).toEqual([]);
    run.none();
    await expect(run.done).rejects.toMatchObject({ detail: 'Too many authentication failures' });
  });

  test('answers a query and lets in who signs', async () => {
    const run = serve();
    await run.begin();
    run.query(alice);
    expect(userauthPkOk.decode(await run.raw())).toEqual({ algorithm: 'ssh-ed25519', blob: alice.publicKey.blob });
    await run.sign(alice);
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    await run.done;
    expect(run.result()).toMatchObject({ user: 'u', steps: [{ method: 'publickey', grant: fingerprint(alice.publicKey) }] });
    expect(run.result()?.steps[0]?.key?.blob).toEqual(alice.publicKey.blob);
  });

  test('ignores requests after success and hands on all else', async () => {
    const run = serve();
    await run.begin();
    await run.sign(alice);
    run.none();
    run.client.send(Uint8Array.of(90, 1));
    await run.done;
    expect(await run.connection.next()).toEqual(Uint8Array.of(90, 1));
    await Promise.resolve();
    expect(run.connection.messages).toHaveLength(1);
    expect(run.connection.caughtUp).toContain(1);
  });

  test.each([undefined, 'publickey-hostbound@openssh.com'])('lets our client in with each method (%s)', async (extension) => {
    for (const lists of [[['publickey', 'keyboard-interactive', 'password']], [['keyboard-interactive:otp', 'publickey', 'publickey']]]) {
      const run = serve({ lists, banner: () => Promise.resolve('welcome') });
      if (extension !== undefined) run.client.extensions.set(extension, '0');
      run.client.extensions.set('server-sig-algs', accepted.join(','));
      const events: TshEvent[] = [];
      const answers = ['1', '2', 'old', 'old', 'new', 'new'];
      const prompt = () => Promise.resolve(utf8Bytes(answers.shift() ?? ''));
      const candidates = [stranger, rsa, alice].map((signer) => ({
        source: 'id',
        publicKey: signer.publicKey,
        explicit: false,
        agent: false,
        load: () => Promise.resolve(signer),
      }));
      let method = '';
      await authenticate(run.client, {
        user: 'u',
        host: 'h',
        methods: [
          publickeyMethod({ candidates: () => Promise.resolve(candidates), accepted, hostKey, fingerprint }),
          keyboardInteractiveMethod({ prompt, host: 'h', mostTries: 3, devices: [] }),
          passwordMethod({ prompt, host: 'h', mostPrompts: 3 }),
        ],
        emit: (event) => void events.push(event),
        succeeded: (name) => (method = name),
      });
      await run.done;
      expect(method).toBe(lists[0]?.at(-1));
      expect(run.result()?.steps.map((step) => step.method)).toEqual(lists[0]?.map((name) => name.split(':')[0]));
      expect(events).toContainEqual({ type: 'banner', text: 'welcome' });
    }
  });

  test('demands a new password for one that has expired', async () => {
    const run = serve();
    await run.begin();
    run.password('old');
    expect(userauthPasswdChangereq.decode(await run.raw()).prompt).toBe('change it');
    run.send('password', authRequests.encode('password', { password: utf8Bytes('old'), newPassword: utf8Bytes('new') }));
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    expect(run.result()?.steps).toEqual([{ method: 'password', grant: 'changed' }]);
  });

  test('lets a client begin another method instead of answering', async () => {
    const run = serve();
    await run.begin();
    run.send('keyboard-interactive', authRequests.encode('keyboard-interactive', { languageTag: '', submethods: '' }));
    expect(userauthInfoRequest.decode(await run.raw())).toMatchObject(codes);
    run.password('right');
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    expect(run.result()?.steps).toEqual([{ method: 'password', grant: 'password' }]);
  });

  test('shows its banner once, with the first request', async () => {
    const run = serve({ banner: (user) => Promise.resolve(`hello ${user}`) });
    await run.begin();
    run.none();
    expect(userauthBanner.decode(await run.raw()).message).toBe('hello u');
    await run.failure();
    run.password('wrong');
    await run.failure();
  });

  test('has a last word on a method that went well', async () => {
    const run = serve({ permits: (_user, step) => step.method !== 'password' });
    await run.begin();
    run.password('right');
    expect(await run.failure()).toEqual(allMethods);
  });

  test('keeps a style out of the name and in the signature', async () => {
    const run = serve();
    await run.begin();
    await run.sign(alice, { user: 'u:style' });
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    expect(run.result()?.user).toBe('u');
  });
});

describe('a server and hostile clients', () => {
  async function ended(run: ReturnType<typeof serve>, detail?: RegExp): Promise<void> {
    await expect(run.done).rejects.toBeInstanceOf(SshError);
    expect(run.server.disconnected).toBeDefined();
    if (detail !== undefined) expect(run.server.disconnected?.description).toMatch(detail);
    expect(run.result()).toBeUndefined();
  }

  test('ends with MaxAuthTries', async () => {
    const run = serve({ mostFailures: 3 });
    await run.begin();
    run.none();
    await run.failure();
    run.password('a');
    await run.failure();
    run.query(stranger);
    await run.failure();
    run.password('b');
    await ended(run, /^Too many authentication failures$/);
    expect(run.server.disconnected?.reason).toBe(2);
  });

  test('ends after 1024 requests that never fail', async () => {
    const run = serve();
    await run.begin();
    for (let i = 0; i < 1024; i++) {
      run.query(alice);
      expect((await run.raw())[0]).toBe(60);
    }
    run.query(alice);
    await ended(run, /Too many/);
  });

  test('takes who signed for who came, not who was asked about', async () => {
    const run = serve();
    await run.begin();
    run.query(alice);
    await run.raw();
    run.password('right');
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    expect(run.result()?.steps).toEqual([{ method: 'password', grant: 'password' }]);
  });

  test.each([
    ['a signature of another session', { sessionId: new Uint8Array(32) }],
    ['a signature for another user', { user: 'root', sent: 'u' }],
    ['an algorithm that is not the key’s', { algorithm: 'rsa-sha2-512', as: 'ssh-ed25519' }],
  ])('refuses %s', async (_name, change) => {
    const run = serve();
    await run.begin();
    await run.sign(alice, change);
    expect(await run.failure()).toEqual(allMethods);
    expect(run.result()).toBeUndefined();
  });

  test('refuses a signature by another algorithm than the request names, and SHA-1', async () => {
    const run = serve();
    await run.begin();
    await run.sign(rsa, { algorithm: 'rsa-sha2-512', as: 'rsa-sha2-256' });
    await run.failure();
    await run.sign(rsa, { algorithm: 'ssh-rsa' });
    await run.failure();
    await run.sign(rsa, { algorithm: 'rsa-sha2-512' });
    expect(await run.raw()).toEqual(Uint8Array.of(52));
  });

  test('refuses a query by an algorithm that is not the key’s', async () => {
    const run = serve();
    await run.begin();
    run.query(alice, 'rsa-sha2-512');
    expect(await run.failure()).toEqual(allMethods);
  });

  test('refuses another’s signature over this key', async () => {
    const run = serve();
    await run.begin();
    const { blob } = alice.publicKey;
    const data = signedData({ sessionId: run.client.sessionId, user: 'u', service, algorithm: 'ssh-ed25519', blob, hostKey: undefined });
    const signature = await stranger.sign(data, 'ssh-ed25519');
    run.send('publickey', authRequests.encode('publickey', { algorithm: 'ssh-ed25519', blob, signature }));
    await run.failure();
    run.send('publickey', authRequests.encode('publickey', { algorithm: 'ssh-ed25519', blob, signature: new Uint8Array(3) }));
    await run.failure();
    run.send('publickey', authRequests.encode('publickey', { algorithm: 'ssh-ed25519', blob: new Uint8Array(5), signature }));
    await run.failure();
  });

  test('ends where a signature is bound to another host key', async () => {
    const run = serve();
    await run.begin();
    const method = 'publickey-hostbound-v00@openssh.com';
    const { blob } = alice.publicKey;
    const other = utf8Bytes('another host key');
    const data = signedData({ sessionId: run.client.sessionId, user: 'u', service, algorithm: 'ssh-ed25519', blob, hostKey: other });
    const signature = await alice.sign(data, 'ssh-ed25519');
    run.send(method, authRequests.encode(method, { algorithm: 'ssh-ed25519', blob, signature, hostKey: other }));
    await ended(run, /another host key/);
  });

  test('demands two different keys where publickey is demanded twice', async () => {
    const run = serve({ lists: [['publickey', 'publickey']] });
    await run.begin();
    await run.sign(alice);
    expect(await run.failure()).toEqual({ methods: ['publickey'], partialSuccess: true });
    await run.sign(alice);
    expect(await run.failure()).toEqual({ methods: ['publickey'], partialSuccess: false });
    run.query(alice);
    expect((await run.raw())[0]).toBe(51);
    await run.sign(second);
    expect(await run.raw()).toEqual(Uint8Array.of(52));
    expect(run.result()?.steps.map((step) => step.grant)).toEqual([fingerprint(alice.publicKey), fingerprint(second.publicKey)]);
  });

  test('does not take a method before its turn', async () => {
    const run = serve({ lists: [['publickey', 'password']] });
    await run.begin();
    run.password('right');
    expect(await run.failure()).toEqual({ methods: ['publickey'], partialSuccess: false });
    await run.sign(alice);
    expect(await run.failure()).toEqual({ methods: ['password'], partialSuccess: true });
    run.password('right');
    expect(await run.raw()).toEqual(Uint8Array.of(52));
  });

  test('cannot tell an unknown user from a known one', async () => {
    const tell = async (user: string) => {
      const run = serve({ mostFailures: 20 });
      await run.begin();
      run.send('none', new Uint8Array(0), user);
      run.query(stranger, 'ssh-ed25519', user);
      await run.sign(stranger, { user });
      run.password('wrong', user);
      run.send('keyboard-interactive', authRequests.encode('keyboard-interactive', { languageTag: '', submethods: '' }), user);
      const replies: Uint8Array[] = [];
      for (let i = 0; i < 5; i++) replies.push(await run.raw());
      return { replies, waits: run.waits };
    };
    expect(await tell('nobody')).toEqual(await tell('u'));
    checked.length = 0;
    const run = serve();
    await run.begin();
    run.password('right', 'nobody');
    expect(await run.failure()).toEqual(allMethods);
    expect(checked).toEqual(['nobody right false']);
  });

  test('takes the same time for what fails soon and a while longer for what fails late', async () => {
    let late = 0;
    const clock = {
      now: () => late,
      seconds: () => 0,
      after: (delayMs: number, fire: () => void) => {
        waits.push(delayMs);
        queueMicrotask(fire);
        return { stop: () => undefined };
      },
    };
    const waits: number[] = [];
    const slow: ServerMethod<string> = {
      name: 'slow',
      requests: ['slow'],
      attempt: () => {
        late += 12;
        return Promise.resolve({ type: 'refused', reason: 'it is slow' });
      },
    };
    const run = serve({ clock, methods: [slow] });
    await run.begin();
    run.send('slow', new Uint8Array(0));
    await run.failure();
    run.send('fast', new Uint8Array(0));
    await run.failure();
    expect(waits).toEqual([8, 5]);
  });

  test('cannot change the user or the service', async () => {
    for (const [user, wanted] of [
      ['v', service],
      ['u', 'other'],
    ] as const) {
      const run = serve();
      await run.begin();
      run.none();
      await run.failure();
      run.send('none', new Uint8Array(0), user, wanted);
      await ended(run, new RegExp(`^Change of username or service not allowed: \\(u,ssh-connection\\) -> \\(${user},${wanted}\\)$`));
    }
  });

  test('cannot get another service', async () => {
    const run = serve();
    run.client.send(serviceRequest.encode({ serviceName: 'ssh-connection' }));
    await ended(run, /^bad service request ssh-connection$/);
  });

  test('cannot log in for another service than the connection', async () => {
    const run = serve();
    await run.begin();
    run.send('password', authRequests.encode('password', { password: utf8Bytes('right') }), 'u', 'ssh-other');
    expect(await run.failure()).toEqual(allMethods);
  });

  test('cannot answer more or fewer questions than were asked', async () => {
    const run = serve();
    await run.begin();
    run.send('keyboard-interactive', authRequests.encode('keyboard-interactive', { languageTag: '', submethods: 'otp' }));
    await run.raw();
    run.client.send(userauthInfoResponse.encode({ responses: [] }));
    await ended(run, /0 answers to 1 questions/);
  });

  test('cannot ask for the same device over and over', async () => {
    const run = serve();
    await run.begin();
    const submethods = Array.from({ length: 1000 }, () => 'otp').join(',');
    run.send('keyboard-interactive', authRequests.encode('keyboard-interactive', { languageTag: '', submethods }));
    for (let i = 0; i < 2; i++) {
      expect((await run.raw())[0]).toBe(60);
      run.client.send(userauthInfoResponse.encode({ responses: [utf8Bytes('x')] }));
    }
    expect(await run.failure()).toEqual(allMethods);
  });

  test('gets a plain error for a malformed request, known user or not', async () => {
    for (const user of ['u', 'nobody']) {
      for (const method of ['publickey', 'password', 'keyboard-interactive']) {
        const run = serve();
        await run.begin();
        run.send(method, Uint8Array.of(1, 0, 0), user);
        await ended(run);
      }
    }
  });

  test('is told of a lost connection', async () => {
    const run = serve();
    await run.begin();
    run.server.end(new SshError('SSH_ERR_CONN_CLOSED'));
    await expect(run.done).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
  });

  test('ends with every message of a server and of the connection, and answers UNIMPLEMENTED to what nobody knows', async () => {
    const unknown: number[] = [];
    for (const phase of ['service', 'request'] as const) {
      for (let number = 0; number < 256; number++) {
        if (serverPhases[phase].includes(number)) continue;
        const run = serve();
        if (phase === 'request') await run.begin();
        run.client.send(Uint8Array.of(number, 0, 0, 0, 0));
        await new Promise((resume) => setImmediate(resume));
        expect(run.server.disconnected === undefined).toBe(run.server.unimplemented.length === 1);
        if (run.server.disconnected === undefined) unknown.push(number);
        expect(run.connection.messages).toEqual([]);
      }
    }
    expect(unknown.filter((number) => number >= 80)).toEqual([]);
    for (const number of [6, 51, 52, 53, 60, 61]) expect(unknown).not.toContain(number);
    expect(unknown).toContain(59);
  });
});
