import { appendFileSync, existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerProgram } from '../peer-programs.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { type Command, measure, type Sample, type Stdio } from './measure.ts';
import { type PortProcess, startPortProcess } from './port-process.ts';
import type { Round } from './row.ts';

/** How our programs are run: by bin/ on a Node, or packaged as one binary. */
export type Form = 'node' | 'binary';

/** Which of our programs are measured, and on which Node. */
export interface Subject {
  readonly form: Form;
  /** The packaged `tsh`; the other programs are beside it. */
  readonly binary: string;
  /** The Node that runs bin/, and whose bare start is the floor. */
  readonly node: string;
  readonly nodeMajor: number;
}

/** How both of a pair are run. */
export interface PairOptions extends Stdio {
  readonly floor?: boolean;
}

/** The folder above dist/, where the benchmark is bundled to. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The system's Python: for what is to be no part of what is measured. */
export const python = '/usr/bin/python3';

/** A long path to a server, in a process of its own, so that its work is nobody else's. */
const longPath = path.join(root, 'test/bench/delay.py');

/** What rows measure with: the programs, one server that both sides talk to, and a place for files. */
export class Bench {
  readonly subject: Subject;
  /** In memory where that can be had: the holes of a file there cost nothing to read, whoever reads them first. */
  readonly folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tsh-bench-'));
  private readonly proxies = new Map<number, PortProcess>();
  private running: Promise<Sshd> | undefined;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  /** One of our programs: `tsh`, `tsh-keygen` ... */
  ours(program: string): string {
    const { form, binary } = this.subject;
    return form === 'binary' ? path.join(path.dirname(binary), program) : path.join(root, 'bin', program);
  }

  /** One of OpenSSH 10.0's programs. */
  theirs(program: string): string {
    return peerProgram('openssh-10', program);
  }

  /** The environment in which a launcher of ours finds the right Node. */
  get env(): Readonly<Record<string, string>> {
    return { PATH: [path.dirname(this.subject.node), process.env['PATH'] ?? ''].join(path.delimiter) };
  }

  /** Runs a command once. */
  run(command: Command, stdio: Stdio = {}): Promise<Sample> {
    return measure(command, { ...stdio, env: { ...this.env, ...stdio.env } });
  }

  /** A bare start of the Node in question. */
  floor(): Promise<Sample> {
    return measure([this.subject.node, '-e', '0']);
  }

  /** A program of ours and one of OpenSSH's with the same arguments, one after the other; before them, if wanted, the floor. */
  async pair(ours: string, theirs: string, args: readonly string[], { floor = false, ...stdio }: PairOptions = {}): Promise<Round> {
    return {
      ...(floor && { floor: await this.floor() }),
      ours: await this.run([this.ours(ours), ...args], stdio),
      theirs: await this.run([this.theirs(theirs), ...args], stdio),
    };
  }

  /** The server of all rows, started by the first that asks. */
  sshd(): Promise<Sshd> {
    this.running ??= startSshd({ peer: 'openssh-10' });
    return this.running;
  }

  /** Arguments that lead a client to the server, over a path whose round trip is longer by so many milliseconds; `server` is the host. */
  async way(delayMs = 0): Promise<readonly string[]> {
    const sshd = await this.sshd();
    const port = delayMs === 0 ? sshd.port : (await this.proxy(sshd, delayMs)).port;
    return ['-F', sshd.config, '-p', String(port)];
  }

  /** A file of so many zeros. */
  zeros(size: number): string {
    const file = path.join(this.folder, 'zeros');
    appendFileSync(file, '');
    truncateSync(file, size);
    return file;
  }

  async stop(): Promise<void> {
    for (const proxy of this.proxies.values()) await proxy.stop();
    rmSync(this.folder, { recursive: true });
    await (await this.running)?.stop();
  }

  private async proxy(sshd: Sshd, roundTripMs: number): Promise<PortProcess> {
    const known = this.proxies.get(roundTripMs);
    if (known !== undefined) return known;
    const proxy = await startPortProcess(python, [longPath, String(sshd.port), String(roundTripMs)]);
    this.proxies.set(roundTripMs, proxy);
    appendFileSync(sshd.knownHosts, sshd.hostKeys.map((line) => `[127.0.0.1]:${proxy.port} ${line}\n`).join(''));
    return proxy;
  }
}
