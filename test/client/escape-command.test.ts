import { existsSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { type Answer, inTerminal, withoutHint } from './in-terminal.ts';
import { listen } from './wire-peers.ts';

describePeer(['openssh-10', 'expect'], 'the command line of ~C shows what it shows with ssh', () => {
  let server: Sshd;
  let port: number;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    const taken = await listen(() => {});
    ({ port } = taken);
    await taken.close();
  });

  const remote = 'stty -echo; echo READY; cat';
  const enabled = ['-o', 'EnableEscapeCommandline=yes'];
  /** What shows that the terminal is the session's again: the line's end that was typed before the escape comes back. */
  const back = '\r\n';
  const open: Answer['1'] = { keys: '\r~C' };
  const leave: Answer['1'] = { keys: '\r~.' };

  /** Types lines at the prompt, each once what the one before it said is shown, and leaves by `~.`. */
  function typing(lines: readonly (readonly [line: string | { readonly keys: string }, said: string])[]): Answer[] {
    const answers: Answer[] = [];
    let shown = 'READY\r\n';
    for (const [line, said] of lines) {
      answers.push([shown, open], ['\r\nssh> ', line]);
      shown = `${said}${back}`;
    }
    return [...answers, [shown, leave]];
  }

  /** What a run leaves behind: ssh does not remove its sockets. */
  const socket = (): string => path.join(server.folder, 'socket');
  const bash = { env: { SHELL: '/bin/bash' } };
  const inOurs = async (options: readonly string[], answers: readonly Answer[], command = remote): Promise<string> =>
    withoutHint(await inTerminal(own('tsh'), ['-F', server.config, ...options, '-tt', 'server', command], answers, bash));
  async function same(options: readonly string[], answers: readonly Answer[], command = remote): Promise<string> {
    const theirs = await inTerminal(
      peerProgram('openssh-10', 'ssh'),
      ['-F', server.config, ...options, '-tt', 'server', command],
      answers,
      bash,
    );
    rmSync(socket(), { force: true });
    expect(await inOurs(options, answers, command)).toBe(theirs);
    expect(theirs).toMatch(/\r\nConnection to 127\.0\.0\.1 closed\.\r\n\n\[exit 255\]$/);
    return theirs;
  }

  const forwarding = 'Forwarding port.\r\r\n';
  const canceled = 'Canceled forwarding.\r\r\n';
  const unknown = 'Unknown port forwarding.\r\r\n';
  const badLocal = 'Bad local forwarding specification.\r\r\n';
  const badClose = 'Bad forwarding close specification.\r\r\n';

  test('where it is not enabled', async () => {
    await same(
      [],
      [
        ['READY\r\n', open],
        [`commandline disabled\r\n${back}`, leave],
      ],
    );
  });

  test('forwardings that begin and end', async () => {
    await same(
      enabled,
      typing([
        [`-L ${port}:localhost:1`, forwarding],
        [`-L${port}:localhost:1`, 'Port forwarding failed.\r\r\n'],
        [`-KL 127.0.0.1:${port}`, unknown],
        [`-KL *:${port}`, canceled],
        [`-KL${port}`, unknown],
        [`  L 127.0.0.1:${port}:localhost:1`, forwarding],
        [`-KL ${port}`, unknown],
        [`KL127.0.0.1:${port}`, canceled],
        [`-L ${socket()}:localhost:1`, forwarding],
        [`-KL ${socket()}`, canceled],
        [`-L /nonexistent/socket:localhost:1`, 'Port forwarding failed.\r\r\n'],
        [`-KR ${port}`, unknown],
        [`-KD ${port}`, unknown],
      ]),
    );
    expect(existsSync(socket())).toBe(false);
  });

  test('one that the command line asked for', async () => {
    await same([...enabled, '-L', `${port}:localhost:1`], typing([[`-KL ${port}`, canceled]]));
  });

  test('what is no command', async () => {
    await same(
      enabled,
      typing([
        ['x', 'Invalid command.\r\r\n'],
        ['-K', 'Invalid command.\r\r\n'],
        ['!echo in', 'Invalid command.\r\r\n'],
        ['-L', badLocal],
        ['-L 0:a:1', badLocal],
        [`-L ${port}:a:1:b:c`, badLocal],
        ['-D', badLocal],
        ['-R', 'Bad remote forwarding specification.\r\r\n'],
        ['-KL', badClose],
        ['-KL a:b:c', badClose],
        ['-L ${NO_SUCH_VARIABLE}:a:b', badLocal],
      ]),
    );
  });

  test('an empty line leaves it', async () => {
    await same(enabled, typing([['', '\r\n']]));
  });

  test('^D leaves it', async () => {
    // which shows nothing of its own
    await same(enabled, [...typing([[{ keys: '\x04' }, '']]).slice(0, 2), [back, leave]]);
  });

  // alone: ssh misses a ^C that comes between its prompt and its reading
  test.each(['', '-L 1'])('^C behind "%s" leaves it', async (text) => {
    const shown = await inOurs(enabled, typing([[{ keys: `${text}\x03` }, '^C']]));
    expect(shown).toMatch(/\r\nssh> (-L 1)?\^C\r\nConnection to 127\.0\.0\.1 closed\.\r\n\n\[exit 255\]$/);
  });

  test('its help, with and without local commands', async () => {
    expect(await same(enabled, typing([['-h', 'Cancel dynamic forward\r\r\n']]))).not.toContain('Execute local command');
    expect(await same([...enabled, '-o', 'PermitLocalCommand=yes'], typing([['?', 'Execute local command\r\r\n']]))).toContain('!args');
  });

  test('local commands: their messages, not their output', async () => {
    const shown = await same(
      [...enabled, '-o', 'PermitLocalCommand=yes'],
      typing([
        ['!echo told >&2; echo printed', 'told\r\n'],
        ['!', '\r\n'],
      ]),
    );
    expect(shown.match(/printed/g)).toHaveLength(1);
  });

  test('what the session brings meanwhile comes after it', async () => {
    const command = `echo READY; until [ -e ${path.join(server.folder, 'go')} ]; do sleep 0.05; done; echo out; cat`;
    // the local command lets the remote one go on, and waits longer than that takes to answer
    const line = `!touch ${path.join(server.folder, 'go')}; sleep 1; echo told >&2`;
    const shown = await inOurs(
      [...enabled, '-o', 'PermitLocalCommand=yes'],
      [
        ['READY\r\n', { keys: '~C' }],
        ['\r\nssh> ', line],
        ['out\r\n', leave],
      ],
      command,
    );
    expect(shown).toContain(`${line}\r\ntold\r\nout\r\n`);
  });

  test('~? tells of it', async () => {
    const last = 'after newline.)\r\n';
    expect(
      await inOurs(enabled, [
        ['READY\r\n', { keys: '\r~?' }],
        [last, leave],
      ]),
    ).toContain(' ~C   - open a command line\r\n');
    expect(
      await inOurs(
        [],
        [
          ['READY\r\n', { keys: '\r~?' }],
          [last, leave],
        ],
      ),
    ).not.toContain('~C');
  });

  test.each([
    ['-R', 'remote forwarding (-R)'],
    ['-D', 'dynamic forwarding (-D)'],
  ])('%s is refused, and says so', async (flag, what) => {
    const line = flag === '-R' ? `-R ${port}:localhost:1` : `-D ${port}`;
    const shown = await inOurs(enabled, typing([[line, 'Port forwarding failed.\r\r\n']]));
    expect(shown).toContain(`${what} is not available in this version\r\r\nPort forwarding failed.\r\r\n`);
  });

  test('~& is refused, and says so', async () => {
    const shown = await inOurs(
      [],
      [
        ['READY\r\n', { keys: '\r~&' }],
        ['in this version\r\n', leave],
      ],
    );
    expect(shown).toContain('going to the background is not available in this version\r\n');
  });

  test('a forwarding carries what comes, and its end stops it', async () => {
    const target = await listen((socket) => socket.end('hello'));
    const greeting = (): Promise<string> =>
      new Promise((resolve) => {
        let text = '';
        const socket = net.connect(port, '127.0.0.1');
        socket.on('data', (bytes) => (text += bytes.toString()));
        socket.on('error', () => resolve('refused'));
        socket.on('end', () => resolve(text));
      });
    try {
      // tsh itself tries its forwarding, by a local command
      const look = (file: string): string =>
        `!exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 >${path.join(server.folder, file)}; echo done >&2`;
      await inOurs(
        [...enabled, '-o', 'PermitLocalCommand=yes'],
        typing([
          [`-L ${port}:127.0.0.1:${target.port}`, forwarding],
          [look('first'), 'done\r\n'],
          [`-KL ${port}`, canceled],
        ]),
      );
      expect(readFileSync(path.join(server.folder, 'first'), 'utf8')).toBe('hello');
      expect(await greeting()).toBe('refused');
    } finally {
      await target.close();
    }
  });
});
