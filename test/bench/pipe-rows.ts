import { execFileSync, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Sample } from './measure.ts';
import { cpuRatio, type Row, wallRatio } from './row.ts';
import type { RowOptions } from './rows.ts';
import type { Bench } from './workbench.ts';

const MiB = 1024 * 1024;

const ciphers: readonly { readonly name: string; readonly options: readonly string[]; readonly cpu: number }[] = [
  { name: 'default', options: [], cpu: 0.5 },
  { name: 'aes128-gcm', options: ['-c', 'aes128-gcm@openssh.com'], cpu: 1 },
];

/** One run of a client with these arguments. */
type Way = (bench: Bench, client: readonly [string, ...string[]], size: number) => Promise<Sample>;

const ways: Readonly<Record<string, Way>> = {
  'from a pipe': (bench, client, size) =>
    withPipe(bench, `head -c ${size} /dev/zero >"$1"`, (input) => bench.run([...client, 'cat >/dev/null'], { input })),
  'to a pipe': (bench, client, size) =>
    withPipe(bench, 'cat <"$1" >/dev/null', (output) => bench.run([...client, `head -c ${size} /dev/zero`], { output })),
  'to a file': async (bench, client, size) => {
    const output = path.join(bench.folder, 'output');
    writeFileSync(output, '');
    const sample = await bench.run([...client, `head -c ${size} /dev/zero`], { output });
    rmSync(output);
    return sample;
  },
};

/** Transfers whose local end is not a file that is read, nor /dev/null. */
export function pipeRows({ bulkMiB }: RowOptions): readonly Row[] {
  return ciphers.flatMap(({ name, options, cpu }) =>
    Object.entries(ways).map(([way, run]): Row => {
      const once = async (bench: Bench, program: string): Promise<Sample> =>
        run(bench, [program, ...(await bench.way()), ...options, 'server'], bulkMiB * MiB);
      return {
        name: `${name} ${way}`,
        targets: [cpuRatio(cpu), wallRatio(1)],
        measure: async (bench) => ({ ours: await once(bench, bench.ours('tsh')), theirs: await once(bench, bench.theirs('ssh')) }),
      };
    }),
  );
}

/** Runs with a pipe at whose other end a shell runs `command`, its `$1` being the pipe; nobody waits for it, so its CPU time does not count. */
async function withPipe(bench: Bench, command: string, run: (pipe: string) => Promise<Sample>): Promise<Sample> {
  const pipe = path.join(bench.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // the outer shell ends at once, and whoever ends the inner one is not this process
  const shell = spawn('sh', ['-c', `{ ${command}; } &`, 'sh', pipe], { stdio: 'ignore' });
  await new Promise((resolve) => shell.on('close', resolve));
  const sample = await run(pipe);
  rmSync(pipe);
  return sample;
}
