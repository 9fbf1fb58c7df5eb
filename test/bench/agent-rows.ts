import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import koffi from 'koffi';
import { agentSignFlags, agentSignRequest, agentSignResponse } from '../../src/core/wire/agent-messages.ts';
import { frame } from '../../src/core/wire/frames.ts';
import { keyPair, type KeyType } from '../sshd.ts';
import type { Sample } from './measure.ts';
import { cpuSeconds, megabytes, wakes } from './processes.ts';
import { memoryMegabytes, ownValue, type Round, type Row, valueRatio } from './row.ts';
import type { Bench } from './workbench.ts';

/** What one signature takes on its way there and back, at a client that does nothing else. */
const LATENCY = 'ms a signature';
/** Times that any thread of the agent was woken in {@link idleMs}. */
const WAKES = 'wake-ups';
const idleMs = 10_000;
/** How long the runtime tidies up after there was something to do. */
const settleMs = 12_000;

const keyTypes: readonly KeyType[] = ['rsa', 'ecdsa-256', 'ed25519'];
const signatures = 300;
const clients = 1000;
/** As long as what a login has signed. */
const dataLength = 300;

/** Agents: signatures over the socket by key type, an agent that idles, and a thousand clients at once. */
export function agentRows(): readonly Row[] {
  const signing = keyTypes.map((type): Row => {
    return {
      name: `agent sign ${type}`,
      targets: [valueRatio(LATENCY, 1.3), memoryMegabytes(55)],
      measure: (bench) => round(bench, type, sign),
    };
  });
  return [
    ...signing,
    { name: 'agent idle', targets: [ownValue(WAKES, 0), memoryMegabytes(55)], measure: idleRound },
    { name: `agent ${clients} clients`, targets: [], measure: (bench) => round(bench, 'ed25519', serveMany) },
  ];
}

/** An agent that runs and holds one key. */
interface Agent {
  readonly pid: number;
  readonly socket: string;
  /** A request to sign with its key, with its length before it. */
  readonly request: Uint8Array;
}

/** What is done with an agent: its own measures of the time that it took. */
type Work = (agent: Agent) => Promise<Pick<Sample, 'values'>>;

async function round(bench: Bench, type: KeyType, work: Work): Promise<Round> {
  const ours = await withAgent(bench, bench.ours('tsh-agent'), type, work);
  return { ours, theirs: await withAgent(bench, bench.theirs('ssh-agent'), type, work) };
}

/** Both idle at once: neither does anything to the other. */
async function idleRound(bench: Bench): Promise<Round> {
  const both = ['tsh-agent', 'ssh-agent'].map((name) => {
    return withAgent(bench, name === 'tsh-agent' ? bench.ours(name) : bench.theirs(name), 'ed25519', idle);
  });
  const [ours, theirs] = (await Promise.all(both)) as [Sample, Sample];
  return { ours, theirs };
}

let count = 0;

/** Does something with a new agent. */
async function withAgent(bench: Bench, program: string, type: KeyType, work: Work): Promise<Sample> {
  const socket = path.join(bench.folder, `agent-${++count}`);
  const pair = keyPair(type);
  const env = { ...process.env, ...bench.env, SSH_AUTH_SOCK: socket };
  // In the background, where it lives all day: it tells its process on stdout.
  const starter = spawn(program, ['-s', '-a', socket], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(await output(starter))?.[1]);
  try {
    const add = spawn(bench.theirs('ssh-add'), ['-q', '-'], { env, stdio: ['pipe', 'ignore', 'inherit'] });
    add.stdin.end(pair.privateKey);
    await once(add, 'exit');
    const blob = Buffer.from(pair.publicKey.split(' ')[1] ?? '', 'base64');
    const flags = type === 'rsa' ? (agentSignFlags['rsa-sha2-512'] ?? 0) : 0;
    const request = frame(agentSignRequest.encode({ blob, data: new Uint8Array(dataLength), flags }));
    const before = cpuSeconds(pid);
    const begun = performance.now();
    const { values } = await work({ pid, socket, request });
    const wall = (performance.now() - begun) / 1000;
    const memory = megabytes(pid, 'VmHWM');
    return { cpu: cpuSeconds(pid) - before, wall, memory, ...(values !== undefined && { values }) };
  } finally {
    process.kill(pid, 'SIGTERM');
  }
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (bytes: Buffer) => (text += bytes.toString()));
  await once(child, 'close');
  return text;
}

/** One signature after the other, by a client that waits in the system: its own work would hide the agent's. */
function sign({ socket, request }: Agent): Promise<Pick<Sample, 'values'>> {
  const client = new BlockingClient(socket);
  try {
    client.ask(request);
    const begun = performance.now();
    for (let i = 0; i < signatures; i++) client.ask(request);
    return Promise.resolve({ values: { [LATENCY]: (performance.now() - begun) / signatures } });
  } finally {
    client.close();
  }
}

async function idle(agent: Agent): Promise<Pick<Sample, 'values'>> {
  await sign(agent);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const before = wakes(agent.pid);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  return { values: { [WAKES]: wakes(agent.pid) - before } };
}

/** A signature for each of many clients that are all connected at once. */
async function serveMany({ socket, request }: Agent): Promise<Pick<Sample, 'values'>> {
  const opened = await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = await patientlyConnected(socket);
      const answer = once(client, 'data') as Promise<[Buffer]>;
      client.write(request);
      const [bytes] = await answer;
      if (bytes[4] !== agentSignResponse.number) throw new Error('the agent does not sign');
      return client;
    }),
  );
  for (const client of opened) client.destroy();
  return {};
}

/** A connection, tried again while the agent's queue is full: OpenSSH's is shorter than a thousand. */
async function patientlyConnected(file: string) {
  for (;;) {
    const socket = connect(file);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

const libc = koffi.load(null);
const libcSocket = libc.func('int socket(int domain, int type, int protocol)') as (
  domain: number,
  type: number,
  protocol: number,
) => number;
const libcConnect = libc.func('int connect(int fd, const void *address, uint32_t length)') as (
  fd: number,
  address: Uint8Array,
  length: number,
) => number;
const libcWrite = libc.func('long write(int fd, const void *bytes, size_t length)') as (
  fd: number,
  bytes: Uint8Array,
  length: number,
) => number;
const libcRead = libc.func('long read(int fd, void *bytes, size_t length)') as (fd: number, bytes: Uint8Array, length: number) => number;
const libcClose = libc.func('int close(int fd)') as (fd: number) => number;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const longestAnswer = 4096;

/** A client of an agent that waits for each answer without an event loop. */
class BlockingClient {
  private readonly fd = libcSocket(AF_UNIX, SOCK_STREAM, 0);
  private readonly answer = Buffer.alloc(longestAnswer);

  constructor(file: string) {
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(file, 2);
    if (libcConnect(this.fd, address, address.length) !== 0) throw new Error(`no agent at ${file}`);
  }

  /** @throws Error where the agent does not sign. */
  ask(request: Uint8Array): void {
    libcWrite(this.fd, request, request.length);
    for (let length = 0; length < 4 || length < 4 + this.answer.readUInt32BE(0); ) {
      const read = libcRead(this.fd, this.answer.subarray(length), this.answer.length - length);
      if (read <= 0) throw new Error('the agent has gone');
      length += read;
    }
    if (this.answer[4] !== agentSignResponse.number) throw new Error('the agent does not sign');
  }

  close(): void {
    libcClose(this.fd);
  }
}
