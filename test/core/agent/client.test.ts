import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentConstraint } from '../../../src/core/wire/agent-messages.ts';
import { AgentClient } from '../../../src/core/agent/client.ts';
import { FrameReader, frame } from '../../../src/core/agent/frames.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { concat, utf8Bytes } from '../../../src/core/util/bytes.ts';
import {
  agentAddIdConstrained,
  agentAddIdentity,
  agentAddSmartcardKey,
  agentConstraint,
  agentExtension,
  agentExtensions,
  agentFailure,
  agentIdentitiesAnswer,
  agentLock,
  agentRemoveAllIdentities,
  agentRemoveIdentity,
  agentRemoveSmartcardKey,
  agentSignRequest,
  agentSignResponse,
  agentSuccess,
  agentUnlock,
} from '../../../src/core/wire/agent-messages.ts';
import { decode, encode } from '../../../src/core/wire/message.ts';
import { ed25519Key, rsaKey } from '../auth/test-keys.ts';

const alice = ed25519Key();
const rsa = rsaKey();
const success = agentSuccess.encode({});

/** A client and what it sends. */
function agent() {
  const sent: Uint8Array[] = [];
  const frames = new FrameReader();
  const client = new AgentClient((bytes) => void sent.push(...frames.read(bytes)));
  return {
    client,
    sent,
    answer: (...messages: readonly Uint8Array[]) => {
      client.receive(concat(...messages.map(frame)));
    },
  };
}

describe('an agent’s client', () => {
  test('lists keys, without those that it does not know', async () => {
    const { client, answer } = agent();
    const list = client.list();
    const identities = [
      { blob: alice.publicKey.blob, comment: 'a' },
      { blob: utf8Bytes('no key'), comment: 'b' },
      { blob: rsa.publicKey.blob, comment: 'ä' },
    ];
    answer(agentIdentitiesAnswer.encode({ identities }));
    expect((await list).map(({ key, comment }) => [key.name, comment])).toEqual([
      ['ssh-ed25519', 'a'],
      ['ssh-rsa', 'ä'],
    ]);
  });

  test.each([
    ['ssh-ed25519', 0],
    ['ssh-rsa', 0],
    ['rsa-sha2-256', 2],
    ['rsa-sha2-512', 4],
    ['rsa-sha2-256-cert-v01@openssh.com', 2],
    ['rsa-sha2-512-cert-v01@openssh.com', 4],
  ])('asks for a signature by %s with flags %i', async (algorithm, flags) => {
    const { client, sent, answer } = agent();
    const signature = client.signer(rsa.publicKey).sign(utf8Bytes('data'), algorithm);
    expect(agentSignRequest.decode(sent[0] ?? success)).toEqual({ blob: rsa.publicKey.blob, data: utf8Bytes('data'), flags });
    answer(agentSignResponse.encode({ signature: utf8Bytes('signed') }));
    expect(await signature).toEqual(utf8Bytes('signed'));
  });

  test('sends every request and keeps the order of answers', async () => {
    const { client, sent, answer } = agent();
    const key = { name: 'ssh-ed25519', fields: utf8Bytes('fields'), comment: 'c' };
    const [pin, passphrase] = [utf8Bytes('pin'), utf8Bytes('pass')];
    const binding = { hostKey: utf8Bytes('h'), sessionId: utf8Bytes('i'), signature: utf8Bytes('s'), isForwarding: false };
    const requests = [
      client.add(key),
      client.add(key, [{ type: 'confirm' }]),
      client.remove(alice.publicKey),
      client.removeAll(),
      client.addToken('lib', pin),
      client.removeToken('lib', pin),
      client.lock(passphrase),
      client.unlock(passphrase),
      client.bindSession(binding),
    ];
    const expected = [
      agentAddIdentity,
      agentAddIdConstrained,
      agentRemoveIdentity,
      agentRemoveAllIdentities,
      agentAddSmartcardKey,
      agentRemoveSmartcardKey,
      agentLock,
      agentUnlock,
      agentExtension,
    ].map((message) => message.number);
    expect(sent.map((message) => message[0])).toEqual(expected);
    const { name, contents } = agentExtension.decode(sent[8] ?? success);
    expect(name).toBe('session-bind@openssh.com');
    expect(agentExtensions.decode('session-bind@openssh.com', contents)).toEqual(binding);
    answer(success, agentFailure.encode({}), ...Array.from({ length: 7 }, () => success));
    const outcomes = await Promise.allSettled(requests);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(requests.map((_request, index) => (index === 1 ? 'rejected' : 'fulfilled')));
  });

  test.each([5, 28, 30, 102])('takes number %i for a refusal', async (number) => {
    const { client, answer } = agent();
    const list = client.list();
    answer(Uint8Array.of(number));
    await expect(list).rejects.toMatchObject({ code: 'SSH_ERR_AGENT_FAILURE', message: 'agent refused operation' });
  });

  test('reads answers however they are cut', async () => {
    const answers = [frame(success), frame(agentIdentitiesAnswer.encode({ identities: [{ blob: alice.publicKey.blob, comment: 'x' }] }))];
    const bytes = concat(...answers);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length })), async (cuts) => {
        const { client } = agent();
        const first = client.removeAll();
        const second = client.list();
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
          client.receive(bytes.subarray(from, to));
          from = to;
        }
        await first;
        expect(await second).toHaveLength(1);
      }),
    );
  });

  test('gives up at a length of 0, above 256 KiB, and at an answer to no request', async () => {
    for (const bytes of [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 4, 0, 1), Uint8Array.of(255, 255, 255, 255)]) {
      const { client } = agent();
      const list = client.list();
      client.receive(bytes);
      await expect(list).rejects.toMatchObject({ code: 'SSH_ERR_INVALID_FORMAT' });
    }
    const { client, answer } = agent();
    answer(success);
    await expect(client.list()).rejects.toMatchObject({ code: 'SSH_ERR_AGENT_COMMUNICATION' });
  });

  test('fails what waits when the connection is lost', async () => {
    const { client } = agent();
    const list = client.list();
    client.closed(new Error('EPIPE'));
    await expect(list).rejects.toMatchObject({ code: 'SSH_ERR_AGENT_COMMUNICATION', detail: 'EPIPE' });
    await expect(client.removeAll()).rejects.toBeInstanceOf(SshError);
  });

  test('refuses to send what an agent would not take', async () => {
    const { client, sent } = agent();
    await expect(client.sign(alice.publicKey, new Uint8Array(256 * 1024), 'ssh-ed25519')).rejects.toBeInstanceOf(SshError);
    expect(sent).toEqual([]);
  });

  test('throws nothing but SshError whatever comes', async () => {
    const number = fc.constantFrom(5, 6, 12, 14, 99);
    const body = fc.tuple(number, fc.uint8Array({ maxLength: 40 })).map(([first, bytes]) => Uint8Array.of(first, ...bytes));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(body, fc.uint8Array())), async (messages) => {
        const { client, answer } = agent();
        const requests = [client.list(), client.sign(alice.publicKey, utf8Bytes('d'), 'ssh-ed25519'), client.removeAll()];
        answer(...messages);
        client.receive(Uint8Array.of(0, 0, 0));
        client.closed();
        for (const outcome of await Promise.allSettled(requests)) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(SshError);
        }
      }),
    );
  });

  test('lists no more keys than an agent can hold', async () => {
    const { client, answer } = agent();
    const list = client.list();
    answer(Uint8Array.of(12, 255, 255, 255, 255));
    await expect(list).rejects.toMatchObject({ code: 'SSH_ERR_INVALID_FORMAT' });
  });
});

test('a constraint that is unknown is an error, not skipped', () => {
  expect(() => decode(agentConstraint, Uint8Array.of(4, 0, 0, 0, 1))).toThrow(SshError);
  const rows: AgentConstraint[] = [
    { type: 'lifetime', seconds: 60 },
    { type: 'confirm' },
    { type: 'extension', name: 'x@y', contents: utf8Bytes('z') },
  ];
  for (const row of rows) expect(decode(agentConstraint, encode(agentConstraint, row))).toEqual(row);
});
