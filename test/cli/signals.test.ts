import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { own } from '../run.ts';

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
