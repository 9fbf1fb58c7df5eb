import { describe, expect, test } from 'vitest';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import { debugMessage, disconnectMessage, extInfo, ignoreMessage, ping, pong } from '../../../src/core/wire/transport-messages.ts';
import { DisconnectError } from '../../../src/core/transport/disconnect.ts';
import { type Role, roles, turn } from './pair.ts';
import { RawPeer } from './raw-peer.ts';

type Stage = 'kexinit' | 'exchange' | 'open' | 'authenticated' | 'rekey';
const stages: readonly Stage[] = ['kexinit', 'exchange', 'open', 'authenticated', 'rekey'];

/** What becomes of a message; `ends` is a protocol error. */
type Outcome = 'ends' | 'disconnected' | 'silent' | 'unimplemented' | 'upward' | 'pong';

const wellFormed: Readonly<Record<number, Uint8Array>> = {
  1: disconnectMessage.encode({ reasonCode: 11, description: 'bye', languageTag: '' }),
  2: ignoreMessage.encode({ data: utf8Bytes('x') }),
  3: Uint8Array.of(3, 0, 0, 0, 0),
  4: debugMessage.encode({ alwaysDisplay: true, message: 'x', languageTag: '' }),
  7: extInfo.encode({ extensions: [] }),
  192: ping.encode({ data: utf8Bytes('echo') }),
  193: pong.encode({ data: utf8Bytes('echo') }),
};

/** What RFC 4253 sections 7.1 and 11.4, RFC 8308 and PROTOCOL sections 1.8 and 1.10 want, written down once more. */
function expected(number: number, stage: Stage, strict: boolean): Outcome {
  const isOpen = stage === 'open' || stage === 'authenticated';
  const initial = stage === 'kexinit' || stage === 'exchange';
  const tolerated = (outcome: Outcome): Outcome => (strict && initial ? 'ends' : outcome);
  if (number === 0) return 'ends';
  if (number === 1) return 'disconnected';
  if (number <= 4) return tolerated('silent');
  if (number <= 6) return isOpen ? 'upward' : 'ends';
  if (number === 7) return isOpen ? 'silent' : 'ends';
  if (number <= 19) return tolerated('unimplemented');
  if (number <= 21) return 'ends';
  if (number <= 29) return tolerated('unimplemented');
  if (number <= 49) return 'ends';
  if (number <= 191) return isOpen ? 'upward' : 'ends';
  if (number === 192) return stage === 'authenticated' ? 'pong' : tolerated('silent');
  if (number === 193) return tolerated('silent');
  return isOpen ? 'upward' : stage === 'rekey' ? 'ends' : tolerated('unimplemented');
}

async function reach(role: Role, stage: Stage, strict: boolean): Promise<RawPeer> {
  const peer = new RawPeer(role);
  if (stage === 'kexinit' || stage === 'exchange') {
    await peer.idents();
    if (stage === 'exchange') peer.kexInit({}, strict);
    return peer;
  }
  await peer.connect(strict);
  if (stage === 'authenticated') await letIn(peer);
  if (stage === 'rekey') peer.kexInit();
  return peer;
}

/** Makes the transport believe that the client has authenticated. */
async function letIn(peer: RawPeer): Promise<void> {
  if (peer.end.transport.role === 'client') {
    peer.send(Uint8Array.of(52));
  } else {
    peer.end.transport.send(Uint8Array.of(52));
    while ((await peer.next())[0] !== 52);
  }
  peer.end.messages.length = 0;
}

/** Sends the message, goes on as if nothing were wrong, and tells what has become of it. */
async function outcome(peer: RawPeer, stage: Stage, strict: boolean, payload: Uint8Array): Promise<Outcome> {
  const { sequence } = peer.writer;
  const answers: number[] = [];
  peer.send(payload);
  try {
    if (stage === 'kexinit') peer.kexInit({}, strict);
    if (stage !== 'open' && stage !== 'authenticated') await peer.exchange();
    else answers.push(...(await peer.rest()).map((answer) => answer[0] as number));
    while (peer.end.started === 'no') await turn();
  } catch (error) {
    if (!peer.end.ended) throw error;
  }
  if (peer.end.ended) {
    expect(peer.end.endings).toBe(1);
    if (peer.end.error instanceof DisconnectError) return 'disconnected';
    expect(['SSH_ERR_PROTOCOL_ERROR', 'SSH_ERR_MESSAGE_INCOMPLETE', 'SSH_ERR_INVALID_FORMAT']).toContain(peer.end.code);
    return 'ends';
  }
  if (peer.unimplemented.includes(sequence)) return 'unimplemented';
  if (peer.end.messages.some((message) => message[0] === payload[0])) return 'upward';
  return answers.includes(193) ? 'pong' : 'silent';
}

describe.each(roles)('all 256 types of message to a %s', (role) => {
  const cases = stages.flatMap((stage): [Stage, string][] =>
    stage === 'kexinit' || stage === 'exchange' || stage === 'rekey'
      ? [
          [stage, 'strict'],
          [stage, 'loose'],
        ]
      : [[stage, 'strict']],
  );
  test.each(cases)('in the stage %s (%s)', async (stage, how) => {
    const strict = how === 'strict';
    const wrong: string[] = [];
    let peer: RawPeer | undefined;
    for (let number = 0; number < 256; number++) {
      // a KEXINIT where one has its place begins an exchange
      if (number === 20 && stage !== 'exchange' && stage !== 'rekey') continue;
      const reusable = stage === 'open' || stage === 'authenticated';
      if (peer === undefined || peer.end.ended || !reusable) peer = await reach(role, stage, strict);
      // USERAUTH_SUCCESS would change the stage
      if (number === 52 && stage === 'open') continue;
      peer.end.messages.length = 0;
      const payload = wellFormed[number] ?? Uint8Array.of(number, 0, 0, 0, 0);
      const got = await outcome(peer, stage, strict, payload);
      if (got !== expected(number, stage, strict)) wrong.push(`${String(number)}: ${got}, not ${expected(number, stage, strict)}`);
    }
    expect(wrong).toEqual([]);
  });

  test('what nobody knows is answered with UNIMPLEMENTED and its number, and the connection goes on', async () => {
    const peer = await reach(role, 'authenticated', true);
    peer.end.onMessage = () => false;
    for (const number of [5, 6, 50, 79, 100, 191, 194, 255, 19, 22]) {
      const { sequence } = peer.writer;
      peer.send(Uint8Array.of(number));
      await peer.next(3);
      expect(peer.unimplemented.at(-1)).toBe(sequence);
    }
    expect(peer.end.ended).toBe(false);
  });

  test('EXT_INFO after authentication changes nothing, and is not kept without end before it', async () => {
    const info = (value: string) => extInfo.encode({ extensions: [{ name: 'server-sig-algs', value: utf8Bytes(value) }] });
    const peer = await reach(role, 'open', true);
    peer.send(info('first'));
    peer.send(info('second'));
    expect(peer.end.transport.peerExtension('server-sig-algs')).toEqual(utf8Bytes('second'));
    await letIn(peer);
    for (let i = 0; i < 100; i++) peer.send(info('rogue'));
    expect(peer.end.transport.peerExtension('server-sig-algs')).toEqual(utf8Bytes('second'));
    expect(peer.end.ended).toBe(false);
    const flooding = await reach(role, 'open', true);
    for (let i = 0; i < 100 && !flooding.end.ended; i++) flooding.send(info('x'.repeat(200_000)));
    expect(flooding.end.code).toBe('SSH_ERR_PROTOCOL_ERROR');
  });

  const clear = ['SSH_ERR_MESSAGE_INCOMPLETE', 'SSH_ERR_PROTOCOL_ERROR'];
  test.each([2, 3, 4, 1, 7, 20, 192])('message %i cut short is a clear error or is let pass', async (number) => {
    const whole = number === 20 ? new Uint8Array(61) : (wellFormed[number] as Uint8Array);
    for (let length = 1; length < whole.length; length++) {
      const peer = await reach(role, 'authenticated', true);
      peer.send(number === 20 ? Uint8Array.of(20, ...whole.subarray(0, length)) : whole.subarray(0, length));
      // a disconnect whose language tag is left out is one
      const known = number === 1 && length === whole.length - 4 ? ['SSH_ERR_DISCONNECTED'] : clear;
      if (peer.end.ended) expect(known).toContain(peer.end.code);
      else expect([2, 3, 7]).toContain(number);
    }
  });
});

describe('what a peer asks for and does not read', () => {
  test('answers to pings are bounded', async () => {
    const peer = await reach('server', 'authenticated', true);
    peer.end.open = false;
    const question = ping.encode({ data: new Uint8Array(30_000) });
    let count = 0;
    while (!peer.end.ended && count < 2000) {
      peer.send(question);
      count++;
    }
    expect(peer.end.code).toBe('SSH_ERR_NO_BUFFER_SPACE');
    expect(count).toBeLessThan(600);
  });

  test('pings during an exchange get no answer, then or later', async () => {
    const peer = await reach('server', 'authenticated', true);
    peer.end.transport.rekey();
    for (let i = 0; i < 10; i++) peer.send(wellFormed[192] as Uint8Array);
    peer.kexInit();
    for (let i = 0; i < 10; i++) peer.send(wellFormed[192] as Uint8Array);
    await peer.exchange();
    expect(await peer.rest()).toEqual([]);
    peer.send(wellFormed[192] as Uint8Array);
    expect((await peer.next())[0]).toBe(193);
  });
});
