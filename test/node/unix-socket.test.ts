import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { listen } from '../../src/node/listen.ts';
import { libc } from '../../src/node/native/libc.ts';
import { type ByteStream, connectTcp } from '../../src/node/socket.ts';
import { setTrafficClass } from '../../src/node/socket-options.ts';
import { connectUnix, listenUnix } from '../../src/node/unix-socket.ts';
import { Collector } from './collector.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-unix-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('a unix socket', () => {
  test('carries bytes and its end both ways, belongs to its owner alone, and is removed', async () => {
    const file = path.join(folder, 'a');
    const before = process.umask(0o022);
    const streams: ByteStream[] = [];
    const listener = await listenUnix(file, (stream) => {
      const { done } = new Collector(stream);
      void done.then(() => {
        stream.write(Buffer.from('answer'));
        stream.end();
      });
      streams.push(stream);
    });
    expect(process.umask(before)).toBe(0o022);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    const stream = await connectUnix(file);
    const collector = new Collector(stream);
    stream.write(Buffer.from('question'));
    stream.end();
    expect(await collector.done).toBeUndefined();
    expect(collector.text).toBe('answer');
    expect(streams).toHaveLength(1);
    listener.close();
    expect(fs.existsSync(file)).toBe(false);
  });

  test('takes the place of what is there only when asked to', async () => {
    const file = path.join(folder, 'b');
    fs.writeFileSync(file, '');
    await expect(listenUnix(file, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const listener = await listenUnix(file, () => {}, { unlink: true, mask: 0o111 });
    expect(fs.statSync(file).mode & 0o777).toBe(0o666);
    listener.close();
  });

  test('errors have their texts', async () => {
    await expect(connectUnix(path.join(folder, 'none'))).rejects.toMatchObject({ message: 'No such file or directory' });
    const dead = path.join(folder, 'dead');
    fs.writeFileSync(dead, '');
    await expect(connectUnix(dead)).rejects.toMatchObject({ message: 'Connection refused' });
    await expect(connectUnix(`/${'x'.repeat(107)}`)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    await expect(listenUnix(`/${'x'.repeat(107)}`, () => {})).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });
});

describe('the traffic class', () => {
  test.skipIf(libc('setsockopt') === undefined)('is set on a TCP socket, where native calls work', async () => {
    const listener = await listen({ address: '127.0.0.1', port: 0 }, (stream) => stream.destroy());
    const stream = await connectTcp({ address: '127.0.0.1', port: listener.port });
    expect(setTrafficClass(stream, 0x48)).toBe(true);
    stream.destroy();
    expect(setTrafficClass(stream, 0x48)).toBe(false);
    listener.close();
  });
});
