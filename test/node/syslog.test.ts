import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openSyslog } from '../../src/node/syslog.ts';
import { peerMissing } from '../peer-programs.ts';

/** Prints `count` datagrams that arrive at a socket, a line each; Node can't listen for such. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('ready', flush=True)
for _ in range(int(sys.argv[2])): print(s.recv(4096).decode(), flush=True)
`;

const skip = process.platform !== 'linux' || peerMissing('openssh') !== undefined;

test.skipIf(skip)('lines reach the system`s log with facility, level, program and process', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-log-'));
  const socket = path.join(folder, 'log');
  const child = spawn('python3', ['-c', listener, socket, '2'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  await once(child.stdout, 'data');
  const write = openSyslog('tsh', 'LOCAL3', socket);
  write('ERROR', 'error: one');
  write('INFO', 'two ä');
  await once(child, 'close');
  rmSync(folder, { recursive: true });
  const lines = out.trim().split('\n').slice(1);
  const stamp = '[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d';
  expect(lines[0]).toMatch(new RegExp(`^<${19 * 8 + 3}>${stamp} tsh\\[${process.pid}\\]: error: one$`));
  expect(lines[1]).toMatch(new RegExp(`^<${19 * 8 + 6}>${stamp} tsh\\[${process.pid}\\]: two ä$`));
});

test('where nobody takes them, lines are lost and nothing breaks', () => {
  const write = openSyslog('tsh', 'USER', '/nonexistent/log');
  expect(() => write('INFO', 'one')).not.toThrow();
});
