import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { bundle } from './bundle.ts';

const program = bundle('terminal-program');
const node = `${process.execPath} ${program}`;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-terminal-'));
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
  fs.rmSync(program);
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A command line on a pty of its own. */
class Terminal {
  output = '';
  private readonly child: ChildProcess;
  private seen = 0;

  constructor(line: string, env: Record<string, string> = {}) {
    const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, SSH_ASKPASS: _askpass, SSH_ASKPASS_REQUIRE: _require, ...rest } = process.env;
    // whoever runs the tests may ignore signals (a shell does for what it runs in the background), and children inherit that
    this.child = spawn('env', ['--default-signal', 'script', '-qefc', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...rest, SHELL: '/bin/bash', ...env },
    });
    children.push(this.child);
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.output += bytes.toString('latin1');
    });
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Waits until the text appears after what was waited for before. */
  async see(text: string): Promise<void> {
    for (;;) {
      const at = this.output.indexOf(text, this.seen);
      if (at !== -1) {
        this.seen = at + text.length;
        return;
      }
      if (this.child.exitCode !== null) throw new Error(`no ${JSON.stringify(text)} in ${JSON.stringify(this.output)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async end(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }
}

/** The settings that stty(1) tells as words, between two marks on the terminal. */
function settings(output: string, mark: string): string[] {
  const part = output.split(`[${mark}]`)[1] ?? '';
  return part.split(/[\s;]+/).filter((word) => word !== '');
}

const stty = (mark: string): string => `echo "[${mark}]"; stty -a; echo "[${mark}]"`;

describe.each([
  ['with native calls', {}],
  ['without native calls', { TSH_NO_NATIVE: '1' }],
])('a terminal %s', (_, env: Record<string, string>) => {
  test('a password is not shown, and echo is on again afterwards', async () => {
    const terminal = new Terminal(`${stty('before')}; ${node} password; ${stty('after')}`, env);
    await terminal.see('\rPrompt: ');
    terminal.type('secretx\x7f\n');
    expect(await terminal.end()).toBe(0);
    expect(terminal.output).toContain('Prompt: \r\n{"answer":"secret","debug":[]}');
    expect(terminal.output.split('secret')).toHaveLength(2);
    expect(settings(terminal.output, 'after')).toEqual(settings(terminal.output, 'before'));
    expect(settings(terminal.output, 'after')).toContain('echo');
  });

  test('what was typed before the question is no answer to it', async () => {
    const terminal = new Terminal(`stty -echo; echo ready; sleep 0.3; stty echo; ${node} password`, env);
    await terminal.see('ready');
    terminal.type('early\n');
    await terminal.see('Prompt: ');
    terminal.type('late\n');
    await terminal.end();
    expect(terminal.output).toContain('"answer":"late"');
  });

  test('^C ends the program by its signal, with echo on again', async () => {
    const terminal = new Terminal(`trap : INT; ${stty('before')}; ${node} password; echo "status $?"; ${stty('after')}`, env);
    await terminal.see('Prompt: ');
    terminal.type('sec\x03');
    await terminal.see('status 130');
    await terminal.end();
    expect(settings(terminal.output, 'after')).toEqual(settings(terminal.output, 'before'));
    expect(terminal.output).not.toContain('sec');
  });

  test('a program that goes on after ^C gets an error, and echo is on', async () => {
    const terminal = new Terminal(`trap : INT; ${node} survivor; ${stty('after')}`, env);
    await terminal.see('Prompt: ');
    terminal.type('\x03');
    await terminal.see('Interrupted system call');
    await terminal.end();
    expect(settings(terminal.output, 'after')).toContain('echo');
  });

  test('after ^Z and fg the question is put again', async () => {
    const terminal = new Terminal(`set -m; ${node} password; ${stty('stopped')}; fg; ${stty('after')}`, env);
    await terminal.see('Prompt: ');
    terminal.type('half\x1a');
    await terminal.see('[stopped]\r\n');
    await terminal.see('Prompt: ');
    terminal.type('whole\n');
    await terminal.end();
    expect(terminal.output).toContain('"answer":"whole"');
    expect(settings(terminal.output, 'stopped')).toContain('echo');
    expect(settings(terminal.output, 'after')).toContain('echo');
  });

  test('a visible question shows what is typed', async () => {
    const terminal = new Terminal(`${node} answer`, env);
    await terminal.see('\rPrompt (yes/no)? ');
    terminal.type('yes\n');
    await terminal.end();
    expect(terminal.output).toContain('Prompt (yes/no)? yes\r\n{"answer":"yes"}');
  });

  test('^D answers with an empty text', async () => {
    const terminal = new Terminal(`${node} orNone`, env);
    await terminal.see('Prompt: ');
    terminal.type('\x04');
    await terminal.end();
    expect(terminal.output).toContain('"answer":""');
  });

  test('the modes are those that stty tells, and the size too', async () => {
    const change = 'stty intr ^X quit undef -ixon iutf8 tostop rows 33 cols 101';
    const terminal = new Terminal(`${change}; ${node} modes; ${node} size`, env);
    await terminal.end();
    const [modes, size] = terminal.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, number>);
    expect(modes).toMatchObject({
      VINTR: 0x18,
      VQUIT: 255,
      VERASE: 0x7f,
      IXON: 0,
      ICRNL: 1,
      IUTF8: 1,
      ISIG: 1,
      ECHO: 1,
      TOSTOP: 1,
      OPOST: 1,
      ONLCR: 1,
      CS8: 1,
      PARENB: 0,
      TTY_OP_ISPEED: 38400,
      TTY_OP_OSPEED: 38400,
    });
    expect(size).toEqual({ columns: 101, rows: 33, widthPixels: 0, heightPixels: 0 });
  });

  test.each([
    ['is left', 'q', 0],
    ['ends by exit', 'e', 3],
    ['ends by an uncaught error', 'x', 1],
  ])('raw mode is undone when it %s', async (_how, key, status) => {
    const terminal = new Terminal(`${stty('before')}; ${node} raw; echo "status $?"; ${stty('after')}`, env);
    await terminal.see('in raw mode');
    terminal.type(key);
    await terminal.see(`status ${status}`);
    await terminal.end();
    expect(settings(terminal.output, 'after')).toEqual(settings(terminal.output, 'before'));
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('raw mode is undone before %s ends the process', async (signal, status) => {
    const terminal = new Terminal(`${stty('before')}; ${node} raw; echo "status $?"; ${stty('after')}`, env);
    await terminal.see('in raw mode: ');
    await terminal.see('\n');
    process.kill(Number(/in raw mode: (\d+)/.exec(terminal.output)?.[1]), signal);
    await terminal.see(`status ${status}`);
    await terminal.end();
    expect(settings(terminal.output, 'after')).toEqual(settings(terminal.output, 'before'));
  });

  test('raw mode hands on every byte, ^C and ^S too', async () => {
    const terminal = new Terminal(`${node} raw`, env);
    await terminal.see('in raw mode');
    terminal.type('\x03\x13\x04\r\n');
    await terminal.end();
    expect(terminal.output).toContain(JSON.stringify({ typed: '\x03\x13\x04\r\n' }));
  });
});

describe('the helper program', () => {
  const helper = path.join(folder, 'askpass');
  fs.writeFileSync(helper, '#!/bin/sh\n[ "$REFUSE" ] && exit 1\necho "<$1> $SSH_ASKPASS_PROMPT"\necho more\n', { mode: 0o755 });

  /** Without a terminal: in a session of its own. */
  function detached(what: string, env: Record<string, string>, input = ''): { answer: string | null; debug: string[]; stderr: string } {
    const { stdout, stderr } = spawnSync('setsid', ['-w', process.execPath, program, what], {
      input,
      env: { PATH: process.env['PATH'], ...env },
    });
    return { ...(JSON.parse(stdout.toString()) as { answer: string | null; debug: string[] }), stderr: stderr.toString() };
  }

  test.each([
    ['a display', { DISPLAY: ':0' }, '<Prompt: > '],
    ['a Wayland display', { WAYLAND_DISPLAY: 'w' }, '<Prompt: > '],
    ['no display', {}, ''],
    ['an empty display', { DISPLAY: '' }, ''],
    ['a display and never', { DISPLAY: ':0', SSH_ASKPASS_REQUIRE: 'never' }, ''],
    ['no display and force', { SSH_ASKPASS_REQUIRE: 'FORCE' }, '<Prompt: > '],
    ['no display and prefer', { SSH_ASKPASS_REQUIRE: 'prefer' }, ''],
    ['a refusal', { DISPLAY: ':0', REFUSE: '1' }, ''],
  ])('without a terminal and with %s', (_, env: Record<string, string>, expected) => {
    expect(detached('password', { SSH_ASKPASS: helper, ...env }).answer).toBe(expected);
  });

  test('what nobody can be asked is none where that is allowed; why is logged', () => {
    const { answer, debug } = detached('orNone', {});
    expect(answer).toBeNull();
    expect(debug).toEqual(["read_passphrase: can't open /dev/tty: No such device or address"]);
  });

  test('a permission is asked for with its hint, and not without a display', () => {
    expect(detached('askpass', { SSH_ASKPASS: helper, DISPLAY: ':0' }).answer).toBe('<Prompt: > confirm');
    expect(detached('askpass', { SSH_ASKPASS: helper }).answer).toBe('');
  });

  test('a missing helper is no answer', () => {
    expect(detached('password', { SSH_ASKPASS: '/no/such/helper', DISPLAY: ':0' }).answer).toBe('');
  });

  test('stdin is read where it may be, one line of it', () => {
    const { answer, stderr } = detached('stdin', {}, 'line one\nline two\n');
    expect(answer).toBe('line one');
    expect(stderr).toBe('Prompt: ');
    expect(detached('stdin', {}, 'x'.repeat(3000)).answer).toHaveLength(1023);
  });

  test('force asks the helper although there is a terminal', async () => {
    const terminal = new Terminal(`${node} password`, { SSH_ASKPASS: helper, SSH_ASKPASS_REQUIRE: 'force' });
    await terminal.end();
    expect(terminal.output).toContain('"answer":"<Prompt: > "');
    expect(terminal.output).toContain('requested to askpass');
  });
});
