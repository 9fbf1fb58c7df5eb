/**
 * tsh and stock OpenSSH 10.0 in turn, against OpenSSH's sshd on loopback: CPU seconds of the whole process tree, wall time and peak
 * memory as ratios.
 *
 * A round runs each row once with each program, so that what else the machine does touches all alike; rounds follow one another until
 * there are as many as were asked for, or the time is over.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { peerMissing } from '../peer-programs.ts';
import { benchEnvironment } from './measure.ts';
import { formatTable, summarize } from './report.ts';
import type { Round, Row } from './row.ts';
import { benchRows } from './rows.ts';
import { Bench, type Form, root, type Subject } from './workbench.ts';

const usage = `usage: npm run bench [-- [OPTION...] [ROW...]]

ROW is part of a row's name: start, "default down", gcm, path; without one all are run. The table goes to stdout.

  --form node|binary   what is measured: bin/ (node), or the packaged binary
  --binary PATH        that binary (build/package/tsh-linux-x64/bin/tsh)
  --node PATH|MAJOR    the Node that bin/ runs on and whose bare start is printed beside, a number meaning npm's node package of that
                       version (the running one; for the binary 26, the one that is inside)
  --pairs N            rounds (5)
  --minutes N          after which no round begins any more (28)
  --bulk MIB           how much a transfer moves (1024)
  --far MIB            and one over a long path (256)
  --others             other clients too, where a row has them
  --json FILE          where all samples go (bench.json)
  --help               this text
`;

interface Choice {
  readonly subject: Subject;
  readonly rows: readonly Row[];
  readonly pairs: number;
  readonly limitMs: number;
  readonly json: string;
}

/** What the command line says; undefined where it asks for help. */
function choice(args: readonly string[]): Choice | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      form: { type: 'string', default: 'node' },
      binary: { type: 'string', default: path.join(root, 'build/package/tsh-linux-x64/bin/tsh') },
      node: { type: 'string' },
      pairs: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '28' },
      bulk: { type: 'string', default: '1024' },
      far: { type: 'string', default: '256' },
      others: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench.json' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { form, binary } = values;
  if (!isForm(form)) throw new Error(`--form is node or binary, not ${form}`);
  if (form === 'binary' && !existsSync(binary)) throw new Error(`there is no ${binary}; npm run package makes it`);
  const node = nodePath(values.node ?? (form === 'binary' ? '26' : process.execPath));
  const subject = { form, binary: path.resolve(binary), node, nodeMajor: Number(tell(node, 'process.versions.node.split(".")[0]')) };
  const [pairs, minutes] = [numberOf('pairs', values.pairs), numberOf('minutes', values.minutes)];
  const [bulkMiB, farMiB] = [numberOf('bulk', values.bulk), numberOf('far', values.far)];
  const all = benchRows({ subject, bulkMiB, farMiB, others: values.others });
  const wrong = positionals.find((part) => !all.some(({ name }) => name.includes(part)));
  if (wrong !== undefined) throw new Error(`no such row: ${wrong}; there are: ${all.map(({ name }) => name).join(', ')}`);
  // what can't be written is said now
  closeSync(openSync(values.json, 'a'));
  const missing = peerMissing('openssh-10');
  if (missing !== undefined) throw new Error(missing);
  const rows = positionals.length === 0 ? all : all.filter(({ name }) => positionals.some((part) => name.includes(part)));
  return { subject, rows, pairs, limitMs: minutes * 60_000, json: values.json };
}

/** A whole number that is not 0. */
function numberOf(option: string, word: string): number {
  if (!/^0*[1-9]\d*$/.test(word)) throw new Error(`--${option} takes a whole number from 1 on, not ${word}`);
  return Number(word);
}

function isForm(word: string): word is Form {
  return word === 'node' || word === 'binary';
}

/** A path as it is; a version is looked up in npm's `node` package. */
function nodePath(choice: string): string {
  if (!/^\d+$/.test(choice)) return choice;
  return execFileSync('npx', ['--yes', '--package', `node@${choice}`, '--', 'node', '-p', 'process.execPath'], { encoding: 'utf8' }).trim();
}

function tell(node: string, expression: string): string {
  return execFileSync(node, ['-p', expression], { encoding: 'utf8', env: benchEnvironment() }).trim();
}

/** Rounds of all rows, as many as were asked for and fit into the time. */
async function run(bench: Bench, { rows, pairs, limitMs }: Choice): Promise<Map<Row, Round[]>> {
  const begun = performance.now();
  const results = new Map<Row, Round[]>(rows.map((row) => [row, []]));
  const lasted = new Map<Row, number>();
  for (let round = 1; round <= pairs; round++) {
    for (const [row, made] of results) {
      const now = performance.now();
      if (round > 1 && now - begun + (lasted.get(row) ?? 0) > limitMs) continue;
      process.stderr.write(`${row.name}, round ${round} ...\n`);
      for (let time = 0; time < (row.times ?? 1); time++) made.push(await row.measure(bench));
      lasted.set(row, performance.now() - now);
    }
  }
  return results;
}

async function main(): Promise<void> {
  let asked: Choice | undefined;
  try {
    asked = choice(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return;
  }
  if (asked === undefined) {
    process.stdout.write(usage);
    return;
  }
  await measureRows(asked);
}

async function measureRows(asked: Choice): Promise<void> {
  const { subject, json } = asked;
  const bench = new Bench(subject);
  try {
    const results = [...(await run(bench, asked))].map(([row, rounds]) => ({ summary: summarize(row, rounds), rounds }));
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, load: loadAverage() };
    const date = new Date().toISOString();
    const node = tell(subject.node, 'process.version');
    process.stdout.write(formatTable(results.map(({ summary }) => summary)));
    process.stdout.write(
      `\n${date.slice(0, 10)}, ${subject.form} form, node ${node}, ${machine.cores} cores, ${machine.cpu}; load ${machine.load}\n`,
    );
    writeFileSync(json, `${JSON.stringify({ date, form: subject.form, node, machine, results }, undefined, 1)}\n`);
  } finally {
    await bench.stop();
  }
}

function loadAverage(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
}

await main();
