import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { copyFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Round, type Row, wallRatioWhereNodeAllows } from './row.ts';
import type { Bench } from './workbench.ts';

/** How many hosts the known_hosts files of these rows name. */
const ENTRIES = 10_000;
const HOST = 'host5000.example.org';

const wall = wallRatioWhereNodeAllows(1.5);

/** Both key generators with the same arguments, in a folder where `prepare` puts what each of them finds. */
function row(name: string, times: number, args: readonly string[], prepare: (at: string) => void): Row {
  return { name: `keygen ${name}`, times, targets: [wall], measure: (bench) => pair(bench, args, prepare) };
}

async function pair(bench: Bench, args: readonly string[], prepare: (at: string) => void): Promise<Round> {
  const once = (program: string) => {
    prepare(bench.folder);
    return bench.run([program, ...args.map((one) => one.replace(/^@/, `${bench.folder}/`))]);
  };
  makeKeys(bench);
  return { floor: await bench.floor(), ours: await once(bench.ours('tsh-keygen')), theirs: await once(bench.theirs('ssh-keygen')) };
}

/** The rows of tsh-keygen; `@` stands for the folder of files. */
export function keygenRows(): readonly Row[] {
  const fresh = (at: string): void => {
    for (const name of ['new', 'new.pub']) rmSync(path.join(at, name), { force: true });
  };
  const known = (hashed: boolean) => (at: string) => copyFileSync(knownHosts(at, hashed), path.join(at, 'known_hosts'));
  const look = ['-F', HOST, '-f', '@known_hosts'];
  const remove = ['-R', HOST, '-f', '@known_hosts'];
  return [
    row('-t ed25519', 4, ['-q', '-t', 'ed25519', '-N', '', '-f', '@new'], fresh),
    // primes are found by luck: only the median of many says anything
    row('-t rsa -b 4096', 8, ['-q', '-t', 'rsa', '-b', '4096', '-N', '', '-f', '@new'], fresh),
    row('-lf', 4, ['-lf', '@plain.pub'], () => {}),
    row('open a key of 16 rounds', 4, ['-y', '-P', 'secret', '-f', '@locked'], () => {}),
    row(`-F in ${ENTRIES}`, 4, look, known(false)),
    row(`-F in ${ENTRIES} hashed`, 4, look, known(true)),
    row(`-R in ${ENTRIES}`, 4, remove, known(false)),
    row(`-R in ${ENTRIES} hashed`, 4, remove, known(true)),
  ];
}

/** One key without a passphrase, one with. */
function makeKeys(bench: Bench): void {
  for (const [name, passphrase] of [
    ['plain', ''],
    ['locked', 'secret'],
  ] as const) {
    const file = path.join(bench.folder, name);
    if (existsSync(file)) continue;
    execFileSync(bench.theirs('ssh-keygen'), ['-q', '-t', 'ed25519', '-a', '16', '-N', passphrase, '-f', file]);
  }
}

/** A known_hosts file with keys of nobody, made once. */
function knownHosts(folder: string, hashed: boolean): string {
  const file = path.join(folder, hashed ? 'known_hosts.hashed' : 'known_hosts.plain');
  if (existsSync(file)) return file;
  const lines = Array.from({ length: ENTRIES }, (_, index) => {
    const name = `host${index}.example.org`;
    const chance = createHash('sha512').update(name).digest();
    const key = Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0 '), chance.subarray(0, 32)]);
    const salt = chance.subarray(32, 52);
    const hash = createHmac('sha1', salt).update(name).digest('base64');
    return `${hashed ? `|1|${salt.toString('base64')}|${hash}` : `${name},192.0.2.${index % 256}`} ssh-ed25519 ${key.toString('base64')}\n`;
  });
  writeFileSync(file, lines.join(''));
  return file;
}
