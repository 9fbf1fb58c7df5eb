import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import koffi from 'koffi';

/** What one run of a program took. */
export interface Sample {
  /** CPU seconds of the process and all that it started, in user and system mode. */
  readonly cpu: number;
  /** Seconds. */
  readonly wall: number;
  /** The peak of resident memory, in MB; undefined where nothing here can tell it. */
  readonly memory: number | undefined;
  /** What else this kind of row measures, by its name and unit. */
  readonly values?: Readonly<Record<string, number>>;
}

/** A program to run: its path, then its arguments. */
export type Command = readonly [string, ...string[]];

/** Where a program reads and writes; /dev/null where nothing is said. */
export interface Stdio {
  readonly input?: string;
  /** A file that is there. */
  readonly output?: string;
  /** More variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The exit codes that are no failure; 0 where nothing is said. */
  readonly codes?: readonly number[];
}

/** Variables that would give one side more to do than the other. */
const unset = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'SSH_AUTH_SOCK', 'DISPLAY'];

/** GNU time tells a child's own peak: what getrusage knows of a child begins with the memory of the process that forked it. */
const gnuTime = '/usr/bin/time';

const RUSAGE_CHILDREN = -1;
const getrusage = koffi.load(null).func('int getrusage(int who, void *usage)') as (who: number, usage: Uint8Array) => number;

/** The environment that rows run programs in. */
export function benchEnvironment(): Record<string, string | undefined> {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !unset.includes(name))) };
}

/**
 * Runs a program once. Nothing else that this process started may end meanwhile: its CPU time would count.
 *
 * @throws Error with what it wrote to stderr where it fails.
 */
export async function measure(
  command: Command,
  { input = '/dev/null', output = '/dev/null', env, codes = [0] }: Stdio = {},
): Promise<Sample> {
  const timed = existsSync(gnuTime);
  const scratch = mkdtempSync(path.join(tmpdir(), 'tsh-bench-time-'));
  const peak = path.join(scratch, 'peak');
  const [file, ...args]: Command = timed ? [gnuTime, '-q', '-f', '%M', '-o', peak, ...command] : command;
  const stdin = openSync(input, 'r');
  const stdout = openSync(output, 'w');
  const cpuBefore = childrenSeconds();
  const begun = performance.now();
  const child = spawn(file, args, { env: { ...benchEnvironment(), ...env }, stdio: [stdin, stdout, 'pipe'] });
  let errors = '';
  child.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const [code, wall] = await new Promise<[number | null, number]>((resolve, reject) => {
    let over = 0;
    child.on('error', reject);
    child.on('exit', () => (over = performance.now()));
    child.on('close', (status) => resolve([status, (over - begun) / 1000]));
  });
  const cpu = childrenSeconds() - cpuBefore;
  closeSync(stdin);
  closeSync(stdout);
  if (!codes.includes(code ?? -1)) throw new Error(`${command.join(' ')} ended with ${String(code)}: ${errors}`);
  const memory = timed ? Number(readFileSync(peak, 'utf8')) / 1024 : undefined;
  rmSync(scratch, { recursive: true });
  return { cpu, wall, memory };
}

/** The CPU time of all children that have ended, with theirs. */
function childrenSeconds(): number {
  const usage = new BigInt64Array(18);
  if (getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer)) !== 0) throw new Error('getrusage failed');
  const [userSeconds = 0n, userMicros = 0n, systemSeconds = 0n, systemMicros = 0n] = usage;
  return Number(userSeconds + systemSeconds) + Number(userMicros + systemMicros) / 1e6;
}
