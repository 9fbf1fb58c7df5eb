import { describe, expect, test } from 'vitest';
import type { TshEvent } from '../../../src/core/events.ts';
import { type Ident, IdentError, identLine, IdentReader } from '../../../src/core/transport/ident.ts';
import { latin1Bytes, latin1Text } from '../../../src/core/util/bytes.ts';
import { errorCode } from '../keys/vectors.ts';
import { configOf, End, FakeClock, type Role, roles } from './pair.ts';

/** Reads what comes in such parts, as the transport does: bytes that are done with do not come again. */
function read(role: Role, parts: readonly string[], events: TshEvent[] = []): { ident: Ident | undefined; rest: string } {
  const reader = new IdentReader(role, (event) => void events.push(event));
  let waiting = '';
  for (const part of parts) {
    waiting += part;
    const { used, ident } = reader.read(latin1Bytes(waiting));
    waiting = waiting.slice(used);
    if (ident !== undefined) return { ident, rest: waiting };
  }
  return { ident: undefined, rest: waiting };
}

/** Which sentence the peer is told, and why. */
function refusal(role: Role, text: string): [string, string | undefined] {
  const tries = [[text], Array.from(text)].map((parts): [string, string | undefined] => {
    try {
      read(role, parts);
    } catch (error) {
      if (error instanceof IdentError) return [error.refusal, error.detail];
      throw error;
    }
    return ['none at all', undefined];
  });
  // byte by byte or all at once
  expect(tries[0]?.[0]).toBe(tries[1]?.[0]);
  return tries[0] as [string, string | undefined];
}

describe.each(roles)('the identification that a %s takes', (role) => {
  test.each([
    ['with CR LF', 'SSH-2.0-OpenSSH_10.0\r\n', 'OpenSSH_10.0', 2],
    ['with LF alone', 'SSH-2.0-OpenSSH_10.0\n', 'OpenSSH_10.0', 2],
    ['with a comment', 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n', 'OpenSSH_9.2p1 Debian-2+deb12u3', 2],
    ['of a server for both versions', 'SSH-1.99-Cisco-1.25\r\n', 'Cisco-1.25', 1],
    ['longer than may be sent', `SSH-2.0-${'x'.repeat(8000)}\r\n`, 'x'.repeat(8000), 2],
  ])('%s', (_, line, software, major) => {
    for (const parts of [[`${line}\0rest`], Array.from(line)]) {
      const { ident } = read(role, parts);
      expect(ident?.software).toBe(software);
      expect(ident?.major).toBe(major);
      expect(ident?.line).toBe(line.replace(/\r?\n$/, ''));
      expect(latin1Text(ident?.bytes ?? new Uint8Array(0))).toBe(ident?.line);
    }
    expect(read(role, [`${line}\0rest`]).rest).toBe('\0rest');
  });

  test.each([
    ['another version', 'SSH-1.5-old\n', 'version', 'Protocol major versions differ: 2 vs. 1'],
    ['a version to come', 'SSH-3.0-new\n', 'version', 'Protocol major versions differ: 2 vs. 3'],
    ['version 1.98', 'SSH-1.98-odd\n', 'version', 'Protocol major versions differ: 2 vs. 1'],
    ['no software', 'SSH-2.0-\r\n', 'invalid', "Bad remote protocol version identification: 'SSH-2.0-'"],
    ['no version', 'SSH-x.y-z\n', 'invalid', "Bad remote protocol version identification: 'SSH-x.y-z'"],
    ['a huge version', `SSH-${'9'.repeat(20)}.0-z\n`, 'invalid', `Bad remote protocol version identification: 'SSH-${'9'.repeat(20)}.0-z'`],
    ['a NUL', 'SSH-2.0-a\0b\n', 'invalid', 'kex_exchange_identification: banner line contains invalid characters'],
    ['a CR inside', 'SSH-2.0-a\rb\n', 'invalid', 'kex_exchange_identification: banner line contains invalid characters'],
    ['8193 bytes', `SSH-2.0-${'x'.repeat(8193 - 8)}\r\n`, 'invalid', 'kex_exchange_identification: banner line too long'],
    ['a line without end', 'x'.repeat(8193), 'invalid', 'kex_exchange_identification: banner line too long'],
    ['binary', '\x16\x03\x01\x02\x00', 'invalid', 'kex_exchange_identification: banner line contains invalid characters'],
  ])('refuses %s', (_, text, sentence, detail) => {
    expect(refusal(role, text)).toEqual([sentence, detail]);
  });

  test('a line of 8192 bytes is whole, and waits for its end as long as it takes', () => {
    const line = `SSH-2.0-${'x'.repeat(8192 - 8)}`;
    expect(read(role, [line]).ident).toBeUndefined();
    expect(read(role, [line, '\r', '\n']).ident?.line).toBe(line);
  });
});

describe('lines before the identification', () => {
  test('a client passes over 1023 of them, and tells them', () => {
    const events: TshEvent[] = [];
    const { ident } = read('client', ['hello\r\n', 'SSH\n', 'x\n'.repeat(1021), 'SSH-2.0-late\n'], events);
    expect(ident?.software).toBe('late');
    expect(events[0]).toEqual({ type: 'note', level: 'debug1', text: 'kex_exchange_identification: banner line 0: hello' });
    expect(events.filter(({ type }) => type === 'note')).toHaveLength(1023);
    expect(events.filter(({ type }) => type === 'before-ident')).toHaveLength(1023);
  });

  test('1024 of them are too many', () => {
    expect(refusal('client', `${'\n'.repeat(1024)}SSH-2.0-late\n`)).toEqual([
      'none',
      'kex_exchange_identification: No SSH version received in first 1024 lines from server',
    ]);
  });

  test('a server takes none', () => {
    expect(refusal('server', 'GET / HTTP/1.1\r\n')).toEqual([
      'invalid',
      'kex_exchange_identification: client sent invalid protocol identifier "GET / HTTP/1.1"',
    ]);
  });
});

describe('the own identification', () => {
  test('ends with CR LF and has 255 bytes at most', () => {
    expect(identLine('SSH-2.0-tsh_0.1.0')).toBe('SSH-2.0-tsh_0.1.0\r\n');
    expect(identLine(`SSH-2.0-${'x'.repeat(245)}`).length).toBe(255);
  });

  test.each([
    `SSH-2.0-${'x'.repeat(246)}`,
    'SSH-2.0-',
    'SSH-2.0- x',
    'SSH-1.99-x',
    'SSH-2.0-a\nb',
    'SSH-2.0-é',
    '',
  ])('is not %j', (ident) => {
    expect(errorCode(() => identLine(ident))).toBe('SSH_ERR_INVALID_ARGUMENT');
  });
});

describe.each(roles)('what a %s tells a peer that it refuses', (role) => {
  async function ended(input: string, closing = false): Promise<End> {
    const end = new End(configOf(role), new FakeClock(), 'ident');
    end.start();
    expect(latin1Text(end.take())).toBe(`SSH-2.0-tsh_${role}\r\n`);
    for (const byte of latin1Bytes(input)) end.transport.receive(Uint8Array.of(byte));
    if (closing) end.transport.ended();
    await Promise.resolve();
    expect(end.endings).toBe(1);
    expect(end.ended).toBe(true);
    expect(end.started).toBe(end.error);
    return end;
  }

  const refused: [string, string, string][] = [
    ['SSH-1.5-x\n', 'Protocol major versions differ.\r\n', 'SSH_ERR_NO_PROTOCOL_VERSION'],
    ['SSH-2.0-\n', 'Invalid SSH identification string.\r\n', 'SSH_ERR_INVALID_FORMAT'],
    ['\0', 'Invalid SSH identification string.\r\n', 'SSH_ERR_INVALID_FORMAT'],
  ];
  if (role === 'client') refused.push(['\n'.repeat(1024), 'No SSH identification string received.\r\n', 'SSH_ERR_INVALID_FORMAT']);
  test.each(refused)('%j', async (input, told, code) => {
    const end = await ended(input);
    expect(latin1Text(end.take())).toBe(told);
    expect(end.code).toBe(code);
  });

  test.each(['', 'SSH-2.0-half'])('nothing where it is gone after %j', async (input) => {
    const end = await ended(input, true);
    expect(end.code).toBe('SSH_ERR_CONN_CLOSED');
    expect(end.take().length).toBe(0);
  });

  test('nothing but text while there are no packets yet', () => {
    const end = new End(configOf(role), new FakeClock(), 'ident');
    end.start();
    end.take();
    end.transport.disconnect(11, 'bye');
    expect(end.take().length).toBe(0);
    expect(end.endings).toBe(1);
  });
});
