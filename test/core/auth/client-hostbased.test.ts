import { describe, expect, test } from 'vitest';
import { type HostbasedOptions, hostbasedMethod } from '../../../src/core/auth/client-hostbased.ts';
import { ClientSession } from '../../../src/core/auth/client-session.ts';
import type { TshEvent } from '../../../src/core/events.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { authRequests, hostbasedData, userauthFailure, userauthRequest, userauthSuccess } from '../../../src/core/wire/auth-messages.ts';
import { linkPair, recorder } from './fake-link.ts';
import { ed25519Key, fingerprint, rsaKey } from './test-keys.ts';

const ed25519 = ed25519Key().publicKey;
const rsa = rsaKey().publicKey;
const failure = userauthFailure.encode({ methods: ['hostbased'], partialSuccess: false });

/** The method before a server of which the test writes the answers. */
function client(more: Partial<HostbasedOptions>) {
  const pair = linkPair();
  const inbox = recorder();
  pair.server.handler = inbox.handler;
  const events: TshEvent[] = [];
  const signed: Uint8Array[] = [];
  const session = new ClientSession(pair.client, 'u', (event) => void events.push(event));
  const method = hostbasedMethod({
    keys: () => [rsa, ed25519],
    accepted: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
    clientHost: () => Promise.resolve('here.example'),
    clientUser: 'me',
    sign: (data) => {
      signed.push(data);
      return Promise.resolve(utf8Bytes(`signature ${signed.length}`));
    },
    fingerprint,
    ...more,
  });
  return { ...pair, method, session, events, signed, next: async () => userauthRequest.decode(await inbox.next()) };
}

describe('hostbased authentication', () => {
  test('goes through the keys in the order of the algorithms, each once', async () => {
    const { method, session, next, server, signed, client: link } = client({});
    const wanted = [
      ['ssh-ed25519', ed25519],
      ['rsa-sha2-512', rsa],
    ] as const;
    for (const [index, [algorithm, key]] of wanted.entries()) {
      const attempt = method.attempt(session);
      const request = await next();
      expect(request).toMatchObject({ user: 'u', service: 'ssh-connection', method: 'hostbased' });
      const fields = { algorithm, blob: key.blob, clientHost: 'here.example.', clientUser: 'me' };
      expect(authRequests.decode('hostbased', request.body)).toEqual({ ...fields, signature: utf8Bytes(`signature ${index + 1}`) });
      expect(signed[index]).toEqual(hostbasedData({ ...fields, sessionId: link.sessionId, user: 'u', service: 'ssh-connection' }));
      server.send(failure);
      expect(await attempt).toMatchObject({ type: 'failure' });
    }
    expect(await method.attempt(session)).toBeUndefined();
    expect(signed).toHaveLength(2);
  });

  test('signs over the session identifier and the request as it is sent (RFC 4252 section 9)', async () => {
    const { method, session, server, signed, client: link } = client({ accepted: ['ssh-ed25519'] });
    const attempt = method.attempt(session);
    await new Promise((resolve) => setImmediate(resolve));
    const [request] = link.sent;
    server.send(userauthSuccess.encode({}));
    expect(await attempt).toEqual({ type: 'success' });
    const data = Buffer.from(signed[0] as Uint8Array);
    expect(data.readUInt32BE(0)).toBe(link.sessionId.length);
    const signatureLength = 4 + 'signature 1'.length;
    expect(data.subarray(4 + link.sessionId.length)).toEqual(Buffer.from((request as Uint8Array).subarray(0, -signatureLength)));
  });

  test('ends where nobody signs, and says so', async () => {
    const { method, session, client: link, events } = client({ sign: () => Promise.resolve(undefined) });
    expect(await method.attempt(session)).toBeUndefined();
    expect(link.sent).toEqual([]);
    expect(events).toContainEqual({
      type: 'note',
      level: 'error',
      text: `sign using hostkey ssh-ed25519 ${fingerprint(ed25519)} failed`,
    });
  });

  test('has nothing to send without a key of the accepted kinds', async () => {
    for (const more of [{ keys: () => [] }, { accepted: ['ecdsa-sha2-nistp256'] }]) {
      const { method, session, events } = client(more);
      expect(await method.attempt(session)).toBeUndefined();
      expect(events).toContainEqual({ type: 'note', level: 'debug1', text: 'No more client hostkeys for hostbased authentication.' });
    }
  });
});
