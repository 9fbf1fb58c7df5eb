import { describe, expect, test } from 'vitest';
import type { Channel } from '../../../src/core/connection/channel.ts';
import {
  answerRequests,
  exec,
  exitAnswers,
  requestPty,
  type SessionExit,
  sendExit,
  setEnv,
  shell,
  signal,
  subsystem,
  windowChange,
} from '../../../src/core/connection/session-requests.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { decodeTerminalModes } from '../../../src/core/wire/terminal-modes.ts';
import { LinkPair } from './link-pair.ts';

async function session(): Promise<{ pair: LinkPair; client: Channel; server: Channel; seen: unknown[]; exits: SessionExit[] }> {
  const seen: unknown[] = [];
  const exits: SessionExit[] = [];
  const see =
    (name: string, granted = true) =>
    (values: object): boolean => {
      seen.push({ name, ...values });
      return granted;
    };
  let server: Channel | undefined;
  const handler = {
    onRequest: answerRequests({
      'pty-req': ({ terminalModes, ...values }) => see('pty-req')({ ...values, modes: decodeTerminalModes(terminalModes) }),
      env: see('env'),
      exec: (values) => Promise.resolve(see('exec')(values)),
      shell: see('shell', false),
      'window-change': see('window-change'),
      signal: see('signal'),
    }),
  };
  const pair = new LinkPair({}, { accept: { session: (open) => (server = open.accept(handler)) } });
  const opened = pair.client.open('session', {}, { onRequest: answerRequests(exitAnswers((exit) => exits.push(exit))) });
  await pair.run();
  return { pair, client: await opened, server: server as unknown as Channel, seen, exits };
}

describe('a session', () => {
  test('asks for what it needs, and the server sees it typed and in order', async () => {
    const { pair, client, seen } = await session();
    const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
    const answers = [
      requestPty(client, 'xterm', size, { ECHO: 1, VINTR: 3 }),
      exec(client, 'ls -l'),
      shell(client),
      subsystem(client, 'sftp'),
    ];
    setEnv(client, 'LANG', 'C.UTF-8');
    windowChange(client, { ...size, columns: 132 });
    signal(client, 'TERM');
    await pair.run();
    expect(await Promise.all(answers)).toEqual([true, true, false, false]);
    const dimensions = { widthColumns: 80, heightRows: 24, widthPixels: 0, heightPixels: 0 };
    expect(seen).toEqual([
      { name: 'pty-req', terminal: 'xterm', ...dimensions, modes: { ECHO: 1, VINTR: 3 } },
      { name: 'exec', command: 'ls -l' },
      { name: 'shell' },
      { name: 'env', variableName: 'LANG', variableValue: 'C.UTF-8' },
      { name: 'window-change', ...dimensions, widthColumns: 132 },
      { name: 'signal', signalName: 'TERM' },
    ]);
  });

  test('learns how the command ended', async () => {
    const { pair, server, exits } = await session();
    sendExit(server, { status: 3 });
    sendExit(server, { signal: 'KILL', coreDumped: false, message: 'Killed' });
    sendExit(server, { signal: 'BUS', coreDumped: true, message: '' });
    await pair.run();
    expect(exits).toEqual([
      { status: 3 },
      { signal: 'KILL', coreDumped: false, message: 'Killed' },
      { signal: 'BUS@openssh.com', coreDumped: true, message: '' },
    ]);
  });

  test('whose peer sends a malformed request ends', async () => {
    const { pair, client } = await session();
    (client as unknown as { sendRequest(name: string, reply: boolean, body: Uint8Array): void }).sendRequest(
      'exec',
      true,
      Uint8Array.of(1),
    );
    await pair.run();
    expect(pair.serverLink.error).toBeInstanceOf(SshError);
  });
});
