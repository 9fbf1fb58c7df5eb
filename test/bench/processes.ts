import { readdirSync, readFileSync } from 'node:fs';

/** A running process' resident memory now (VmRSS) or at its peak (VmHWM), in MB. */
export function megabytes(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  return status(pid, new RegExp(`^${which}:\\s+(\\d+) kB`, 'm')) / 1024;
}

/** A process' CPU time, in user and system mode, in seconds. */
export function cpuSeconds(pid: number): number {
  const ticksPerSecond = 100;
  const fields = statistics(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Whether a process waits for something, and not for its turn. */
export function sleeps(pid: number): boolean {
  return statistics(pid)[0] === 'S';
}

/** How often the threads of a process have gone to sleep, of themselves or not. */
export function wakes(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, id) => sum + status(`${pid}/task/${id}`, /^voluntary_ctxt_switches:\s+(\d+)/m), 0);
}

/** What proc(5) tells of a process after its name. */
function statistics(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
}

function status(process: number | string, pattern: RegExp): number {
  return Number(pattern.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1]);
}
