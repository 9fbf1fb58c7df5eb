import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SshError } from '../../../src/core/util/errors.ts';
import { hex, utf8Bytes } from '../../../src/core/util/bytes.ts';
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

const bytes = fc.uint8Array({ maxLength: 20 });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const name = fc.constantFrom('publickey', 'password', 'x@y.z');

const messages = [
  [userauthRequest, fc.record({ user: text, service: ascii, method: ascii, body: bytes })],
  [userauthFailure, fc.record({ methods: fc.array(name), partialSuccess: fc.boolean() })],
  [userauthSuccess, fc.record({})],
  [userauthBanner, fc.record({ message: text, languageTag: text })],
  [userauthPkOk, fc.record({ algorithm: ascii, blob: bytes })],
  [userauthPasswdChangereq, fc.record({ prompt: text, languageTag: text })],
  [
    userauthInfoRequest,
    fc.record({ name: text, instruction: text, languageTag: text, prompts: fc.array(fc.record({ prompt: text, echo: fc.boolean() })) }),
  ],
  [userauthInfoResponse, fc.record({ responses: fc.array(bytes) })],
] as const;

const key = { algorithm: ascii, blob: bytes };
const required = { requiredKeys: ['algorithm', 'blob'] } as const;
const bodies = [
  ['none', fc.record({})],
  ['publickey', fc.record({ ...key, signature: bytes }, { requiredKeys: [...required.requiredKeys] })],
  [
    'publickey-hostbound-v00@openssh.com',
    fc.record({ ...key, hostKey: bytes, signature: bytes }, { requiredKeys: [...required.requiredKeys, 'hostKey'] }),
  ],
  ['password', fc.record({ password: bytes, newPassword: bytes }, { requiredKeys: ['password'] })],
  ['keyboard-interactive', fc.record({ languageTag: text, submethods: text })],
  ['hostbased', fc.record({ ...key, clientHost: ascii, clientUser: text, signature: bytes })],
] as const;

/** Whatever is wrong with them, parsers throw nothing but SshError, and what they take, they write again. */
function survives(decode: (payload: Uint8Array) => unknown, payload: Uint8Array): void {
  try {
    decode(payload);
  } catch (error) {
    expect(error).toBeInstanceOf(SshError);
  }
}

describe.each(messages.map(([message, values]) => [message.name, message, values] as const))('%s', (_name, message, values) => {
  const encode = message.encode as (value: unknown) => Uint8Array;

  test('is read as it was written', () => {
    fc.assert(
      fc.property(values as fc.Arbitrary<unknown>, (value) => {
        expect(message.decode(encode(value))).toEqual(value);
      }),
    );
  });

  test('cut short, longer or changed is an SshError or another message', () => {
    fc.assert(
      fc.property(values as fc.Arbitrary<unknown>, fc.nat(), fc.nat(255), (value, at, change) => {
        const payload = encode(value);
        for (let length = 0; length < payload.length; length++) survives(message.decode, payload.subarray(0, length));
        if (message !== userauthRequest) expect(() => message.decode(new Uint8Array([...payload, 0]))).toThrow(SshError);
        payload[at % payload.length] = change;
        survives(message.decode, payload);
      }),
    );
  });
});

describe.each(bodies)('the body of %s', (method, values) => {
  test('is read as it was written, and bad ones are SshErrors', () => {
    fc.assert(
      fc.property(values as fc.Arbitrary<never>, fc.nat(), fc.nat(255), (value, at, change) => {
        const body = authRequests.encode(method, value);
        expect(authRequests.decode(method, body)).toEqual(value);
        for (let length = 0; length < body.length; length++) {
          expect(() => authRequests.decode(method, body.subarray(0, length))).toThrow(SshError);
        }
        if (body.length === 0) return;
        body[at % body.length] = change;
        survives((payload) => authRequests.decode(method, payload), body);
      }),
    );
  });
});

test('a message has at most 100 prompts or answers', () => {
  const responses = Array.from({ length: 101 }, () => new Uint8Array(0));
  expect(() => userauthInfoResponse.decode(userauthInfoResponse.encode({ responses }))).toThrow(SshError);
  expect(() => userauthInfoResponse.decode(Uint8Array.of(61, 255, 255, 255, 255))).toThrow(SshError);
});

test('a signature covers the session and the request up to it', () => {
  const request = { sessionId: utf8Bytes('S'), user: 'u', service: 's', algorithm: 'a', blob: utf8Bytes('b') };
  const string = (value: string) => hex(Uint8Array.of(0, 0, 0, value.length, ...utf8Bytes(value)));
  const plain = `${string('S')}32${string('u')}${string('s')}${string('publickey')}01${string('a')}${string('b')}`;
  expect(hex(signedData({ ...request, hostKey: undefined }))).toBe(plain);
  const bound = plain.replace(string('publickey'), string('publickey-hostbound-v00@openssh.com')) + string('h');
  expect(hex(signedData({ ...request, hostKey: utf8Bytes('h') }))).toBe(bound);
});
