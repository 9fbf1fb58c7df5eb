import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SftpClient } from '../../../src/core/sftp/client.ts';
import { concat, utf8Bytes, utf8Text } from '../../../src/core/util/bytes.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { frame } from '../../../src/core/wire/frames.ts';
import { sftpAttrs, sftpData, sftpHandle, sftpNames, sftpStatus, sftpVersion } from '../../../src/core/wire/sftp-messages.ts';
import type { Peer } from '../../peers.ts';
import { describePeer, peerProgram } from '../../peers.ts';

/** Starts a real server and gives a client of it, and a folder to work in, for the time of the test. */
async function withServer(peer: Peer, args: readonly string[], use: (client: SftpClient, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sftp-'));
  const server = spawn(peerProgram(peer, 'sftp-server'), args, { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    const client = new SftpClient((bytes) => void server.stdin.write(bytes));
    server.stdout.on('data', (bytes: Buffer) => client.receive(bytes));
    server.stdout.on('close', () => client.closed());
    await client.start();
    await use(client, folder);
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const peer of ['openssh-10', 'openssh'] as const) {
  describePeer(peer, `sftp-server of ${peer}`, () => {
    test('makes, writes, reads, changes and renames files', async () => {
      await withServer(peer, [], async (client, folder) => {
        const file = `${folder}/new/file`;
        await client.mkdir(`${folder}/new`, { permissions: 0o700 });
        expect(statSync(`${folder}/new`).mode & 0o777).toBe(0o700);
        const handle = await client.open(file, ['write', 'create', 'exclusive'], { permissions: 0o600 });
        await Promise.all([client.writeAt(handle, 6n, utf8Bytes('world')), client.writeAt(handle, 0n, utf8Bytes('hello '))]);
        await client.fsync(handle);
        expect(await client.fstat(handle)).toMatchObject({ size: 11n });
        await client.fsetstat(handle, { size: 5n });
        await client.close(handle);
        expect(readFileSync(file, 'utf8')).toBe('hello');
        const { permissions } = await client.stat(file);
        expect((permissions ?? 0) & 0o777).toBe(0o600);
        await client.setstat(file, { permissions: 0o640, times: { accessed: 5, modified: 7 } });
        expect(await client.lstat(file)).toMatchObject({ permissions: 0o100640, times: { accessed: 5, modified: 7 } });
        writeFileSync(`${folder}/old`, 'x');
        await client.rename(file, `${folder}/old`);
        const reading = await client.open(`${folder}/old`, ['read']);
        expect(utf8Text((await client.read(reading, 1n, 100)) ?? new Uint8Array())).toBe('ello');
        expect(await client.read(reading, 5n, 100)).toBeUndefined();
        await client.close(reading);
        await client.remove(`${folder}/old`);
        await expect(client.stat(`${folder}/old`)).rejects.toMatchObject({ status: 2, message: 'No such file or directory' });
      });
    });

    test('tells what a link is and where it leads, and takes names that are not UTF-8', async () => {
      await withServer(peer, [], async (client, folder) => {
        const odd = concat(utf8Bytes(`${folder}/`), Uint8Array.of(0xff, 0xfe));
        await client.close(await client.open(odd, ['write', 'create']));
        symlinkSync(Buffer.from(odd), `${folder}/link`);
        expect(((await client.lstat(`${folder}/link`)).permissions ?? 0) & 0o170000).toBe(0o120000);
        expect(((await client.stat(`${folder}/link`)).permissions ?? 0) & 0o170000).toBe(0o100000);
        expect(Buffer.from(await client.realpath(`${folder}/link`))).toEqual(Buffer.from(odd));
      });
    });

    test('tells its limits, and takes as much as they say', async () => {
      await withServer(peer, [], async (client, folder) => {
        expect(client.limits).toEqual({ read: 261120, write: 261120 });
        const all = new Uint8Array(client.limits.write).fill(7);
        const handle = await client.open(`${folder}/big`, ['read', 'write', 'create']);
        await client.writeAt(handle, 0n, all);
        expect((await client.read(handle, 0n, client.limits.read))?.length).toBe(all.length);
      });
    });

    test('refuses what it must not do', async () => {
      await withServer(peer, ['-R'], async (client, folder) => {
        chmodSync(folder, 0o700);
        await expect(client.mkdir(`${folder}/no`)).rejects.toMatchObject({ status: 3, message: 'Permission denied' });
        await expect(client.open(`${folder}/no`, ['write', 'create'])).rejects.toMatchObject({ status: 3 });
        await expect(client.close(utf8Bytes('none'))).rejects.toMatchObject({ name: 'SftpError' });
      });
    });
  });
}

/** A client whose server is the test. */
async function scripted(extensions: readonly { name: string; data: string }[] = []) {
  const sent: Uint8Array[] = [];
  const client = new SftpClient((bytes) => void sent.push(bytes));
  const started = client.start();
  client.receive(frame(sftpVersion.encode({ version: 3, extensions })));
  await started;
  return { client, sent, answer: (payload: Uint8Array) => client.receive(frame(payload)) };
}

describe('a client', () => {
  test('gives answers that come out of order, byte by byte, to who asked', async () => {
    const { client } = await scripted();
    const both = Promise.all([client.stat('a'), client.stat('b')]);
    const answers = concat(
      frame(sftpAttrs.encode({ id: 1, attributes: { size: 2n } })),
      frame(sftpAttrs.encode({ id: 0, attributes: { size: 1n, owner: { uid: 3, gid: 4 } } })),
    );
    for (const byte of answers) client.receive(Uint8Array.of(byte));
    expect(await both).toEqual([{ size: 1n, owner: { uid: 3, gid: 4 } }, { size: 2n }]);
  });

  test.each([
    ['an answer that nobody waits for', frame(sftpStatus.encode({ id: 9, code: 0, text: new Uint8Array(0) }))],
    ['a second greeting', frame(sftpVersion.encode({ version: 3, extensions: [] }))],
    ['an answer of another kind', frame(sftpHandle.encode({ id: 0, handle: new Uint8Array(1) }))],
    ['success without what was asked for', frame(sftpStatus.encode({ id: 0, code: 0, text: new Uint8Array(0) }))],
    ['more names than fit the message', frame(Uint8Array.of(104, 0, 0, 0, 0, 255, 255, 255, 255))],
    [
      'two names for one path',
      frame(
        sftpNames.encode({
          id: 0,
          names: [0, 1].map(() => ({ filename: Uint8Array.of(65), longname: Uint8Array.of(65), attributes: {} })),
        }),
      ),
    ],
    ['a message of no bytes', new Uint8Array(4)],
    ['a message of 4 GiB', new Uint8Array(4).fill(255)],
  ])('ends the conversation at %s', async (_what, bytes) => {
    const { client } = await scripted();
    const asked = client.realpath('a');
    asked.catch(() => undefined);
    client.receive(bytes);
    await expect(asked).rejects.toBeInstanceOf(SshError);
    await expect(client.realpath('b')).rejects.toBeInstanceOf(SshError);
  });

  test('takes no more data than it asked for', async () => {
    const { client, answer } = await scripted();
    const asked = client.read(new Uint8Array(1), 0n, 3);
    answer(sftpData.encode({ id: 0, data: new Uint8Array(4) }));
    await expect(asked).rejects.toMatchObject({ code: 'SSH_ERR_INVALID_FORMAT' });
  });

  test('keeps the words of a refusal, and does without where there are none', async () => {
    const { client, answer } = await scripted();
    const asked = [client.mkdir('a'), client.mkdir('b')].map((one) => one.catch((error: unknown) => error));
    answer(sftpStatus.encode({ id: 0, code: 4, text: concat(frame(utf8Bytes('disk full')), frame(new Uint8Array(0))) }));
    answer(sftpStatus.encode({ id: 1, code: 99, text: new Uint8Array(0) }));
    expect(await Promise.all(asked)).toMatchObject([
      { status: 4, message: 'Failure', serverText: 'disk full' },
      { status: 99, message: 'Unknown status', serverText: '' },
    ]);
  });

  test('refuses a server of an older version', async () => {
    const client = new SftpClient(() => undefined);
    const started = client.start();
    client.receive(frame(sftpVersion.encode({ version: 2, extensions: [] })));
    await expect(started).rejects.toMatchObject({ code: 'SSH_ERR_FEATURE_UNSUPPORTED' });
  });

  test('fails what waits when the stream ends', async () => {
    const { client } = await scripted();
    const asked = client.stat('a');
    client.closed();
    await expect(asked).rejects.toMatchObject({ code: 'SSH_ERR_CONN_CLOSED' });
  });

  test('throws nothing but SshError and SftpError whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(101, 102, 103, 104, 105, 201), async (body, type) => {
        const { client, answer } = await scripted();
        const asked = [client.realpath('a'), client.stat('a'), client.open('a', ['read']), client.read(body, 0n, 9), client.mkdir('a')];
        const settled = Promise.allSettled(asked);
        for (const [id] of asked.entries()) answer(concat(Uint8Array.of(type, 0, 0, 0, id), body));
        client.closed();
        for (const one of await settled) {
          if (one.status === 'rejected') expect(['SshError', 'SftpError']).toContain((one.reason as Error).name);
        }
      }),
    );
  });
});
