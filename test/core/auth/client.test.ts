import { describe, expect, test } from 'vitest';
import type { Candidate } from '../../../src/core/auth/candidates.ts';
import type { ClientMethod } from '../../../src/core/auth/client-session.ts';
import type { PasswordOptions } from '../../../src/core/auth/client-password.ts';
import type { PublickeyOptions } from '../../../src/core/auth/client-publickey.ts';
import type { TshEvent } from '../../../src/core/events.ts';
import type { Signer } from '../../../src/core/keys/key.ts';
import { authenticate } from '../../../src/core/auth/client.ts';
import { keyboardInteractiveMethod } from '../../../src/core/auth/client-kbdint.ts';
import { passwordMethod } from '../../../src/core/auth/client-password.ts';
import { publickeyMethod } from '../../../src/core/auth/client-publickey.ts';
import { clientPhases } from '../../../src/core/auth/phases.ts';
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
  userauthSuccess,
} from '../../../src/core/wire/auth-messages.ts';
import { serviceAccept } from '../../../src/core/wire/transport-messages.ts';
import { linkPair, recorder } from './fake-link.ts';
import { ed25519Key, fingerprint, rsaKey } from './test-keys.ts';

const accepted = ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'];
const granted = serviceAccept.encode({ serviceName: 'ssh-userauth' });
const success = userauthSuccess.encode({});

function failure(methods: string, partialSuccess = false): Uint8Array {
  return userauthFailure.encode({ methods: methods === '' ? [] : methods.split(','), partialSuccess });
}

function candidate(signer: Signer, more: Partial<Candidate> = {}): Candidate {
  return { source: 'id', publicKey: signer.publicKey, explicit: false, agent: false, load: () => Promise.resolve(signer), ...more };
}

function publickey(candidates: readonly Candidate[], more: Partial<PublickeyOptions> = {}): ClientMethod {
  return publickeyMethod({ candidates: () => Promise.resolve(candidates), accepted, hostKey: undefined, fingerprint, ...more });
}

function password(
  answers: readonly (string | undefined)[],
  more: Partial<PasswordOptions> = {},
): { method: ClientMethod; asked: string[] } {
  const asked: string[] = [];
  const prompt: PasswordOptions['prompt'] = (text, echo) => {
    asked.push(echo ? `${text}(echo)` : text);
    const answer = answers[asked.length - 1];
    return Promise.resolve(answer === undefined ? undefined : utf8Bytes(answer));
  };
  return { asked, method: passwordMethod({ prompt, host: 'h', mostPrompts: 3, ...more }) };
}

/** A server of which the test writes each answer. */
function scripted(methods: readonly ClientMethod[]) {
  const pair = linkPair();
  const inbox = recorder();
  pair.server.handler = inbox.handler;
  const events: TshEvent[] = [];
  const next = recorder();
  let method: string | undefined;
  const done = authenticate(pair.client, {
    user: 'u',
    host: 'h',
    methods,
    emit: (event) => void events.push(event),
    succeeded: (name) => {
      method = name;
      pair.client.handler = next.handler;
    },
  });
  done.catch(() => undefined);
  return {
    ...pair,
    events,
    done,
    next,
    method: () => method,
    tries: () =>
      events.flatMap((event) => (event.type === 'authentication-try' ? [`${event.attempt.method} ${event.attempt.outcome}`] : [])),
    /** The request that the client sends now. */
    request: async () => {
      const request = userauthRequest.decode(await inbox.next());
      expect(request).toMatchObject({ user: 'u', service: 'ssh-connection' });
      return request;
    },
    raw: () => inbox.next(),
    reply: (...payloads: readonly Uint8Array[]) => {
      for (const payload of payloads) pair.server.send(payload);
    },
    /** Goes through the service request and "none". */
    begin: async (canContinue: string) => {
      expect((await inbox.next())[0]).toBe(5);
      pair.server.send(granted);
      expect(userauthRequest.decode(await inbox.next()).method).toBe('none');
      pair.server.send(failure(canContinue));
    },
  };
}

describe('a client in good order', () => {
  test('gets in by "none" where the server asks for nothing', async () => {
    const run = scripted([]);
    expect((await run.raw())[0]).toBe(5);
    run.reply(granted);
    expect((await run.request()).method).toBe('none');
    run.reply(success);
    await run.done;
    expect(run.method()).toBe('none');
    expect(run.events.map((event) => event.type)).toEqual(['service', 'authentication-try', 'authenticated']);
  });

  test('takes a service acceptance that names no service', async () => {
    const run = scripted([]);
    await run.raw();
    run.reply(Uint8Array.of(6));
    await run.request();
    run.reply(success);
    await run.done;
  });

  test('hands the very next message to the next handler', async () => {
    const run = scripted([]);
    await run.raw();
    run.reply(granted);
    await run.request();
    run.reply(success, Uint8Array.of(80, 1));
    await run.done;
    expect(await run.next.next()).toEqual(Uint8Array.of(80, 1));
  });

  test('asks about a key first, then signs what RFC 4252 says', async () => {
    const key = ed25519Key();
    const run = scripted([publickey([candidate(key)])]);
    await run.begin('publickey,password');
    const query = authRequests.decode('publickey', (await run.request()).body);
    expect(query).toEqual({ algorithm: 'ssh-ed25519', blob: key.publicKey.blob });
    run.reply(userauthPkOk.encode(query));
    const request = await run.request();
    expect(request.method).toBe('publickey');
    const signed = authRequests.decode('publickey', request.body);
    const data = signedData({
      sessionId: run.client.sessionId,
      user: 'u',
      service: 'ssh-connection',
      algorithm: 'ssh-ed25519',
      blob: key.publicKey.blob,
      hostKey: undefined,
    });
    key.publicKey.verify(signed.signature ?? new Uint8Array(0), data, 'ssh-ed25519');
    run.reply(success);
    await run.done;
    expect(run.tries()).toEqual([
      'publickey planned',
      'publickey offered',
      'publickey accepted',
      'publickey signed',
      'publickey succeeded',
    ]);
    const offered = run.events.find((event) => event.type === 'authentication-try' && event.attempt.outcome === 'offered');
    expect(offered).toMatchObject({
      attempt: {
        source: 'id',
        explicit: false,
        agent: false,
        algorithm: 'ssh-ed25519',
        keyType: 'ED25519',
        fingerprint: fingerprint(key.publicKey),
      },
    });
  });

  test('binds the signature to the host key where the server knows how', async () => {
    const key = ed25519Key();
    const hostKey = utf8Bytes('the host key');
    const run = scripted([publickey([candidate(key)], { hostKey })]);
    run.client.extensions.set('publickey-hostbound@openssh.com', '0');
    await run.begin('publickey');
    const query = await run.request();
    expect(query.method).toBe('publickey');
    run.reply(userauthPkOk.encode(authRequests.decode('publickey', query.body)));
    const request = await run.request();
    expect(request.method).toBe('publickey-hostbound-v00@openssh.com');
    const signed = authRequests.decode('publickey-hostbound-v00@openssh.com', request.body);
    expect(signed.hostKey).toEqual(hostKey);
    const { sessionId } = run.client;
    const data = signedData({
      sessionId,
      user: 'u',
      service: 'ssh-connection',
      algorithm: 'ssh-ed25519',
      blob: key.publicKey.blob,
      hostKey,
    });
    key.publicKey.verify(signed.signature ?? new Uint8Array(0), data, 'ssh-ed25519');
    run.reply(success);
    await run.done;
  });

  test('signs at once with a key whose public half is unknown', async () => {
    const key = ed25519Key();
    const run = scripted([publickey([candidate(key, { publicKey: undefined })])]);
    await run.begin('publickey');
    expect(authRequests.decode('publickey', (await run.request()).body).signature).toBeDefined();
    run.reply(success);
    await run.done;
    expect(run.tries()).toEqual(['publickey planned', 'publickey trying', 'publickey signed', 'publickey succeeded']);
  });

  test('goes on with the next key where one is refused, has no private half or cannot sign', async () => {
    const [refused, absent, unwilling, good] = [ed25519Key(), ed25519Key(), ed25519Key(), ed25519Key()];
    const refusing: Signer = { publicKey: unwilling.publicKey, sign: () => Promise.reject(new SshError('SSH_ERR_AGENT_FAILURE')) };
    const run = scripted([
      publickey([
        candidate(refused),
        candidate(absent, { load: () => Promise.resolve(undefined) }),
        candidate(refusing, { source: 'c', agent: true }),
        candidate(good),
      ]),
    ]);
    await run.begin('publickey');
    await run.request();
    run.reply(failure('publickey'));
    for (const key of [absent, unwilling, good]) {
      const query = authRequests.decode('publickey', (await run.request()).body);
      expect(query.blob).toEqual(key.publicKey.blob);
      run.reply(userauthPkOk.encode(query));
    }
    expect(authRequests.decode('publickey', (await run.request()).body).signature).toBeDefined();
    run.reply(success);
    await run.done;
    expect(run.events).toContainEqual({
      type: 'authentication-try',
      attempt: {
        method: 'publickey',
        outcome: 'failed',
        reason: 'agent refused operation',
        source: 'c',
        explicit: false,
        agent: true,
        keyType: 'ED25519',
        fingerprint: fingerprint(unwilling.publicKey),
      },
    });
  });

  test('tries the keys again after a partial success, the used one last', async () => {
    const [first, second] = [ed25519Key(), ed25519Key()];
    const run = scripted([publickey([candidate(first), candidate(second)])]);
    await run.begin('publickey');
    const offered: Uint8Array[] = [];
    for (const answer of [failure('publickey,password', true), success]) {
      const query = authRequests.decode('publickey', (await run.request()).body);
      offered.push(query.blob.slice());
      run.reply(userauthPkOk.encode(query));
      await run.request();
      run.reply(answer);
    }
    await run.done;
    expect(offered).toEqual([first.publicKey.blob, second.publicKey.blob]);
    expect(run.tries()).toContain('publickey partial');
  });

  test('asks for a password as often as allowed, then says what OpenSSH says', async () => {
    const { method, asked } = password(['one', 'two', 'three']);
    const run = scripted([method]);
    await run.begin('publickey,password');
    for (const text of ['one', 'two', 'three']) {
      const body = authRequests.decode('password', (await run.request()).body);
      expect(utf8Text(body.password)).toBe(text);
      run.reply(failure('publickey,password'));
    }
    await expect(run.done).rejects.toThrow('u@h: Permission denied (publickey,password).');
    expect(asked).toEqual(["u@h's password: ", "u@h's password: ", "u@h's password: "]);
    const notes = run.events.flatMap((event) => (event.type === 'note' && event.level === 'error' ? [event.text] : []));
    expect(notes).toEqual(['Permission denied, please try again.', 'Permission denied, please try again.']);
    expect(run.client.disconnected).toBeUndefined();
  });

  test('hides the length of a password and wipes it', async () => {
    const typed = utf8Bytes('secret');
    const run = scripted([passwordMethod({ prompt: () => Promise.resolve(typed), host: 'h', mostPrompts: 1 })]);
    await run.begin('password');
    await run.request();
    expect(run.client.padded.at(-1)).toBe(64);
    expect(typed).toEqual(new Uint8Array(6));
    run.reply(success);
    await run.done;
  });

  test('changes an expired password, asking again where the new ones differ', async () => {
    const { method, asked } = password(['old', 'old', 'new', 'nwe', 'new', 'new']);
    const run = scripted([method]);
    await run.begin('password');
    await run.request();
    run.reply(userauthPasswdChangereq.encode({ prompt: 'expired', languageTag: '' }));
    const body = authRequests.decode('password', (await run.request()).body);
    expect(utf8Text(body.password)).toBe('old');
    expect(utf8Text(body.newPassword ?? new Uint8Array(0))).toBe('new');
    run.reply(success);
    await run.done;
    expect(asked.slice(1, 4)).toEqual(["Enter u@h's old password: ", "Enter u@h's new password: ", "Retype u@h's new password: "]);
    expect(run.events).toContainEqual({ type: 'note', level: 'info', text: 'expired' });
  });

  test('answers questions and marks them as the server’s', async () => {
    const { asked } = password([]);
    const prompt: PasswordOptions['prompt'] = (text, echo) => {
      asked.push(`${text}${echo}`);
      return Promise.resolve(utf8Bytes(`answer ${asked.length}`));
    };
    const run = scripted([keyboardInteractiveMethod({ prompt, host: 'h', mostTries: 3, devices: ['pam', 'otp'] })]);
    await run.begin('keyboard-interactive');
    expect(authRequests.decode('keyboard-interactive', (await run.request()).body).submethods).toBe('pam,otp');
    const questions = [
      { prompt: '\x1b[1mPassword: ', echo: false },
      { prompt: 'Code: ', echo: true },
    ];
    run.reply(userauthInfoRequest.encode({ name: 'N', instruction: 'I', languageTag: '', prompts: questions }));
    expect(userauthInfoResponse.decode(await run.raw()).responses.map((one) => utf8Text(one))).toEqual(['answer 1', 'answer 2']);
    expect(run.client.padded.at(-1)).toBe(64);
    run.reply(userauthInfoRequest.encode({ name: '', instruction: '', languageTag: '', prompts: [] }));
    expect(userauthInfoResponse.decode(await run.raw()).responses).toEqual([]);
    run.reply(success);
    await run.done;
    expect(asked).toEqual(['(u@h) \\033[1mPassword: false', '(u@h) Code: true']);
  });

  test('does not ask for keyboard-interactive again where nothing was asked', async () => {
    const run = scripted([keyboardInteractiveMethod({ prompt: () => Promise.resolve(undefined), host: 'h', mostTries: 3, devices: [] })]);
    await run.begin('keyboard-interactive');
    await run.request();
    run.reply(failure('keyboard-interactive'));
    await expect(run.done).rejects.toThrow('Permission denied (keyboard-interactive).');
  });

  test('shows banners, long ones too', async () => {
    const run = scripted([]);
    await run.raw();
    run.reply(granted);
    await run.request();
    const text = 'b'.repeat(100_000);
    run.reply(userauthBanner.encode({ message: text, languageTag: '' }), userauthBanner.encode({ message: '', languageTag: '' }), success);
    await run.done;
    expect(run.events.filter((event) => event.type === 'banner')).toEqual([{ type: 'banner', text }]);
  });
});

describe('the algorithm of an RSA key', () => {
  async function offered(more: Partial<PublickeyOptions>, serverAlgorithms: string | undefined, peerIdent = 'SSH-2.0-x') {
    const run = scripted([publickey([candidate(rsaKey())], more)]);
    if (serverAlgorithms !== undefined) run.client.extensions.set('server-sig-algs', serverAlgorithms);
    run.client.peerIdent = peerIdent;
    await run.begin('publickey');
    return Promise.race([
      run.request().then((request) => authRequests.decode('publickey', request.body).algorithm),
      run.done.catch(() => undefined),
    ]);
  }

  test('is the first of the user’s that the server names', async () => {
    expect(await offered({}, 'ssh-ed25519,rsa-sha2-256,rsa-sha2-512')).toBe('rsa-sha2-512');
    expect(await offered({}, 'rsa-sha2-256')).toBe('rsa-sha2-256');
  });

  test('is SHA-1’s only where the user allows it', async () => {
    expect(await offered({}, undefined)).toBeUndefined();
    expect(await offered({}, 'ssh-rsa')).toBeUndefined();
    expect(await offered({ accepted: [...accepted, 'ssh-rsa'] }, undefined)).toBe('ssh-rsa');
    expect(await offered({ accepted: [...accepted, 'ssh-rsa'] }, 'ssh-rsa')).toBe('ssh-rsa');
  });

  test('is SHA-2’s for OpenSSH 7.4, which knows it and does not say so', async () => {
    expect(await offered({}, 'ssh-rsa', 'SSH-2.0-OpenSSH_7.4p1')).toBe('rsa-sha2-512');
  });

  test('falls back where an agent signs with another than it was asked for', async () => {
    const rsa = rsaKey();
    const old: Signer = { publicKey: rsa.publicKey, sign: (data) => rsa.sign(data, 'ssh-rsa') };
    const run = scripted([publickey([candidate(old)], { accepted: [...accepted, 'ssh-rsa'] })]);
    run.client.extensions.set('server-sig-algs', 'rsa-sha2-512');
    await run.begin('publickey');
    run.reply(userauthPkOk.encode(authRequests.decode('publickey', (await run.request()).body)));
    expect(authRequests.decode('publickey', (await run.request()).body).algorithm).toBe('ssh-rsa');
  });
});

describe('a hostile server', () => {
  async function stopped(run: ReturnType<typeof scripted>): Promise<void> {
    await expect(run.done).rejects.toMatchObject({ code: 'SSH_ERR_PROTOCOL_ERROR' });
    expect(run.client.disconnected?.reason).toBe(2);
    expect(run.method()).toBeUndefined();
  }

  test('cannot let the user in before the service was granted', async () => {
    const run = scripted([]);
    await run.raw();
    run.reply(success);
    await stopped(run);
  });

  test('cannot answer one method with another’s messages', async () => {
    const run = scripted([password(['x']).method]);
    await run.begin('password');
    await run.request();
    run.reply(userauthInfoResponse.encode({ responses: [] }));
    await stopped(run);
  });

  test('cannot send PK_OK to a signed request', async () => {
    const run = scripted([publickey([candidate(ed25519Key())])]);
    await run.begin('publickey');
    const query = authRequests.decode('publickey', (await run.request()).body);
    run.reply(userauthPkOk.encode(query), userauthPkOk.encode(query), userauthPkOk.encode(query));
    await stopped(run);
  });

  test('cannot have another key signed with than was offered', async () => {
    const [mine, other] = [ed25519Key(), ed25519Key()];
    const run = scripted([publickey([candidate(mine), candidate(other)])]);
    await run.begin('publickey');
    await run.request();
    run.reply(userauthPkOk.encode({ algorithm: 'ssh-ed25519', blob: other.publicKey.blob }));
    await stopped(run);
  });

  test('cannot demand a new password without end', async () => {
    const run = scripted([passwordMethod({ prompt: () => Promise.resolve(utf8Bytes('x')), host: 'h', mostPrompts: 3 })]);
    await run.begin('password');
    for (let i = 0; i < 17; i++) {
      await run.request();
      run.reply(userauthPasswdChangereq.encode({ prompt: '', languageTag: '' }));
    }
    await stopped(run);
  });

  test('cannot flood with banners', async () => {
    const run = scripted([]);
    await run.raw();
    run.reply(granted);
    const banner = userauthBanner.encode({ message: 'b'.repeat(200_000), languageTag: '' });
    run.reply(...Array.from({ length: 6 }, () => banner));
    await stopped(run);
  });

  test('cannot keep the client going with partial successes', async () => {
    const run = scripted([publickey([candidate(ed25519Key())])]);
    await run.begin('publickey');
    for (let i = 0; i < 1023; i++) {
      await run.request();
      run.reply(failure('publickey', true));
    }
    await stopped(run);
  });

  test('gets a plain error for a malformed message', async () => {
    for (const payload of [
      Uint8Array.of(51),
      Uint8Array.of(51, 0, 0, 0, 9, 1),
      Uint8Array.of(52, 0),
      Uint8Array.of(53, 255, 255, 255, 255),
    ]) {
      const run = scripted([]);
      await run.raw();
      run.reply(granted);
      await run.request();
      run.reply(payload);
      await expect(run.done).rejects.toBeInstanceOf(SshError);
      expect(run.client.disconnected).toBeDefined();
    }
  });

  test('ends the connection with every message that its phase does not know', async () => {
    for (const [phase, legal] of [
      ['service', clientPhases.service],
      ['result', clientPhases.result],
    ] as const) {
      for (let number = 0; number < 256; number++) {
        if (legal.includes(number)) continue;
        const run = scripted([]);
        await run.raw();
        if (phase === 'result') {
          run.reply(granted);
          await run.request();
        }
        run.reply(Uint8Array.of(number, 0, 0, 0, 0));
        await stopped(run);
      }
    }
  });

  test('is left when a prompt fails', async () => {
    const run = scripted([passwordMethod({ prompt: () => Promise.reject(new Error('no terminal')), host: 'h', mostPrompts: 1 })]);
    await run.begin('password');
    await expect(run.done).rejects.toThrow('no terminal');
    expect(run.client.disconnected?.reason).toBe(11);
  });

  test('leaves no promise behind when it goes away', async () => {
    const run = scripted([]);
    await run.raw();
    run.client.end(new SshError('SSH_ERR_CONN_CLOSED'));
    await expect(run.done).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
  });
});
