import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Sample } from './measure.ts';
import { type Bench, python, root } from './workbench.ts';

const folder = path.join(root, 'test/bench/others');

/** A client that a program might use instead, where it is installed; each is run with its own defaults. */
interface OtherClient {
  readonly name: string;
  /** The program that runs the script, and what more it needs in its environment; undefined where something is missing. */
  find(): { readonly program: string; readonly env?: Readonly<Record<string, string>> } | undefined;
  readonly script: string;
}

const clients: readonly OtherClient[] = [
  { name: 'asyncssh', find: () => module('asyncssh'), script: 'bulk-asyncssh.py' },
  { name: 'paramiko', find: () => module('paramiko'), script: 'bulk-paramiko.py' },
  { name: 'ssh2', find: npmSsh2, script: 'bulk-ssh2.cjs' },
];

/** Runs a transfer with each of the other clients that are here: what is in `input` goes to the command, and what it says to /dev/null. */
export async function runOthers(bench: Bench, command: string, input: string): Promise<Record<string, Sample>> {
  const { port, user, identity } = await bench.sshd();
  const samples: Record<string, Sample> = {};
  for (const { name, find, script } of clients) {
    const found = find();
    if (found === undefined) {
      process.stderr.write(`${name} is not here\n`);
      continue;
    }
    const { program, env = {} } = found;
    samples[name] = await bench.run([program, path.join(folder, script), '127.0.0.1', String(port), user, identity, command], {
      input,
      env,
    });
  }
  return samples;
}

function module(name: string): { readonly program: string } | undefined {
  return spawnSync(python, ['-c', `import ${name}`]).status === 0 ? { program: python } : undefined;
}

/** npx puts the folder of what it fetched first into PATH. */
function npmSsh2(): { readonly program: string; readonly env: Readonly<Record<string, string>> } | undefined {
  const { status, stdout } = spawnSync('npx', ['--yes', '-p', 'ssh2', '-c', 'printf %s "$PATH"'], { encoding: 'utf8' });
  const bin = stdout.split(path.delimiter)[0];
  return status === 0 && bin !== undefined ? { program: process.execPath, env: { NODE_PATH: path.dirname(bin) } } : undefined;
}
