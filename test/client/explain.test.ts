import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExplainView } from '../../src/client/explain-view.ts';
import { type Ended, own, run } from '../run.ts';
import { type Served, serve } from '../server/serve.ts';

describe('tsh --explain on our own server', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
  });
  afterAll(() => served.stop());

  const tsh = (...args: readonly string[]): Promise<Ended> => run(own('tsh'), ['-F', served.config, ...args]);

  test('the steps of a run that goes well, in order, and nothing of them on stdout', async () => {
    const { out, err, code } = await tsh('--explain', 'server', 'echo hello');
    expect({ out, code }).toEqual({ out: 'hello\n', code: 0 });
    const headings = err.split('\n').flatMap((line) => /^\[(\d\/7) ?\]? ?/.exec(line)?.[1] ?? []);
    expect(headings).toEqual(['1/7', '2/7', '3/7', '4/7', '5/7', '6/7', '7/7']);
    expect(err).toContain('key exchange  mlkem768x25519-sha256 (our first choice); safe from a later quantum computer');
    expect(err).toMatch(/It is the ED25519 key that is known for \[127\.0\.0\.1\]:\d+: .*known_hosts, line 1\n/);
    expect(err).toContain('From now on everything we send is encrypted with aes128-gcm@openssh.com.');
    expect(err).toContain('we ask for exec: echo hello');
    expect(err).toContain('The command ended with exit status 0.');
    // no terminal, no colour
    expect(err).not.toContain('\x1b');
  });

  test('where it stopped, and why', async () => {
    const { err, code } = await tsh('--explain', '-o', 'UserKnownHostsFile=/dev/null', 'server', 'true');
    expect(code).toBe(255);
    expect(err).toContain('Stopped at step 5 of 7 (Host key): Host key verification failed.');
    const refused = await tsh('--explain', '-o', 'KexAlgorithms=diffie-hellman-group1-sha1', '-o', 'Port=1', 'server', 'true');
    expect(refused.err).toContain('Stopped at step 1 of 7 (Connection):');
    const alone = await tsh('--explain', '-o', 'Ciphers=3des-cbc', 'server', 'true');
    expect(alone.err).toContain('no matching cipher found.');
    expect(alone.err).toContain('Stopped at step 3 of 7 (Algorithms):');
  });

  test('as JSON it is one object a line, with the time of each', async () => {
    const { err } = await tsh('--explain=json', 'server', 'exit 3');
    const events = err
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { type: string; ms: number; status?: number });
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['connecting', 'ident-received', 'agreed', 'host-key', 'authenticated', 'exit']),
    );
    expect(events.find(({ type }) => type === 'exit')?.status).toBe(3);
    expect(events.every(({ ms }, index) => ms >= (events[index - 1]?.ms ?? 0))).toBe(true);
  });

  test('no secret is in it: not the private key, nor what the session carries', async () => {
    const privateKey = readFileSync(path.join(served.folder, 'id'), 'latin1').split('\n').slice(1, -2);
    for (const how of ['--explain', '--explain=json']) {
      const { err } = await run(own('tsh'), ['-F', served.config, '-vvv', how, 'server', 'cat >/dev/null; echo $((6*7))-answer'], {
        stdin: 'typed-secret\n',
      });
      for (const line of privateKey) expect(err).not.toContain(line);
      expect(err).not.toContain('typed-secret');
      expect(err).not.toContain('42-answer');
    }
  });

  test('without the flag nothing is told', async () => {
    const { err, code } = await tsh('server', 'true');
    expect({ err, code }).toEqual({ err: '', code: 0 });
  });

  test('a locked key is named, its passphrase is not', async () => {
    const { generatePrivateKey } = await import('../../src/core/keys/private-key.ts');
    const { formatOpensshPrivate } = await import('../../src/core/keys/openssh-private.ts');
    const locked = path.join(served.folder, 'locked');
    const passphrase = new Uint8Array(Buffer.from('open sesame'));
    writeFileSync(locked, await formatOpensshPrivate(await generatePrivateKey('ssh-ed25519'), { passphrase, rounds: 1 }), { mode: 0o600 });
    const askpass = path.join(served.folder, 'askpass');
    writeFileSync(askpass, '#!/bin/sh\necho open sesame\n', { mode: 0o755 });
    const { err } = await run(
      own('tsh'),
      [
        '-F',
        'none',
        '-i',
        locked,
        '-o',
        'IdentitiesOnly=yes',
        '-o',
        'UserKnownHostsFile=' + path.join(served.folder, 'known_hosts'),
        '-p',
        String(served.port),
        '-vvv',
        '--explain',
        '127.0.0.1',
        'true',
      ],
      {
        env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
      },
    );
    expect(err).toContain(locked);
    expect(err).not.toContain('open sesame');
    expect(err).toContain('Permission denied (publickey).');
  });
});

test('what a peer says is made safe before it is told', () => {
  let told = '';
  const view = new ExplainView(
    (text) => (told += text),
    () => 0,
  );
  view.tell({ type: 'ident-received', ident: 'SSH-2.0-\x1b[31mred', major: 2, minor: 0, software: '\x1b[31mred' });
  view.tell({ type: 'channel-refused', channel: 0, kind: 'session', reason: 1, description: 'no\x07\x1b]0;x' });
  expect(told).not.toMatch(/[\x07\x1b]/);
  expect(told).toContain('\\033[31mred');
});
