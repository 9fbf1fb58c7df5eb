import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { relay, type Listener } from '../client/wire-peers.ts';
import { describePeer } from '../peers.ts';
import { own } from '../run.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { Tmux } from './tmux.ts';

describePeer(['openssh-10', 'tmux'], 'a terminal through tsh', () => {
  let server: Sshd;
  let between: Listener;
  let tmux: Tmux;
  let count = 0;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10', lines: ['PrintMotd no', 'PrintLastLog no'] });
    between = await relay(server.port, {});
    writeFileSync(file('remote'), 'PS1="remote$ " exec bash --norc --noprofile\n');
  });
  afterAll(async () => {
    await between.close();
    await server.stop();
  });

  const file = (name: string): string => path.join(server.folder, name);
  const command = (port = between.port): string =>
    `${own('tsh')} -F ${server.config} -o HostKeyAlias=[127.0.0.1]:${server.port} -p ${port}`;
  /** A shell whose prompt is not in the command line that starts it. */
  const remoteShell = (): string => `sh ${file('remote')}`;

  beforeEach(async () => {
    tmux = new Tmux(file(`tmux-${++count}`), { columns: 100, rows: 30 });
    await tmux.see(/local\$/);
    tmux.enter(`stty -a | tail -n +2 >${file('before')}`);
    await tmux.see(/local\$ *\n+$/);
  });
  afterEach(() => tmux.end());

  /** Logs in and waits for the shell's prompt. */
  async function logIn(): Promise<void> {
    tmux.enter(`${command()} -t server '${remoteShell()}'`);
    await tmux.see(/remote\$/);
  }

  /** Holds that the local terminal is as it was before tsh ran. */
  async function expectRestored(): Promise<void> {
    await tmux.see(/local\$ *\n+$/);
    tmux.enter(`stty -a | tail -n +2 >${file('after')}; echo done''now`);
    await tmux.see(/donenow/);
    expect(readFileSync(file('after'), 'utf8')).toBe(readFileSync(file('before'), 'utf8'));
  }

  /** The process of tsh: what the shell in the terminal has started. */
  function processId(): number {
    const found = execFileSync('pgrep', ['-f', `^(\\S*node )?\\S*bin/tsh -F ${server.config} `], { encoding: 'utf8' });
    return Number(found.trim());
  }

  test('is a shell of the right size and type, and follows a resize', async () => {
    await logIn();
    tmux.enter('stty size; echo $TERM; tty');
    await tmux.see(/^30 100\nscreen\n\/dev\/pts\/\d+$/m);
    tmux.resize(71, 22);
    await expect
      .poll(async () => {
        await tmux.clear();
        tmux.enter('stty size');
        return (await tmux.see(/^\d+ \d+$/m))[0];
      })
      .toBe('22 71');
    tmux.enter('exit 5');
    await tmux.see(/Connection to 127\.0\.0\.1 closed\./);
    tmux.enter('echo "status $?"');
    await tmux.see(/status 5/);
    await expectRestored();
  });

  test('without a command is the user`s login shell', async () => {
    tmux.enter(`${command()} server`);
    await tmux.see(/[$#] *\n+$/);
    tmux.enter('echo "shell $SSH_TTY"; exit 6');
    await tmux.see(/shell \/dev\/pts\//);
    await tmux.see(/Connection to 127\.0\.0\.1 closed\./);
    await expectRestored();
  });

  test('brings modes along', async () => {
    tmux.enter('stty intr ^X -ixon');
    await logIn();
    tmux.enter('stty -a');
    const { 0: modes } = await tmux.see(/intr = \S+;[^]*-ixon/);
    expect(modes).toContain('intr = ^X;');
    tmux.enter('exit');
  });

  test('^C interrupts what runs there, not tsh', async () => {
    await logIn();
    tmux.enter(`echo go''on; cat`);
    await tmux.see(/goon/);
    tmux.enter('ready');
    await tmux.see(/ready\nready/);
    tmux.press('C-c');
    await tmux.see(/\^C/);
    tmux.enter(`echo still''here`);
    await tmux.see(/stillhere/);
    tmux.enter('exit');
    await expectRestored();
  });

  test('^Z stops what runs there, not tsh', async () => {
    await logIn();
    tmux.enter(`echo go''on; cat`);
    await tmux.see(/goon/);
    tmux.enter('ready');
    await tmux.see(/ready\nready/);
    tmux.press('C-z');
    await tmux.see(/Stopped +cat/);
    // a shell with a stopped job does not leave at once
    tmux.enter('kill -9 $$');
    await expectRestored();
  });

  test.each([
    ['less', (name: string) => `less ${name}`, /^line 1 of the file$/m, ['G'], /line 500 of the file/, 'q'],
    ['vim', (name: string) => `vim -u NONE -N ${name}`, /^line 1 of the file$/m, ['G'], /line 500 of the file/, ':q!\r'],
    ['top', () => 'top', /PID +USER/, [], /PID +USER/, 'q'],
  ] as const)('%s shows its screen', async (program, line, first, keys, then, quit) => {
    if (!['/usr/bin', '/bin'].some((folder) => existsSync(path.join(folder, program)))) return;
    writeFileSync(file('lines'), Array.from({ length: 500 }, (_, i) => `line ${i + 1} of the file\n`).join(''));
    await logIn();
    tmux.enter(line(file('lines')));
    await tmux.see(first);
    for (const key of keys) tmux.type(key);
    await tmux.see(then);
    tmux.type(quit);
    await tmux.see(/remote\$ *\n+$/);
    tmux.enter('exit');
    await expectRestored();
  });

  test('a paste of 1 MB arrives whole', async () => {
    // no control characters but line ends: those would mean something to the terminal
    const text = Array.from({ length: 16_384 }, (_, i) => `${createHash('sha256').update(String(i)).digest('hex').slice(0, 63)}\n`).join(
      '',
    );
    writeFileSync(file('clip'), text);
    await logIn();
    tmux.enter(`stty -echo raw -icrnl; echo go''on; head -c ${text.length} | sha256sum; stty sane; echo whole`);
    await tmux.see(/goon/);
    tmux.paste(file('clip'));
    await tmux.see(/^ *whole$/m);
    expect(tmux.screen).toContain(createHash('sha256').update(text).digest('hex'));
    tmux.enter('exit');
    await expectRestored();
  });

  describe('escapes', () => {
    test('~? tells which there are', async () => {
      await logIn();
      tmux.enter('');
      tmux.type('~?');
      await tmux.see(/Supported escape sequences:/);
      await tmux.see(/terminate connection/);
      tmux.enter('');
      tmux.enter('exit');
    });

    test('~. ends the connection', async () => {
      await logIn();
      tmux.enter('');
      tmux.type('~.');
      await tmux.see(/Connection to 127\.0\.0\.1 closed\./);
      tmux.enter('echo "status $?"');
      await tmux.see(/status 255/);
      // nor is it shown, as with ssh; and nobody needs a hint of why it ended
      expect(tmux.screen).not.toMatch(/~\.|--why/);
      await expectRestored();
    });

    test('~~ types one, and one within a line is none', async () => {
      await logIn();
      tmux.enter('');
      tmux.type('~~. x~.');
      await tmux.see(/remote\$ ~\. x~\./);
      tmux.press('C-u');
      tmux.enter('exit');
      await expectRestored();
    });

    test('~^Z stops tsh, and fg goes on', async () => {
      await logIn();
      tmux.enter('');
      tmux.type('~');
      tmux.press('C-z');
      await tmux.see(/Stopped/);
      await expectRestored();
      await tmux.clear();
      tmux.enter('fg');
      await tmux.see(/tsh/);
      tmux.enter(`echo back''again`);
      await tmux.see(/backagain/);
      tmux.enter('exit');
      await expectRestored();
    });
  });

  describe('the local terminal is as it was', () => {
    test.each(['SIGTERM', 'SIGHUP'] as const)('after %s', async (signal) => {
      await logIn();
      process.kill(processId(), signal);
      await tmux.see(/local\$ *\n+$/);
      tmux.enter('echo "status $?"');
      await tmux.see(/status 255/);
      await expectRestored();
    });

    test('after the network is lost', async () => {
      const lost = await relay(server.port, {});
      tmux.enter(`${command(lost.port)} -t server '${remoteShell()}'`);
      await tmux.see(/remote\$/);
      await lost.close();
      await tmux.see(/remote\$ (Connection to 127\.0\.0\.1 closed by remote host\.|Read from remote host .*)$/m);
      await expectRestored();
    });
  });

  test('an unknown host is asked about, in ssh`s words', async () => {
    const unknown = `-o UserKnownHostsFile=${file('known')} -o StrictHostKeyChecking=ask -o BatchMode=no`;
    writeFileSync(file('known'), '');
    tmux.enter(`${command()} ${unknown} server echo in`);
    await tmux.see(/Are you sure you want to continue connecting \(yes\/no\/\[fingerprint\]\)\? *$/m);
    expect(tmux.screen).toMatch(
      /^The authenticity of host '\[127\.0\.0\.1\]:\d+ \(\[127\.0\.0\.1\]:\d+\)' can't be established\.\nED25519 key fingerprint is SHA256:\S{43}\.\nThis key is not known by any other names\.?\n/m,
    );
    tmux.enter('maybe');
    await tmux.see(/Please type 'yes', 'no' or the fingerprint:/);
    tmux.enter('yes');
    await tmux.see(/^Warning: Permanently added '\[127\.0\.0\.1\]:\d+' \(ED25519\) to the list of known hosts\.$/m);
    await tmux.see(/^in$/m);
    await expectRestored();
  });
});
