import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openSource, type Source } from '../../src/node/local-input.ts';
import { openSink, type Sink } from '../../src/node/local-output.ts';
import { libc } from '../../src/node/native/libc.ts';
import { openPty, type Pty } from '../../src/node/native/pty.ts';
import { enterRawMode } from '../../src/node/tty.ts';
import { bundle } from './bundle.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-streams-'));
let folder = root;
let count = 0;
beforeEach(() => {
  folder = path.join(root, String(count++));
  fs.mkdirSync(folder);
});
afterAll(() => fs.rmSync(root, { recursive: true }));

/** What lets a pipe hold more; undefined where native calls are off. */
const found = libc('fcntl');
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants;

/** A pipe; the writing end blocks, as one that was inherited does. */
function pipe(): { reader: number; writer: number } {
  const name = path.join(folder, 'pipe');
  spawnSync('mkfifo', [name]);
  const reader = fs.openSync(name, O_RDONLY | O_NONBLOCK);
  return { reader, writer: fs.openSync(name, O_WRONLY) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** What is in a non-blocking pipe now. */
function readAvailable(fd: number): Buffer {
  const buffer = Buffer.alloc(1 << 20);
  try {
    return buffer.subarray(0, fs.readSync(fd, buffer));
  } catch {
    return buffer.subarray(0, 0);
  }
}

/** Copies what is in a non-blocking pipe now to `at`; how much that was. */
function drain(fd: number, through: Buffer, into: Buffer, at: number): number {
  let length = 0;
  try {
    for (let read = 1; read > 0; length += read) {
      read = fs.readSync(fd, through);
      through.copy(into, at + length, 0, read);
    }
  } catch {
    // there is no more
  }
  return length;
}

function ended(sink: Sink): Promise<void> {
  return new Promise((resolve) => {
    sink.end(resolve);
  });
}

describe('a sink', () => {
  test('keeps the event loop alive while a pipe has no reader, and loses nothing', async () => {
    const { reader, writer } = pipe();
    const data = randomBytes(1 << 20);
    const sink = openSink(writer);
    let drains = 0;
    sink.onDrain = () => {
      drains++;
    };
    let full = 0;
    for (let at = 0; at < data.length; at += 32768) {
      const chunk = Buffer.from(data.subarray(at, at + 32768));
      if (!sink.write(chunk)) full++;
      // The bytes are the caller's again.
      chunk.fill(0);
    }
    expect(full).toBeGreaterThan(0);
    await turn();
    expect(drains).toBe(0);
    const parts: Buffer[] = [];
    while (drains === 0) {
      parts.push(readAvailable(reader));
      await turn();
    }
    parts.push(readAvailable(reader));
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(drains).toBe(1);
    expect(sink.write(Buffer.from('more'))).toBe(true);
    expect(readAvailable(reader).toString()).toBe('more');
    await ended(sink);
    fs.closeSync(writer);
    expect(readAvailable(reader)).toHaveLength(0);
    fs.closeSync(reader);
  });

  test('writes pieces as it writes them one by one, and owns what has to wait', async () => {
    const { reader, writer } = pipe();
    const data = randomBytes(1 << 20);
    const sink = openSink(writer);
    let drains = 0;
    sink.onDrain = () => {
      drains++;
    };
    const whole = Buffer.from(data);
    const pieces = [0, 1, 100, 5000, 70_000, 200_000, 999_999].map((from, i, all) => whole.subarray(from, all[i + 1] ?? whole.length - 10));
    expect(sink.writeAll(pieces)).toBe(false);
    expect(sink.writeAll([whole.subarray(-10, -4), whole.subarray(-4)])).toBe(false);
    whole.fill(0);
    const parts: Buffer[] = [];
    while (drains === 0) {
      parts.push(readAvailable(reader));
      await turn();
    }
    parts.push(readAvailable(reader));
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(sink.writeAll([Buffer.from('a'), Buffer.from('bc')])).toBe(true);
    expect(readAvailable(reader).toString()).toBe('abc');
    const errors: Error[] = [];
    sink.onClosed = (error) => errors.push(error);
    fs.closeSync(reader);
    expect(sink.writeAll([Buffer.from('x'), Buffer.from('y')])).toBe(true);
    expect(errors).toMatchObject([{ code: 'EPIPE' }]);
    fs.closeSync(writer);
  });

  test('what has to wait again and again waits in the same memory', async () => {
    const { reader, writer } = pipe();
    const sink = openSink(writer);
    let drained = true;
    sink.onDrain = () => {
      drained = true;
    };
    const data = randomBytes(1 << 20);
    const into = Buffer.alloc(1 << 20);
    const got = Buffer.alloc(1 << 20);
    const write = vi.spyOn(net.Socket.prototype, 'write');
    for (let round = 0; round < 8; round++) {
      data[round] = round;
      drained = sink.writeAll([data.subarray(0, 700_001), data.subarray(700_001)]);
      for (let at = 0; at < data.length || !drained; ) {
        at += drain(reader, into, got, at);
        await turn();
      }
      expect(got.equals(data)).toBe(true);
    }
    const memory = new Set(write.mock.calls.map(([bytes]) => (bytes as unknown as Uint8Array).buffer));
    expect([...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(1 << 20);
    write.mockRestore();
    await ended(sink);
    fs.closeSync(writer);
    fs.closeSync(reader);
  });

  test('much through a pipe makes it larger, and a reader that comes late loses nothing', async () => {
    const { reader, writer } = pipe();
    const data = randomBytes(8 << 20);
    const sink = openSink(writer);
    let drained = true;
    sink.onDrain = () => {
      drained = true;
    };
    const parts: Buffer[] = [];
    for (let at = 0; at < data.length; at += 512 << 10) {
      const piece = (from: number, to: number): Buffer => data.subarray(at + from, at + to);
      drained = sink.writeAll([piece(0, 100), piece(100, 300_000), piece(300_000, 512 << 10)]);
      while (!drained) {
        parts.push(readAvailable(reader));
        await turn();
      }
      parts.push(readAvailable(reader));
    }
    for (let more = readAvailable(reader); more.length > 0; more = readAvailable(reader)) parts.push(more);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    const F_GETPIPE_SZ = 1032;
    const fcntl = libc('fcntl');
    if (fcntl !== undefined) expect(fcntl(writer, F_GETPIPE_SZ, 0)).toBe(1 << 20);
    await ended(sink);
    fs.closeSync(writer);
    fs.closeSync(reader);
  });

  test('leaves the inherited open file blocking', async () => {
    const { reader, writer } = pipe();
    const sink = openSink(writer);
    while (sink.write(new Uint8Array(32768)));
    const flags = fs.readFileSync(`/proc/self/fdinfo/${writer}`, 'utf8').match(/flags:\s*(\d+)/)?.[1] ?? '';
    expect(Number.parseInt(flags, 8) & O_NONBLOCK).toBe(0);
    fs.closeSync(reader);
    const error = await new Promise<Error>((resolve) => {
      sink.onClosed = resolve;
    });
    expect(error).toMatchObject({ code: 'EPIPE', message: 'Broken pipe' });
    fs.closeSync(writer);
  });

  test('tells at once that the reader has gone, once', () => {
    const { reader, writer } = pipe();
    const sink = openSink(writer);
    const errors: Error[] = [];
    sink.onClosed = (error) => errors.push(error);
    fs.closeSync(reader);
    sink.write(Buffer.from('x'));
    sink.write(Buffer.from('y'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'EPIPE' });
    fs.closeSync(writer);
  });

  test('writes what waits before its end', async () => {
    const { reader, writer } = pipe();
    const sink = openSink(writer);
    let written = 0;
    do written += 32768;
    while (sink.write(new Uint8Array(32768)));
    let done = false;
    sink.end(() => {
      done = true;
    });
    let received = 0;
    expect(done).toBe(false);
    while (!done) {
      received += readAvailable(reader).length;
      await turn();
    }
    received += readAvailable(reader).length;
    expect(received).toBe(written);
    fs.closeSync(writer);
    fs.closeSync(reader);
  });

  test('a file gets its bytes in order, and a full device is told', async () => {
    const fd = fs.openSync(path.join(folder, 'f'), 'w+');
    const sink = openSink(fd);
    expect(sink.write(Buffer.from('one '))).toBe(true);
    sink.write(Buffer.from('two'));
    await ended(sink);
    expect(fs.readFileSync(path.join(folder, 'f'), 'utf8')).toBe('one two');
    fs.closeSync(fd);
    const full = fs.openSync('/dev/full', 'w');
    const errors: Error[] = [];
    const sinkFull = openSink(full);
    sinkFull.onClosed = (error) => errors.push(error);
    sinkFull.write(Buffer.from('x'));
    expect(errors[0]).toMatchObject({ code: 'ENOSPC', message: 'No space left on device' });
    fs.closeSync(full);
  });
});

/** What a source gives, joined, up to its end. */
async function readAll(source: Source, each: (length: number) => void = () => {}): Promise<Buffer> {
  const parts: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    source.start({
      data: (bytes) => {
        parts.push(Buffer.from(bytes));
        each(bytes.length);
      },
      end: resolve,
      error: reject,
    });
  });
  return Buffer.concat(parts);
}

describe('a source', () => {
  const data = randomBytes(300_000);

  test('a file is read to its end, in slices between which timers run', async () => {
    const file = path.join(folder, 'f');
    const data = randomBytes(10_000_000);
    const wanted = Math.ceil(data.length / (896 * 1024));
    fs.writeFileSync(file, data);
    const fd = fs.openSync(file, 'r');
    let slices = 0;
    let turns = 0;
    const immediate = (): void => {
      turns++;
      if (slices < wanted) setImmediate(immediate);
    };
    setImmediate(immediate);
    const source = openSource(fd);
    const bytes = await readAll(source, () => slices++);
    expect(bytes.equals(data)).toBe(true);
    expect(slices).toBe(wanted);
    expect(turns).toBeGreaterThan(3);
    fs.closeSync(fd);
  });

  test('of a file no more is read at once than there is room for, but a little in any case', async () => {
    const file = path.join(folder, 'f');
    const data = randomBytes(300_000);
    fs.writeFileSync(file, data);
    const fd = fs.openSync(file, 'r');
    const rooms = [100_000, 0, 5000, 1_000_000];
    const lengths: number[] = [];
    const parts: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      openSource(fd).start({
        data: (bytes) => {
          parts.push(Buffer.from(bytes));
          lengths.push(bytes.length);
        },
        end: resolve,
        error: reject,
        room: () => rooms[lengths.length] ?? 1_000_000,
      });
    });
    expect(lengths).toEqual([100_000, 4096, 5000, 190_904]);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    fs.closeSync(fd);
  });

  test('a busy pipe is read in larger pieces, and nothing of it is lost when it is paused', async () => {
    const { reader, writer } = pipe();
    const data = randomBytes(6 << 20);
    fs.writeFileSync(path.join(folder, 'data'), data);
    const feeder = spawn('sh', ['-c', 'cat "$1" >&3', 'sh', path.join(folder, 'data')], { stdio: ['ignore', 'ignore', 'ignore', writer] });
    fs.closeSync(writer);
    const source = openSource(reader);
    const parts: Buffer[] = [];
    const room = () => [0, 100_000, 300_000][parts.length % 3] ?? 0;
    await new Promise<void>((resolve, reject) => {
      source.start({
        data: (bytes) => {
          if (parts.push(Buffer.from(bytes)) % 5 !== 0) return;
          source.pause();
          setTimeout(() => source.resume(), 1);
        },
        end: resolve,
        error: reject,
        room,
      });
    });
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(parts.every((part) => part.length <= 256 * 1024)).toBe(true);
    if (found !== undefined) expect(parts.some((part) => part.length > 64 * 1024)).toBe(true);
    if (feeder.exitCode === null) await once(feeder, 'exit');
    fs.closeSync(reader);
  });

  test('what came into a busy pipe during a pause is read when it ends, there and then', async () => {
    const { reader, writer } = pipe();
    const source = openSource(reader);
    let got = 0;
    const over = new Promise<void>((resolve, reject) => {
      source.start({ data: (bytes) => void (got += bytes.length), end: resolve, error: reject });
    });
    const piece = new Uint8Array(32 * 1024);
    let sent = 0;
    const send = (): void => void (sent += fs.writeSync(writer, piece));
    source.pause();
    send();
    source.resume();
    expect(got).toBe(0);
    while (got < 1 << 20) {
      await until(() => got === sent);
      send();
    }
    await until(() => got === sent);
    source.pause();
    send();
    source.resume();
    expect(got).toBe(sent);
    fs.closeSync(writer);
    await over;
    expect(got).toBe(sent);
    fs.closeSync(reader);
  });

  test.skipIf(found === undefined)(
    'what is in a busy pipe is read in one turn of the event loop, however many reads that takes',
    async () => {
      const { reader, writer } = pipe();
      const source = openSource(reader);
      let got = 0;
      let reads = 0;
      let turns = 0;
      let isSameTurn = false;
      const over = new Promise<void>((resolve, reject) => {
        source.start({
          data: (bytes) => {
            got += bytes.length;
            reads++;
            if (isSameTurn) return;
            isSameTurn = true;
            turns++;
            queueMicrotask(() => {
              isSameTurn = false;
            });
          },
          end: resolve,
          error: reject,
        });
      });
      let sent = 0;
      const send = async (length: number): Promise<void> => {
        sent += fs.writeSync(writer, new Uint8Array(length));
        await until(() => got === sent);
      };
      while (got < 1 << 20) await send(32 * 1024);
      reads = 0;
      turns = 0;
      await send(900 * 1024);
      expect(reads).toBeGreaterThan(3);
      expect(turns).toBe(1);
      fs.closeSync(writer);
      await over;
      fs.closeSync(reader);
    },
  );

  test('a paused file stays where it is', async () => {
    const file = path.join(folder, 'f');
    fs.writeFileSync(file, data);
    const fd = fs.openSync(file, 'r');
    const source = openSource(fd);
    let slices = 0;
    const all = readAll(source, () => {
      slices++;
      source.pause();
    });
    await turn();
    await turn();
    expect(slices).toBe(1);
    for (let i = 1; i < 6; i++) {
      source.resume();
      await turn();
    }
    expect((await all).equals(data)).toBe(true);
    fs.closeSync(fd);
  });

  test('/dev/null ends at once', async () => {
    const fd = fs.openSync('/dev/null', 'r');
    expect(await readAll(openSource(fd))).toHaveLength(0);
    fs.closeSync(fd);
  });

  test('a pipe is read, paused and ended, and stays blocking for others', async () => {
    const { reader: watcher, writer } = pipe();
    const reader = fs.openSync(path.join(folder, 'pipe'), O_RDONLY);
    const source = openSource(reader);
    let received = 0;
    const all = readAll(source, (length) => {
      received += length;
      if (received >= 1000) source.pause();
    });
    const feed = openSink(writer);
    feed.write(data.subarray(0, 1000));
    await until(() => received === 1000);
    feed.write(data.subarray(1000));
    await turn();
    expect(received).toBe(1000);
    received = -1_000_000;
    source.resume();
    await ended(feed);
    fs.closeSync(writer);
    expect((await all).equals(data)).toBe(true);
    const flags = fs.readFileSync(`/proc/self/fdinfo/${reader}`, 'utf8').match(/flags:\s*(\d+)/)?.[1] ?? '';
    expect(Number.parseInt(flags, 8) & O_NONBLOCK).toBe(0);
    source.close();
    fs.closeSync(reader);
    fs.closeSync(watcher);
  });

  test.skipIf(found === undefined)(
    'a terminal is read as it is typed, and what is typed while it is paused is left to others',
    async () => {
      const { master, slave } = openPty() as Pty;
      const cooked = enterRawMode(slave);
      const source = openSource(slave);
      let seen = '';
      source.start({
        data: (bytes) => {
          seen += Buffer.from(bytes).toString();
        },
        end: () => (seen += ' end'),
        error: () => (seen += ' error'),
      });
      fs.writeSync(master, 'mine');
      await until(() => seen === 'mine');
      source.pause();
      await turn();
      fs.writeSync(master, 'yours');
      await turn();
      const other = Buffer.alloc(100);
      expect(other.toString('utf8', 0, fs.readSync(slave, other))).toBe('yours');
      source.resume();
      fs.writeSync(master, ' again');
      await until(() => seen === 'mine again');
      source.close();
      await turn();
      expect(seen).toBe('mine again');
      cooked();
      fs.closeSync(slave);
      fs.closeSync(master);
    },
  );

  test('a closed source says nothing more', async () => {
    const { reader, writer } = pipe();
    const source = openSource(reader);
    let calls = 0;
    source.start({ data: () => calls++, end: () => calls++, error: () => calls++ });
    source.close();
    fs.writeSync(writer, 'x');
    fs.closeSync(writer);
    await turn();
    expect(calls).toBe(0);
    fs.closeSync(reader);
  });
});

describe('in a process of its own', () => {
  const program = bundle('copy-stdin');
  const command = [program];
  afterAll(() => fs.rmSync(program));
  const data = randomBytes(500_000);

  test('sockets as stdin and stdout', async () => {
    const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(data);
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  test('pipes of a shell', () => {
    const { stdout, status } = spawnSync('bash', ['-o', 'pipefail', '-c', 'cat | "$@" | cat', 'bash', process.execPath, ...command], {
      input: data,
      maxBuffer: 1 << 24,
    });
    expect(status).toBe(0);
    expect(stdout.equals(data)).toBe(true);
  });

  test('a reader that leaves ends it', () => {
    const { stdout, status } = spawnSync('bash', [
      '-c',
      'yes | "$@" | head -1; exit ${PIPESTATUS[1]}',
      'bash',
      process.execPath,
      ...command,
    ]);
    expect(stdout.toString()).toBe('y\n');
    expect(status).toBe(32);
  });

  test('a terminal that is not read does not stop the event loop', async () => {
    const ticks = path.join(folder, 'ticks');
    fs.writeFileSync(ticks, '');
    // The shell's quoting is the script program's own; the paths hold no special characters.
    const line = `stty raw -echo; TICKS=${ticks} ${process.execPath} ${command.join(' ')} < ${process.execPath}`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.pause();
    await until(() => fs.statSync(ticks).size > 50);
    child.kill('SIGKILL');
    expect(child.exitCode).toBeNull();
  });

  test('a paste into a terminal arrives whole', async () => {
    const line = `stty raw -echo; echo ready; ${process.execPath} ${command.join(' ')} | head -c 200000 | cksum`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
    });
    await until(() => output.includes('ready'));
    const paste = Buffer.from(randomBytes(150_000).toString('base64')).subarray(0, 200_000);
    child.stdin.write(paste);
    const expected = spawnSync('cksum', { input: paste }).stdout.toString().trim();
    await until(() => output.includes(expected));
    child.kill('SIGKILL');
  });
});
