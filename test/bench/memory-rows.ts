import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { WINDOW_SIZE } from '../../src/core/connection/window.ts';
import { HeldClient } from './held-client.ts';
import type { Sample } from './measure.ts';
import { memoryMegabytes, ownValue, type Row, type Target } from './row.ts';
import type { RowOptions } from './rows.ts';
import type { Bench } from './workbench.ts';

const MiB = 1024 * 1024;

/** By how much the peak after all of a transfer exceeds the one after its first tenth. */
const GROWTH = 'MB more after the first tenth';
/** What a session takes that nobody reads from more than before anything came: with all that receiving takes at first. */
const BEYOND_IDLE = 'MB beyond idle';
/** What one takes whose reader stops, more than when it had read all that had come: what waits for a reader, alone. */
const STOP = 'MB of the stop';
const A_CHANNEL = 'MB a channel';

/** What a channel may take whose window is full, in MB. */
const fullWindow = 3;
const channels = 50;
/** After so much a client has loaded all that it carries data with; what is not collected of it yet hides no more than that. */
const somewhat = 3 * WINDOW_SIZE;

/** The memory that much data takes, data that nobody reads, and many channels with such data. */
export function memoryRows({ bulkMiB }: RowOptions): readonly Row[] {
  const tenth = bulkMiB * MiB;
  return [
    row(`memory of ${gibibytes(10 * tenth)} down`, [memoryMegabytes(100), ownValue(GROWTH, 5)], {
      ours: (bench) => download(bench, bench.ours('tsh'), tenth, 9 * tenth),
      theirs: (bench) => download(bench, bench.theirs('ssh'), tenth, 0),
    }),
    alike('memory of a stopped reader', [ownValue(STOP, fullWindow)], stoppedReader),
    alike(`memory of ${channels} channels`, [ownValue(A_CHANNEL, fullWindow)], fullChannels),
  ];
}

type Measure = (bench: Bench) => Promise<Sample>;

function row(name: string, targets: readonly Target[], { ours, theirs }: Readonly<Record<'ours' | 'theirs', Measure>>): Row {
  return { name, targets, measure: async (bench) => ({ ours: await ours(bench), theirs: await theirs(bench) }) };
}

function alike(name: string, targets: readonly Target[], once: (bench: Bench, program: string) => Promise<Sample>): Row {
  return row(name, targets, {
    ours: (bench) => once(bench, bench.ours('tsh')),
    theirs: (bench) => once(bench, bench.theirs('ssh')),
  });
}

function gibibytes(size: number): string {
  return size % (1024 * MiB) === 0 ? `${size / MiB / 1024} GiB` : `${size / MiB} MiB`;
}

/** The time is that of the first part, the peak that of all: so who moves only that part can be compared. */
function download(bench: Bench, program: string, first: number, rest: number): Promise<Sample> {
  const zeros = (size: number): string => `head -c ${size} /dev/zero`;
  const command = `${zeros(first)}; echo first >&2; ${zeros(rest)}; echo all >&2; read x`;
  return HeldClient.with(bench, program, { command }, async (client) => {
    await client.says('first');
    const begin = client.sample();
    await client.says('all');
    const { memory } = client.sample();
    return { ...begin, memory, ...(rest > 0 && { values: { [GROWTH]: memory - begin.memory } }) };
  });
}

/** A reader that takes its time to begin, and once it has read what there was, reads no more, while the server sends as much as it can. */
function stoppedReader(bench: Bench, program: string): Promise<Sample> {
  return withPipe(bench, (output, take) => {
    const command = `echo ready >&2; read x; head -c ${somewhat} /dev/zero; read x; exec cat /dev/zero`;
    return HeldClient.with(bench, program, { command, output }, async (client) => {
      const alive = (): void => client.mustRun();
      await client.says('ready');
      const idle = await client.atRest();
      client.goOn();
      // a first byte: from then on it sends what there is room for
      await take(1, alive);
      const unread = await client.atRest();
      await take(somewhat - 1, alive);
      const before = await client.atRest();
      client.goOn();
      await take(1, alive);
      const stopped = await client.atRest();
      return { ...client.sample(), values: { [STOP]: stopped - before, [BEYOND_IDLE]: unread - idle } };
    });
  });
}

/** Takes so many bytes from a pipe; `alive` throws where none are to come. */
type Take = (size: number, alive: () => void) => Promise<void>;

/** A pipe and what takes so many bytes from it; nobody else reads it. */
async function withPipe<T>(bench: Bench, act: (pipe: string, take: Take) => Promise<T>): Promise<T> {
  const pipe = path.join(bench.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // as one who might write too it has not to wait for the one who does, and it waits no longer than for a client that is alive
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(MiB);
  const take: Take = async (size, alive) => {
    for (let left = size; left > 0; ) {
      const length = readWhatIsThere(fd, buffer.subarray(0, Math.min(left, MiB)));
      left -= length;
      if (length > 0) continue;
      alive();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  try {
    return await act(pipe, take);
  } finally {
    closeSync(fd);
    rmSync(pipe);
  }
}

/** Reads from a descriptor that does not block; 0 where nothing is there. */
function readWhatIsThere(fd: number, buffer: Uint8Array): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

let runs = 0;

/** Forwarded connections whose far ends send without end, and whose near ends nobody reads. */
async function fullChannels(bench: Bench, program: string): Promise<Sample> {
  const near: Socket[] = [];
  const far: Socket[] = [];
  const flood = createServer((socket) => {
    far.push(socket.on('error', () => {}));
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => void socket.write(chunk, (error) => error ?? more());
    more();
  });
  await once(flood.listen(0, '127.0.0.1'), 'listening');
  const local = path.join(bench.folder, `forward-${++runs}`);
  const options = ['-L', `${local}:127.0.0.1:${(flood.address() as AddressInfo).port}`];
  try {
    return await HeldClient.with(bench, program, { options, command: 'echo ready >&2; read x' }, async (client) => {
      await client.says('ready');
      const idle = await client.atRest();
      for (let i = 0; i < channels; i++)
        near.push(
          connect(local)
            .pause()
            .on('error', () => {}),
        );
      const sent = (): number => far.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
      const full = await client.atRest(() => (far.length === channels && sent() > channels * WINDOW_SIZE ? sent() : undefined));
      return { ...client.sample(), values: { [A_CHANNEL]: (full - idle) / channels } };
    });
  } finally {
    for (const socket of [...near, ...far]) socket.destroy();
    flood.close();
  }
}
