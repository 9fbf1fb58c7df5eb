/** What the terminal tests run on a pty: the first argument says what; the result is printed as a line of JSON. */
import { readAnswer, readPassphrase } from '../../src/node/read-passphrase.ts';
import { terminalModes } from '../../src/node/terminal-modes.ts';
import { enterRawMode, terminalSize } from '../../src/node/tty.ts';

const secret = async (options: Parameters<typeof readPassphrase>[1]): Promise<string> => {
  const debug: string[] = [];
  const answer = await readPassphrase('Prompt: ', { ...options, debug: (text) => debug.push(text) });
  return JSON.stringify({ answer: answer === undefined ? null : Buffer.from(answer).toString('latin1'), debug });
};

const runs: Record<string, () => Promise<string> | string> = {
  password: () => secret({}),
  orNone: () => secret({ allowNone: true }),
  stdin: () => secret({ allowStdin: true }),
  askpass: () => secret({ useAskpass: true, hint: 'confirm' }),
  answer: async () => JSON.stringify({ answer: await readAnswer('Prompt (yes/no)? ') }),
  survivor: async () => {
    process.on('SIGINT', () => {});
    return await secret({}).catch((error: unknown) => JSON.stringify({ error: String(error) }));
  },
  modes: () => JSON.stringify(terminalModes(0)),
  size: () => JSON.stringify(terminalSize(0)),
  raw: () =>
    new Promise((resolve) => {
      const leave = enterRawMode(0);
      process.stdout.write(`in raw mode: ${process.pid}\n`);
      process.stdin.once('data', (bytes: Buffer) => {
        const typed = bytes.toString('latin1');
        if (typed === 'x') throw new Error('uncaught');
        if (typed === 'e') process.exit(3);
        process.stdin.pause();
        leave();
        resolve(JSON.stringify({ typed }));
      });
    }),
};

process.stdout.write(`${await runs[process.argv[2] ?? '']?.()}\n`);
