import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SshError } from '../../../src/core/util/errors.ts';
import * as messages from '../../../src/core/wire/connection-messages.ts';
import type { Message } from '../../../src/core/wire/message.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const name = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });
const number = fc.integer({ min: 0, max: 0xffffffff });
const bytes = fc.uint8Array({ maxLength: 60 });
const strings = fc.array(bytes, { maxLength: 4 });

/** Values of each message by its name: any of them must come back from its encoding. */
const rows: Record<string, [Message<never>, fc.Arbitrary<object>]> = Object.fromEntries(
  (
    [
      [messages.globalRequest, { requestName: name, wantReply: fc.boolean(), body: bytes }],
      [messages.requestSuccess, { body: bytes }],
      [messages.requestFailure, {}],
      [
        messages.channelOpen,
        { channelType: name, senderChannel: number, initialWindowSize: number, maximumPacketSize: number, body: bytes },
      ],
      [
        messages.channelOpenConfirmation,
        { recipientChannel: number, senderChannel: number, initialWindowSize: number, maximumPacketSize: number, body: bytes },
      ],
      [messages.channelOpenFailure, { recipientChannel: number, reason: number, description: text, languageTag: text }],
      [messages.channelWindowAdjust, { recipientChannel: number, bytesToAdd: number }],
      [messages.channelData, { recipientChannel: number, data: bytes }],
      [messages.channelExtendedData, { recipientChannel: number, dataType: number, data: bytes }],
      [messages.channelEof, { recipientChannel: number }],
      [messages.channelClose, { recipientChannel: number }],
      [messages.channelRequest, { recipientChannel: number, requestType: name, wantReply: fc.boolean(), body: bytes }],
      [messages.channelSuccess, { recipientChannel: number }],
      [messages.channelFailure, { recipientChannel: number }],
    ] as unknown as [Message<never>, Record<string, fc.Arbitrary<unknown>>][]
  ).map(([message, fields]) => [message.name, [message, fc.record(fields)]]),
);

const tcp = { originatorAddress: text, originatorPort: number };
const size = { widthColumns: number, heightRows: number, widthPixels: number, heightPixels: number };
const forward = { bindAddress: text, bindPort: number };

/** Fields of every body by the name that selects it. */
const bodies: Record<string, Record<string, Record<string, fc.Arbitrary<unknown>>>> = {
  channelTypes: {
    session: {},
    'direct-tcpip': { hostToConnect: text, portToConnect: number, ...tcp },
    'forwarded-tcpip': { connectedAddress: text, connectedPort: number, ...tcp },
    'direct-streamlocal@openssh.com': { socketPath: text, reservedText: bytes, reservedNumber: number },
    'forwarded-streamlocal@openssh.com': { socketPath: text, reservedText: bytes },
    'auth-agent@openssh.com': {},
    x11: tcp,
  },
  channelRequests: {
    'pty-req': { terminal: text, ...size, terminalModes: bytes },
    shell: {},
    exec: { command: text },
    subsystem: { subsystemName: text },
    env: { variableName: text, variableValue: text },
    'window-change': size,
    signal: { signalName: name },
    'exit-status': { exitStatus: number },
    'exit-signal': { signalName: name, coreDumped: fc.boolean(), errorMessage: text, languageTag: text },
    'xon-xoff': { clientCanDo: fc.boolean() },
    break: { breakLengthMs: number },
    'x11-req': { singleConnection: fc.boolean(), authenticationProtocol: text, authenticationCookie: text, screenNumber: number },
    'auth-agent-req@openssh.com': {},
    'eow@openssh.com': {},
    'keepalive@openssh.com': {},
  },
  globalRequests: {
    'tcpip-forward': forward,
    'cancel-tcpip-forward': forward,
    'streamlocal-forward@openssh.com': { socketPath: text },
    'cancel-streamlocal-forward@openssh.com': { socketPath: text },
    'keepalive@openssh.com': {},
    'no-more-sessions@openssh.com': {},
    'hostkeys-00@openssh.com': { hostKeys: strings },
    'hostkeys-prove-00@openssh.com': { hostKeys: strings },
  },
  globalReplies: { 'tcpip-forward': { boundPort: number }, 'hostkeys-prove-00@openssh.com': { signatures: strings } },
};

interface AnyVariants {
  has(name: string): boolean;
  encode(name: string, values: unknown): Uint8Array;
  decode(name: string, bytes: Uint8Array): unknown;
}

/** Whatever is cut off, a parser says so with an SshError or reads something else that is whole. */
function expectSshErrorOnly(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(SshError);
  }
}

describe('connection messages', () => {
  test.each(Object.entries(rows))('%s comes back from its encoding, and never breaks when cut', (_, [message, values]) => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = message.encode(value as never);
        expect(encoded[0]).toBe(message.number);
        expect(message.decode(encoded)).toEqual(value);
        for (let length = 0; length < encoded.length; length++) expectSshErrorOnly(() => message.decode(encoded.subarray(0, length)));
      }),
      { numRuns: 50 },
    );
  });

  test('messages without a free body refuse a byte too many and a byte too few', () => {
    for (const [message, values] of Object.values(rows)) {
      const value = fc.sample(values, { numRuns: 1, seed: 1 })[0] as object;
      if ('body' in value) continue;
      const encoded = message.encode(value as never);
      expect(() => message.decode(Buffer.concat([encoded, Buffer.of(0)]))).toThrow(SshError);
      expect(() => message.decode(encoded.subarray(0, -1))).toThrow(SshError);
    }
  });

  test.each(Object.entries(bodies))('the rows of %s come back from their encoding', (table, names) => {
    const variants = messages[table as 'channelTypes'] as unknown as AnyVariants;
    for (const [name, fields] of Object.entries(names)) {
      expect(variants.has(name)).toBe(true);
      fc.assert(
        fc.property(fc.record(fields), (value) => {
          const encoded = variants.encode(name, value);
          expect(variants.decode(name, encoded)).toEqual(value);
          for (let length = 0; length < encoded.length; length++) {
            expectSshErrorOnly(() => variants.decode(name, encoded.subarray(0, length)));
          }
        }),
        { numRuns: 30 },
      );
    }
    expect(variants.has('toString')).toBe(false);
  });

  test('an exec request is the bytes of RFC 4254 section 6.5', () => {
    const body = messages.channelRequests.encode('exec', { command: 'ls' });
    const encoded = messages.channelRequest.encode({ recipientChannel: 7, requestType: 'exec', wantReply: true, body });
    expect(Buffer.from(encoded).toString('hex')).toBe('62000000070000000465786563' + '01' + '000000026c73');
  });
});
