import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a program ended and what it wrote. */
export interface Ended {
  /** The exit status, or null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** {@link stdout} and {@link stderr} as text. */
  readonly out: string;
  readonly err: string;
}

/** What a program is given; `stdin` is /dev/null where nothing is said. */
export interface Given {
  readonly stdin?: string | Uint8Array;
  /** Added to this process' environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** 30 seconds where nothing is said. */
  readonly timeoutMs?: number;
}

/** The path of one of our programs: `own('tsh')`. TSH_BIN names a folder that has them in the place of bin/, as a package does. */
export function own(name: string): string {
  const folder = process.env['TSH_BIN'];
  return folder === undefined ? fileURLToPath(new URL(`../bin/${name}`, import.meta.url)) : path.resolve(folder, name);
}

/**
 * Runs a program to its end, without a terminal and without the agent and askpass program of whoever runs the tests.
 *
 * @throws Error with what it wrote so far where it can't be started or takes longer than it may; it and its children are killed then.
 */
export async function run(program: string, args: readonly string[], given: Given = {}): Promise<Ended> {
  const { stdin, env = {}, cwd, timeoutMs = 30_000 } = given;
  const child = spawn(program, args, {
    cwd,
    // Its own session: it finds no /dev/tty to prompt on, and all of it can be killed.
    detached: true,
    env: { ...process.env, SSH_AUTH_SOCK: undefined, SSH_ASKPASS: undefined, DISPLAY: undefined, ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes));
  // A program that ends without reading its input is no error of the test's.
  child.stdin?.on('error', () => {});
  child.stdin?.end(stdin);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (child.pid !== undefined) killGroup(child.pid);
  }, timeoutMs);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...how) => resolve(how));
    });
    const ended = { code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
    const texts = { out: ended.stdout.toString(), err: ended.stderr.toString() };
    if (late) {
      const seconds = String(timeoutMs / 1000);
      throw new Error(`${[program, ...args].join(' ')}: not over after ${seconds} s\n${texts.out.slice(-2000)}\n${texts.err.slice(-4000)}`);
    }
    return { ...ended, ...texts };
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
