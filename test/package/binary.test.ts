import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describePeer } from '../peers.ts';
import { type Given, own, run } from '../run.ts';
import { startSshd, type Sshd } from '../sshd.ts';
import { describePackaged } from './packaged.ts';

const bundled = (name: string): string => fileURLToPath(new URL(`../../bin/${name}`, import.meta.url));

describePackaged('the single binary', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-binary-'));
  const file = (name: string): string => path.join(folder, name);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a command line comes to, but for what Node says about itself. */
  const told = async (program: string, args: readonly string[], given?: Given): Promise<unknown> => {
    const { code, signal, out, err } = await run(program, args, given);
    return { code, signal, out, err: err.replace(/OpenSSL \S+/, 'OpenSSL') };
  };

  test.each([
    ['tsh', ['-V']],
    ['tsh', []],
    ['tsh', ['--version']],
    ['tsh', ['-e', 'process.exit(7)']],
    ['tsh', ['--inspect', '-p', '1', 'host']],
    ['tsh', ['--', '--eval']],
    ['tsh', ['--help']],
    ['tsh', ['-Q', 'cipher']],
    ['tsh', ['-G', '-F', 'none', '-o', 'User=x', '-p', '77', 'host', 'a', "b 'c'", '-v']],
    ['tsh', ['-F', '/nonexistent/config', 'host']],
    ['tsh-keygen', ['-l', '-f', '/nonexistent']],
    ['tsh-keygen', ['--v8-options']],
    ['tsh-add', ['-l']],
    ['tsh-agent', ['-x']],
    ['tsh-agent', ['sh', '-c', 'exit 5']],
    ['tsh-agent', ['sh', '-c', 'kill -TERM $$']],
  ])('%s %j comes to the same as with bin/', async (program, args) => {
    expect(await told(own(program), args)).toEqual(await told(bundled(program), args));
  });

  test.each([
    { NODE_OPTIONS: '--require=/nonexistent.js --not-an-option' },
    { NODE_REPL_EXTERNAL_MODULE: '/nonexistent.js' },
  ])('takes nothing for Node from the environment: %j', async (env) => {
    // what Node itself would say to that
    expect((await run(process.execPath, ['-i'], { env })).code).not.toBe(0);
    expect(await told(own('tsh'), ['-V'], { env })).toEqual(await told(own('tsh'), ['-V']));
  });

  test('writes no file that the environment asks Node for', async () => {
    const env = { NODE_COMPILE_CACHE: file('cache'), NODE_V8_COVERAGE: file('coverage') };
    await run(process.execPath, ['-e', '0'], { env: { NODE_V8_COVERAGE: file('of-node') } });
    expect(readdirSync(file('of-node'))).not.toEqual([]);
    expect(await told(own('tsh'), ['-G', '-F', 'none', 'host'], { env })).toEqual(await told(own('tsh'), ['-G', '-F', 'none', 'host']));
    expect(existsSync(env.NODE_COMPILE_CACHE)).toBe(false);
    expect(existsSync(env.NODE_V8_COVERAGE) ? readdirSync(env.NODE_V8_COVERAGE) : []).toEqual([]);
  });

  test.each([
    ['-tsh', ['-V']],
    ['-tsh-agent', ['sh', '-c', 'exit 5']],
    ['--version', ['-V']],
  ])('called %s, as a login shell is, it takes that for no option', async (name, args) => {
    const called = await run('bash', ['-c', 'exec -a "$0" "$@"', name, own('tsh'), ...args]);
    expect(called).toEqual(await run(own(name === '--version' ? 'tsh' : name.slice(1)), args));
  });

  test('needs no file beside it, and is what it is called', async () => {
    mkdirSync(file('alone'));
    linkSync(path.join(path.dirname(own('tsh')), 'tsh'), file('alone/ssh-keygen'));
    symlinkSync('ssh-keygen', file('alone/tsh-add'));
    const made = await run(file('alone/ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', file('alone/key')], { cwd: '/' });
    expect(made).toMatchObject({ code: 0, out: '', err: '' });
    expect((await run(file('alone/tsh-add'), ['-l'])).err).toMatch(/authentication agent/);
    const { err } = await run(own('tsh'), ['-l', '-f', '/nonexistent'], { env: { TSH_PROGRAM: 'tsh-keygen' } });
    expect(err).toMatch(/nonexistent: No such file/);
  });

  test('two starts share no random numbers', async () => {
    const keys = [file('first'), file('second')];
    for (const key of keys) await run(own('tsh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const [first, second] = keys.map((key) => readFileSync(`${key}.pub`, 'utf8').split(' ')[1]);
    expect(first).not.toBe(second);
    const cookies = [await cookieOf(own('tsh')), await cookieOf(own('tsh'))];
    expect(cookies[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(cookies[0]).not.toBe(cookies[1]);
  });

  describe('an agent in the background', () => {
    const temporary = file('temporary');
    const environment: Record<string, string> = {};

    beforeAll(async () => {
      mkdirSync(temporary);
      const { out } = await run(own('tsh-agent'), ['-s', '-a', file('agent')], { env: { TMPDIR: temporary } });
      for (const [, name = '', value = ''] of out.matchAll(/(\w+)=([^;]+);/g)) environment[name] = value;
    });
    afterAll(() => run(own('tsh-agent'), ['-k'], { env: environment }));

    test('is this binary under its own name, with what it was called with', () => {
      const process = `/proc/${environment['SSH_AGENT_PID'] ?? ''}`;
      expect(readFileSync(`${process}/comm`, 'utf8')).toBe('tsh-agent\n');
      expect(readFileSync(`${process}/cmdline`, 'utf8').split('\0')).toEqual([own('tsh-agent'), '-s', '-a', file('agent'), '']);
    });

    test('serves keys, and calls C by a file that nobody else can name', async () => {
      await run(own('tsh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', file('held')]);
      expect((await run(own('tsh-add'), [file('held')], { env: environment })).code).toBe(0);
      expect((await run(own('tsh-add'), ['-l'], { env: environment })).out).toMatch(/ED25519/);
      expect(readFileSync(`/proc/${environment['SSH_AGENT_PID'] ?? ''}/maps`, 'utf8')).toMatch(/koffi\.node \(deleted\)/);
      expect(readdirSync(temporary)).toEqual([]);
    });
  });

  test.skipIf(process.getuid?.() !== 0)('goes on without C where no file may be loaded', async () => {
    mkdirSync(file('noexec'));
    const script = `mount -t tmpfs -o noexec none ${file('noexec')} && export TMPDIR=${file('noexec')} && exec "$0" sh -c 'ls -A $TMPDIR; ssh-add -l 2>/dev/null; "$1" -l' _ "$1"`;
    const { code, out, err } = await run('unshare', ['--mount', 'sh', '-c', script, own('tsh-agent'), own('tsh-add')]);
    expect({ code, out: out.replace(/^agent\S*\n|^ssh-\S*\n/gm, ''), err }).toMatchObject({ code: 1, err: '' });
    expect(out).toMatch(/The agent has no identities\./);
    expect(out).not.toMatch(/koffi|tsh-/);
  });
});

describePackaged('the single binary in a session', () => {
  describePeer('openssh-10', 'with sshd', () => {
    let server: Sshd;
    beforeAll(async () => {
      server = await startSshd({ peer: 'openssh-10' });
    });
    afterAll(() => server.stop());

    test.each(['exit 3', 'kill -KILL $$', 'echo out; echo err >&2', 'cat'])('%s ends as with bin/', async (command) => {
      const args = ['-F', server.config, 'server', command];
      const [ours, theirs] = [await run(own('tsh'), args, { stdin: 'x\n' }), await run(bundled('tsh'), args, { stdin: 'x\n' })];
      expect([ours.code, ours.signal, ours.out, ours.err]).toEqual([theirs.code, theirs.signal, theirs.out, theirs.err]);
    });

    test('a signal ends it as it ends bin/tsh', async () => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        const ends = [];
        for (const program of [own('tsh'), bundled('tsh')]) {
          const child = spawn(program, ['-F', server.config, 'server', 'echo here; sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
          await once(child.stdout, 'data');
          child.kill(signal);
          ends.push(await once(child, 'exit'));
        }
        expect(ends[0]).toEqual(ends[1]);
      }
    });

    test('is its own way to another host', async () => {
      const { code, out, err } = await run(own('tsh'), ['-F', server.config, '-J', 'server', 'server', 'echo through']);
      expect({ code, out, err }).toEqual({ code: 0, out: 'through\n', err: '' });
    });

    test('moves 64 MiB both ways', async () => {
      const { out } = await run(own('tsh'), ['-F', server.config, 'server', 'cat'], {
        stdin: Buffer.alloc(64 << 20, 'x'),
        timeoutMs: 120_000,
      });
      expect(out.length).toBe(64 << 20);
      expect(/^x*$/.test(out)).toBe(true);
    });
  });
});

/** The cookie of the KEXINIT that a client sends (RFC 4253 section 7.1). */
async function cookieOf(program: string): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = spawn(program, ['-F', 'none', '-o', 'BatchMode=yes', '-p', String(port), '127.0.0.1'], { stdio: 'ignore' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  socket.write('SSH-2.0-test\r\n');
  let seen = Buffer.alloc(0);
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    seen = Buffer.concat([seen, bytes]);
    const packet = seen.subarray(seen.indexOf('\n') + 1);
    if (seen.includes('\n') && packet.length >= 22) {
      seen = packet;
      break;
    }
  }
  child.kill();
  server.close();
  // length, padding length, message number
  return seen.subarray(6, 22).toString('hex');
}
