import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { benchEnvironment, type Command, type Sample } from './measure.ts';
import { cpuSeconds, megabytes, sleeps } from './processes.ts';
import type { Bench } from './workbench.ts';

/** A process is at rest that has not run for so long, and whose memory was the same all the while; */
const restMs = 1000;
const lookMs = 50;
/** who grows for so long grows without end. */
const patienceMs = 60_000;

/** What a client is started with besides its way to the server. */
export interface HeldOptions {
  readonly options?: readonly string[];
  /** Run by a shell of the server's. It says where it is in lines on stderr, and waits for {@link HeldClient.goOn} by `read`. */
  readonly command: string;
  /** Where it writes; /dev/null where nothing is said. */
  readonly output?: string;
}

/** A client that is looked into while it runs, as what a process took can't be told by its parts when it has ended. */
export class HeldClient {
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly begun = performance.now();
  private readonly over: Promise<unknown>;
  private told = '';
  private heard: () => void = () => {};

  private constructor(child: ChildProcess, name: string) {
    if (child.pid === undefined) throw new Error(`${name} does not start`);
    this.pid = child.pid;
    this.child = child;
    child.stdin?.on('error', () => {});
    child.stderr?.on('data', (bytes: Buffer) => {
      this.told += bytes.toString();
      this.heard();
    });
    this.over = new Promise((resolve) => child.on('close', resolve));
    child.on('close', () => {
      this.heard();
    });
  }

  /** Does something with a client that was just started, and ends it whatever comes of that. */
  static async with<T>(bench: Bench, program: string, held: HeldOptions, act: (client: HeldClient) => Promise<T>): Promise<T> {
    const { options = [], command, output = '/dev/null' } = held;
    const [file, ...args]: Command = [program, ...(await bench.way()), ...options, 'server', command];
    const stdout = openSync(output, 'w');
    const child = spawn(file, args, { env: { ...benchEnvironment(), ...bench.env }, stdio: ['pipe', stdout, 'pipe'] });
    closeSync(stdout);
    child.on('error', () => {});
    const client = new HeldClient(child, program);
    try {
      return await act(client);
    } finally {
      child.kill('SIGKILL');
      await client.over;
    }
  }

  /**
   * Waits until the command has said this line.
   *
   * @throws Error with what was said where the client ends before that.
   */
  async says(line: string): Promise<void> {
    while (!this.told.split('\n').includes(line)) {
      this.mustRun();
      await new Promise<void>((resolve) => (this.heard = resolve));
    }
  }

  /** Lets the command go on. */
  goOn(): void {
    this.child.stdin?.write('\n');
  }

  /**
   * Waits until the client is at rest, with what else is to stay the same (undefined while it is too soon for that), and says how much
   * resident memory it has then, in MB.
   *
   * @throws Error where it never is.
   */
  async atRest(also: () => number | undefined = () => 0): Promise<number> {
    const { pid } = this;
    const giveUp = performance.now() + patienceMs;
    for (let last = '', since = 0; ; ) {
      this.mustRun();
      const [memory, other, now] = [megabytes(pid, 'VmRSS'), also(), performance.now()];
      const seen = [memory, cpuSeconds(pid), other].join(' ');
      if (seen !== last || other === undefined || !sleeps(pid)) [last, since] = [seen, now];
      else if (now - since >= restMs) return memory;
      if (now > giveUp) throw new Error(`the client does not come to rest: it has ${memory.toFixed(0)} MB`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  /** What it took so far. */
  sample(): Sample & { readonly memory: number } {
    const { pid, begun } = this;
    return { cpu: cpuSeconds(pid), wall: (performance.now() - begun) / 1000, memory: megabytes(pid, 'VmHWM') };
  }

  /** @throws Error with what was said where the client has ended. */
  mustRun(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`the client has ended: ${this.told}`);
  }
}
