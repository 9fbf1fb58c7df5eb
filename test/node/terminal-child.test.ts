import { expect, test } from 'vitest';
import { loadKoffi } from '../../src/node/native/load.ts';
import { ServerTerminal } from '../../src/node/terminal-child.ts';

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
const options = { env: { PATH: '/usr/bin:/bin' }, folder: '/' };
const withTerminals = test.runIf(process.platform === 'linux' && loadKoffi() !== undefined);

/** Runs a shell command on a terminal; the reader stops after each `piece` bytes and goes on when `resume` is called, or at once. */
function start(modes: Record<string, number>, command: string, piece: number, waits: boolean) {
  const terminal = ServerTerminal.open(size, modes) as ServerTerminal;
  let out = '';
  const buffer = new Uint8Array(piece);
  const done = new Promise<void>((resolve) => {
    terminal.start({
      space: () => buffer,
      filled: (length) => {
        out += Buffer.from(buffer.subarray(0, length)).toString();
        return !waits;
      },
      ended: resolve,
      failed: () => undefined,
      drained: () => undefined,
    });
  });
  const running = terminal.run('/bin/sh', ['-c', command], options);
  return { terminal, running, done, out: () => out };
}

withTerminals('a program finds its terminal with the size and the modes that it was given', async () => {
  const { running, done, out } = start({ ECHO: 0, ICANON: 1, VINTR: 5, ONLCR: 0 }, 'stty size; stty -a; test -t 2 && tty', 4096, false);
  expect(await (await running).ended).toEqual({ status: 0, signal: null });
  await done;
  expect(out()).toMatch(/^24 80\n/);
  expect(out()).toMatch(/intr = \^E/);
  expect(out()).toMatch(/ -echo /);
  expect(out()).toMatch(/ icanon /);
  expect(out()).toMatch(/\n\/dev\/pts\/\d+\n$/);
});

withTerminals('what a program wrote before its end is not lost on a reader that stops all the time', async () => {
  const { terminal, running, done, out } = start({ ONLCR: 0 }, 'seq 1 800', 100, true);
  await (await running).ended;
  const reading = setInterval(() => {
    terminal.resume();
  }, 1);
  await done;
  clearInterval(reading);
  expect(out()).toBe(Array.from({ length: 800 }, (_, i) => `${i + 1}\n`).join(''));
});

withTerminals('a terminal that is given up hangs up', async () => {
  const { terminal, running } = start({}, 'exec sleep 1000', 100, false);
  const { ended } = await running;
  terminal.destroy();
  terminal.destroy();
  expect((await ended).signal ?? 'exit').toMatch(/SIGHUP|exit/);
});

withTerminals('a signal reaches all that the program started', async () => {
  const { running, done } = start({}, 'sleep 1000 | sleep 1000', 100, false);
  const { ended, kill } = await running;
  kill('SIGTERM');
  expect((await ended).signal).toBe('SIGTERM');
  await done;
  kill('SIGTERM');
});
