import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { describePeer } from '../peers.ts';
import { own } from '../run.ts';
import { type ServerPeer, type Sshd, startSshd } from '../sshd.ts';
import { Tmux } from './tmux.ts';

describePeer(['openssh-10', 'dropbear', 'tmux'], 'keystrokes', () => {
  let server: Sshd | undefined;
  let tmux: Tmux | undefined;
  afterEach(async () => {
    tmux?.end();
    tmux = undefined;
    await server?.stop();
    server = undefined;
  });

  /** Types a line through tsh; what tsh logged once `until` is in it, or once the session is over. */
  async function logOf(peer: ServerPeer, options: string, until?: RegExp): Promise<string> {
    server = await startSshd(peer === 'dropbear' ? { peer } : { peer, lines: ['PrintMotd no', 'PrintLastLog no'] });
    const log = path.join(server.folder, 'client-log');
    const shell = path.join(server.folder, 'remote');
    writeFileSync(shell, 'PS1="remote$ " exec bash --norc --noprofile\n');
    tmux = new Tmux(path.join(server.folder, 'tmux'), { columns: 100, rows: 30 });
    await tmux.see(/local\$/);
    tmux.enter(`${own('tsh')} -vvv -E ${log} -F ${server.config} ${options} -t server 'sh ${shell}'`);
    await tmux.see(/remote\$/);
    const logged = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    tmux.enter(`echo he''re`);
    await tmux.see(/^here$/m);
    if (until !== undefined) await expect.poll(logged, { timeout: 20_000 }).toMatch(until);
    tmux.enter('exit 3');
    await tmux.see(/Connection to 127\.0\.0\.1 closed\.|local\$ *\n+$/);
    tmux.enter('echo "status $?"');
    await tmux.see(/status 3/);
    return logged();
  }

  test('are sent at a fixed rate, with chaff for a while after the last', async () => {
    const expired = /obfuscate_keystroke_timing: stopping: chaff time expired \((\d+) chaff packets sent\)/;
    const log = await logOf('openssh-10', '-o ObscureKeystrokeTiming=interval:10', expired);
    expect(log).toContain('obfuscate_keystroke_timing: starting: interval ~10ms');
    expect(Number(expired.exec(log)?.[1])).toBeGreaterThan(10);
    // each of them is answered
    expect(log.match(/receive packet: type 193/g)?.length).toBeGreaterThan(10);
  });

  test('get no chaff from a server that knows none', async () => {
    const expired = /stopping: chaff time expired \(0 chaff packets sent\)/;
    expect(await logOf('dropbear', '', expired)).toContain('starting: interval ~20ms');
  });

  test('are sent as they come where that is wanted', async () => {
    expect(await logOf('openssh-10', '-o ObscureKeystrokeTiming=no')).not.toContain('obfuscate');
  });
});
