import { spawn } from 'node:child_process';
import fs from 'node:fs';
import tty from 'node:tty';
import { closerOf } from './descriptors.ts';
import { SystemError, systemError } from './errno.ts';
import { writeTo } from './files.ts';
import { readTermios, termiosFlags, withFlags, writeTermios } from './termios.ts';
import { restoreAtEnd } from './tty.ts';

/** How a question is put; without options it asks for a secret on the terminal. */
export interface QuestionOptions {
  /** Shows what is typed: for yes, no and names. */
  readonly echo?: boolean;
  /** Answers with undefined, not an empty text, where nobody can be asked or the helper is declined. */
  readonly allowNone?: boolean;
  /** Reads a line from stdin where there is neither a terminal nor a helper. */
  readonly allowStdin?: boolean;
  /** Asks by SSH_ASKPASS, never on the terminal: for questions that may come while others use it. */
  readonly useAskpass?: boolean;
  /** What the helper is told of the question's kind, by SSH_ASKPASS_PROMPT: only yes or no, or only to be shown. */
  readonly hint?: 'confirm' | 'none';
  /** Gets what OpenSSH logs at level DEBUG1. */
  readonly debug?: (text: string) => void;
  /** Gets what OpenSSH logs at level FATAL, of a helper that can't be started; without it, it is written to stderr. */
  readonly problem?: (text: string) => void;
}

/** The longest answer in bytes; what follows on the line is dropped. */
const longestAnswer = 1023;
/** Where OpenSSH looks for a helper when SSH_ASKPASS names none. */
const defaultAskpass = '/usr/bin/ssh-askpass';

/**
 * Asks the user on /dev/tty, or by the helper that SSH_ASKPASS names where there is no terminal; SSH_ASKPASS_REQUIRE (never, prefer,
 * force) and DISPLAY or WAYLAND_DISPLAY decide as they do in ssh(1). Echo is restored whatever ends the question.
 *
 * @param prompt shown as it is: what came from a peer has to be made safe before.
 * @returns the answer without its line end, for the caller to wipe.
 * @throws SystemError EINTR where a signal ended the question and the process lives on.
 */
export async function readPassphrase(prompt: string, options: QuestionOptions = {}): Promise<Uint8Array | undefined> {
  const nothing = options.allowNone === true ? undefined : new Uint8Array(0);
  const { required, allowed } = askpassRules();
  let useAskpass = required || options.useAskpass === true;
  if (required) options.debug?.('read_passphrase: requested to askpass');
  else if (options.useAskpass !== true && options.allowStdin === true) {
    if (!tty.isatty(0)) {
      options.debug?.('read_passphrase: stdin is not a tty');
      useAskpass = true;
    }
  } else if (options.useAskpass !== true) {
    useAskpass = !clearLine(options);
  }
  if (options.useAskpass === true && !allowed) return nothing;
  if (useAskpass && allowed) return (await askHelper(prompt, options)) ?? nothing;
  const terminal = openTerminal();
  if (terminal !== undefined) {
    try {
      return (await askTerminal(terminal, terminal, prompt, options)) ?? nothing;
    } finally {
      fs.closeSync(terminal);
    }
  }
  if (options.allowStdin !== true) return nothing;
  if (tty.isatty(0)) return (await askTerminal(0, 2, prompt, options)) ?? nothing;
  fs.writeSync(2, prompt);
  return readStdinLine();
}

/** {@link readPassphrase} for answers that are shown and are no secrets: as text. */
export async function readAnswer(prompt: string, options: QuestionOptions = {}): Promise<string | undefined> {
  const bytes = await readPassphrase(prompt, { ...options, echo: true });
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

/** Asks by SSH_ASKPASS whether something may be done: an empty answer or yes, from a helper that succeeds, is yes. */
export async function askPermission(question: string): Promise<boolean> {
  const answer = await readAnswer(question, { useAskpass: true, allowNone: true, hint: 'confirm' });
  return answer !== undefined && /^(\n?|yes)$/i.test(answer);
}

/** The program that SSH_ASKPASS names, or the usual one. */
export function askpassProgram(): string {
  return process.env['SSH_ASKPASS'] ?? defaultAskpass;
}

/** Whether a helper must be asked rather than the terminal, and whether it may be. */
function askpassRules(): { readonly required: boolean; readonly allowed: boolean } {
  const display = [process.env['DISPLAY'], process.env['WAYLAND_DISPLAY']].some((name) => name !== undefined && name !== '');
  const rule = process.env['SSH_ASKPASS_REQUIRE']?.toLowerCase();
  if (rule === 'force') return { required: true, allowed: true };
  if (rule === 'prefer') return { required: display, allowed: display };
  return { required: false, allowed: display && rule !== 'never' };
}

/** Puts the cursor at the line's start, so that the prompt covers what was typed before echo is off; false where there is no terminal. */
function clearLine(options: QuestionOptions): boolean {
  const terminal = openTerminal((error) => options.debug?.(`read_passphrase: can't open /dev/tty: ${error.message}`));
  if (terminal === undefined) return false;
  try {
    fs.writeSync(terminal, '\r');
  } finally {
    fs.closeSync(terminal);
  }
  return true;
}

function openTerminal(refused: (error: Error) => void = () => {}): number | undefined {
  const { O_RDWR, O_NOCTTY } = fs.constants;
  try {
    return fs.openSync('/dev/tty', O_RDWR | O_NOCTTY);
  } catch (error) {
    refused(systemError(error));
    return undefined;
  }
}

/** One question on a terminal; again from the start after the process was stopped (^Z) and goes on. Undefined where it can't be read. */
async function askTerminal(input: number, output: number, prompt: string, options: QuestionOptions): Promise<Uint8Array | undefined> {
  const before = readTermios(input);
  const hide = before !== undefined && options.echo !== true;
  for (;;) {
    // What was typed before the question is thrown away: it is no answer to it.
    if (before !== undefined) writeTermios(input, hide ? withFlags(before, 'lflag', ECHO | ECHONL) : before, 'flush');
    const interrupt = new AbortController();
    const endLine = (): void => {
      if (hide && (termiosFlags(before, 'lflag') & ECHO) !== 0) fs.writeSync(output, '\n');
    };
    let isAnswered = false;
    const restore = restoreAtEnd(() => {
      if (!isAnswered) endLine();
      // what is typed ahead of an answer that is shown is kept for whoever reads next
      if (hide) writeTermios(input, before, 'flush');
      interrupt.abort();
    });
    try {
      const answer = await readLine(input, interrupt.signal, () => fs.writeSync(output, prompt));
      isAnswered = true;
      endLine();
      if (answer !== 'stopped') return answer;
    } finally {
      restore();
    }
    // Without a listener the signal stops the process; what follows runs when it goes on.
    process.kill(process.pid, 'SIGTSTP');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const ECHO = 0o10;
const ECHONL = 0o100;

/**
 * A line from a terminal in its line mode: editing and signals are the terminal's. Its end (^D) ends the line. `ask` puts the question, once
 * whatever the user may do about it is listened for.
 */
function readLine(fd: number, interrupt: AbortSignal, ask: () => void): Promise<Uint8Array | undefined | 'stopped'> {
  return new Promise((resolve, reject) => {
    const own = fs.openSync(`/dev/fd/${fd}`, fs.constants.O_RDONLY | fs.constants.O_NOCTTY);
    const stream = new tty.ReadStream(own);
    const close = closerOf(stream, own);
    const line = Buffer.alloc(longestAnswer);
    let length = 0;
    const finish = (): void => {
      process.removeListener('SIGTSTP', stopped);
      interrupt.removeEventListener('abort', interrupted);
      line.fill(0);
      close();
    };
    const finishLine = (): void => {
      resolve(new Uint8Array(line.subarray(0, length)));
      finish();
    };
    const stopped = (): void => {
      finish();
      resolve('stopped');
    };
    const interrupted = (): void => {
      finish();
      reject(new SystemError('EINTR'));
    };
    process.on('SIGTSTP', stopped);
    interrupt.addEventListener('abort', interrupted);
    ask();
    stream.on('data', (chunk: Buffer) => {
      const end = chunk.findIndex((byte) => byte === 0x0a || byte === 0x0d);
      length += (end === -1 ? chunk : chunk.subarray(0, end)).copy(line, length);
      chunk.fill(0);
      if (end !== -1) finishLine();
    });
    stream.on('end', finishLine);
    stream.on('error', () => {
      finish();
      resolve(undefined);
    });
  });
}

/** A line from a stdin that is no terminal, byte by byte: what follows it belongs to whoever reads next. */
function readStdinLine(): Uint8Array {
  const line = Buffer.alloc(longestAnswer);
  const byte = new Uint8Array(1);
  let length = 0;
  try {
    while (fs.readSync(0, byte) === 1 && byte[0] !== 0x0a && byte[0] !== 0x0d) {
      if (length < line.length) line[length++] = byte[0] as number;
    }
  } catch {
    // What can't be read any more counts as the end.
  }
  const answer = new Uint8Array(line.subarray(0, length));
  line.fill(0);
  byte.fill(0);
  return answer;
}

/** Asks by a helper program, which gets the prompt as its argument and prints the answer; undefined where it fails or the user declines. */
function askHelper(prompt: string, options: QuestionOptions): Promise<Uint8Array | undefined> {
  const program = askpassProgram();
  const problem = options.problem ?? ((text: string): void => writeTo(2, `${text}\r\n`));
  const notStarted = (error: Error): void => problem(`ssh_askpass: exec(${program}): ${error.message}`);
  if (program === '') {
    // the runtime has words of its own for an empty name
    notStarted(new SystemError('ENOENT'));
    return Promise.resolve(undefined);
  }
  const env = options.hint === undefined ? process.env : { ...process.env, SSH_ASKPASS_PROMPT: options.hint };
  return new Promise((resolve) => {
    const child = spawn(program, [prompt], { stdio: ['inherit', 'pipe', 'inherit'], env });
    const answer = Buffer.alloc(longestAnswer);
    let length = 0;
    child.on('error', (error) => {
      notStarted(systemError(error));
      resolve(undefined);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.copy(answer, length);
      chunk.fill(0);
    });
    child.on('close', (code) => {
      const end = answer.findIndex((byte, i) => i >= length || byte === 0x0a || byte === 0x0d);
      const result = code === 0 ? new Uint8Array(answer.subarray(0, end === -1 ? length : end)) : undefined;
      answer.fill(0);
      resolve(result);
    });
  });
}
