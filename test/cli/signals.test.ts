import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own } from '../run.ts';
import { startSshd } from '../sshd.ts';
import { Tmux } from '../terminal/tmux.ts';

test('SIGUSR1 ends a program, where the runtime would open a debugger', async () => {
  const server = createServer((socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = spawn(own('tsh'), ['-F', 'none', '-p', String(port), '127.0.0.1'], { stdio: 'ignore' });
  // it runs, and waits for the server's first line
  await once(server, 'connection');
  child.kill('SIGUSR1');
  expect(await once(child, 'exit')).toEqual([null, 'SIGUSR1']);
  server.close();
});

describePeer(['openssh-10', 'bash'], 'a hangup', () => {
  test.each([
    ['', 'kill -HUP $!', 255],
    // SIGTERM is the usual end of -N
    ['nohup', 'kill -HUP $!; kill -TERM $!', 0],
  ] as const)('is for ssh and tsh alike where they were started by "%s"', async (starter, kill, expected) => {
    const server = await startSshd({ peer: 'openssh-10' });
    try {
      for (const program of [peerProgram('openssh-10', 'ssh'), own('tsh')]) {
        const script = `${starter} "$0" "$@" & trap '${kill}' USR1; until wait $!; c=$?; [ $c -lt 128 ] || [ $c -eq 255 ]; do :; done; exit $c`;
        const child = spawn('bash', ['-c', script, program, '-v', '-F', server.config, '-N', 'server'], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let told = '';
        child.stderr.on('data', (bytes: Buffer) => (told += bytes.toString()));
        // a moment after it listens for signals
        await expect.poll(() => told, { timeout: 20_000 }).toContain('rtype hostkeys-00@openssh.com');
        child.kill('SIGUSR1');
        expect(await once(child, 'exit'), told).toEqual([expected, null]);
      }
    } finally {
      await server.stop();
    }
  });
});

describePeer(['openssh-10', 'tmux'], '^C in sftp', () => {
  const programs = [peerProgram('openssh-10', 'ssh'), own('tsh')];
  const rows = programs.flatMap((program) => ['', '-J server'].map((way) => [program, way] as const));
  test.each(rows)('ends no connection of %s %s', async (program, way) => {
    const server = await startSshd({ peer: 'openssh-10' });
    const tmux = new Tmux(path.join(server.folder, 'tmux'), { columns: 120, rows: 20 });
    try {
      await tmux.see(/^local\$ *$/m);
      tmux.enter(`${peerProgram('openssh-10', 'sftp')} -S ${program} -F ${server.config} ${way} server; echo code $?`);
      await tmux.see(/^sftp> *$/m);
      tmux.press('C-c');
      await tmux.see(/^sftp> *\n+sftp> *$/m);
      tmux.enter('pwd');
      await tmux.see(/^Remote working directory: /m);
      tmux.enter('bye');
      await tmux.see(/^code 0$/m);
    } finally {
      tmux.end();
      await server.stop();
    }
  });
});
