import { type ChildProcess, spawn } from 'node:child_process';

/** A process of the benchmark's own that listens. */
export interface PortProcess {
  readonly port: number;
  /** Ends it; its CPU time counts as this process' children's from then on. */
  stop(): Promise<void>;
}

/** Starts a program that tells its port in a line on stdout, and ends with stdin. */
export async function startPortProcess(program: string, args: readonly string[]): Promise<PortProcess> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${args.join(' ')} has ended`)));
    child.stdout.once('data', (bytes: Buffer) => resolve(Number(bytes.toString())));
  });
  return { port, stop: () => end(child) };
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.on('exit', () => resolve());
    child.stdin?.end();
  });
}
