import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../run.ts';

/** What one line of a script did. */
export interface LineResult {
  readonly line: string;
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What a whole script did, and the files that it left, by their names: mode and content. */
export interface ScriptResult {
  readonly lines: readonly LineResult[];
  readonly files: Readonly<Record<string, string>>;
}

/** A script's parts: what prepares the folder, and the lines that are compared. */
export interface Script {
  readonly setup: string;
  readonly lines: readonly string[];
}

/**
 * Reads a script: the lines before `---` prepare its folder, and each one behind it is run with the program in $K. Empty lines and those
 * that begin with # are left out.
 */
export function readScript(file: string): Script {
  const [setup = '', body = ''] = readFileSync(file, 'utf8').split(/^---$/m);
  return { setup, lines: body.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')) };
}

/** What every command finds in its environment: the same everywhere, and no agent, no askpass program, no language. */
const environment = { TZ: 'UTC', LC_ALL: 'C.UTF-8' };

/** A new folder that a script's setup has prepared, with OpenSSH's own program in $K. */
export function prepareFolder(setup: string, program: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
  execFileSync('bash', ['-euc', setup], { cwd: folder, env: { ...process.env, ...environment, K: program }, stdio: 'pipe' });
  return folder;
}

/** Runs a script's lines one after the other in a copy of a prepared folder, which is removed afterwards. */
export async function runScript(lines: readonly string[], prepared: string, program: string): Promise<ScriptResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-keygen-'));
  try {
    cpSync(prepared, folder, { recursive: true, preserveTimestamps: true });
    const results: LineResult[] = [];
    for (const line of lines) {
      const { code, out, err } = await run('bash', ['-c', line], { cwd: folder, env: { ...environment, K: program } });
      results.push({ line, code, out: masked(out), err: masked(err) });
    }
    return { lines: results, files: contents(folder) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Text without what differs from run to run: hashed names and the times of a day. */
function masked(text: string): string {
  return text
    .replace(/\|1\|[A-Za-z0-9+/=]+\|[A-Za-z0-9+/=]+/g, '|1|hashed')
    .replace(/# Generated at \d{8}T\d{6}/g, '# Generated at now')
    .replace(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} /gm, 'now ')
    .replace(/^\d{14}(?= \d)/gm, 'time')
    .replace(/in \d+ seconds/g, 'in some seconds')
    .replace(/verify time \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/g, 'verify time now')
    .replace(/(ssh_host_\w+_key(?:\.pub)?)\.[A-Za-z0-9]{10}/g, '$1.temporary');
}

/** The files of a folder: of those that hold chance (signatures of certificates, encrypted keys) only that they are there. */
function contents(folder: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const stat = statSync(path.join(folder, name));
    if (!stat.isFile()) continue;
    const text = masked(readFileSync(path.join(folder, name), 'latin1'));
    const byChance = /-cert\.pub$|\.krl$/.test(name) || /PRIVATE KEY/.test(text);
    files[name] = `${(stat.mode & 0o777).toString(8)} ${byChance ? text.split('\n')[0]?.slice(0, 20) : text}`;
  }
  return files;
}
