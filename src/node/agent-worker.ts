import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { systemError } from './errno.ts';
import { flagsFromStart } from './small.ts';
import { ownStart } from './own-program.ts';

/** What a worker says when it listens, or can't. */
export type WorkerReport = { readonly path: string } | { readonly problem: string };

/** A worker that was started. */
export interface StartedWorker {
  readonly pid: number;
  readonly report: WorkerReport;
}

const O_CLOEXEC = 0o2000000;
const STDERR = 2;

/**
 * Closes what whoever started this process had open and a child would inherit: an agent that lives on must keep no lock and no pipe of theirs.
 * Descriptors of the runtime's own are closed in a child anyhow, and so are those below 16, for which it has seen to that.
 */
export function closeInherited(): void {
  let names: readonly string[];
  try {
    names = fs.readdirSync('/proc/self/fd');
  } catch {
    // Other systems have no such folder.
    return;
  }
  for (const name of names) if (Number(name) > STDERR && isInheritable(name)) fs.closeSync(Number(name));
}

function isInheritable(fd: string): boolean {
  try {
    const [, flags] = /^flags:\s+([0-7]+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // It was that of the folder while it was read.
    return false;
  }
}

/**
 * Starts this program again with the same arguments in a session of its own, and waits until it listens. There is no fork(2) here: this is
 * how a process gets into the background. It ends with this one where it {@link followParent}s it.
 *
 * @throws SystemError where it can't be started.
 */
export function startWorker(): Promise<StartedWorker> {
  const { NODE_EXTRA_CA_CERTS: _unused, ...environment } = process.env;
  const { file, args, argv0 } = ownStart(flagsFromStart);
  const child = spawn(file, args, {
    ...(argv0 === undefined ? {} : { argv0 }),
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...environment, TSH_AGENT_WORKER: '1' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(systemError(error)));
    child.once('exit', (status, signal) => reject(new Error(`the agent ended at once (${signal ?? status})`)));
    child.once('message', (report) => {
      child.unref();
      child.channel?.unref();
      resolve({ pid: child.pid ?? -1, report: report as WorkerReport });
    });
  });
}

/** Whether this process is the worker; asked once. */
export function isWorker(): boolean {
  if (process.env['TSH_AGENT_WORKER'] !== '1' || process.send === undefined) return false;
  delete process.env['TSH_AGENT_WORKER'];
  return true;
}

/** Tells the one who started this worker, and lets go of it. */
export function reportToParent(report: WorkerReport, follow: (() => void) | undefined): void {
  if (follow !== undefined) process.once('disconnect', follow);
  process.send?.(report, () => {
    if (follow === undefined) process.disconnect();
  });
  // What was started in must not be kept from being unmounted.
  process.chdir('/');
}

/**
 * Runs a command with our terminal in an environment with these variables more, handing on the signals that we get.
 *
 * @returns its exit status; where a signal ended it, this process ends by the same.
 * @throws SystemError where it can't be started.
 */
export function runUnderAgent(command: readonly string[], variables: Readonly<Record<string, string>>): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...variables } });
  const handed = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
  for (const signal of handed) process.on(signal, () => void child.kill(signal));
  // The terminal sends these to the command too.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(systemError(error)));
    child.once('exit', (status, signal) => {
      if (signal === null) {
        resolve(status ?? 1);
        return;
      }
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}
