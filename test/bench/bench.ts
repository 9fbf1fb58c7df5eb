/**
 * tsh and stock ssh (OpenSSH 10.0) in turn against OpenSSH's sshd on loopback: CPU seconds, wall time and peak memory as ratios.
 *
 *   npm run bench [-- [--pairs N] [--minutes N] [--bulk MIB] [--far MIB] ROW...]
 *
 * ROW is part of a row's name: `true`, `default down`, `gcm`, `far`; without one all are run. A round runs each row once with each
 * program, so that what else the machine does touches all alike; rounds follow one another until there are N pairs (5) or the minutes
 * (9.5) are over. The table goes to stdout, all samples to test/bench/results.json.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peerMissing, peerProgram } from '../peer-programs.ts';
import { type Sshd, startSshd } from '../sshd.ts';
import { DELAY_PROXY, type DelayProxy, runDelayProxy, startDelayProxy } from './delay-proxy.ts';
import { measure, type Sample } from './measure.ts';
import { formatTable, type Pair, summarize } from './report.ts';
import { benchRows, type Row } from './rows.ts';

/** The folder above dist/, where this program is bundled to. */
const root = fileURLToPath(new URL('..', import.meta.url));
const resultsFile = path.join(root, 'test/bench/results.json');
const programs = { tsh: path.join(root, 'bin/tsh'), ssh: peerProgram('openssh-10', 'ssh') } as const;

interface Choice {
  readonly rows: readonly Row[];
  readonly pairs: number;
  readonly limitMs: number;
}

function choice(args: readonly string[]): Choice {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      pairs: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '9.5' },
      bulk: { type: 'string', default: '1024' },
      far: { type: 'string', default: '48' },
    },
  });
  const all = benchRows(Number(values.bulk), Number(values.far));
  const rows = positionals.length === 0 ? all : all.filter(({ name }) => positionals.some((part) => name.includes(part)));
  if (rows.length === 0) throw new Error(`no such row; there are: ${all.map(({ name }) => name).join(', ')}`);
  return { rows, pairs: Number(values.pairs), limitMs: Number(values.minutes) * 60_000 };
}

class Bench {
  private readonly sshd: Sshd;
  /** In memory where that can be had: the holes of a file there cost nothing to read, whoever reads them first. */
  private readonly folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tsh-bench-'));
  private readonly proxies = new Map<number, DelayProxy>();
  private readonly begun = performance.now();

  constructor(sshd: Sshd) {
    this.sshd = sshd;
  }

  /** Rounds of pairs, as many as were asked for and fit into the time. */
  async run({ rows, pairs, limitMs }: Choice): Promise<Map<Row, Pair[]>> {
    const results = new Map<Row, Pair[]>(rows.map((row) => [row, []]));
    const lasted = new Map<Row, number>();
    for (let round = 0; round < pairs; round++) {
      for (const [row, made] of results) {
        const begun = performance.now();
        if (round > 0 && begun - this.begun + (lasted.get(row) ?? 0) > limitMs) continue;
        process.stderr.write(`${row.name}, pair ${round + 1} ...\n`);
        made.push({ tsh: await this.once('tsh', row), ssh: await this.once('ssh', row) });
        lasted.set(row, performance.now() - begun);
      }
    }
    return results;
  }

  async stop(): Promise<void> {
    for (const proxy of this.proxies.values()) await proxy.stop();
    rmSync(this.folder, { recursive: true });
    await this.sshd.stop();
  }

  private async once(program: keyof typeof programs, row: Row): Promise<Sample> {
    const { folder } = this;
    const { config } = this.sshd;
    const port = row.delayMs === 0 ? this.sshd.port : (await this.proxy(row.delayMs)).port;
    const input = row.upload ? path.join(folder, 'zeros') : '/dev/null';
    if (row.upload) {
      appendFileSync(input, '');
      truncateSync(input, row.size);
    }
    return await measure(
      programs[program],
      ['-F', config, '-p', String(port), ...row.options, 'server', row.command],
      input,
      path.join(folder, 'memory'),
    );
  }

  private async proxy(roundTripMs: number): Promise<DelayProxy> {
    const known = this.proxies.get(roundTripMs);
    if (known !== undefined) return known;
    const proxy = await startDelayProxy(this.sshd.port, roundTripMs);
    this.proxies.set(roundTripMs, proxy);
    const { knownHosts, hostKeys } = this.sshd;
    appendFileSync(knownHosts, hostKeys.map((line) => `[127.0.0.1]:${proxy.port} ${line}\n`).join(''));
    return proxy;
  }
}

async function main(): Promise<void> {
  const missing = peerMissing('openssh-10');
  if (missing !== undefined) throw new Error(missing);
  const asked = choice(process.argv.slice(2));
  const sshd = await startSshd({ peer: 'openssh-10' });
  const bench = new Bench(sshd);
  try {
    const results = [...(await bench.run(asked))].map(([row, pairs]) => ({ row, pairs, summary: summarize(row, pairs) }));
    const [cpu] = cpus();
    const machine = { node: process.version, cpu: cpu?.model ?? 'unknown', cores: cpus().length, load: loadAverage() };
    process.stdout.write(formatTable(results.map(({ summary }) => summary)));
    process.stdout.write(`\nnode ${machine.node}, ${machine.cores} cores, ${machine.cpu}; load at the end ${machine.load}\n`);
    writeFileSync(resultsFile, `${JSON.stringify({ date: new Date().toISOString(), machine, results }, undefined, 1)}\n`);
  } finally {
    await bench.stop();
  }
}

function loadAverage(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
}

const [mode, targetPort, roundTripMs] = process.argv.slice(2);
if (mode === DELAY_PROXY) runDelayProxy(Number(targetPort), Number(roundTripMs));
else await main();
