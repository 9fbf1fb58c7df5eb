import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import koffi from 'koffi';

/** What one run of a program took. */
export interface Sample {
  /** CPU seconds of the process and all that it started, in user and system mode. */
  readonly cpu: number;
  /** Seconds. */
  readonly wall: number;
  /** The peak of resident memory, in MB; undefined where nothing here can tell it. */
  readonly memory: number | undefined;
}

/** GNU time tells a child's own peak: what getrusage knows of a child begins with the memory of the process that forked it. */
const gnuTime = '/usr/bin/time';

const RUSAGE_CHILDREN = -1;
const getrusage = koffi.load(null).func('int getrusage(int who, void *usage)') as (who: number, usage: Uint8Array) => number;

/**
 * Runs a program with a file as its input and its output thrown away. Nothing else that this process started may end meanwhile: its CPU
 * time would count.
 *
 * @throws Error with what it wrote to stderr where it fails.
 */
export async function measure(program: string, args: readonly string[], input: string, scratch: string): Promise<Sample> {
  const timed = existsSync(gnuTime);
  const prefix = timed ? [gnuTime, '-q', '-f', '%M', '-o', scratch] : [];
  const [file = program, ...rest] = [...prefix, program, ...args];
  const env = { ...process.env };
  for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'SSH_AUTH_SOCK', 'DISPLAY']) Reflect.deleteProperty(env, name);
  const stdin = openSync(input, 'r');
  const stdout = openSync('/dev/null', 'w');
  const cpuBefore = childrenSeconds();
  const begun = performance.now();
  const child = spawn(file, rest, { env, stdio: [stdin, stdout, 'pipe'] });
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
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}: ${errors}`);
  const memory = timed ? Number(readFileSync(scratch, 'utf8')) / 1024 : undefined;
  if (timed) rmSync(scratch);
  return { cpu, wall, memory };
}

/** The CPU time of all children that have ended, with theirs. */
function childrenSeconds(): number {
  const usage = new BigInt64Array(18);
  if (getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer)) !== 0) throw new Error('getrusage failed');
  const [userSeconds = 0n, userMicros = 0n, systemSeconds = 0n, systemMicros = 0n] = usage;
  return Number(userSeconds + systemSeconds) + Number(userMicros + systemMicros) / 1e6;
}
